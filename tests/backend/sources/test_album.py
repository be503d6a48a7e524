from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvis.backend.sources import SourceError, open_source, sample_names
from deepvis.backend.sources.album import Album, pictures_in
from deepvis.backend.sources.motion import PanAndZoom
from deepvis.backend.sources.pattern import Pattern
from deepvis.messages import Frame


def gray(path: Path, level: int, size: tuple[int, int] = (12, 8)) -> Path:
    Image.new("RGB", size, (level, level, level)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (10, 2, 1):
        gray(tmp_path / f"frame{number}.png", number * 20)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter", lambda: 100.0)


def shown(source: object) -> Frame:
    """The next frame, which must be there at once."""
    frame = source.read()  # type: ignore[attr-defined]
    assert frame is not None
    return frame


def test_every_sample_is_on_disk_and_is_a_colour_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(socket, "socket", None)
    assert sample_names()[0] == "cat"
    assert {"cat", "coffee", "astronaut", "rocket", "motorcycle"} <= set(sample_names())
    for name in sample_names():
        source = open_source(f"sample:{name}")
        source.open()
        image = shown(source).image
        assert min(image.shape[:2]) >= 224
        assert (image[..., 0] != image[..., 2]).any()


def test_frames_are_numbered_sealed_and_contiguous() -> None:
    source = open_source("sample:cat")
    source.open()
    first = shown(source)
    source.control("refresh")
    second = shown(source)
    assert second.id > first.id
    assert first.image.flags.c_contiguous
    assert not first.image.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        first.image[0, 0] = 0


def test_a_still_picture_is_shown_once_and_again_when_asked() -> None:
    source = open_source("sample:cat")
    source.open()
    frame = shown(source)
    assert frame.still
    assert source.read() is None
    assert math.isinf(source.wait())
    source.control("refresh")
    assert source.wait() == 0
    np.testing.assert_array_equal(shown(source).image, frame.image)


def test_mirror_shows_the_picture_anew_from_right_to_left() -> None:
    source = open_source("sample:coffee")
    source.open()
    plain = shown(source).image
    source.control("mirror", True)
    np.testing.assert_array_equal(shown(source).image, plain[:, ::-1])


def test_a_folder_counts_like_a_person_and_steps_around_its_end(folder: Path) -> None:
    source = open_source(str(folder))
    source.open()
    frames = [shown(source)]
    for step in (1, 1, 1, -1):
        source.control("step", step)
        frames.append(shown(source))
    assert [frame.title for frame in frames] == ["frame1.png", "frame2.png", "frame10.png", "frame1.png", "frame10.png"]
    assert [frame.index for frame in frames] == [0, 1, 2, 0, 2]
    assert {frame.count for frame in frames} == {3}
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [20, 40, 200, 20, 200]


def test_next_on_a_single_file_goes_to_its_neighbour(folder: Path) -> None:
    source = open_source(str(folder / "frame2.png"))
    source.open()
    assert shown(source).title == "frame2.png"
    source.control("step", 1)
    assert shown(source).title == "frame10.png"
    assert source.title == "frame10.png"


def test_a_broken_picture_of_a_folder_is_named_and_left_out(folder: Path) -> None:
    (folder / "frame1.png").write_bytes(b"broken")
    source = open_source(str(folder))
    source.open()
    with pytest.raises(SourceError, match=r"frame1\.png") as caught:
        source.read()
    assert caught.value.then == "go_on"
    assert shown(source).title == "frame2.png"
    source.control("step", -1)
    with pytest.raises(SourceError, match=r"frame1\.png"):
        source.read()
    assert shown(source).title == "frame10.png"


def test_a_folder_of_broken_pictures_gives_up_instead_of_turning_for_ever(folder: Path) -> None:
    for path in folder.glob("*.png"):
        path.write_bytes(b"broken")
    source = open_source(str(folder))
    source.open()
    outcomes = []
    for _ in range(3):
        with pytest.raises(SourceError) as caught:
            source.read()
        outcomes.append(caught.value.then)
    assert outcomes == ["go_on", "go_on", "stop"]


def test_a_folder_without_pictures_looks_into_its_folders(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "dogs").mkdir()
    gray(tmp_path / "cats" / "b.JPG", 10)
    gray(tmp_path / "dogs" / "a.png", 20)
    assert [entry.title for entry in pictures_in(tmp_path)] == [str(Path("cats/b.JPG")), str(Path("dogs/a.png"))]


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no pictures") as caught:
        open_source(str(tmp_path))
    assert caught.value.remedy


def test_a_slideshow_goes_on_by_itself_until_it_is_paused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    source = open_source(f"{folder}?slideshow=5")
    source.open()
    assert shown(source).title == "frame1.png"
    assert source.wait() == pytest.approx(5)
    now = 104.9
    assert source.read() is None
    now = 105.1
    assert shown(source).title == "frame2.png"
    source.control("pause", True)
    shown(source)
    now = 200.0
    assert source.read() is None
    source.control("pause", False)
    now = 205.1
    assert shown(source).title == "frame10.png"


@pytest.mark.parametrize("value", [0, -1, 1e9, math.nan])
def test_a_slideshow_refuses_impossible_times(folder: Path, value: float) -> None:
    source = open_source(str(folder))
    with pytest.raises(ValueError, match="slideshow"):
        source.control("slideshow", value)


@pytest.mark.usefixtures("stopped_clock")
def test_motion_starts_at_the_whole_picture_and_shows_it_changed() -> None:
    source = open_source("sample:cat?motion=1")
    source.open()
    first = shown(source)
    assert not first.still
    assert source.wait() == pytest.approx(1 / 30)
    picture = np.asarray(first.image)
    moving = PanAndZoom(picture)
    np.testing.assert_allclose(moving.at(0.0).astype(int), picture.astype(int), atol=1)
    later = moving.at(10.0)
    assert later.shape == picture.shape
    assert np.abs(later.astype(int) - picture).mean() > 5


def test_motion_stops_on_the_very_window_that_was_seen() -> None:
    source = open_source("sample:cat")
    assert isinstance(source, Album)
    source.open()
    whole = shown(source).image
    source.control("motion", True)
    moving = shown(source)
    source.control("pause", True)
    held = shown(source)
    assert held.still
    np.testing.assert_array_equal(held.image, moving.image)
    source.control("pause", False)
    source.control("motion", False)
    np.testing.assert_array_equal(shown(source).image, whole)


def test_the_zoomed_window_shows_the_part_that_the_geometry_says() -> None:
    # A horizontal ramp: the colour of a window's corner tells where in the picture it lies.
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 3)).copy()
    window = PanAndZoom(ramp).at(10.5)
    # At half of the 21 seconds the zoom is at its closest: 1.4 times, so that 1/1.4 of the width is seen.
    assert int(window[0, -1, 0]) - int(window[0, 0, 0]) == pytest.approx(255 / 1.4, abs=2)


@pytest.mark.usefixtures("stopped_clock")
def test_the_pattern_moves_and_repeats_by_number() -> None:
    pattern = Pattern(size=(96, 128))
    pattern.open()
    np.testing.assert_array_equal(pattern.draw(5), pattern.draw(5))
    assert (pattern.draw(5) != pattern.draw(6)).mean() > 0.1
    first = shown(pattern)
    assert first.image.shape == (96, 128, 3)
    assert pattern.wait() == pytest.approx(1 / 30)


def test_a_paused_pattern_holds_its_picture() -> None:
    pattern = Pattern(size=(64, 64), rate=1000)
    pattern.open()
    last = shown(pattern)
    pattern.control("pause", True)
    assert pattern.read() is None
    pattern.control("refresh")
    np.testing.assert_array_equal(shown(pattern).image, last.image)
