"""The libraries of one window: which there are, which one serves the network, and what is read of them.

Everything is read on one thread of its own. Of each kind of wish the newest alone counts, so that going through units
and layers never waits for those that were passed by. Importing this module loads neither torch nor Qt.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepvis.library_reader import (
    PatchCache,
    layer_correlation,
    layer_patches,
    places,
    problem_text,
    unit_patches,
    unit_statistics,
)
from deepvis.messages import (
    BackViewName,
    Event,
    LayerPatches,
    LibrariesChanged,
    LibraryInfo,
    PatchBack,
    PatchExport,
    PatchOpened,
    Problem,
    Rule,
    RunStatus,
)
from deepvis.newest_wishes import NewestWishes

if TYPE_CHECKING:
    from deepvis.backend.library import LayerRecord, Library
    from deepvis.backend.network import Network
    from deepvis.backend.picture_sets import PictureSet

Wish = Literal["list", "delete", "open", "unit", "back", "layer", "correlation", "export"]
_ORDER: tuple[Wish, ...] = ("list", "delete", "open", "unit", "back", "layer", "correlation", "export")
"""What comes first where several things are wished for."""

_TELL_SECONDS = 0.12
"""Tiles of a layer are told so often while they come."""

_KEPT_LAYERS = 4
_KEPT_BACKS = 400
SCAN = "patch_scan"

Ask = Callable[[Callable[["Network"], Any], Callable[[Any], None]], None]
"""Has a piece of work done with the network on the engine's thread."""


class LibraryKeeper:
    """Libraries with the thread that reads them. Every method returns at once and may be called from the UI thread,
    except :meth:`note`, which belongs to the engine's.

    Parameters
    ----------
    emit : called from any thread with every event.
    ask : has a small piece of work done with the network between two frames; see ``Engine.ask``.
    folder : where the libraries lie; None: the person's own.
    """

    def __init__(self, emit: Callable[[Event], None], ask: Ask, folder: Path | None = None) -> None:
        self._emit = emit
        self._ask = ask
        self._folder = folder
        self._wishes = NewestWishes(_ORDER, "deepvis-library", self._failed)
        self._infos: tuple[LibraryInfo, ...] = ()
        self._chosen: dict[str, str] = {}
        self._open: OrderedDict[str, Library] = OrderedDict()
        self._records: OrderedDict[tuple[str, float, int, str], LayerRecord] = OrderedDict()
        self._layers: OrderedDict[tuple[object, ...], LayerPatches] = OrderedDict()
        self._backs: OrderedDict[tuple[object, ...], PatchBack] = OrderedDict()
        self._cache = PatchCache()
        self._scans: dict[str, int] = {}
        self._to_choose = ""
        self._sets: dict[str, PictureSet | None] = {}
        self._deletions: deque[str | None] = deque()
        """Folders that are to be deleted, in order; None: the one before is to come back. Each of them counts."""
        self._deleted: list[tuple[Path, Path]] = []

    # --------------------------------------------------------------------------------------------------- life

    def load(self) -> None:
        """Start the thread, and have the list read; LibrariesChanged follows."""
        self._wishes.start()
        self.refresh()

    def close(self) -> None:
        """Let the thread end after what it is reading now."""
        self._wishes.close()

    @property
    def thread(self) -> threading.Thread:
        """The one that reads."""
        return self._wishes.thread

    def refresh(self) -> None:
        """Have the list read again; LibrariesChanged follows."""
        self._wish("list", self._list)

    # -------------------------------------------------------------------------------------------------- which

    def libraries(self) -> tuple[LibraryInfo, ...]:
        """Every library that is known by now, the newest first."""
        return self._infos

    def serving(self, network_hash: str) -> LibraryInfo | None:
        """The library that serves a network: the chosen one, else the one with the most pictures; or None."""
        mine = [info for info in self._infos if info.network_hash == network_hash and info.count]
        chosen = self._chosen.get(network_hash)
        return next((info for info in mine if info.folder == chosen), None) or max(
            mine, key=lambda info: (info.count, info.created), default=None
        )

    def choose(self, folder: str) -> None:
        """Let this library serve its network; LibrariesChanged follows."""
        info = self._info(folder)
        if info is not None:
            self._chosen[info.network_hash] = folder
            self._emit(LibrariesChanged())

    def note(self, status: RunStatus) -> None:
        """A run has this state now: a scan may have written its library further. Engine thread; returns at once."""
        if status.name != SCAN or status.update is None:
            return
        folder, revision = status.update.detail.get("library"), int(status.update.detail.get("revision", 0))
        ended = status.state in ("done", "cancelled", "failed")
        if folder is None or (self._scans.get(folder) == revision and not ended):
            return
        if folder not in self._scans:
            # Whoever starts a scan wants to see what it finds.
            self._to_choose = str(folder)
        self._scans[folder] = revision
        if ended:
            del self._scans[folder]
        self.refresh()

    # ------------------------------------------------------------------------------------------------- wishes

    def want_unit(self, network_hash: str, layer: str, unit: int) -> None:
        """Statistics and patches of a unit; UnitStatistics and UnitPatches follow, if a library has the layer."""
        self._wish("unit", lambda: self._unit(network_hash, layer, unit))

    def want_backs(self, network_hash: str, layer: str, unit: int, rule: Rule, view: BackViewName) -> None:
        """Back-projections of a unit's patches; a PatchBack follows for each."""
        self._wish("back", lambda: self._back(network_hash, layer, unit, rule, view))

    def want_layer(self, network_hash: str, layer: str, shown: int, side: int) -> None:
        """A tile for every unit of a layer; LayerPatches follow while they come."""
        self._wish("layer", lambda: self._layer(network_hash, layer, shown, side))

    def want_correlation(self, network_hash: str, layer: str, clustered: bool) -> None:
        """How the units of a layer go together; LayerCorrelation follows."""
        self._wish("correlation", lambda: self._correlation(network_hash, layer, clustered))

    def open_patch(self, folder: str, layer: str, unit: int, rank: int) -> None:
        """Have the picture of a patch as a file; PatchOpened follows."""
        self._wish("open", lambda: self._open_patch(folder, layer, unit, rank))

    def export(self, folder: str, layer: str, path: str) -> None:
        """Write the patches of every unit of a layer into the folder ``path``; PatchExport events follow."""
        self._wish("export", lambda: self._export(folder, layer, path))

    def cancel_export(self) -> None:
        """Give up the export under way; what was written stays."""
        self._wish("export", _nothing)

    def delete(self, folder: str) -> None:
        """Move a library to the trash; LibrariesChanged follows."""
        self._deletions.append(folder)
        self._wish("delete", self._delete_and_undelete)

    def undelete(self) -> None:
        """Bring back the library that was deleted last; LibrariesChanged follows."""
        self._deletions.append(None)
        self._wish("delete", self._delete_and_undelete)

    def _wish(self, wish: Wish, work: Callable[[], Iterator[None]]) -> None:
        self._wishes.put(wish, work)

    def _failed(self, wish: str, error: Exception) -> None:
        details = "".join(traceback.format_exception(error))
        self._emit(
            Problem(
                f"library.{wish}", "A library could not be read", problem_text(error),
                "Choose another library in the lab, or scan the pictures again.", "error", details,
            )
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------ the work

    def _list(self) -> Iterator[None]:
        from deepvis.backend.library import default_folder, libraries
        from deepvis.backend.library.leftovers import clear_leftovers

        clear_leftovers(default_folder() if self._folder is None else self._folder)
        self._infos = libraries(self._folder)
        info = self._info(self._to_choose)
        if info is not None:
            self._to_choose = ""
            self._chosen[info.network_hash] = info.folder
        self._emit(LibrariesChanged())
        yield from ()

    def _unit(self, network_hash: str, layer: str, unit: int) -> Iterator[None]:
        found = self._found(network_hash, layer)
        if found is None:
            return
        library, record = found
        if not 0 <= unit < len(record.values):
            return
        self._emit(unit_statistics(library, record, unit))
        for patches in unit_patches(library, record, unit, self._cache):
            self._emit(patches)
            yield

    def _back(self, network_hash: str, layer: str, unit: int, rule: Rule, view: BackViewName) -> Iterator[None]:
        found = self._found(network_hash, layer)
        if found is None:
            return
        library, record = found
        if not 0 <= unit < len(record.values):
            return
        for rank in range(places(record, unit)):
            where = (int(record.pictures[unit, rank]), *map(int, record.positions[unit, rank]))
            key = (str(library.folder), library.created, layer, unit, where, rule, view)
            # In one operation each: the engine's thread adds to these, and lets the oldest go.
            known = self._backs.pop(key, None)
            if known is not None:
                self._backs[key] = known
                if known.rank != rank:
                    known = PatchBack(
                        known.folder, layer, unit, rank, rule, known.pixels, known.scale, known.note
                    )  # fmt: skip
                self._emit(known)
                continue
            yield from self._look_back(library, record, unit, rank, rule, view, key)

    def _look_back(
        self, library: Library, record: LayerRecord, unit: int, rank: int, rule: Rule, view: BackViewName,
        key: tuple[object, ...],
    ) -> Iterator[None]:  # fmt: skip
        from deepvis.backend.methods.patch_backprojection import patch_backprojection

        layer, folder = record.name, str(library.folder)
        try:
            patch = library.patch(layer, unit, rank)
            image = library.picture(patch.picture)
        except Exception:
            # The patches themselves say what is wrong.
            return
        position = patch.position if record.size is not None else None
        go_on = self._wishes.park("back")

        def work(net: Network) -> PatchBack | None:
            if net.hash != library.network_hash:
                return None
            seen = patch_backprojection(
                net, image, layer, unit, position, patch.seen_box, size=library.input_size, fit=library.fit,
                rule=rule, view=view,
            )  # fmt: skip
            return PatchBack(folder, layer, unit, rank, rule, seen.picture, seen.scale, seen.note)

        def then(back: PatchBack | None) -> None:
            if back is not None:
                self._backs[key] = back
                while len(self._backs) > _KEPT_BACKS:
                    self._backs.popitem(last=False)
                self._emit(back)
            go_on()

        self._ask(work, then)
        yield

    def _layer(self, network_hash: str, layer: str, shown: int, side: int) -> Iterator[None]:
        found = self._found(network_hash, layer)
        if found is None:
            return
        library, record = found
        key = (str(library.folder), library.created, library.revision, layer, shown, side)
        known = self._layers.get(key)
        if known is not None:
            self._layers.move_to_end(key)
            self._emit(known)
            return
        told, state = time.perf_counter(), None
        for state in layer_patches(library, record, shown, side, self._cache):
            if time.perf_counter() - told > _TELL_SECONDS:
                self._emit(_copied(state))
                told = time.perf_counter()
            yield
        if state is not None:
            self._layers[key] = state
            while len(self._layers) > _KEPT_LAYERS:
                self._layers.popitem(last=False)
            self._emit(state)

    def _correlation(self, network_hash: str, layer: str, clustered: bool) -> Iterator[None]:
        found = self._found(network_hash, layer)
        if found is not None:
            self._emit(layer_correlation(*found, clustered))
        yield from ()

    def _open_patch(self, folder: str, layer: str, unit: int, rank: int) -> Iterator[None]:
        from deepvis.library_pictures import picture_file

        library = self._library(folder)
        try:
            patch = library.patch(layer, unit, rank)
            image = library.picture(patch.picture)
            path = picture_file(library, patch.picture, image)
        except Exception as error:
            self._emit(PatchOpened("", "", (0, 0, 0, 0), (0, 0)))
            self._emit(
                Problem(
                    f"library.open:{folder}", "This picture cannot be opened", problem_text(error),
                    "Put the pictures back where they were, or scan them again.",
                )
            )  # fmt: skip
            return
        height, width = image.shape[:2]
        self._emit(PatchOpened(str(path), patch.title, patch.box, (height, width)))
        yield from ()

    def _export(self, folder: str, layer: str, path: str) -> Iterator[None]:
        from deepvis.library_pictures import write_patches

        try:
            library = self._library(folder)
            began, told = time.perf_counter(), 0.0
            for done, of in write_patches(library, library.layer(layer), Path(path)):
                now = time.perf_counter()
                if now - told > _TELL_SECONDS:
                    told = now
                    self._emit(PatchExport(path, done / of, left=(now - began) * (of - done) / done))
                yield
            self._emit(Problem(f"saved:{path}", "Saved", path, "", "info"))
        except GeneratorExit:
            self._emit(Problem(f"saved:{path}", "The export was given up", f"{path} holds a part of it.", "", "info"))
            raise
        except Exception as error:
            self._emit(
                Problem(
                    f"library.export:{path}", "The patches were not exported", problem_text(error),
                    "Choose another folder, or put the pictures back where they were.",
                )
            )  # fmt: skip
        finally:
            self._emit(PatchExport(path, 1.0, over=True))

    def _delete_and_undelete(self) -> Iterator[None]:
        while self._deletions:
            folder = self._deletions.popleft()
            if folder is None:
                self._undelete()
            else:
                self._delete(folder)
        yield from self._list()

    def _delete(self, folder: str) -> None:
        from deepvis.library_pictures import to_trash

        if folder in self._scans:
            text = "A scan is writing it. Cancel the scan in the lab first, then delete the library."
            self._emit(Problem("library.delete", "The library was not deleted", text, ""))
            return
        source = Path(folder)
        self._forget(folder)
        try:
            self._deleted.append((source, to_trash(source)))
        except OSError as error:
            self._emit(Problem("library.delete", "The library was not deleted", str(error), "Close what uses it."))

    def _undelete(self) -> None:
        if self._deleted:
            source, target = self._deleted.pop()
            try:
                target.rename(source)
            except OSError as error:
                text = "Scan the pictures again."
                self._emit(Problem("library.undelete", "The library could not be brought back", str(error), text))

    # -------------------------------------------------------------------------------------------------- reading

    def _info(self, folder: str) -> LibraryInfo | None:
        return next((info for info in self._infos if info.folder == folder), None)

    def _found(self, network_hash: str, layer: str) -> tuple[Library, LayerRecord] | None:
        """The library that serves this layer, and what it has of it."""
        info = self.serving(network_hash)
        if info is None or layer not in info.layers:
            return None
        library = self._library(info.folder)
        key = (info.folder, library.created, library.revision, layer)
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = library.layer(layer)
            while len(self._records) > _KEPT_LAYERS:
                self._records.popitem(last=False)
        self._records.move_to_end(key)
        return library, record

    def _library(self, folder: str) -> Library:
        """The library of a folder, open, as far written at least as the list says."""
        known, info = self._open.get(folder), self._info(folder)
        # One that was begun anew counts its revisions from the first again.
        newer = (
            info is not None and known is not None and (known.created, known.revision) < (info.created, info.revision)
        )
        if known is None or newer:
            from deepvis.backend.library import Library

            pictures = None if known is None else self._set_of(known)
            known = self._open[folder] = Library(folder, pictures)
            while len(self._open) > 2:
                self._open.popitem(last=False)
        self._open.move_to_end(folder)
        return known

    def _set_of(self, library: Library) -> PictureSet | None:
        """The set of pictures, open, so that it is not opened again for every revision of a scan that goes on."""
        if library.set_spec not in self._sets:
            from deepvis.backend.picture_sets import open_set

            try:
                self._sets[library.set_spec] = open_set(library.set_spec) if library.set_spec else None
            except Exception:
                # The library says so itself when a picture is asked for.
                return None
        return self._sets[library.set_spec]

    def _forget(self, folder: str) -> None:
        self._open.pop(folder, None)
        for key in [key for key in self._records if key[0] == folder]:
            del self._records[key]
        self._chosen = {network: chosen for network, chosen in self._chosen.items() if chosen != folder}


def _nothing() -> Iterator[None]:
    yield from ()


def _copied(state: LayerPatches) -> LayerPatches:
    """A state of its own of tiles that are still being made."""
    return LayerPatches(
        state.folder, state.revision, state.layer, state.shown, state.tiles.copy(), state.ready.copy(), state.values,
        state.dead, state.problem,
    )  # fmt: skip
