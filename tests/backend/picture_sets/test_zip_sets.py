from __future__ import annotations

import io
import os
import pickle
import stat
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvis.backend.picture_sets import archive, decode_block, decode_blocks, open_set
from deepvis.backend.preprocessing import Preprocessing
from deepvis.backend.sources import SourceError


def content(color: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), color).save(buffer, "png")
    return buffer.getvalue()


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_is_read_as_the_folder_that_it_was_made_from(tmp_path: Path, method: int) -> None:
    members = {"cat/10.png": "red", "cat/9.png": "lime", "dog/x/1.png": "blue", "dog/a.png": "white"}
    pack(tmp_path / "set.zip", {name: content(color) for name, color in members.items()}, method)
    with zipfile.ZipFile(tmp_path / "set.zip") as file:
        file.extractall(tmp_path / "folder")
    packed, folder = open_set(str(tmp_path / "set.zip")), open_set(tmp_path / "folder")
    assert list(packed.titles) == list(folder.titles)
    assert packed.classes == folder.classes == ("cat", "dog")
    assert packed.labels.tolist() == folder.labels.tolist()
    assert packed.fingerprint == folder.fingerprint
    for copy in (packed, open_set(packed.spec), pickle.loads(pickle.dumps(packed))):
        for index in range(4):
            np.testing.assert_array_equal(copy.read(index), folder.read(index))
        copy.close()


def test_what_systems_put_into_zips_is_left_out(tmp_path: Path) -> None:
    names = ("a/1.png", "__MACOSX/a/._1.png", "a/.hidden.png", "a/Thumbs.db", "a/notes.txt", ".git/1.png", "b\\2.png")
    pictures = open_set(pack(tmp_path / "set.zip", dict.fromkeys(names, content("red"))))
    assert list(pictures.titles) == ["a/1.png", "b/2.png"]


def test_the_later_of_two_files_of_one_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("1.png", content("red"))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("1.png", content("blue"))
    pictures = open_set(path)
    assert len(pictures) == 1
    assert pictures.read(0)[0, 0].tolist() == [0, 0, 255]


def test_hostile_files_in_a_zip_are_skipped_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1_000_000)
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("good.png", "../outside.png", "/root.png", "C:/drive.png"):
            file.writestr(name, content("red"))
        file.writestr("bomb.png", bytes(2_000_000))
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("secret.png", content("red"))
        file.writestr("false.png", content("red"))
        place = file.getinfo("false.png").header_offset
    data = bytearray(path.read_bytes())
    # In the directory: the flag of encryption. In the file itself: another content than its checksum says.
    directory = data.rindex(b"secret.png") - 46
    data[directory + 8] |= 1
    data[place + 30 + len("false.png") + 20] ^= 0xFF
    path.write_bytes(data)
    pictures = open_set(path)
    block = decode_block(pictures, Preprocessing((2, 2)), "stretch", 0)
    reasons = {pictures.titles[index]: reason for index, reason in block.errors}
    assert reasons.keys() == set(pictures.titles) - {"good.png"}
    for title, reason in {
        "../outside.png": "outside",
        "root.png": "outside",
        "C:/drive.png": "outside",
        "bomb.png": "unpacks to more",
        "link.png": "link",
        "secret.png": "encrypted",
        "false.png": "damaged",
    }.items():
        assert reason in reasons[title], title
    assert block.valid.sum() == 1


def test_a_zip_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(SourceError, match="cannot be read as a zip"):
        open_set(tmp_path / "broken.zip")
    with pytest.raises(SourceError, match="holds no pictures"):
        open_set(pack(tmp_path / "texts.zip", {"a.txt": b""}))
    path = pack(tmp_path / "secret.zip", {"a.png": content("red")})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(SourceError, match="is encrypted"):
        open_set(path)


def test_a_zip_that_is_replaced_meanwhile_ends_the_work(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", {f"{index}.png": content("red") for index in range(40)})
    pictures = open_set(path)
    blocks = decode_blocks(pictures, Preprocessing((2, 2)), "stretch", [0, 1])
    assert next(blocks).valid.all()
    os.replace(pack(tmp_path / "other.zip", {f"{index}.png": content("blue") for index in range(40)}), path)
    # What is open stays what it was, ...
    assert next(blocks).valid.all()
    # ... and nobody reads the other one in its place.
    pictures.close()
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError, match="has changed"):
        list(decode_blocks(pictures, Preprocessing((2, 2)), "stretch", [0, 1]))
    path.unlink()
    with pytest.raises(SourceError, match="is gone"):
        list(decode_blocks(pictures, Preprocessing((2, 2)), "stretch", [0]))


def test_the_zips_of_a_folder_are_one_set(tmp_path: Path) -> None:
    pack(tmp_path / "part-10.zip", {"cat/3.png": content("blue"), "cow/1.png": content("red")})
    pack(tmp_path / "part-9.zip", {"cat/1.png": content("lime"), "dog/1.png": content("white")})
    pictures = open_set(tmp_path)
    assert list(pictures.titles) == [
        "part-9.zip/cat/1.png",
        "part-9.zip/dog/1.png",
        "part-10.zip/cat/3.png",
        "part-10.zip/cow/1.png",
    ]
    assert pictures.classes == ("cat", "cow", "dog")
    assert pictures.labels.tolist() == [0, 2, 0, 1]
    again = pickle.loads(pickle.dumps(pictures))
    assert [again.read(index)[0, 0].tolist() for index in (0, 2)] == [[0, 255, 0], [0, 0, 255]]
    assert open_set(pictures.spec).fingerprint == pictures.fingerprint


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_that_unpacks_to_more_than_it_says_takes_no_more_memory(tmp_path: Path, method: int) -> None:
    path = pack(tmp_path / "set.zip", {"a.png": bytes(80_000_000)}, method)
    packed = bytearray(path.read_bytes())
    entry = packed.find(b"PK\x01\x02")
    packed[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(packed)
    pictures = open_set(path)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="damaged"):
            pictures.read(0)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_damaged_files_are_told_whatever_they_were_packed_with(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(4000)
    path = pack(tmp_path / "set.zip", {"a.png": noise}, zipfile.ZIP_LZMA)
    packed = bytearray(path.read_bytes())
    packed[60:400] = bytes(340)
    path.write_bytes(packed)
    with pytest.raises(SourceError, match=r"a\.png is damaged"):
        open_set(path).read(0)


def test_a_damaged_table_of_classes_costs_the_classes_alone(tmp_path: Path) -> None:
    table = b"1.png\tcat\n2.png\tdog\n"
    members = {
        "val/val_annotations.txt": table,
        "val/images/1.png": content("red"),
        "val/images/2.png": content("blue"),
    }
    path = pack(tmp_path / "set.zip", members, zipfile.ZIP_STORED)
    assert open_set(path).classes == ("cat", "dog")
    path.write_bytes(path.read_bytes().replace(b"1.png\tcat", b"1.png\trat"))
    pictures = open_set(path)
    assert (len(pictures), pictures.classes) == (2, ())
    assert pictures.notes == ("The table val/val_annotations.txt cannot be read, so that its pictures have no class.",)


def test_zips_without_pictures_are_left_out_of_a_folder_of_zips(tmp_path: Path) -> None:
    pack(tmp_path / "annotations.zip", {"boxes.txt": b"1 2"})
    with pytest.raises(SourceError, match="holds no pictures"):
        open_set(tmp_path)
    pack(tmp_path / "pictures.zip", {"a/1.png": content("red"), "b/1.png": content("blue")})
    pictures = open_set(tmp_path)
    assert list(pictures.titles) == ["pictures.zip/a/1.png", "pictures.zip/b/1.png"]
    assert pictures.classes == ("a", "b")
    assert pictures.notes == ("annotations.zip holds no pictures and was left out.",)
