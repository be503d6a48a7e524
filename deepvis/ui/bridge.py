"""The window's end of the line to the backend: results and events arrive here as Qt signals on the UI thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from PySide6.QtCore import QObject, Qt, Signal, Slot

from deepvis.messages import (
    BackViewName,
    CameraCard,
    Event,
    FloatArray,
    GalleryEntry,
    LibraryInfo,
    MapInfo,
    ModelCard,
    NetworkSpec,
    Rule,
    UInt8Array,
    ViewRequest,
    ViewResult,
)
from deepvis.options import Option


class Backend(Protocol):
    """What the window needs of the engine and the source. Every method returns at once and may be called from the UI
    thread; what comes of it arrives as a result or an event."""

    def set_wake(self, wake: Callable[[], None]) -> None:
        """``wake`` is called from any thread when a result or an event waits (only from empty to full)."""

    def take_result(self) -> ViewResult | None:
        """The newest result, once; None if none is new."""

    def take_events(self) -> list[Event]:
        """All events since the last call, oldest first."""

    def request(self, request: ViewRequest) -> None:
        """Show this from now on."""

    def freeze(self, frozen: bool) -> None:
        """Hold the present frame (views of it still change with the request), or go on."""

    def load_network(self, spec: NetworkSpec) -> None:
        """Load another network; LoadProgress, then NetworkReady or NetworkFailed follow."""

    def cancel_load(self) -> None:
        """Give up the loading under way; the network before it stays."""

    def models(self) -> list[ModelCard]:
        """The networks that can be named. Fast (no network connection, no torch)."""

    def cameras(self) -> list[CameraCard]:
        """The cameras that are connected. May take a second: the window calls it on a thread of its own."""

    def open_source(self, spec: str) -> None:
        """Show another source: ``camera:0``, a path, a URL, ``sample:cat``, ``pattern``."""

    def control_source(self, control: str, value: Any = None) -> None:
        """Steer the source: ``pause`` (bool), ``seek`` (seconds), ``speed`` (factor), ``loop`` (bool), ``step`` (+1 or
        -1), ``slideshow`` (seconds or None), ``mirror`` (bool), ``resolution`` ((h, w)), ``motion`` (bool)."""

    def run_options(self, name: str) -> tuple[Option, ...]:
        """The options of a registered run, to make a form from; empty while the engine is not there yet."""

    def run_presets(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        """Named sets of options of a registered run; empty while the engine is not there yet."""

    def run_needs(self, name: str) -> str:
        """What a registered run works on: ``nothing``, ``picture`` or ``pictures``; ``picture`` while the engine is not
        there yet."""

    def start_run(self, name: str, options: dict[str, Any], image: Any = None) -> int:
        """Queue a run of this registered name on ``image``; RunStatus events follow. Returns its id.

        ``image`` is uint8 (H, W, 3) RGB, a picture's path or ``sample:cat``; None: the present frame. For a run that
        works on many pictures it names a set of them: a folder, a zip, a video, ``torchvision:NAME:ROOT``,
        ``samples:``, or a library's folder where the run takes one.
        """

    def control_run(self, run_id: int, control: str, value: int | None = None) -> None:
        """``pause``, ``continue`` or ``cancel`` a run; ``more``: let one that is done make ``value`` more steps."""

    def set_live_share(self, share: float) -> None:
        """Share of the engine's time that the live view keeps while a run goes on, in (0, 1]."""

    def start_recording(self, path: str) -> None:
        """Stream what :meth:`record` is given to an MP4 file."""

    def record(self, picture: Any) -> None:
        """One uint8 (H, W, 4) BGRX picture for the recording under way."""

    def stop_recording(self) -> None:
        """Finish the file."""

    def save(self, path: str, content: Any) -> None:
        """Write a PNG (uint8 (H, W, 4) BGRX array) or an npz (mapping of arrays) on a thread of its own; the outcome
        comes as a Problem of severity ``info`` or ``error``."""

    def gallery_entries(self) -> tuple[GalleryEntry, ...]:
        """Every run that has ended and is kept, the newest first; empty until they are read. GalleryChanged says that
        there are others."""

    def gallery_open(self, entry_id: str) -> None:
        """Read everything that is kept of an entry; GalleryOpened follows."""

    def gallery_repeat(self, entry_id: str) -> int:
        """Queue the same run with the same options on the same picture, with the network that is loaded now; RunStatus
        events follow. Returns its id. Raises KeyError where there is no such entry."""

    def gallery_delete(self, entry_ids: Sequence[str]) -> None:
        """Take entries out; GalleryChanged follows."""

    def gallery_undelete(self) -> None:
        """Bring back what was deleted last; GalleryChanged follows."""

    def gallery_save(self, entry_id: str) -> None:
        """Try again to write an entry that could not be written; GalleryChanged or a Problem follows."""

    def gallery_export(self, entry_id: str, path: str) -> None:
        """Write an entry's picture (``.png``), course (``.mp4``, ``.gif``), options and figures (``.json``) or values
        (``.npz``), as the ending of ``path`` says; GalleryExport events follow, and a Problem with the outcome."""

    def gallery_cancel_export(self) -> None:
        """Give up the export under way; nothing of it stays."""

    def unit_images(self, network_hash: str, layer: str, unit: int) -> tuple[UInt8Array, ...]:
        """Pictures, uint8 (h, w, 3) RGB, of finished class images of this unit in this very network, the newest first.

        What has to be read from the disk first is left out; GalleryChanged follows when it is there.
        """

    def libraries(self) -> tuple[LibraryInfo, ...]:
        """What scans of image sets left on the disk, the newest first; empty until it is read. LibrariesChanged says
        that there are others, that another one serves the network, or that one was written further."""

    def library_serving(self, network_hash: str) -> LibraryInfo | None:
        """The library whose patches and statistics are shown of the network with this hash, or None."""

    def library_choose(self, folder: str) -> None:
        """Let this library serve its network; LibrariesChanged follows."""

    def library_unit(self, network_hash: str, layer: str, unit: int) -> None:
        """Ask for a unit's UnitStatistics and, as they are read, its UnitPatches. A newer wish replaces this one.
        Nothing follows where no library of the network has this layer."""

    def library_backs(self, network_hash: str, layer: str, unit: int, rule: Rule, view: BackViewName) -> None:
        """Ask for the back-projections of a unit's patches: a PatchBack for each follows. A newer wish replaces it."""

    def library_layer(self, network_hash: str, layer: str, shown: int, side: int) -> None:
        """Ask for a tile of ``side`` pixels with ``shown`` (1, 4 or 9) patches for every unit of a layer: LayerPatches
        follow while they come. A newer wish replaces this one."""

    def library_correlation(self, network_hash: str, layer: str, clustered: bool) -> None:
        """Ask how the units of a layer go together: LayerCorrelation follows. A newer wish replaces this one."""

    def library_open(self, folder: str, layer: str, unit: int, rank: int) -> None:
        """Ask for the whole picture of a patch as a file: PatchOpened follows."""

    def library_export(self, folder: str, layer: str, path: str) -> None:
        """Write the patches of a layer, a picture a unit, into the folder ``path``; PatchExport events follow, and a
        Problem with the outcome."""

    def library_cancel_export(self) -> None:
        """Give up the export under way; what was written stays."""

    def library_delete(self, folder: str) -> None:
        """Move a library to the trash; LibrariesChanged follows."""

    def library_undelete(self) -> None:
        """Bring back the library that was deleted last; LibrariesChanged follows."""

    def maps(self) -> tuple[MapInfo, ...]:
        """The maps on the disk, the newest first; empty until they are read. MapsChanged says that there are others."""

    def map_open(self, folder: str) -> None:
        """Read a map; MapOpened follows. Frames can be placed in it from then on."""

    def map_place(self, folder: str, frame: int, features: FloatArray) -> None:
        """Find the place of a frame's features, float32 (C,), in the open map; MapPlaced follows. Frames that come
        while one is placed are passed over, but for the newest."""

    def map_picture(self, folder: str, index: int, whole: bool) -> None:
        """Read a picture of a map: all of it, or what the network saw; MapPicture follows. The one that was asked for
        last comes first."""

    def map_picture_file(self, folder: str, index: int) -> None:
        """Have a picture of a map as a file that can be opened as a source; MapPictureFile follows."""

    def map_export(self, folder: str, path: str, coloring: str) -> None:
        """Write a map as PNG, SVG or CSV, as the ending of ``path`` says, in the colours of ``class``, ``prediction``,
        ``correctness`` or ``none``; a Problem with the outcome follows."""


class Bridge(QObject):
    """Turns the backend's wake-ups into signals on the UI thread.

    The wake signal carries no payload and is queued at most once at a time, so that a slow window drops results and
    never queues them.
    """

    result = Signal(object)
    happened = Signal(object)
    _woken = Signal()

    def __init__(self, backend: Backend, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.backend = backend
        self._woken.connect(self._collect, Qt.ConnectionType.QueuedConnection)
        backend.set_wake(self._woken.emit)

    @Slot()
    def _collect(self) -> None:
        for event in self.backend.take_events():
            self.happened.emit(event)
        result = self.backend.take_result()
        if result is not None:
            self.result.emit(result)
