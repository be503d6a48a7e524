from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from deepvis.backend.picture_sets import decode_block, open_set
from deepvis.backend.picture_sets.datasets import parse
from deepvis.backend.picture_sets.video import VideoSet
from deepvis.backend.preprocessing import Preprocessing
from deepvis.backend.sources import SourceError, sample_names


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """52 pictures at 10 a second, each brighter than the one before it, a key frame every 20."""
    path = tmp_path_factory.mktemp("video") / "walk.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"g": "20", "crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for index in range(52):
            level = np.full((32, 32, 3), 4 * index, dtype=np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(level, format="rgb24")))
        file.mux(stream.encode())
    return path


def shades(pictures: object, order: list[int]) -> list[float]:
    return [round(float(pictures.read(index).mean()) / 4) for index in order]  # type: ignore[attr-defined]


def test_a_video_is_sampled_every_second(video: Path) -> None:
    pictures = open_set(str(video))
    assert list(pictures.titles) == [f"0:00:0{second}.000" for second in range(6)]
    assert shades(pictures, list(range(6))) == [0, 10, 20, 30, 40, 50]
    assert pictures.labels.tolist() == [-1] * 6


def test_a_videos_pictures_do_not_depend_on_the_order_of_reading(video: Path) -> None:
    pictures = open_set(f"{video}?every=0.35")
    forward = {index: pictures.read(index) for index in range(len(pictures))}
    assert shades(pictures, list(forward)) == [0, 3, 7, 10, 14, 17, 21, 24, 28, 31, 35, 38, 42, 45, 49]
    assert open_set(pictures.spec).fingerprint == pictures.fingerprint != open_set(video).fingerprint
    fresh = pickle.loads(pickle.dumps(pictures))
    for index in (14, 3, 4, 0, 9):
        np.testing.assert_array_equal(fresh.read(index), forward[index])
    for opened in (pictures, fresh):
        opened.close()


def test_a_picture_that_is_shown_long_is_taken_once(video: Path) -> None:
    pictures = VideoSet(video, 0.03)
    assert len(pictures) == 52
    with pytest.raises(SourceError, match="above 0"):
        open_set(f"{video}?every=0")
    with pytest.raises(SourceError, match="no option"):
        open_set(f"{video}?evry=2")


def test_a_cut_video_ends_where_it_breaks_off_and_other_files_are_none(video: Path, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "cut.mkv"), "w") as file, av.open(str(video)) as source:
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    data = (tmp_path / "cut.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    pictures = open_set(tmp_path / "cut.mkv")
    block = decode_block(pictures, Preprocessing((2, 2)), "stretch", 0)
    assert 1 <= len(pictures) < 6
    assert block.valid[0]
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError, match="neither a picture nor a video"):
        open_set(tmp_path / "text.mp4")
    (tmp_path / "text.mp4").write_bytes(video.read_bytes())
    pictures = open_set(tmp_path / "text.mp4")
    (tmp_path / "text.mp4").write_bytes(data)
    with pytest.raises(SourceError, match="has changed"):
        decode_block(pictures, Preprocessing((2, 2)), "stretch", 0)


def test_torchvisions_data_sets_are_opened_by_name() -> None:
    pictures = open_set("torchvision:fakedata:?size=5&image_size=3,6,4")
    assert len(pictures) == 5
    expected = datasets.FakeData(size=5, image_size=(3, 6, 4))
    again = pickle.loads(pickle.dumps(pictures))
    for index in range(5):
        np.testing.assert_array_equal(again.read(index), np.asarray(expected[index][0]))
    assert pictures.titles[4] == "fakedata 4"


def write_mnist(root: Path, prefix: str, images: np.ndarray[Any, np.dtype[np.uint8]], labels: bytes) -> None:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    head = b"".join(number.to_bytes(4, "big") for number in (0x803, *images.shape))
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(head + images.tobytes())
    head = b"".join(number.to_bytes(4, "big") for number in (0x801, len(labels)))
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(head + labels)


def test_a_data_sets_labels_and_splits_are_its_own(tmp_path: Path) -> None:
    for prefix, count in (("train", 3), ("t10k", 2)):
        images = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2)
        write_mnist(tmp_path, prefix, images, bytes(range(7, 7 + count)))
    train = open_set(f"torchvision:MNIST:{tmp_path}:train")
    assert train.labels.tolist() == [7, 8, 9]
    assert train.classes[7] == "7 - seven"
    assert train.read(1)[:, :, 0].tolist() == [[4, 5], [6, 7]]
    assert len(open_set(f"torchvision:MNIST:{tmp_path}:test")) == 2
    with pytest.raises(SourceError, match="train and test"):
        open_set(f"torchvision:MNIST:{tmp_path}:val")


def drawn(path: Path, size: tuple[int, int] = (4, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise(size, 80).convert("RGB").save(path)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        pytest.param("ImageFolder", "", id="whose files it lists"),
        pytest.param("Caltech256", "caltech256/256_ObjectCategories", id="whose files' names it makes up"),
    ],
)
def test_the_fingerprint_of_a_data_set_changes_when_one_of_its_pictures_does(
    tmp_path: Path, name: str, folder: str
) -> None:
    spec = f"torchvision:{name}:{tmp_path}"
    here = tmp_path / folder
    if name == "ImageFolder":
        spec += "/sets"
        here = tmp_path / "sets"
    for number in (1, 2, 3):
        drawn(here / "001.ants" / f"001_{number:04d}.jpg")
    first = open_set(spec).fingerprint
    (tmp_path / "of_another_set.bin").write_bytes(b"else")
    assert open_set(spec).fingerprint == first
    drawn(here / "001.ants" / "001_0002.jpg", (5, 3))
    second = open_set(spec).fingerprint
    (here / "001.ants" / "001_0003.jpg").rename(here / "001.ants" / "001_0004.jpg")
    third = open_set(spec).fingerprint
    assert len({first, second, third}) == 3
    assert open_set(spec).fingerprint == third
    assert len(open_set(spec)) == 3


def test_the_fingerprint_of_pictures_in_memory_changes_with_what_they_show(tmp_path: Path) -> None:
    """The files of CIFAR10 and MNIST are as large as ever when a picture in them is exchanged."""
    found = set()
    for level in (0, 1, 1):
        images = np.zeros((3, 28, 28), np.uint8)
        images[1] = level
        write_mnist(tmp_path, "train", images, bytes(3))
        write_mnist(tmp_path, "t10k", images, bytes(3))
        found.add(open_set(f"torchvision:MNIST:{tmp_path}:train").fingerprint)
    assert len(found) == 2


def test_a_data_set_that_is_not_there_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"not found.*download=1"):
        open_set(f"torchvision:CIFAR10:{tmp_path / 'data'}")
    assert not (tmp_path / "data").exists()
    with pytest.raises(SourceError, match="Did you mean CIFAR10"):
        open_set("torchvision:CIFAR11:data")
    with pytest.raises(SourceError, match="says no folder"):
        open_set("torchvision:CIFAR10")


@pytest.mark.parametrize(
    ("spec", "parsed"),
    [
        ("torchvision:CIFAR10:data", ("CIFAR10", "data", "")),
        ("torchvision:CIFAR10:/data/sets:test", ("CIFAR10", "/data/sets", "test")),
        (r"torchvision:CIFAR10:C:\data", ("CIFAR10", r"C:\data", "")),
        (r"torchvision:CIFAR10:C:\data:test", ("CIFAR10", r"C:\data", "test")),
        ("torchvision:CIFAR10:C:data", ("CIFAR10", "C:data", "")),
        ("torchvision:EMNIST:data:by_class", ("EMNIST", "data", "by_class")),
        ("torchvision:FakeData", ("FakeData", "", "")),
    ],
)
def test_colons_of_windows_drives_belong_to_the_folder(spec: str, parsed: tuple[str, str, str]) -> None:
    assert parse(spec) == parsed


def test_the_sample_photographs_are_some_hundred_crops_at_several_scales() -> None:
    if not sample_names():
        pytest.skip("scikit-image's photographs are not installed")
    pictures = open_set("samples:")
    assert 300 <= len(pictures) <= 900
    assert len(set(pictures.titles)) == len(pictures)
    assert pictures.titles[0] == "cat, 300 px at 0, 0"
    sides = {pictures.read(index).shape[0] for index in range(30)}
    assert sides == {300, 150, 75}
    assert set(pictures.labels.tolist()) == set(range(len(pictures.classes)))
    assert open_set(pictures.spec).fingerprint == pictures.fingerprint
    # A part of the photograph, at its place.
    np.testing.assert_array_equal(pictures.read(1), pictures.read(0)[:150, :150])


def test_pictures_in_memory_are_a_set(tmp_path: Path) -> None:
    colored = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    Image.new("RGB", (3, 2), "red").save(tmp_path / "red.png")
    red, none = tmp_path / "red.png", str(tmp_path / "none.png")
    pictures = open_set([colored, colored[:, :, 0], red, none, Image.new("L", (2, 2), 9)])
    assert list(pictures.titles) == ["picture 0", "picture 1", "red.png", "none.png", "picture 4"]
    assert pictures.spec == ""
    assert pictures.classes == ()
    np.testing.assert_array_equal(pictures.read(0), colored)
    np.testing.assert_array_equal(pictures.read(1), np.repeat(colored[:, :, :1], 3, axis=2))
    assert pictures.read(2)[0, 0].tolist() == [255, 0, 0]
    assert pictures.read(-1)[0, 0].tolist() == [9, 9, 9]
    with pytest.raises(SourceError, match="not there"):
        pictures.read(3)
    assert open_set(pictures) is pictures
    assert open_set(np.zeros((6, 5, 4, 3), np.uint8)).title == "6 pictures"
    assert open_set([colored]).fingerprint != open_set([colored + 1]).fingerprint


def test_labels_in_memory_are_indices_or_names() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    named = open_set([(picture, "dog"), (picture, "cat"), picture])
    assert (named.labels.tolist(), named.classes) == ([1, 0, -1], ("cat", "dog"))
    numbered = open_set([(picture, 2), (picture, np.int64(0))])
    assert (numbered.labels.tolist(), numbered.classes) == ([2, 0], ("class 0", "class 1", "class 2"))
    with pytest.raises(ValueError, match="all names"):
        open_set([(picture, "dog"), (picture, 1)])


@pytest.mark.parametrize(
    "wrong",
    [
        *([], [np.zeros((2, 2, 3))], [np.zeros((2, 2, 4), np.uint8)], [3], [None]),
        *(np.zeros((5, 4, 3), np.uint8), np.zeros((5, 4), np.uint8), Image.new("RGB", (4, 3))),
        [(np.zeros((2, 2), np.uint8), 2**31)],
    ],
)
def test_what_is_no_list_of_pictures_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="picture|labels"):
        open_set(wrong)


@pytest.mark.parametrize("every", [0.03333333333, 1 / 3, 0.5])
def test_a_videos_spec_means_the_same_pictures(video: Path, every: float) -> None:
    pictures = VideoSet(video, every)
    again = open_set(pictures.spec)
    assert again.fingerprint == pictures.fingerprint
    assert list(again.titles) == list(pictures.titles)


def test_a_video_is_not_sampled_without_end(video: Path) -> None:
    with pytest.raises(SourceError, match="name more seconds"):
        open_set(f"{video}?every=1e-12")


def test_a_damaged_picture_closes_no_data_set_though_it_is_the_first(tmp_path: Path) -> None:
    for name in ("a/0.png", "a/1.png", "b/0.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 3), "red").save(tmp_path / name)
    (tmp_path / "a" / "0.png").write_bytes(b"nothing")
    pictures = open_set(f"torchvision:ImageFolder:{tmp_path}")
    assert pictures.classes == ("a", "b")
    block = decode_block(pictures, Preprocessing((4, 4)), "crop", 0)
    assert block.valid.tolist() == [False, True, True]
