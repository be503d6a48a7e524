"""What a scan finds while it goes on, and the libraries that scans have left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from deepvis.messages import RunUpdate, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel
from deepvis.ui.panels.library_list import LibraryList
from deepvis.ui.panels.run_exports import bgrx_picture, export_name
from deepvis.ui.views.image_view import ImageView

_LIST_WIDTH = 380
_NOTHING_YET = "The first patches come with the first block of pictures"
_BOTH = 440
"""Narrower than this, the list alone is shown."""


class ScanView(QWidget):
    """The strongest patches so far on the left, the libraries on the right. UI thread only."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Patches and libraries")
        self._update: RunUpdate | None = None
        self.picture = ImageView(smooth=True)
        self.picture.setAccessibleName("Strongest patches so far")
        self.picture.setToolTip("The strongest patches so far of a few units; the unit panel shows those of any unit")
        self.title = ElidedLabel("Strongest so far", "title")
        self.libraries = LibraryList()
        self._left = QWidget()
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(theme.TIGHT)
        left.addWidget(self.title)
        left.addWidget(self.picture, 1)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.LARGE)
        outer.addWidget(self._left, 1)
        outer.addWidget(self.libraries)
        self.libraries.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        theme.theme_changed.connect(self._share_width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the libraries the width that they need, where there is as much."""
        super().resizeEvent(event)
        self._share_width()

    def show_update(self, update: RunUpdate) -> None:
        """Show the strongest patches so far."""
        self._update = update
        blank = bool(np.ptp(update.image) == 0)
        if blank:
            self.picture.set_placeholder(_NOTHING_YET)
        self.picture.set_picture(None if blank else update.image)

    def set_hint(self, text: str) -> None:
        """What is written while nothing was run."""
        if self._update is None:
            self.picture.set_placeholder(text)

    def export_picture(self) -> UInt8Array | None:
        """The patches as they are shown, uint8 (H, W, 4) BGRX, or None."""
        return None if self._update is None else bgrx_picture(self._update.image)

    def export_arrays(self) -> Mapping[str, Any]:
        """Values, pictures and positions of every layer, once the scan is done."""
        result = self._update.result if self._update is not None else None
        return dict(result.arrays) if result is not None else {}

    @property
    def export_name(self) -> str:
        """What an exported file is called."""
        return export_name("patches", self._update)

    def _share_width(self) -> None:
        narrow = self.width() < theme.scaled(_BOTH)
        # Enlarged there is room for both; in a small lab the list is what a person needs.
        self._left.setHidden(narrow)
        wanted = theme.scaled(_LIST_WIDTH)
        self.libraries.setFixedWidth(self.width() if narrow else min(wanted, round(0.62 * self.width())))
