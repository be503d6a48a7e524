"""The maps of one window: which there are, what is read of them, and where the present frame lies in the open one.

Reading is done on one thread and placing on another, so that neither waits for the other, nor the engine or the window
for them. Importing this module loads neither torch nor Qt.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepvis.backend.mailbox import Mailbox
from deepvis.messages import (
    Event,
    FloatArray,
    MapInfo,
    MapOpened,
    MapPicture,
    MapPictureFile,
    MapPlaced,
    MapsChanged,
    Problem,
    RunStatus,
    UInt8Array,
)

if TYPE_CHECKING:
    from deepvis.backend.maps.opening import OpenMap
    from deepvis.backend.maps.placing import Placer

RUN = "embedding"

_WHOLE_SIDE = 512
_MOST_WAITING = 256
"""Pictures that are waited for at most; those that were asked for first are given up."""


class MapKeeper:
    """Maps with the threads that read and place. Every method returns at once and may be called from the UI thread.

    Parameters
    ----------
    emit : called from any thread with every event.
    folder : where the libraries lie; None: the person's own.
    scanned : called where making a map may have left a library.
    """

    def __init__(
        self,
        emit: Callable[[Event], None],
        folder: Path | None = None,
        scanned: Callable[[], object] = lambda: None,
    ) -> None:
        self._emit = emit
        self._scanned = scanned
        self._folder = folder
        self._changed = threading.Condition()
        self._jobs: list[tuple[str, Callable[[], None]]] = []
        self._pictures: OrderedDict[tuple[str, int, bool], None] = OrderedDict()
        self._closing = False
        self._infos: tuple[MapInfo, ...] = ()
        self._open: OpenMap | None = None
        self._placer: tuple[OpenMap, Placer] | None = None
        self._frames: Mailbox[tuple[str, int, FloatArray]] = Mailbox()
        self.reader = threading.Thread(target=self._read, name="deepvis-maps", daemon=True)
        self.placing = threading.Thread(target=self._place, name="deepvis-placing", daemon=True)

    # --------------------------------------------------------------------------------------------------- life

    def load(self) -> None:
        """Start the threads, and have the list read; MapsChanged follows."""
        if self._closing:
            return
        for thread in self.threads:
            if not thread.is_alive():
                thread.start()
        self.refresh()

    def close(self) -> None:
        """Let the threads end after what they do now."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """Those that read and place."""
        return (self.reader, self.placing)

    # ------------------------------------------------------------------------------------------------- wishes

    def maps(self) -> tuple[MapInfo, ...]:
        """Every map that is known by now, the newest first."""
        return self._infos

    def refresh(self) -> None:
        """Have the list read again; MapsChanged follows."""
        self._put("list", self._list)

    def note(self, status: RunStatus) -> None:
        """A run has this state now: a map may be finished. Returns at once."""
        if status.name == RUN and status.state in ("done", "cancelled", "failed"):
            self.refresh()
            self._scanned()

    def open(self, folder: str) -> None:
        """Read a map; MapOpened follows."""
        self._put("open", lambda: self._open_map(folder))

    def place(self, folder: str, frame: int, features: FloatArray) -> None:
        """Find the place of a frame's features in the open map; MapPlaced follows, for the newest frame at least."""
        self._frames.put((folder, frame, features))

    def picture(self, folder: str, index: int, whole: bool) -> None:
        """Read a picture; MapPicture follows."""
        with self._changed:
            self._pictures[folder, index, whole] = None
            self._pictures.move_to_end((folder, index, whole))
            while len(self._pictures) > _MOST_WAITING:
                self._pictures.popitem(last=False)
            self._changed.notify_all()

    def picture_file(self, folder: str, index: int) -> None:
        """Have a picture as a file; MapPictureFile follows."""
        self._put("file", lambda: self._write_picture(folder, index))

    def export(self, folder: str, path: str, coloring: str) -> None:
        """Write a map as PNG, SVG or CSV; a Problem with the outcome follows."""
        self._put("export", lambda: self._export(folder, path, coloring))

    def _put(self, what: str, job: Callable[[], None]) -> None:
        with self._changed:
            # A newer wish of the same kind takes the place of one that was not begun; exports are all done.
            self._jobs = [each for each in self._jobs if each[0] != what or what == "export"]
            self._jobs.append((what, job))
            self._changed.notify_all()

    # ------------------------------------------------------------------------------------------------ reading

    def _read(self) -> None:
        while True:
            with self._changed:
                while not self._closing and not self._jobs and not self._pictures:
                    self._changed.wait()
                if self._closing:
                    return
                if self._jobs:
                    what, job = self._jobs.pop(0)
                else:
                    # What was asked for last is what a person looks at.
                    (folder, index, whole), _ = self._pictures.popitem(last=True)
                    what, job = "picture", partial(self._read_picture, folder, index, whole)
            try:
                job()
            except Exception as error:
                self._emit(
                    Problem(
                        f"map.{what}", "A map could not be read", _text(error),
                        "Choose another map, or make it again.", "error", traceback.format_exc(),
                    )
                )  # fmt: skip

    def _list(self) -> None:
        from deepvis.backend.library import default_folder
        from deepvis.backend.library.manifest import MANIFEST
        from deepvis.backend.maps.store import FOLDER, maps_of
        from deepvis.backend.maps.unfinished import clear_unfinished

        place = self._folder if self._folder is not None else default_folder()
        libraries = sorted(each.parent for each in place.glob(f"*/{MANIFEST}"))
        for library in libraries:
            clear_unfinished(library / FOLDER)
        self._infos = maps_of(libraries)
        self._emit(MapsChanged())

    def _open_map(self, folder: str) -> None:
        from deepvis.backend.maps.opening import open_map

        try:
            self._open = open_map(folder)
        except Exception as error:
            self._open = None
            self._emit(MapOpened(folder, None, _text(error)))
            return
        self._emit(MapOpened(folder, self._open.content))

    def _map(self, folder: str) -> OpenMap:
        if self._open is None or self._open.content.info.folder != folder:
            from deepvis.backend.maps.opening import open_map

            return open_map(folder)
        return self._open

    def _read_picture(self, folder: str, index: int, whole: bool) -> None:
        try:
            found = self._map(folder)
            number = int(found.indices[index])
            pixels = _fitted(found.library.picture(number)) if whole else found.library.seen(number)
        except Exception as error:
            self._emit(MapPicture(folder, index, whole, None, _text(error)))
            return
        self._emit(MapPicture(folder, index, whole, pixels))

    def _write_picture(self, folder: str, index: int) -> None:
        from deepvis.library_pictures import picture_file

        try:
            found = self._map(folder)
            number = int(found.indices[index])
            path = str(picture_file(found.library, number, found.library.picture(number)))
        except Exception as error:
            self._emit(MapPictureFile(folder, index, ""))
            remedy = "Put the pictures back where they were, or make the map again."
            self._emit(Problem(f"map.file:{folder}", "This picture cannot be opened", _text(error), remedy))
            return
        self._emit(MapPictureFile(folder, index, path))

    def _export(self, folder: str, path: str, coloring: str) -> None:
        from deepvis.backend.maps.export import export_map

        try:
            export_map(self._map(folder).content, path, coloring)
        except Exception as error:
            title = getattr(error, "title", f"{Path(path).name} was not saved")
            cause = getattr(error, "cause", None) or _text(error)
            remedy = getattr(error, "remedy", "Choose another folder, and export again.")
            self._emit(Problem(f"map.export:{path}", title, cause, remedy, "error", traceback.format_exc()))
            return
        self._emit(Problem(f"saved:{path}", "Saved", path, "", "info"))

    # ------------------------------------------------------------------------------------------------ placing

    def _place(self) -> None:
        while not self._closing:
            wish = self._frames.take(timeout=0.2)
            if wish is None or self._closing:
                continue
            folder, frame, features = wish
            try:
                placed = self._placed(folder, frame, features)
            except Exception as error:
                none = np.zeros(0, np.int32), np.zeros(0, np.float32)
                placed = MapPlaced(folder, frame, None, *none, problem=_text(error))
            if placed is not None:
                self._emit(placed)

    def _placed(self, folder: str, frame: int, features: FloatArray) -> MapPlaced | None:
        found = self._open
        if found is None or found.content.info.folder != folder:
            return None
        # A map that was made anew lies in the same folder.
        if self._placer is None or self._placer[0] is not found:
            self._placer = (found, found.placer())
        began = time.perf_counter()
        made = self._placer[1].place(features)
        spent = 1000 * (time.perf_counter() - began)
        return MapPlaced(folder, frame, made.point, made.nearest, made.similarity, spent)


def _text(error: Exception) -> str:
    told: Any = getattr(error, "cause", None) or (error.args[0] if error.args else None) or type(error).__name__
    remedy = getattr(error, "remedy", "")
    return f"{told}; {remedy}" if remedy else str(told)


def _fitted(picture: UInt8Array) -> UInt8Array:
    """The picture, at most 512 pixels on its longer side."""
    import cv2

    height, width = picture.shape[:2]
    share = _WHOLE_SIDE / max(height, width)
    if share >= 1:
        return picture
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
