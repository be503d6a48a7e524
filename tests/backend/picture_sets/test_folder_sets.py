from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deepvis.backend.picture_sets import decode_block, open_set
from deepvis.backend.preprocessing import Preprocessing
from deepvis.backend.sources import SourceError


def draw(path: Path, color: str = "red", size: tuple[int, int] = (4, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def test_a_folder_holds_what_has_a_pictures_name_in_it_and_in_folders_within(tmp_path: Path) -> None:
    for name in ("b/10.png", "b/9.png", "a.JPG", "b/deep/er/x.jpeg", "A2/1.bmp"):
        draw(tmp_path / name)
    for name in (
        "notes.txt",
        ".hidden.png",
        "Thumbs.db",
        "b/.git/x.png",
        "__MACOSX/b/9.png",
        "b/._9.png",
        "@eaDir/t.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    pictures = open_set(str(tmp_path))
    assert list(pictures.titles) == ["a.JPG", "A2/1.bmp", "b/9.png", "b/10.png", "b/deep/er/x.jpeg"]
    assert pictures.titles[1:3] == ["A2/1.bmp", "b/9.png"]
    assert pictures.titles[-1] == "b/deep/er/x.jpeg"
    assert len(pictures) == 5
    assert pictures.title == tmp_path.name
    assert pictures.labels.tolist() == [-1] * 5
    with pytest.raises(IndexError, match="0 to 4"):
        pictures.read(5)


def test_a_set_is_opened_again_by_its_spec_and_travels_between_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path / "here" / "1.png", "blue")
    monkeypatch.chdir(tmp_path)
    pictures = open_set("here")
    monkeypatch.chdir("/")
    for copy in (open_set(pictures.spec), pickle.loads(pickle.dumps(pictures))):
        assert list(copy.titles) == ["1.png"]
        assert copy.fingerprint == pictures.fingerprint
        assert copy.read(0)[0, 0].tolist() == [0, 0, 255]


def test_the_fingerprint_changes_with_names_sizes_and_number(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    found = [open_set(tmp_path).fingerprint]
    draw(tmp_path / "2.png")
    found.append(open_set(tmp_path).fingerprint)
    (tmp_path / "2.png").rename(tmp_path / "3.png")
    found.append(open_set(tmp_path).fingerprint)
    (tmp_path / "3.png").write_bytes(b"other")
    found.append(open_set(tmp_path).fingerprint)
    (tmp_path / "a").mkdir()
    (tmp_path / "3.png").rename(tmp_path / "a" / "3.png")
    found.append(open_set(tmp_path).fingerprint)
    assert len(set(found)) == 5
    assert open_set(tmp_path).fingerprint == found[-1]


def test_links_are_followed_once_and_never_round_in_circles(tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a" / "1.png")
    draw(tmp_path / "elsewhere" / "2.png")
    (tmp_path / "set" / "a" / "up").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "b").symlink_to(tmp_path / "set" / "a")
    (tmp_path / "set" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "lost.png").symlink_to(tmp_path / "nothing")
    pictures = open_set(tmp_path / "set")
    assert list(pictures.titles) == ["lost.png", "a/1.png", "c/2.png"]
    with pytest.raises(SourceError, match="not there"):
        pictures.read(0)


def test_names_that_cannot_be_printed_are_escaped_and_read_all_the_same(tmp_path: Path) -> None:
    draw(tmp_path / "two\nlines.png", "lime")
    draw(tmp_path / "wide\u3000space ä.png")
    draw(tmp_path / "back\\slash.png")
    try:
        os.rename(tmp_path / "wide\u3000space ä.png", os.fsencode(tmp_path) + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system takes only text for names")
    pictures = open_set(tmp_path)
    assert sorted(pictures.titles) == ["back\\slash.png", "caf\\xe9.png", "two\\nlines.png"]
    for index in range(3):
        assert pictures.read(index).shape == (3, 4, 3)
    "\n".join(pictures.titles).encode()


def test_a_folder_that_cannot_be_read_is_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "1.png")
    draw(tmp_path / "closed" / "2.png")
    scan = os.scandir

    def deny(path: str) -> object:
        if str(path).rstrip("/").endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", deny)
    pictures = open_set(tmp_path)
    assert list(pictures.titles) == ["1.png"]
    (note,) = pictures.notes
    assert "closed" in note
    with pytest.raises(SourceError, match="Permission denied"):
        open_set(tmp_path / "closed")


def test_progress_is_told_and_may_end_the_search(tmp_path: Path) -> None:
    for index in range(3):
        draw(tmp_path / str(index) / "x.png")
    told: list[int] = []
    open_set(tmp_path, told.append)
    assert told == [0, 1, 2, 3]

    def cancel(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_set(tmp_path, cancel)


def test_a_missing_or_empty_set_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no pictures"):
        open_set(tmp_path)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(SourceError, match=r"Did you mean .*pictures\?"):
        open_set(str(tmp_path / "pictrues"))
    with pytest.raises(SourceError, match=r"Did you mean samples:\?"):
        open_set("sampels:")
    with pytest.raises(SourceError, match="name is empty"):
        open_set("  ")
    draw(tmp_path / "one.png")
    with pytest.raises(SourceError, match="single picture"):
        open_set(tmp_path / "one.png")


def _save_cmyk(path: Path) -> None:
    Image.new("CMYK", (6, 5), (0, 255, 255, 0)).save(path)


def _save_rotated(path: Path) -> None:
    image = Image.new("RGB", (6, 2), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


def _save_deep(path: Path) -> None:
    cv2.imwrite(str(path), np.full((5, 6, 3), (0, 0, 65535), dtype=np.uint16))


def _save_animation(path: Path) -> None:
    Image.new("RGB", (6, 5), "red").save(path, save_all=True, append_images=[Image.new("RGB", (6, 5), "blue")])


READ: dict[str, tuple[Callable[[Path], None], tuple[int, int], tuple[int, int, int]]] = {
    "tiny.png": (lambda path: Image.new("RGB", (1, 1), "red").save(path), (1, 1), (255, 0, 0)),
    "grey.jpg": (lambda path: Image.new("L", (6, 5), 90).save(path), (5, 6), (90, 90, 90)),
    "deep_grey.png": (lambda path: Image.new("I;16", (6, 5), 257 * 90).save(path), (5, 6), (90, 90, 90)),
    "deep.png": (_save_deep, (5, 6), (255, 0, 0)),
    "cmyk.jpg": (_save_cmyk, (5, 6), (254, 0, 0)),
    "alpha.png": (lambda path: Image.new("RGBA", (6, 5), (255, 0, 0, 0)).save(path), (5, 6), (255, 255, 255)),
    "rotated.jpg": (_save_rotated, (6, 2), (254, 0, 0)),
    "animated.gif": (_save_animation, (5, 6), (255, 0, 0)),
    # 100 million pixels: a JPEG can be decoded at a fraction of its size.
    "huge.jpg": (lambda path: Image.new("L", (20_000, 5_000), 90).save(path), (1024, 4096), (90, 90, 90)),
}
SKIPPED: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.jpg": (lambda path: path.write_bytes(b""), "empty"),
    "text.png": (lambda path: path.write_text("no picture"), "no picture"),
    "film.png": (lambda path: path.write_bytes(b"\x00\x00\x01\xba" + bytes(100)), "no picture"),
    "hollow.png": (lambda path: Image.new("1", (10_000, 10_000)).save(path), "too large"),
    "bomb.png": (lambda path: Image.new("1", (40_000, 10_000)).save(path), "too large"),
    "folder.png": (lambda path: os.mkfifo(path) if hasattr(os, "mkfifo") else path.symlink_to("nothing"), ""),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_odd_pictures_are_read_right_and_broken_ones_are_skipped_and_listed(tmp_path: Path) -> None:
    for name, (save, *_) in READ.items():
        save(tmp_path / name)
    for name, (write, _) in SKIPPED.items():
        write(tmp_path / name)
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    pictures = open_set(tmp_path)
    assert set(pictures.titles) == {*READ, *SKIPPED, "whole.png", "cut.png"}
    block = decode_block(pictures, Preprocessing((1, 1)), "stretch", 0)
    skipped = {pictures.titles[index]: reason for index, reason in block.errors}
    assert skipped.keys() == {*SKIPPED, "cut.png"}
    for name, (_, reason) in SKIPPED.items():
        assert reason in skipped[name], name
        assert name in skipped[name]
    for place, title in enumerate(pictures.titles):
        assert block.valid[place] == (title not in skipped)
        if title in READ:
            _, size, color = READ[title]
            assert tuple(block.sizes[place]) == size, title
            np.testing.assert_allclose(block.pixels[place, :, 0, 0], color, atol=1, err_msg=title)


def test_a_home_that_nobody_has_is_a_path_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="is not there"):
        open_set("~nobody-has-this-name/pictures")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_table_of_classes_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    os.mkfifo(tmp_path / "val_annotations.txt")
    assert len(open_set(tmp_path)) == 1


def test_a_table_of_classes_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "val" / "images" / "a.png")
    (tmp_path / "val" / "val_annotations.txt").write_text("a.png\tcat\n")
    read = Path.read_text

    def refuse(path: Path, *arguments: object, **options: object) -> str:
        if path.name == "val_annotations.txt":
            raise PermissionError(13, "Permission denied")
        return read(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", refuse)
    (note,) = open_set(tmp_path).notes
    assert note.startswith(f"The table {os.path.join('val', 'val_annotations.txt')} cannot be read")
