"""The backend of one window: the engine's thread, the source's, and one that writes files.

Importing this module loads neither torch nor Qt: torch is imported on the engine's thread, after the window is up.
"""

from __future__ import annotations

import itertools
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.backend.mailbox import Mailbox
from deepvis.event_queue import EventQueue
from deepvis.file_writer import FileWriter
from deepvis.gallery.recorder import RunBeginning
from deepvis.library_keeper import LibraryKeeper
from deepvis.map_keeper import MapKeeper
from deepvis.messages import (
    BackViewName,
    CameraCard,
    Event,
    FloatArray,
    Frame,
    GalleryEntry,
    LibraryInfo,
    LoadProgress,
    MapInfo,
    ModelCard,
    NetworkFailed,
    NetworkSpec,
    Problem,
    Rule,
    RunStatus,
    RunUpdate,
    UInt8Array,
    ViewRequest,
    ViewResult,
)
from deepvis.options import Option, option_values, options_of
from deepvis.run_keeper import RunKeeper
from deepvis.run_pictures import named_pictures, with_pictures

if TYPE_CHECKING:
    from deepvis.backend.engine import Engine
    from deepvis.backend.network import Network
    from deepvis.backend.sources.player import SourcePlayer


KEEP_SECONDS = 15.0
"""How long the writing of a run is waited for when the program ends, if the disk takes that long."""

_STEPS_TOLD_EVERY = 0.1
"""Seconds between two steps of a run that the window hears of."""


class Session:
    """Implements what ``deepvis.ui.bridge.Backend`` asks for. Its methods return at once and may be called from the UI
    thread, except :meth:`cameras`, :meth:`models` and :meth:`close`.

    Parameters
    ----------
    gallery : folder in which runs that have ended are kept; None: the person's own.
    """

    def __init__(self, gallery: Path | None = None) -> None:
        self._wake: Callable[[], None] = lambda: None
        self._results: Mailbox[ViewResult] = Mailbox(wake=self._ring)
        self._events = EventQueue()
        self._engine: Engine | None = None
        self._player: SourcePlayer | None = None
        self._engine_thread = threading.Thread(target=self._run_engine, name="deepvis-engine", daemon=True)
        self._files = FileWriter(self._emit)
        self._ready = threading.Event()
        self._closed = threading.Event()
        self._before_ready: list[Callable[[Engine], None]] = []
        self._lock = threading.Lock()
        self._load_cancel = threading.Event()
        self._loaders: list[threading.Thread] = []
        self._run_ids = itertools.count(1)
        self._shown: Frame | None = None
        self._told = (0, 0.0)
        self._specs: dict[str, NetworkSpec] = {}
        self._keeper = RunKeeper(self._emit, self._files.put, gallery)
        self._libraries = LibraryKeeper(
            self._emit, lambda work, then: self._with_engine(lambda engine: engine.ask(work, then))
        )
        self._maps = MapKeeper(self._emit, None, self._libraries.refresh)

    # ------------------------------------------------------------------------------------------------ life

    def start(self) -> None:
        """Start the threads."""
        self._engine_thread.start()
        self._files.thread.start()
        self._keeper.load()
        # It needs torch, which is imported on the engine's thread.
        self._with_engine(lambda _engine: self._libraries.load())
        self._with_engine(lambda _engine: self._maps.load())

    def close(self, timeout: float = 1.5) -> bool:
        """Stop every thread, at any moment; returns whether all of them ended within ``timeout`` seconds.

        Where a run is being put on the disk, that is waited for a while longer: see :data:`KEEP_SECONDS`.
        """
        self._closed.set()
        self._load_cancel.set()
        if self._engine is not None:
            self._engine.stop()
        self._keeper.close()
        self._libraries.close()
        self._maps.close()
        self.stop_recording()
        ended = True
        if self._player is not None:
            self._player.close(timeout / 3)
        ended = _join(self._engine_thread, timeout / 3) and ended
        # Only now: the engine's end cancels the run under way, and what that has made is still to be written. In the
        # middle of a long step it does not end, and the run is kept as its last step left it.
        self._keeper.keep_unfinished()
        self._files.close()
        keepers = (self._libraries.thread, *self._maps.threads, *self._keeper.threads)
        for thread in (self._files.thread, *self._loaders, *keepers):
            ended = _join(thread, timeout / 3) and ended
        if self._keeper.keeping:
            ended = _join(self._files.thread, KEEP_SECONDS) and ended
        return ended

    @property
    def keeping(self) -> bool:
        """Whether a run that has ended is still to be put on the disk."""
        return self._keeper.keeping

    def _run_engine(self) -> None:
        try:
            from deepvis.backend.engine import Engine

            engine = Engine(self._results, self._emit)
        except Exception as error:
            self._emit(
                Problem(
                    "engine.start",
                    "The engine cannot start",
                    f"{type(error).__name__}: {error}",
                    "PyTorch could not be loaded. Install deepvis again in a new environment: pip install .",
                    details=traceback.format_exc(),
                )
            )
            return
        while True:
            with self._lock:
                waiting, self._before_ready = self._before_ready, []
                if not waiting:
                    # Only now may anybody pass by those who waited: a newer request must not be overtaken.
                    self._engine = engine
                    break
            for action in waiting:
                action(engine)
        self._ready.set()
        if not self._closed.is_set():
            engine.run()

    def _with_engine(self, action: Callable[[Engine], None]) -> None:
        with self._lock:
            if self._engine is None:
                self._before_ready.append(action)
                return
        action(self._engine)

    # ---------------------------------------------------------------------------------------------- results

    def set_wake(self, wake: Callable[[], None]) -> None:
        """``wake`` is called from any thread when something waits."""
        self._wake = wake

    def take_result(self) -> ViewResult | None:
        """The newest result, once."""
        result = self._results.take()
        if result is not None:
            self._shown = result.frame
        return result

    def take_events(self) -> list[Event]:
        """All events since the last call."""
        return self._events.take()

    def _ring(self) -> None:
        if not self._closed.is_set():
            self._wake()

    def _emit(self, event: Event) -> None:
        if isinstance(event, RunStatus):
            self._record(event)
            self._libraries.note(event)
            self._maps.note(event)
            if self._too_soon(event):
                return
        if self._events.put(event):
            self._ring()

    def _too_soon(self, status: RunStatus) -> bool:
        """Whether a step need not be told: nobody sees more of them, and showing one costs the window as much as a
        frame. Whatever happens to the run next is told, with the newest step."""
        if status.state != "running" or status.update is None or status.update.result is not None:
            self._told = (0, 0.0)
            return False
        now = time.monotonic()
        if status.id == self._told[0] and now - self._told[1] < _STEPS_TOLD_EVERY:
            return True
        self._told = (status.id, now)
        return False

    def _record(self, status: RunStatus) -> None:
        try:
            self._keeper.note(status)
        except Exception as error:
            # The engine calls this between two steps; nothing that happens to the gallery may end it.
            text = f"{type(error).__name__}: {error}"
            remedy = "The run goes on. The details are in the message log."
            problem = Problem("gallery.note", "A run cannot be kept", text, remedy, "error", traceback.format_exc())
            self._emit(problem)

    # ------------------------------------------------------------------------------------------- live view

    def request(self, request: ViewRequest) -> None:
        """Show this from now on."""
        self._with_engine(lambda engine: engine.request(request))

    def freeze(self, frozen: bool) -> None:
        """Hold the present frame, or go on."""
        self._with_engine(lambda engine: engine.freeze(frozen))

    def set_live_share(self, share: float) -> None:
        """Share of the engine's time for the live view while a run goes on."""
        self._with_engine(lambda engine: engine.set_live_share(share))

    # -------------------------------------------------------------------------------------------- networks

    def models(self) -> list[ModelCard]:
        """The networks that can be named."""
        from deepvis.backend.zoo import models

        return models()

    def load_network(self, spec: NetworkSpec) -> None:
        """Load on a thread of its own; the engine then takes the network over."""
        self._load_cancel.set()
        cancel = self._load_cancel = threading.Event()
        self._loaders = [thread for thread in self._loaders if thread.is_alive()]
        thread = threading.Thread(target=self._load, args=(spec, cancel), name="deepvis-loader", daemon=True)
        self._loaders.append(thread)
        self._emit(LoadProgress(spec.name, "Loading"))
        thread.start()

    def cancel_load(self) -> None:
        """Give up the loading under way."""
        self._load_cancel.set()

    def _load(self, spec: NetworkSpec, cancel: threading.Event) -> None:
        try:
            # torch is imported on the engine's thread; two threads at once would only wait for each other.
            self._engine_ready()
            from deepvis.backend.zoo import load_spec

            network = load_spec(spec, self._emit, cancel)
            # Found out here, so that a network that fails does so before it takes over, and the live view goes on.
            network.catalogue, network.flexible, network.min_size, network.differentiable  # noqa: B018
            self._specs[network.hash] = replace(spec, device="auto", precision="auto")
        except Exception as error:
            if not cancel.is_set():
                self._emit(NetworkFailed(spec.name, _load_problem(spec, error)))
            else:
                self._emit(NetworkFailed(spec.name, _cancelled(spec)))
            return
        if cancel.is_set():
            self._emit(NetworkFailed(spec.name, _cancelled(spec)))
        else:
            self._with_engine(lambda engine: engine.install(network, spec.precision))

    def _engine_ready(self) -> None:
        while not self._ready.wait(0.1):
            ended = self._engine_thread.ident is not None and not self._engine_thread.is_alive()
            if self._closed.is_set() or ended:
                raise RuntimeError("the engine is not running")

    # --------------------------------------------------------------------------------------------- sources

    def cameras(self) -> list[CameraCard]:
        """The cameras that are connected. May take a second."""
        from deepvis.backend.sources import list_cameras

        return list_cameras()

    def open_source(self, spec: str) -> None:
        """Show another source."""
        self._sources().open(spec)

    def control_source(self, control: str, value: Any = None) -> None:
        """Steer the source."""
        self._sources().control(control, value)

    def _sources(self) -> SourcePlayer:
        if self._player is None:
            from deepvis.backend.sources.player import SourcePlayer

            frames: Mailbox[Frame] = _Forwarding(self._with_engine)
            self._player = SourcePlayer(frames, self._emit)
        return self._player

    # ------------------------------------------------------------------------------------------------ runs

    def run_options(self, name: str) -> tuple[Option, ...]:
        """The options of a registered run, for a form; empty until the engine is there."""
        if not self._ready.is_set():
            return ()
        from deepvis.backend.runs import registry

        return options_of(registry()[name])

    def run_presets(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        """Named sets of options of a registered run; empty until the engine is there."""
        if not self._ready.is_set():
            return {}
        from deepvis.backend.runs import registry

        return registry()[name].presets

    def run_needs(self, name: str) -> str:
        """What a registered run works on: ``nothing``, ``picture`` or ``pictures``; ``picture`` until the engine is
        there."""
        if not self._ready.is_set():
            return "picture"
        from deepvis.backend.runs import registry

        return registry()[name].needs

    def start_run(self, name: str, options: dict[str, Any], image: Any = None) -> int:
        """Queue a registered run on ``image`` (a picture, its path, or ``sample:NAME``), or on the present frame; one
        that works on many pictures, on the set or the library that ``image`` names."""
        shown = self._shown
        title = shown.title if shown is not None and image is shown.image else ""

        def read(frame: Frame | None) -> tuple[Any, str]:
            if self.run_needs(name) == "pictures":
                return image, ""
            from deepvis.backend.sources.pictures import read_picture
            from deepvis.backend.sources.samples import sample_path, sample_title

            if isinstance(image, str):
                if image.startswith("sample:"):
                    return read_picture(sample_path(image)), sample_title(image)
                return read_picture(image), Path(image).name
            if image is None and frame is not None:
                return frame.image, frame.title
            return image, title

        return self._submit(name, options, read)

    def _submit(self, name: str, options: dict[str, Any], read: Callable[[Frame | None], tuple[Any, str]]) -> int:
        """Queue a run; ``read`` gives its picture and that picture's title when its turn comes."""
        run_id = next(self._run_ids)

        def steps(network: Network, frame: Frame | None) -> Iterator[RunUpdate]:
            from deepvis.backend.runs import registry

            kind = registry()[name]
            unknown = set(options) - {each.name for each in options_of(kind)}
            if unknown:
                # A run that is repeated may be of another version.
                names = ", ".join(sorted(unknown))
                raise ValueError(f"{kind.title} has no option {names}; start it anew with the options of its tab")
            run = kind(**options)
            alone = run.needs == "nothing"
            picture, title = (None, "") if alone else read(frame)
            if run.needs == "pictures":
                # What it finds lies in a library, and is no picture for the gallery.
                found: Iterator[RunUpdate] = run.steps(network, picture)
                return found
            self._keeper.begin(
                run_id,
                RunBeginning(
                    name, run.title, option_values(run), network.name, network.hash, str(network.device),
                    self._specs.get(network.hash), picture, title,
                ),
            )  # fmt: skip
            updates: Iterator[RunUpdate] = run.steps(network) if alone else run.steps(network, picture)
            named = named_pictures(options_of(kind), options)
            return with_pictures(updates, named) if named else updates

        def submit(engine: Engine) -> None:
            from deepvis.backend.runs import slow_imports

            engine.submit(run_id, name, steps, slow_imports(name))

        self._with_engine(submit)
        return run_id

    def control_run(self, run_id: int, control: str, value: int | None = None) -> None:
        """``pause``, ``continue`` or ``cancel`` a run; ``more``: let one that is done make ``value`` more steps."""
        self._with_engine(lambda engine: engine.control_run(run_id, control, value))

    # --------------------------------------------------------------------------------------------- gallery

    def gallery_entries(self) -> tuple[GalleryEntry, ...]:
        """Every run that has ended and is kept, the newest first; empty until they are read."""
        return self._keeper.entries()

    def gallery_open(self, entry_id: str) -> None:
        """Read an entry on a thread of its own; GalleryOpened follows."""
        self._keeper.open(entry_id)

    def gallery_repeat(self, entry_id: str) -> int:
        """Queue the same run on the same picture, with the network that is loaded when its turn comes.

        Raises KeyError where there is no such entry.
        """
        keeper = self._keeper
        made = keeper.beginning(entry_id)
        return self._submit(made.run, dict(made.options), lambda _frame: (keeper.input(entry_id), made.source))

    def gallery_delete(self, entry_ids: Sequence[str]) -> None:
        """Take entries out."""
        self._keeper.delete(entry_ids)

    def gallery_undelete(self) -> None:
        """Bring back what was deleted last."""
        self._keeper.undelete()

    def gallery_save(self, entry_id: str) -> None:
        """Try again to write an entry that could not be written."""
        self._keeper.save(entry_id)

    def gallery_export(self, entry_id: str, path: str) -> None:
        """Write an entry as the ending of ``path`` says, on a thread of its own."""
        self._keeper.export(entry_id, path)

    def gallery_cancel_export(self) -> None:
        """Give up the export under way."""
        self._keeper.cancel_export()

    def unit_images(self, network_hash: str, layer: str, unit: int) -> tuple[UInt8Array, ...]:
        """Pictures of finished class images of a unit, the newest first; GalleryChanged says that there are more."""
        return self._keeper.unit_images(network_hash, layer, unit)

    # ------------------------------------------------------------------------------------------- libraries

    def libraries(self) -> tuple[LibraryInfo, ...]:
        """Every library that is known by now, the newest first."""
        return self._libraries.libraries()

    def library_serving(self, network_hash: str) -> LibraryInfo | None:
        """The library whose patches and statistics are shown of a network, or None."""
        return self._libraries.serving(network_hash)

    def library_choose(self, folder: str) -> None:
        """Let this library serve its network."""
        self._libraries.choose(folder)

    def library_unit(self, network_hash: str, layer: str, unit: int) -> None:
        """Ask for a unit's statistics and patches."""
        self._libraries.want_unit(network_hash, layer, unit)

    def library_backs(self, network_hash: str, layer: str, unit: int, rule: Rule, view: BackViewName) -> None:
        """Ask for the back-projections of a unit's patches."""
        self._libraries.want_backs(network_hash, layer, unit, rule, view)

    def library_layer(self, network_hash: str, layer: str, shown: int, side: int) -> None:
        """Ask for a tile of patches for every unit of a layer."""
        self._libraries.want_layer(network_hash, layer, shown, side)

    def library_correlation(self, network_hash: str, layer: str, clustered: bool) -> None:
        """Ask how the units of a layer go together."""
        self._libraries.want_correlation(network_hash, layer, clustered)

    def library_open(self, folder: str, layer: str, unit: int, rank: int) -> None:
        """Ask for the picture of a patch as a file."""
        self._libraries.open_patch(folder, layer, unit, rank)

    def library_export(self, folder: str, layer: str, path: str) -> None:
        """Write the patches of a layer into a folder."""
        self._libraries.export(folder, layer, path)

    def library_cancel_export(self) -> None:
        """Give up the export of patches under way."""
        self._libraries.cancel_export()

    def library_delete(self, folder: str) -> None:
        """Move a library to the trash."""
        self._libraries.delete(folder)

    def library_undelete(self) -> None:
        """Bring back the library that was deleted last."""
        self._libraries.undelete()

    # ------------------------------------------------------------------------------------------------ maps

    def maps(self) -> tuple[MapInfo, ...]:
        """Every map that is known by now, the newest first."""
        return self._maps.maps()

    def map_open(self, folder: str) -> None:
        """Read a map on a thread of its own; MapOpened follows."""
        self._maps.open(folder)

    def map_place(self, folder: str, frame: int, features: FloatArray) -> None:
        """Find a frame's place in the open map on a thread of its own; MapPlaced follows, for the newest at least."""
        self._maps.place(folder, frame, features)

    def map_picture(self, folder: str, index: int, whole: bool) -> None:
        """Read a picture of a map; MapPicture follows."""
        self._maps.picture(folder, index, whole)

    def map_picture_file(self, folder: str, index: int) -> None:
        """Have a picture of a map as a file; MapPictureFile follows."""
        self._maps.picture_file(folder, index)

    def map_export(self, folder: str, path: str, coloring: str) -> None:
        """Write a map as the ending of ``path`` says."""
        self._maps.export(folder, path, coloring)

    # ----------------------------------------------------------------------------------------------- files

    def save(self, path: str, content: Any) -> None:
        """Write a PNG (a picture) or an npz (a mapping of arrays)."""
        self._files.save(path, content)

    def start_recording(self, path: str) -> None:
        """Stream what :meth:`record` is given to an MP4 file."""
        self._files.start_recording(path)

    def record(self, picture: Any) -> None:
        """One picture for the recording under way; pictures that come too fast for the disk are left out."""
        self._files.record(picture)

    def stop_recording(self) -> None:
        """Finish the file."""
        self._files.stop_recording()


def _join(thread: threading.Thread, timeout: float) -> bool:
    """Wait for a thread that may never have been started; whether it is over."""
    if thread.is_alive():
        thread.join(timeout)
    return not thread.is_alive()


class _Forwarding(Mailbox[Frame]):
    """Hands frames on to the engine's mailbox, or holds the newest until there is an engine."""

    def __init__(self, with_engine: Callable[[Callable[[Engine], None]], None]) -> None:
        super().__init__()
        self._with_engine = with_engine
        self._pending = False

    def put(self, item: Frame) -> None:
        """Leave a frame for the engine."""
        super().put(item)
        if not self._pending:
            self._pending = True
            self._with_engine(self._hand_over)

    def _hand_over(self, engine: Engine) -> None:
        self._pending = False
        frame = self.take()
        if frame is not None:
            engine.frames.put(frame)


def _load_problem(spec: NetworkSpec, error: Exception) -> Problem:
    cause = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return Problem(
        f"load:{spec.name}",
        getattr(error, "title", f"{spec.name} could not be loaded"),
        getattr(error, "cause", None) or cause or type(error).__name__,
        getattr(error, "remedy", "Choose another network, or check its weights, labels and input size."),
        "error",
        "".join(traceback.format_exception(error)),
    )


def _cancelled(spec: NetworkSpec) -> Problem:
    return Problem(f"load:{spec.name}", f"{spec.name} was not loaded", "You cancelled it.", "", "info")
