from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from deepvis.backend.sources import SourceError, open_source


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ("sample:catt", "sample:cat?"),
        ("sample:coffe", "sample:coffee?"),
        ("pattren", "pattern?"),
        ("camera:first", "by its number"),
        ("sample:cat?speed=3", "motion"),
        ("pattern?size=big", "WIDTHxHEIGHT"),
        ("pattern?rate=0", "0.1 to 1000"),
        ("pattern?mirror=perhaps", "1 or 0"),
        ("camera:0?size=4", "WIDTHxHEIGHT"),
        ("no/such/folder/cat.jpg", "The folder no/such/folder does not exist"),
        ("", "empty"),
    ],
)
def test_a_slip_of_the_pen_is_explained(spec: str, cause: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(spec)
    assert cause in caught.value.cause
    assert caught.value.remedy
    assert caught.value.then == "stop"


def test_a_missing_path_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(SourceError) as caught:
        open_source(str(tmp_path / "holliday.jpg"))
    assert str(tmp_path / "holiday.jpg") in caught.value.cause


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    with pytest.raises(SourceError, match="is empty"):
        open_source(str(tmp_path / "film.mp4"))


def test_what_is_neither_picture_nor_film_is_said_to_be_neither(tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear reader, " * 100)
    with pytest.raises(SourceError, match=r"letter\.jpg is neither a picture nor a video"):
        open_source(str(path)).open()


def test_a_device_is_no_source() -> None:
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        open_source("/dev/null")


def test_a_path_with_a_question_mark_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "what?motion=1.png"
    Image.new("RGB", (8, 8)).save(path)
    source = open_source(str(path))
    source.open()
    frame = source.read()
    assert frame is not None
    assert frame.still


def test_options_follow_a_path(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(path)
    source = open_source(f"{path}?motion=1&mirror")
    source.open()
    frame = source.read()
    assert frame is not None
    assert not frame.still


def test_a_picture_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.mp4"
    Image.new("RGB", (8, 8), (9, 9, 9)).save(path, "PNG")
    source = open_source(str(path))
    source.open()
    frame = source.read()
    assert frame is not None
    assert (frame.image == 9).all()


def test_a_huge_picture_is_refused_with_the_limit_and_not_taken_for_a_film(tmp_path: Path) -> None:
    from .test_pictures import png_header_only

    path = tmp_path / "huge.png"
    path.write_bytes(png_header_only(20_000, 20_000))
    with pytest.raises(SourceError, match="too large"):
        open_source(str(path)).open()


def test_the_package_imports_neither_opencv_nor_pyav_nor_torch() -> None:
    program = (
        "import sys, deepvis.backend.sources as s; s.sample_names();"
        "print([name for name in ('cv2', 'av', 'torch', 'skimage', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.strip() == "[]"
