"""The thread that writes files: pictures, arrays, recordings, and whatever else is to be written in turn."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.backend.mailbox import Mailbox
from deepvis.messages import Event, Problem

if TYPE_CHECKING:
    from deepvis.backend.film import VideoWriter


class FileWriter:
    """Writes one thing after the other. Every method returns at once and may be called from any thread.

    Parameters
    ----------
    emit : called with a Problem of severity ``info`` or ``error`` about the outcome.

    Attributes
    ----------
    thread : it ends after :meth:`close`, when everything that was put before is written.
    pictures : the newest picture for the recording that was not written yet.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._video: VideoWriter | None = None
        self.pictures: Mailbox[Any] = Mailbox(wake=lambda: self._jobs.put(self._write_picture))
        self.thread = threading.Thread(target=self._run, name="deepvis-writer", daemon=True)

    def put(self, job: Callable[[], object]) -> None:
        """Have a job done on the thread; it must not raise."""
        self._jobs.put(job)

    def close(self) -> None:
        """Let the thread end when it has done what waits."""
        self._jobs.put(None)

    def save(self, path: str, content: Any) -> None:
        """Write a PNG (a picture) or an npz (a mapping of arrays)."""

        def write() -> None:
            from deepvis.backend.export import write_npz, write_png

            if isinstance(content, Mapping):
                write_npz(Path(path), content)
            else:
                write_png(Path(path), content)
            self._emit(Problem(f"saved:{path}", "Saved", str(path), "", "info"))

        self._jobs.put(lambda: self._attempt(write, "save", f"{Path(path).name} was not saved"))

    def start_recording(self, path: str) -> None:
        """Stream what :meth:`record` is given to an MP4 file."""

        def begin() -> None:
            from deepvis.backend.film import VideoWriter

            self._video = VideoWriter(Path(path))

        self._jobs.put(lambda: self._attempt(begin, "record", "The recording could not begin"))

    def record(self, picture: Any) -> None:
        """One picture for the recording under way; pictures that come too fast for the disk are left out."""
        self.pictures.put((picture, time.perf_counter()))

    def stop_recording(self) -> None:
        """Finish the file."""

        def finish() -> None:
            video, self._video = self._video, None
            if video is not None:
                video.finish()
                self._emit(Problem(f"saved:{video.path}", "Recording saved", str(video.path), "", "info"))

        self._jobs.put(lambda: self._attempt(finish, "record", "The recording could not be finished"))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _write_picture(self) -> None:
        item, video = self.pictures.take(), self._video
        if item is None or video is None:
            return

        def write() -> None:
            video.add(*item)

        if not self._attempt(write, "record", "The recording stopped"):
            self._video = None
            video.abort()

    def _attempt(self, action: Callable[[], None], key: str, title: str) -> bool:
        try:
            action()
        except Exception as error:
            remedy = "Choose another folder, or free some space, and try again."
            cause = getattr(error, "cause", None) or str(error) or type(error).__name__
            remedy = getattr(error, "remedy", None) or remedy
            self._emit(Problem(f"{key}:{cause}", title, cause, remedy, "error", traceback.format_exc()))
            return False
        return True
