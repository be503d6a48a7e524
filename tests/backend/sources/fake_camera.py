"""A camera that does what a test tells it to."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np


class FakeCamera:
    """The device. ``mode`` says what its captures do:

    ``works``, ``repeats`` (one picture), ``fails`` (reads return False), ``hangs`` (reads block), ``hangs at opening``,
    ``absent`` (does not open). Like a real one it can be open only once.
    """

    def __init__(self, mode: str = "works") -> None:
        self.mode = mode
        self.lock = threading.Condition()
        self.open_captures = 0
        self.attempts = 0
        self.count = 0
        self.hanging = threading.Event()
        self.let_go = threading.Event()
        self.settings: dict[int, float] = {}

    def wait_for_attempts(self, count: int, since: int | None = None) -> None:
        """Until it was tried to open it this many times more than ``since`` (None: than now)."""
        with self.lock:
            goal = (self.attempts if since is None else since) + count
            assert self.lock.wait_for(lambda: self.attempts >= goal, 120), f"{self.attempts} of {goal} attempts"

    def wait_until_free(self) -> None:
        """Until nobody has it open."""
        with self.lock:
            assert self.lock.wait_for(lambda: self.open_captures == 0, 120), f"open {self.open_captures} times"

    def give_to_the_next(self) -> None:
        """Whoever opens it next gets it, even if a read of somebody else still hangs."""
        with self.lock:
            self.open_captures = 0

    def capture(self, index: int) -> FakeCapture:
        with self.lock:
            self.attempts += 1
            self.lock.notify_all()
        if self.mode == "hangs at opening":
            self.hang()
        return FakeCapture(self)

    def hang(self) -> None:
        self.hanging.set()
        self.let_go.wait()


class FakeCapture:
    def __init__(self, camera: FakeCamera) -> None:
        self.camera = camera
        with camera.lock:
            self.opened = camera.mode != "absent" and camera.open_captures == 0
            camera.open_captures += self.opened

    def isOpened(self) -> bool:
        return self.opened

    def set(self, property_id: int, value: float) -> bool:
        self.camera.settings[property_id] = value
        return True

    def read(self) -> tuple[bool, Any]:
        camera = self.camera
        # A camera's own pace.
        threading.Event().wait(0.002)
        if camera.mode == "hangs":
            camera.hang()
            return False, None
        if camera.mode in ("fails", "absent") or not self.opened:
            return False, None
        if camera.mode == "works":
            camera.count += 1
        # Blue first, as OpenCV delivers it; the left column is bright.
        picture = np.zeros((24, 32, 3), dtype=np.uint8)
        picture[..., 2] = 200
        picture[:, 0] = 255
        picture[12:, 8:, 1] = camera.count % 251
        return True, picture

    def release(self) -> None:
        with self.camera.lock:
            self.camera.open_captures -= self.opened
            self.opened = False
            self.camera.lock.notify_all()
