from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from deepvis.backend.sources import Source, SourceError, open_source
from deepvis.backend.sources.video import VideoDecoder
from deepvis.messages import Frame

RATE, COUNT = 10, 30


def make_video(path: Path, pictures: Iterator[np.ndarray] | None = None, aspect: int = 1, **options: str) -> Path:
    """A film of COUNT pictures, RATE a second, each plain gray of level 8 × its number, with two key frames."""
    if pictures is None:
        pictures = (np.full((48, 64, 3), 8 * number, dtype=np.uint8) for number in range(COUNT))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "10", "g": "15", **options})
        for picture in pictures:
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.sample_aspect_ratio = Fraction(aspect)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number(frame: Frame | None) -> int:
    """Which of the film's pictures it is, by its gray level."""
    assert frame is not None
    return round(float(frame.image.mean()) / 8)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("film") / "film.mp4")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time stands still until a test moves it."""
    made = Clock()
    monkeypatch.setattr("time.perf_counter", made)
    return made


@pytest.fixture
def source(film: Path, clock: Clock) -> Iterator[Source]:
    opened = open_source(str(film))
    opened.open()
    yield opened
    opened.close()


def test_pictures_come_at_their_times(source: Source, clock: Clock) -> None:
    first = source.read()
    assert number(first) == 0
    assert first is not None
    assert first.position == 0
    assert first.duration == pytest.approx(COUNT / RATE)
    assert source.read() is None
    assert source.wait() == pytest.approx(0.1)
    clock.now += 0.1
    assert number(source.read()) == 1


def test_a_machine_that_is_late_skips_pictures(source: Source, clock: Clock) -> None:
    source.read()
    clock.now += 0.55
    assert number(source.read()) == 5
    assert source.read() is None
    assert source.wait() == pytest.approx(0.05)


def test_a_machine_that_is_far_too_slow_plays_slower(source: Source, clock: Clock) -> None:
    source.read()
    clock.now += 2.5
    assert number(source.read()) == 9
    assert source.read() is None


def test_speed_changes_the_pace_from_here_on(source: Source, clock: Clock) -> None:
    source.read()
    source.control("speed", 2.0)
    clock.now += 0.1
    assert number(source.read()) == 2
    source.control("speed", 0.5)
    clock.now += 0.2
    assert number(source.read()) == 3


@pytest.mark.parametrize("speed", [0, -1, 21, float("nan")])
def test_impossible_speeds_are_refused(source: Source, speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        source.control("speed", speed)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 0), (1.2, 12), (1.29, 12), (1.5, 15), (2.9, 29), (99, 29), (-5, 0)]
)
def test_seeking_is_exact(source: Source, clock: Clock, seconds: float, expected: int) -> None:
    source.read()
    source.control("seek", seconds)
    frame = source.read()
    assert number(frame) == expected
    if expected < COUNT - 1:
        clock.now += 0.1
        assert number(source.read()) == expected + 1


def test_seeking_while_paused_shows_the_place_and_stays(source: Source, clock: Clock) -> None:
    source.read()
    source.control("pause", True)
    source.control("seek", 2.0)
    frame = source.read()
    assert number(frame) == 20
    assert frame is not None
    assert frame.still
    clock.now += 5
    assert source.read() is None
    assert source.state == "paused"


def test_single_steps_go_both_ways_and_pause(source: Source) -> None:
    source.read()
    seen = []
    for step in (1, 1, 1, -1, -1, 5, -2):
        source.control("step", step)
        seen.append(number(source.read()))
    assert seen == [1, 2, 3, 2, 1, 6, 4]
    assert source.state == "paused"


def test_going_on_after_a_pause_does_not_skip_what_was_missed(source: Source, clock: Clock) -> None:
    source.read()
    source.control("pause", True)
    clock.now += 50
    assert source.read() is None
    source.control("pause", False)
    clock.now += 0.1
    assert number(source.read()) == 1


def play(source: Source, clock: Clock, count: int) -> list[int]:
    """The numbers of the next pictures, as time goes by."""
    seen: list[int] = []
    for _ in range(10 * count):
        frame = source.read()
        if frame is not None:
            seen.append(number(frame))
        if len(seen) == count or source.state == "ended":
            break
        clock.now += max(source.wait(), 0.0) + 1e-6
    return seen


def test_it_begins_again_at_its_end(source: Source, clock: Clock) -> None:
    started = clock.now
    assert play(source, clock, COUNT + 3) == [*range(COUNT), 0, 1, 2]
    assert clock.now - started == pytest.approx((COUNT + 2) / RATE, abs=1e-3)


def test_it_goes_round_as_often_as_it_is_watched(source: Source, clock: Clock) -> None:
    assert play(source, clock, 4 * COUNT) == 4 * [*range(COUNT)]


def test_without_loop_it_ends_and_can_be_started_again(source: Source, clock: Clock) -> None:
    source.control("loop", False)
    assert play(source, clock, COUNT + 3) == list(range(COUNT))
    assert source.state == "ended"
    source.control("pause", False)
    assert number(source.read()) == 0
    assert source.state == "live"


def test_the_present_picture_can_be_asked_for_again(source: Source) -> None:
    first = source.read()
    source.control("refresh")
    again = source.read()
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.image, again.image)


def test_a_film_shot_upright_is_shown_upright(tmp_path: Path) -> None:
    # Stored on its side, as a telephone does: the top of the scene is the left of the stored picture.
    stored = np.zeros((48, 64, 3), dtype=np.uint8)
    stored[:, :32] = 255
    path = make_video(tmp_path / "upright.mp4", iter([stored] * 3))
    content = bytearray(path.read_bytes())
    # The matrix of the track header says: turn by 90 degrees clockwise to show.
    place = content.index(b"tkhd") + 4 + 40
    content[place : place + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(content)
    source = open_source(str(path))
    source.open()
    frame = source.read()
    source.close()
    assert frame is not None
    assert frame.image.shape == (64, 48, 3)
    assert frame.image[5, 24].mean() > 200
    assert frame.image[-5, 24].mean() < 50


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    path = make_video(tmp_path / "wide.mp4", aspect=2)
    decoder = VideoDecoder(str(path), "wide")
    shot = decoder.next()
    assert shot is not None
    assert shot.image().shape == (48, 128, 3)
    decoder.close()


def test_large_films_are_reduced(tmp_path: Path) -> None:
    path = make_video(tmp_path / "large.mp4", iter([np.full((1200, 2400, 3), 90, dtype=np.uint8)]), preset="ultrafast")
    decoder = VideoDecoder(str(path), "large")
    shot = decoder.next()
    assert shot is not None
    assert shot.image().shape == (960, 1920, 3)
    np.testing.assert_allclose(shot.image(), 90, atol=2)
    decoder.close()


def test_a_truncated_film_says_so(film: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(film.read_bytes()[:-300])
    with pytest.raises(SourceError, match=r"broken\.mp4") as caught:
        open_source(str(broken)).open()
    assert caught.value.remedy


def test_a_film_that_breaks_off_plays_as_far_as_it_goes(tmp_path: Path, clock: Clock) -> None:
    whole = make_video(tmp_path / "whole.mkv")
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    source = open_source(f"{broken}?loop=0")
    source.open()
    seen = play(source, clock, COUNT)
    source.close()
    assert 3 < len(seen) < COUNT
    assert source.state == "ended"


def test_damage_in_the_middle_is_skipped(tmp_path: Path, clock: Clock) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(COUNT)]
    path = make_video(tmp_path / "film.mkv", iter(noise), g="1")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    source = open_source(f"{path}?loop=0")
    source.open()
    assert len(play(source, clock, COUNT)) > COUNT // 3
    source.close()


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(
        b"RIFF"
        + struct.pack("<I", 36 + 8000)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
        + b"data"
        + struct.pack("<I", 8000)
        + bytes(8000)
    )
    with pytest.raises(SourceError, match="no pictures"):
        open_source(str(path)).open()


@pytest.mark.parametrize("form", ["gif", "webp", "png"])
def test_animations_play_with_their_own_times_and_repeat(tmp_path: Path, clock: Clock, form: str) -> None:
    path = tmp_path / f"animation.{form}"
    pictures = [Image.new("RGB", (16, 12), (8 * level,) * 3) for level in (5, 15, 25)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 200, 300], lossless=True)
    source = open_source(str(path))
    source.open()
    started, times = clock.now, []
    for level in (5, 15, 25, 5, 15):
        assert play(source, clock, 1) == [level]
        times.append(clock.now - started)
        clock.now += 1e-6
    assert times == pytest.approx([0, 0.1, 0.3, 0.6, 0.7], abs=1e-3)
    source.control("seek", 0.45)
    frame = source.read()
    assert number(frame) == 25
    assert frame is not None
    assert frame.duration == pytest.approx(0.6)
    source.control("step", -1)
    assert number(source.read()) == 15
    source.close()


def test_an_animation_that_breaks_off_plays_as_far_as_it_goes(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "animation.gif"
    random = np.random.default_rng(0)
    pictures = [Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)) for _ in range(6)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    source = open_source(f"{path}?loop=0")
    source.open()
    assert 1 <= len(play(source, clock, 6)) < 6
    source.close()
