from __future__ import annotations

import errno
import itertools
import json
import os
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from deepvis.backend import film
from deepvis.backend.export import (
    ExportError,
    GifWriter,
    VideoWriter,
    write_gif,
    write_json,
    write_npz,
    write_png,
)

Writer = Callable[[Path], object]


def plain(level: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level, dtype=np.uint8)


def write_video(path: Path) -> None:
    with VideoWriter(path) as writer:
        for number in range(3):
            writer.add(plain(40 * number), number / 10)


WRITERS: dict[str, Callable[[Path], None]] = {
    "view.png": lambda path: write_png(path, plain(7)),
    "arrays.npz": lambda path: write_npz(path, {"a": np.arange(3)}),
    "figures.json": lambda path: write_json(path, {"a": 1}),
    "film.mp4": write_video,
    "film.gif": lambda path: write_gif(path, [plain(7), plain(9)]),
}


@pytest.fixture(params=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Callable[[Path], None]]:
    return tmp_path / request.param, WRITERS[request.param]


def refuse(code: int) -> Callable[..., None]:
    def raising(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    return raising


# ------------------------------------------------------------------------------------------------- whole or not at all


def test_a_finished_file_is_all_that_lies_there(written: tuple[Path, Callable[[Path], None]]) -> None:
    path, write = written
    write(path)
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_size > 0
    umask = os.umask(0)
    os.umask(umask)
    assert sys.platform == "win32" or path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    written: tuple[Path, Callable[[Path], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = written
    path.write_text("the old file")
    monkeypatch.setattr("os.fsync", refuse(errno.ENOSPC))
    with pytest.raises(ExportError, match="The disk is full") as caught:
        write(path)
    assert "Free some room" in caught.value.remedy
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "the old file"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits on Windows")
@pytest.mark.parametrize("writer", ["VideoWriter", "GifWriter"])
def test_a_film_that_outgrows_the_room_while_it_is_recorded_leaves_nothing(writer: str, tmp_path: Path) -> None:
    program = f"""
        import resource, numpy as np
        from deepvis.backend.export import ExportError, {writer} as Writer
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        random = np.random.default_rng(0)
        film = Writer({str(tmp_path / "film")!r})
        try:
            for number in range(1000):
                film.add(random.integers(0, 256, (120, 160, 3), dtype=np.uint8), number / 30)
        except ExportError as error:
            print(error.title)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout.strip() == "film was not saved"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "words"), [("none/view.png", "does not exist"), (".", "is a folder"), ("file/view.png", "does not exist")]
)
def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=words) as caught:
        write_png(tmp_path / place, plain(0))
    assert caught.value.remedy


def test_a_folder_without_permission_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.open", refuse(errno.EACCES))
    with pytest.raises(ExportError, match="not allowed"):
        write_png(tmp_path / "view.png", plain(0))


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "view.png"
    try:
        link.symlink_to(tmp_path / "there" / "real.png")
    except OSError:
        pytest.skip("links are not allowed here")
    write_png(link, plain(5))
    assert link.is_symlink()
    assert Image.open(tmp_path / "there" / "real.png").getpixel((0, 0)) == (5, 5, 5)


# ------------------------------------------------------------------------------------------------ pictures and figures


def test_png_keeps_every_pixel_and_its_provenance(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    metadata = {"Software": "deepvis 0.1", "Layer": "conv4", "Note": "Ångström → 3 × 3"}
    write_png(tmp_path / "view.png", picture, metadata)
    with Image.open(tmp_path / "view.png") as image:
        np.testing.assert_array_equal(np.asarray(image), picture)
        assert image.text == metadata  # type: ignore[attr-defined]


def test_png_takes_the_screens_blue_first_pictures(tmp_path: Path) -> None:
    write_png(tmp_path / "view.png", np.full((2, 2, 4), (30, 20, 10, 255), dtype=np.uint8))
    with Image.open(tmp_path / "view.png") as image:
        assert image.mode == "RGB"
        assert image.getpixel((0, 0)) == (10, 20, 30)


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 2), np.uint8)]
)
def test_what_is_no_picture_is_refused(tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "view.png", picture)
    with pytest.raises(ValueError, match="uint8"), VideoWriter(tmp_path / "film.mp4") as writer:
        writer.add(picture, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["", "x" * 80, "→", "a\nb"])
def test_png_keywords_are_checked(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="keyword"):
        write_png(tmp_path / "view.png", plain(0), {key: "text"})


def test_npz_takes_any_name_and_keeps_types(tmp_path: Path) -> None:
    arrays = {"file": np.eye(2, dtype=np.float32), "layer1.0/conv": np.arange(4, dtype=np.int16), "label": "Katze"}
    write_npz(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz") as loaded:
        assert set(loaded) == set(arrays)
        np.testing.assert_array_equal(loaded["file"], arrays["file"])
        assert loaded["layer1.0/conv"].dtype == np.int16
        assert str(loaded["label"]) == "Katze"


def test_npz_refuses_python_objects(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'bad'"):
        write_npz(tmp_path / "a.npz", {"bad": np.array([object()])})
    assert list(tmp_path.iterdir()) == []


def test_json_speaks_numpy_and_is_valid(tmp_path: Path) -> None:
    content = {"loss": np.float32(0.5), "bad": float("nan"), "rows": np.arange(3), "path": Path("a"), "é": (1, True)}
    write_json(tmp_path / "a.json", content)

    def not_json(name: str) -> None:
        pytest.fail(f"{name} is no JSON")

    loaded = json.loads((tmp_path / "a.json").read_text("utf-8"), parse_constant=not_json)
    assert loaded == {"loss": 0.5, "bad": None, "rows": [0, 1, 2], "path": "a", "é": [1, True]}


# --------------------------------------------------------------------------------------------------------------- films


def frames_of(path: Path) -> tuple[list[np.ndarray], list[float], float]:
    """A film's pictures (RGB), their times and its length in seconds, as FFmpeg reads them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        decoded = list(container.decode(stream))
        pictures = [frame.to_ndarray(format="rgb24") for frame in decoded]
        return pictures, [frame.time for frame in decoded], float(stream.duration * stream.time_base)


def test_a_film_runs_as_long_as_what_it_shows_did(tmp_path: Path) -> None:
    times = [100.0, 100.1, 100.15, 101.5, 101.6, 103.6]
    with VideoWriter(tmp_path / "film.mp4") as writer:
        for number, time in enumerate(times):
            writer.add(plain(40 * number), time)
    pictures, seen, length = frames_of(tmp_path / "film.mp4")
    assert [round(float(picture.mean()) / 40) for picture in pictures] == list(range(6))
    np.testing.assert_allclose(seen, np.array(times) - 100, atol=1e-3)
    assert length == pytest.approx(3.6 + 2.0, abs=0.05)


def test_a_film_is_what_browsers_play_and_keeps_its_colours(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "film.mp4") as writer:
        for number in range(3):
            writer.add(np.full((48, 64, 4), (10, 60, 220, 255), dtype=np.uint8), number / 30)
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    content = (tmp_path / "film.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "it can start before all of it is there"
    np.testing.assert_allclose(frames_of(tmp_path / "film.mp4")[0][1][24, 32], (220, 60, 10), atol=4)


def test_times_that_do_not_rise_are_put_in_order(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "film.mp4") as writer:
        for time in (5.0, 5.0, 4.0, 5.5):
            writer.add(plain(90), time)
    seen = frames_of(tmp_path / "film.mp4")[1]
    assert len(seen) == 4
    assert all(earlier < later for earlier, later in itertools.pairwise(seen))
    assert seen[-1] == pytest.approx(0.5, abs=1e-3)


def test_pictures_of_other_sizes_are_fitted_into_the_first(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "film.mp4") as writer:
        writer.add(plain(200, 51, 75), 0)
        writer.add(plain(200, 200, 100), 0.1)
        writer.add(plain(200, 10, 60), 0.2)
    first, tall, wide = frames_of(tmp_path / "film.mp4")[0]
    assert first.shape == tall.shape == wide.shape == (52, 76, 3)
    assert tall[26, 38].mean() > 190
    assert tall[26, 4].mean() < 10
    assert tall[4, 38].mean() > 190
    assert wide[26, 4].mean() > 190
    assert wide[4, 38].mean() < 10


def test_letterboxing_keeps_shapes() -> None:
    square = np.zeros((40, 40, 3), dtype=np.uint8)
    square[10:30, 10:30] = 255
    fitted = film.letterbox(square, (80, 200))
    rows, columns = np.nonzero(fitted[..., 0] > 127)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (40, 40)
    assert (rows.min(), columns.min()) == (20, 80)


@pytest.mark.parametrize("writer", [VideoWriter, GifWriter])
def test_memory_does_not_grow_with_a_films_length(writer: type[VideoWriter | GifWriter], tmp_path: Path) -> None:
    picture = plain(50, 120, 160)
    with writer(tmp_path / "film") as recording:
        for number in range(20):
            recording.add(picture, number / 30)
        tracemalloc.start()
        for number in range(20, 120):
            recording.add(picture, number / 30)
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert next(tmp_path.iterdir()).suffix == ".part"
    # A writer that keeps its pictures grows by 100 of them; other tests' threads allocate a little meanwhile.
    assert grown < 20 * picture.nbytes


@pytest.mark.parametrize("writer", [VideoWriter, GifWriter])
def test_an_exception_while_recording_leaves_nothing(writer: type[VideoWriter | GifWriter], tmp_path: Path) -> None:
    def record() -> None:
        with writer(tmp_path / "film") as recording:
            recording.add(plain(0), 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", [VideoWriter, GifWriter])
def test_a_film_without_pictures_is_not_saved(writer: type[VideoWriter | GifWriter], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"), writer(tmp_path / "film"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_nothing_can_be_added_after_the_end(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "film.mp4")
    writer.add(plain(0), 0)
    writer.finish()
    writer.finish()
    with pytest.raises(ValueError, match="finished"):
        writer.add(plain(0), 1)
    assert (tmp_path / "film.mp4").exists()


def test_a_gif_keeps_pictures_times_and_repeats(tmp_path: Path) -> None:
    write_gif(tmp_path / "film.gif", (plain(20 * number, 21, 33) for number in range(5)), 0.07)
    with Image.open(tmp_path / "film.gif") as image:
        assert image.size == (33, 21)
        assert image.info["loop"] == 0
        seen = []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            seen.append((image.convert("RGB").getpixel((5, 5)), image.info["duration"]))
    assert seen == [((20 * number,) * 3, 70) for number in range(5)]


def test_a_gifs_times_add_up_although_it_counts_in_hundredths(tmp_path: Path) -> None:
    with GifWriter(tmp_path / "film.gif") as writer:
        for number in range(91):
            writer.add(plain(number, 8, 8), number / 90)
    with Image.open(tmp_path / "film.gif") as image:
        durations = []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            durations.append(image.info["duration"])
    assert min(durations) >= 20
    assert sum(durations[:-1]) == pytest.approx(1000, abs=20)


@pytest.mark.parametrize("seconds", [0, 0.001, -1, 1e6])
def test_impossible_gif_times_are_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"0\.02"):
        write_gif(tmp_path / "film.gif", [plain(0)], seconds)


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_impossible_timestamps_are_refused(tmp_path: Path, time: float) -> None:
    with VideoWriter(tmp_path / "film.mp4") as writer:
        writer.add(plain(0), 0)
        with pytest.raises(ValueError, match="timestamp"):
            writer.add(plain(0), time)


def test_quality_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="quality"):
        VideoWriter(tmp_path / "film.mp4", quality=99)
    assert list(tmp_path.iterdir()) == []
