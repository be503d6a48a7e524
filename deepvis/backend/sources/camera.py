"""Cameras: which there are, and one of them as a source that says in plain words why it does not deliver."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from deepvis.backend.sources.source import Source, SourceError
from deepvis.messages import CameraCard, Frame, Size, UInt8Array

DEFAULT_SIZE: Size = (480, 640)
"""Asked of a camera unless a person chooses: more than networks see, and little to decode."""

_DEVICES = Path("/dev")

if sys.platform == "darwin":
    # WORKAROUND: OpenCV asks for leave to use the camera on the main thread only; left alone, macOS asks by itself.
    os.environ.setdefault("OPENCV_AVFOUNDATION_SKIP_AUTH", "1")


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102

    def read(self) -> tuple[bool, Any]: ...  # noqa: D102

    def set(self, property_id: int, value: float) -> bool: ...  # noqa: D102

    def release(self) -> None: ...  # noqa: D102


CaptureFactory = Callable[[int], Capture]


def interface() -> int:
    """OpenCV's number of the system's own camera interface; indices mean the same in it and in :func:`list_cameras`."""
    return {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}.get(
        sys.platform, cv2.CAP_ANY
    )


def open_capture(index: int) -> Capture:
    """A ``cv2.VideoCapture`` on the system's camera interface."""
    # What it would print at each attempt is said once, and better, by this program.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2.VideoCapture(index, interface())


def list_cameras() -> list[CameraCard]:
    """The cameras that are connected, by index. May take a second; call it off the UI thread."""
    try:
        from cv2_enumerate_cameras import enumerate_cameras

        found = {camera.index: camera.name for camera in enumerate_cameras(interface())}
        base = interface()
        cards = [CameraCard(index - base if index >= base else index, name) for index, name in found.items()]
        return sorted(cards, key=lambda card: card.index)
    except (ImportError, NotImplementedError, OSError):
        return [CameraCard(index, f"Camera {index}") for index in _probe()]


def _probe() -> list[int]:
    """Indices that answer, where nothing lists them."""
    if sys.platform == "linux":
        numbers = [re.fullmatch(r"video(\d+)", device.name) for device in _DEVICES.glob("video*")]
        return sorted(int(number[1]) for number in numbers if number)
    indices = []
    for index in range(4):
        capture = open_capture(index)
        if capture.isOpened():
            indices.append(index)
        capture.release()
    return indices


class Camera(Source):
    """One camera.

    Controls: ``pause`` (the camera runs on, so that the next picture is fresh), ``mirror``, ``resolution``
    ((height, width); the camera may choose another that it has).
    """

    kind = "camera"

    def __init__(
        self, spec: str, index: int, size: Size = DEFAULT_SIZE, capture_factory: CaptureFactory | None = None
    ) -> None:
        super().__init__(spec, f"Camera {index}")
        self._index = index
        self._size = size
        self._factory = capture_factory or open_capture
        self._real = capture_factory is None
        self._capture: Capture | None = None
        self._last: UInt8Array | None = None
        self._fresh = False
        self._setters |= {"pause": self._set_pause, "resolution": self._set_resolution}

    def open(self) -> None:
        """Take the camera. Raises :class:`SourceError` that says whether it is missing, denied or busy."""
        self.close()
        problem = self._obstacle()
        if problem is not None:
            raise problem
        capture = self._factory(self._index)
        if not capture.isOpened():
            capture.release()
            raise self._refusal()
        self._capture = capture
        # Compressed pictures first: uncompressed ones do not fit through USB at higher resolutions and frame rates.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[1])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[0])
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if self._real:
            names = {card.index: card.name for card in list_cameras()}
            self.title = names.get(self._index, self.title)

    def read(self) -> Frame | None:
        """Wait for the camera's next picture; None while paused."""
        if self._capture is None:
            raise self._lost("It is not open.")
        good, picture = self._capture.read()
        captured = time.perf_counter()
        if not good or picture is None or picture.size == 0:
            raise self._lost("It sends no more pictures.")
        image = _to_rgb(picture)
        self._arrive(image)
        self.detail = f"{image.shape[1]} × {image.shape[0]}"
        if self.state == "paused" and not self._fresh:
            return None
        still, self._fresh = self.state == "paused", False
        if self._last is None or not still:
            self._last = image
        return self._frame(self._last, captured, still=still)

    def close(self) -> None:
        """Give the camera back."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def refresh(self) -> None:
        """While paused, show the held picture once more."""
        self._fresh = True

    def _set_resolution(self, value: Any) -> None:
        height, width = (int(side) for side in value)
        if not (16 <= height <= 8192 and 16 <= width <= 8192):
            raise ValueError(f"a camera's sides are from 16 to 8192 pixels; not {width} × {height}")
        self._size = (height, width)
        self.open()

    def _obstacle(self) -> SourceError | None:
        """What the system says of the camera's device without opening it; None where it sees nothing wrong."""
        if sys.platform != "linux" or not self._real:
            return None
        device = _DEVICES / f"video{self._index}"
        if not device.exists():
            present = ", ".join(f"camera:{card.index} ({card.name})" for card in list_cameras())
            return SourceError(
                f"There is no camera {self._index}",
                f"Connected: {present}." if present else "No camera is connected.",
                "Plug it in and it opens by itself, or choose another source such as sample:cat.",
                then="reopen",
            )
        if not os.access(device, os.R_OK | os.W_OK):
            return SourceError(
                f"{self.title} is denied",
                f"You have no permission to use {device}.",
                "Add yourself to the group that owns it, usually with sudo usermod -aG video $USER, and log in again.",
                then="reopen",
            )
        return None

    def _refusal(self) -> SourceError:
        if sys.platform == "linux":
            return SourceError(
                f"{self.title} is busy",
                "It is connected, but it cannot be opened; most likely another program uses it.",
                "Close the other program; the camera then opens by itself.",
                then="reopen",
            )
        return SourceError(
            f"{self.title} cannot be opened",
            "It is not connected, another program uses it, or this program may not use cameras.",
            "Connect it, close the other program, or allow camera access in the system's privacy settings.",
            then="reopen",
        )

    def _lost(self, cause: str) -> SourceError:
        gone = sys.platform == "linux" and self._real and not (_DEVICES / f"video{self._index}").exists()
        return SourceError(
            f"{self.title} {'was unplugged' if gone else 'has failed'}",
            "Its device has vanished." if gone else cause,
            "Plug it in again; it comes back by itself." if gone else "Check its cable; it is opened again by itself.",
            then="reopen",
        )


def _to_rgb(picture: Any) -> UInt8Array:
    """A picture as OpenCV delivers it, (H, W) or (H, W, 3) BGR, to a new RGB array."""
    if picture.ndim == 2:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
