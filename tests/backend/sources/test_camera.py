from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.backend.sources import SourceError, camera, open_source
from deepvis.backend.sources.camera import Camera
from deepvis.messages import CameraCard

from .fake_camera import FakeCamera, FakeCapture

linux = pytest.mark.skipif(sys.platform != "linux", reason="devices are files on Linux only")


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /dev, and no camera list of the real machine."""
    monkeypatch.setattr(camera, "_DEVICES", tmp_path)
    monkeypatch.setattr(camera, "list_cameras", lambda: [CameraCard(2, "Webcam")])
    return tmp_path


def test_it_asks_for_compressed_pictures_of_the_chosen_size() -> None:
    fake = FakeCamera()
    source = open_source("camera:3?size=1280x720", fake.capture)
    source.open()
    assert fake.settings[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert fake.settings[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert int(fake.settings[cv2.CAP_PROP_FOURCC]).to_bytes(4, "little") == b"MJPG"
    assert source.title == "Camera 3"


def test_another_resolution_opens_it_anew() -> None:
    fake = FakeCamera()
    source = open_source("camera:0", fake.capture)
    source.open()
    source.control("resolution", (1080, 1920))
    assert fake.settings[cv2.CAP_PROP_FRAME_WIDTH] == 1920
    assert fake.open_captures == 1
    assert source.read() is not None


@pytest.mark.parametrize("size", [(0, 640), (480, 100_000)])
def test_an_impossible_resolution_is_refused(size: tuple[int, int]) -> None:
    source = open_source("camera:0", FakeCamera().capture)
    with pytest.raises(ValueError, match="pixels"):
        source.control("resolution", size)


def test_while_paused_it_reads_on_so_that_the_next_picture_is_fresh() -> None:
    fake = FakeCamera()
    source = open_source("camera:0", fake.capture)
    source.open()
    shown = source.read()
    assert shown is not None
    source.control("pause", True)
    assert source.read() is None
    assert source.read() is None
    assert fake.count == 3
    source.control("refresh")
    held = source.read()
    assert held is not None
    assert held.still
    np.testing.assert_array_equal(held.image, shown.image)
    source.control("pause", False)
    fresh = source.read()
    assert fresh is not None
    assert fresh.image[20, 20, 1] == fake.count


def test_gray_cameras_become_rgb() -> None:
    class Gray(FakeCapture):
        def read(self) -> tuple[bool, object]:
            return True, np.full((6, 8), 77, dtype=np.uint8)

    fake = FakeCamera()
    source = open_source("camera:0", lambda index: Gray(fake))
    source.open()
    frame = source.read()
    assert frame is not None
    assert frame.image.shape == (6, 8, 3)
    assert (frame.image == 77).all()


@linux
def test_a_missing_camera_names_those_that_are_there(devices: Path) -> None:
    with pytest.raises(SourceError, match="no camera 0") as caught:
        Camera("camera:0", 0).open()
    assert "camera:2 (Webcam)" in caught.value.cause
    assert caught.value.then == "reopen"


@linux
def test_a_denied_camera_says_how_to_get_permission(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (devices / "video0").touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(SourceError, match="denied") as caught:
        Camera("camera:0", 0).open()
    assert "group" in caught.value.remedy
    assert caught.value.then == "reopen"


@linux
def test_a_camera_that_is_there_but_does_not_open_is_busy(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (devices / "video0").touch()
    monkeypatch.setattr(camera, "open_capture", FakeCamera("absent").capture)
    with pytest.raises(SourceError, match="busy"):
        Camera("camera:0", 0).open()


@linux
def test_a_camera_whose_device_vanishes_was_unplugged(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (devices / "video2").touch()
    fake = FakeCamera()
    monkeypatch.setattr(camera, "open_capture", fake.capture)
    source = Camera("camera:2", 2)
    source.open()
    assert source.title == "Webcam"
    assert source.read() is not None
    (devices / "video2").unlink()
    fake.mode = "fails"
    with pytest.raises(SourceError, match="unplugged"):
        source.read()


@linux
def test_without_the_listing_package_devices_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", None)
    monkeypatch.setattr(camera, "_DEVICES", tmp_path)
    for name in ("video2", "video0", "videodrome", "audio1"):
        (tmp_path / name).touch()
    assert camera.list_cameras() == [CameraCard(0, "Camera 0"), CameraCard(2, "Camera 2")]


def test_listing_this_machines_cameras_works() -> None:
    assert all(isinstance(card, CameraCard) and card.name for card in camera.list_cameras())
