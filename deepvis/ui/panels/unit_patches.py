"""The part of the unit panel that shows the unit's strongest patches and their back-projections."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal

from deepvis.messages import LibraryInfo, RunStatus
from deepvis.ui.panels.controls import ElidedLabel, label
from deepvis.ui.panels.scan_offer import ScanOffer
from deepvis.ui.panels.section import Section
from deepvis.ui.unit_library import UnitLibrary
from deepvis.ui.views.patch_tiles import PatchTiles


class UnitPatchesSection(Section):
    """Patches where a library has them, an offer to make one where none has. UI thread only.

    Signals
    -------
    patch_chosen : folder of the library, layer, unit and rank of a patch whose picture is to be opened.
    """

    patch_chosen = Signal(str, str, int, int)

    def __init__(self) -> None:
        super().__init__("patches", "Strongest patches")
        self.source = ElidedLabel("", "quiet")
        self.source.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.header.addWidget(self.source, 1)
        self.tiles = PatchTiles()
        self.dead = label("", "warning", wrap=True)
        self.note = label("", "warning", wrap=True)
        self.offer = ScanOffer()
        for part in (self.dead, self.tiles, self.note, self.offer):
            self.body.addWidget(part)
        self._library: UnitLibrary | None = None
        self.tiles.patch_chosen.connect(self._choose)
        self.note.hide()
        self.dead.hide()
        self.tiles.hide()

    def show_library(self, library: UnitLibrary, scan: RunStatus | None) -> None:
        """Show what is known of the chosen unit."""
        self._library = library
        info, key = library.info, library.key
        shown = library.shown_layer
        layer, has = library.layer, library.layer is not None
        title = ""
        shorter: tuple[str, ...] = ()
        if info is not None and has:
            # What a rectifier rectifies stands for it; that must be said.
            of = f"{layer} · " if layer != shown else ""
            whole = info.count >= info.total
            title = f"{of}{info.title} · {_number(info.count)}" if whole else f"{of}{_extent(info)}"
            shorter = (f"{of}{_number(info.count)} pictures", f"{of}{_number(info.count)}", _number(info.count))
        self.source.shorter = shorter
        self.source.setText(title)
        self.tiles.setVisible(has)
        self.offer.setVisible(not has and key is not None)
        if not has:
            self.offer.offer(shown, info.title if info is not None else "", bool(info and info.set_spec), scan)
        patches, statistics = library.patches, library.statistics
        if patches is not None:
            self.tiles.set_patches(patches.patches, patches.places)
        else:
            self.tiles.set_patches((), info.top if info is not None else 9)
        self.tiles.set_backs(library.backs if patches is not None else {})
        problem = patches.problem if patches is not None else ""
        self.note.setText(problem)
        self.note.setVisible(bool(problem) and has)
        dead = statistics is not None and statistics.dead
        if statistics is not None and dead:
            self.dead.setText(f"Dead: above zero in none of {_number(statistics.pictures)} pictures")
        self.dead.setVisible(dead and has)

    def _choose(self, rank: int) -> None:
        patches = self._library.patches if self._library is not None else None
        if patches is not None:
            self.patch_chosen.emit(patches.folder, patches.layer, patches.unit, rank)


def _extent(info: LibraryInfo) -> str:
    """How many pictures a library has seen, such as ``120 of 500``."""
    return f"{_number(info.count)} of {_number(info.total)}"


def _number(count: int) -> str:
    """A count with a thin gap between thousands."""
    return f"{count:,}".replace(",", "\u202f")
