"""Keeps the runs of one window: records them while they go on, and puts what they leave into the gallery.

Importing this module loads neither torch, Qt nor Pillow: the gallery itself is imported on the writer's thread.
"""

from __future__ import annotations

import dataclasses
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.gallery.recorder import RunBeginning, RunEnd, RunRecorder
from deepvis.messages import (
    Event,
    GalleryChanged,
    GalleryEntry,
    GalleryExport,
    GalleryOpened,
    Problem,
    RunStatus,
    UInt8Array,
)

if TYPE_CHECKING:
    from deepvis.backend.atomic_file import ExportError
    from deepvis.gallery.store import Gallery

_UNIT_IMAGES = 9
"""Pictures of a unit that are shown at most."""

_HURRIED = 24
"""Pictures of the course that are kept of a run that is cut off because the program ends."""


class RunKeeper:
    """The gallery with its threads. Every method returns at once and may be called from the UI thread, except
    :meth:`begin` and :meth:`note`, which belong to the engine's.

    Parameters
    ----------
    emit : called from any thread with every event.
    write : hands a job to the writer's thread.
    folder : where the gallery lies; None: the person's own.
    """

    def __init__(
        self,
        emit: Callable[[Event], None],
        write: Callable[[Callable[[], object]], None],
        folder: Path | None = None,
    ) -> None:
        self._emit = emit
        self._write = write
        self._folder = folder
        self._gallery: Gallery | None = None
        self._lock = threading.Lock()
        self._recording = threading.Lock()
        self._recorders: dict[int, RunRecorder] = {}
        self._under_way: dict[int, RunStatus] = {}
        self._unkept = 0
        self._continuable: dict[str, int] = {}
        self._entry_of_run: dict[int, str] = {}
        self._jobs: list[threading.Thread] = []
        self._closing = threading.Event()
        self._exports: deque[tuple[threading.Event, Callable[[], None]]] = deque()
        self._reading: set[str] = set()

    # --------------------------------------------------------------------------------------------------- life

    def load(self) -> None:
        """Have the list read; GalleryChanged follows."""
        self._write(self._guarded("load", "The gallery could not be read", self._load))

    def close(self) -> None:
        """Give up what goes on; nothing half-written stays. What ends from now on is written in a hurry."""
        self._closing.set()
        for cancel, _ in tuple(self._exports):
            cancel.set()

    def keep_unfinished(self) -> None:
        """Keep the runs under way as far as their last step brought them; nothing is recorded from now on.

        For when the program ends and the engine does not: it is in a step that nobody can interrupt.
        """
        with self._recording:
            unfinished = [self._recorders[run_id].end(_cancelled(status), time.time())
                          for run_id, status in self._under_way.items()]  # fmt: skip
            self._recorders.clear()
            self._under_way.clear()
        for end in unfinished:
            self._write_down(end)

    @property
    def keeping(self) -> bool:
        """Whether a run that has ended is not on the disk yet, nor known to have no place there."""
        return self._unkept > 0

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """Those that read or export at the moment."""
        self._jobs = [job for job in self._jobs if job.is_alive()]
        return tuple(self._jobs)

    # ---------------------------------------------------------------------------------------------- recording

    def begin(self, run_id: int, beginning: RunBeginning) -> None:
        """A run's turn has come. Engine thread."""
        with self._recording:
            self._recorders[run_id] = RunRecorder(beginning)

    def note(self, status: RunStatus) -> None:
        """A run has this state now. Engine thread; keeps references and returns."""
        with self._recording:
            end = self._recorded(status)
        if end is not None:
            self._write_down(end)

    def _recorded(self, status: RunStatus) -> RunEnd | None:
        """What there is to keep of a run, if it has this state now."""
        recorder = self._recorders.get(status.id)
        if recorder is None:
            return None
        if self._continuable.get(status.name) == status.id:
            del self._continuable[status.name]
        if status.state in ("running", "paused"):
            if status.update is not None:
                recorder.note(status.update)
                if status.update.result is None:
                    # One that goes on after its end is in the gallery as it was then, until it has made a step.
                    self._under_way[status.id] = status
            return None
        if status.state == "queued":
            return None
        self._under_way.pop(status.id, None)
        end = None
        if status.update is not None:
            end = recorder.end(status, time.time())
        if status.state == "done" and status.update is not None and status.update.more:
            # It may go on; of each kind of run that is true of the last one alone.
            before = self._continuable.get(status.name)
            if before is not None:
                self._recorders.pop(before, None)
            self._continuable[status.name] = status.id
        else:
            self._recorders.pop(status.id, None)
        return end

    def _write_down(self, end: RunEnd) -> None:
        keep = self._guarded("keep", "A picture is not in the gallery", lambda: self._keep(end))

        def kept() -> None:
            try:
                keep()
            finally:
                with self._recording:
                    self._unkept -= 1

        with self._recording:
            self._unkept += 1
        self._write(kept)

    def _keep(self, end: RunEnd) -> None:
        from deepvis.gallery.record import make_record

        if self._closing.is_set():
            end = end.thinned(_HURRIED)
        before, done = self._entry_of_run.pop(end.status.id, None), end.status.state == "done"
        if before is not None and not done and end.status.update is not None and end.status.update.result is not None:
            # It was to go on, and did not come to its first step.
            return
        record = make_record(end)
        gallery = self._opened()
        problem = gallery.add(record)
        if before is not None and done:
            # The run went on from its end: what it had left then is a part of this course.
            gallery.supersede(before)
        if end.status.update is not None and end.status.update.more:
            self._entry_of_run[end.status.id] = record.entry.id
        self._emit(GalleryChanged())
        if problem is not None:
            self._say_unsaved(problem)

    # ------------------------------------------------------------------------------------------------ entries

    def entries(self) -> tuple[GalleryEntry, ...]:
        """Every entry that is known by now, the newest first."""
        gallery = self._gallery
        return gallery.entries if gallery is not None else ()

    def beginning(self, entry_id: str) -> RunBeginning:
        """How an entry was made, for the same run again; ``input`` is left out, see :meth:`input`.

        Raises KeyError where there is no such entry.
        """
        entry = self._opened().entry(entry_id)
        return RunBeginning(
            entry.run, entry.kind, {name: _tuples(value) for name, value in entry.options.items()}, entry.network,
            entry.network_hash, source=entry.source,
        )  # fmt: skip

    def input(self, entry_id: str) -> UInt8Array | None:
        """The picture that an entry was made from. Reads the disk. Raises KeyError or ValueError where it is gone."""
        gallery = self._opened()
        return gallery.content(entry_id).input if gallery.entry(entry_id).has_input else None

    def open(self, entry_id: str) -> None:
        """Read an entry on a thread of its own; GalleryOpened follows."""

        def read() -> None:
            try:
                content = self._opened().content(entry_id)
            except (KeyError, ValueError) as error:
                self._emit(GalleryOpened(entry_id, None))
                self._emit(_gone("open", entry_id, error))
                return
            self._emit(GalleryOpened(entry_id, content))

        self._start(read)

    def delete(self, entry_ids: Sequence[str]) -> None:
        """Take entries out; their folders go to the trash."""
        gallery = self._opened()
        gone = gallery.take_out(entry_ids)

        def discard() -> None:
            problem = gallery.discard(gone)
            if problem is not None:
                self._emit(GalleryChanged())
                self._emit(
                    Problem("gallery.delete", "A picture was not deleted", problem.cause, "It is in the gallery again.")
                )

        if gone:
            self._emit(GalleryChanged())
            self._write(self._guarded("delete", "A picture was not deleted", discard))

    def undelete(self) -> None:
        """Bring back what was deleted last."""

        def bring_back() -> None:
            back = self._opened().bring_back()
            self._emit(GalleryChanged())
            if not back:
                text = "They are not in the trash of the gallery any more."
                self._emit(Problem("gallery.undelete", "Nothing could be brought back", text, "Repeat the runs."))

        self._write(self._guarded("undelete", "The pictures could not be brought back", bring_back))

    def save(self, entry_id: str) -> None:
        """Try again to write an entry that is in memory only."""

        def write() -> None:
            problem = self._opened().save_again(entry_id)
            if problem is None:
                self._emit(GalleryChanged())
            else:
                self._say_unsaved(problem)

        self._write(self._guarded("keep", "A picture is not in the gallery", write))

    # ------------------------------------------------------------------------------------------------- export

    def export(self, entry_id: str, path: str) -> None:
        """Write an entry to a file, on a thread of its own; it waits for those that were asked for before."""
        cancel = threading.Event()

        def write() -> None:
            began = time.perf_counter()
            from deepvis.gallery.export import ExportCancelled, export_record

            def progress(share: float) -> None:
                if cancel.is_set() or self._closing.is_set():
                    raise ExportCancelled
                spent = time.perf_counter() - began
                left = spent * (1 - share) / share if share > 0.02 else None
                self._emit(GalleryExport(path, share, left))

            try:
                self._emit(GalleryExport(path, 0.0))
                export_record(self._opened().record(entry_id), Path(path), progress)
            except ExportCancelled:
                return
            except (KeyError, ValueError) as error:
                self._emit(_gone("export", entry_id, error))
            except Exception as error:
                self._emit(_export_problem(path, error))
            else:
                self._emit(Problem(f"saved:{path}", "Saved", path, "", "info"))
            finally:
                self._emit(GalleryExport(path, 1.0, over=True))

        with self._lock:
            self._exports.append((cancel, write))
            first = len(self._exports) == 1
        if first:
            self._start(self._export_in_turn)

    def _export_in_turn(self) -> None:
        waiting = True
        while waiting:
            cancel, write = self._exports[0]
            try:
                if not cancel.is_set():
                    write()
            finally:
                with self._lock:
                    self._exports.popleft()
                    waiting = bool(self._exports)

    def cancel_export(self) -> None:
        """Give up the export under way; the next one begins."""
        with self._lock:
            if self._exports:
                self._exports[0][0].set()

    # ------------------------------------------------------------------------------------------- units' images

    def unit_images(self, network_hash: str, layer: str, unit: int) -> tuple[UInt8Array, ...]:
        """Pictures of a unit, the newest first; those that must be read from the disk come with GalleryChanged."""
        gallery = self._gallery
        if gallery is None:
            return ()
        pictures: list[UInt8Array] = []
        missing: list[GalleryEntry] = []
        for entry in gallery.unit_entries(network_hash, layer, unit)[:_UNIT_IMAGES]:
            known, picture = gallery.known_thumbnail(entry)
            if picture is not None:
                pictures.append(picture)
            elif not known:
                missing.append(entry)
        self._fetch(gallery, missing)
        return tuple(pictures)

    def _fetch(self, gallery: Gallery, entries: Sequence[GalleryEntry]) -> None:
        with self._lock:
            wanted = [entry for entry in entries if entry.id not in self._reading]
            self._reading |= {entry.id for entry in wanted}
        if not wanted:
            return

        def read() -> None:
            for entry in wanted:
                gallery.fetch_thumbnail(entry)
            with self._lock:
                self._reading -= {entry.id for entry in wanted}
            self._emit(GalleryChanged())

        self._start(read)

    # ------------------------------------------------------------------------------------------------ private

    def _opened(self) -> Gallery:
        with self._lock:
            if self._gallery is None:
                from deepvis.gallery.store import Gallery, default_folder

                self._gallery = Gallery(self._folder or default_folder())
            return self._gallery

    def _load(self) -> None:
        loaded = self._opened().load()
        if loaded.entries:
            self._emit(GalleryChanged())
        if loaded.skipped:
            names = ", ".join(name for name, _ in loaded.skipped[:3])
            more = f" and {len(loaded.skipped) - 3} more" if len(loaded.skipped) > 3 else ""
            count = "One folder" if len(loaded.skipped) == 1 else f"{len(loaded.skipped)} folders"
            self._emit(
                Problem(
                    "gallery.load",
                    f"{count} of the gallery cannot be shown",
                    f"{names}{more} in {self._opened().folder}: damaged, or not written by this program.",
                    "Everything else is there. Move or delete what you do not need.",
                    "warning",
                    "\n".join(f"{name}: {reason}" for name, reason in loaded.skipped),
                )
            )

    def _say_unsaved(self, problem: ExportError) -> None:
        self._emit(
            Problem(
                "gallery.keep",
                "A picture could not be kept on the disk",
                problem.cause,
                "It stays in the gallery until you close the window: export it elsewhere, or make room and choose "
                "Save again.",
            )
        )

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(
            target=self._guarded("read", "The gallery could not do that", work), name="deepvis-gallery", daemon=True
        )
        self._jobs = [job for job in self._jobs if job.is_alive()]
        self._jobs.append(thread)
        thread.start()

    def _guarded(self, key: str, title: str, work: Callable[[], None]) -> Callable[[], None]:
        """The job, with whatever it raises told instead: the thread that runs it lives on."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                remedy = "The details are in the message log."
                text = f"{type(error).__name__}: {error}"
                self._emit(Problem(f"gallery.{key}", title, text, remedy, "error", traceback.format_exc()))

        return guarded


def _cancelled(status: RunStatus) -> RunStatus:
    return dataclasses.replace(status, state="cancelled", left=None)


def _gone(what: str, entry_id: str, error: Exception) -> Problem:
    cause = str(error.args[0]) if error.args else type(error).__name__
    title = "This picture cannot be opened" if what == "open" else "This picture cannot be exported"
    return Problem(f"gallery.{what}:{entry_id}", title, f"{cause}.", "Repeat the run to have it again.")


def _export_problem(path: str, error: Exception) -> Problem:
    title = getattr(error, "title", f"{Path(path).name} was not saved")
    cause = getattr(error, "cause", None) or str(error) or type(error).__name__
    remedy = getattr(error, "remedy", "Choose another folder, and export again.")
    return Problem(f"gallery.export:{path}", title, cause, remedy, "error", "".join(traceback.format_exception(error)))


def _tuples(value: Any) -> Any:
    """JSON has lists where options have tuples."""
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value
