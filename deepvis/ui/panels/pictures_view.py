"""What a run makes, large, and beside it the pictures that belong to it: class images, inversions, dreams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from deepvis.messages import RunUpdate, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel, Figure, row
from deepvis.ui.panels.run_exports import bgrx_picture, export_name, update_arrays
from deepvis.ui.views.image_view import ImageView
from deepvis.ui.views.numbers import format_size
from deepvis.ui.views.strip_view import StripView

NOW = "Now"
"""Name of the picture that the run is making."""

_LIVE = "Live dream"
_SHARE = 0.55
"""Of the width that the large picture may have where others stand beside it."""


class PicturesView(QWidget):
    """The picture that is being made, and the strip of further ones.

    Choosing one of the strip shows it large; choosing it again shows the run's own.

    Parameters
    ----------
    run : what an exported file is called while nothing better is known.
    """

    def __init__(self, run: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Pictures of the run")
        self._run = run
        self._update: RunUpdate | None = None
        self._live: UInt8Array | None = None
        self._name = NOW
        self._shape = 1.0
        self._shared: tuple[float, bool] | None = None
        self.picture = ImageView(smooth=True)
        self.picture.setAccessibleName("Picture")
        self.caption = ElidedLabel("", "quiet")
        self.size_text = Figure("9999 × 9999", quiet=True, right=True)
        self.strip = StripView()
        self.strip.setToolTip("Click a picture, or use the arrow keys, to see it large")
        self._large = QWidget()
        column = QVBoxLayout(self._large)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.picture)
        column.addLayout(row(self.caption, self.size_text))
        column.addStretch(1)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.MEDIUM)
        outer.addStretch(0)
        outer.addWidget(self._large)
        outer.addWidget(self.strip, 1)
        outer.addStretch(0)
        self.strip.hide()
        self.strip.chosen.connect(self._choose)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the large picture as much room as its shape fills."""
        super().resizeEvent(event)
        self._share_width()

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def shown(self) -> str:
        """The name of the picture that is shown large."""
        return _LIVE if self._live is not None else self._name

    def show_update(self, update: RunUpdate) -> None:
        """Show the picture so far, and those that stand beside it."""
        self._update = update
        beside: Mapping[str, UInt8Array] = update.detail.get("pictures", {})
        self.strip.set_pictures(beside)
        if self._name not in self.strip.names:
            self._choose(None)
        self._show_strip()
        self._show_large()

    def show_live(self, pixels: UInt8Array | None) -> None:
        """Show a picture of the live view in the large one's place, uint8 (h, w, 4) BGRX; None: the run's again."""
        if pixels is self._live:
            return
        self._live = pixels
        self._show_strip()
        self._show_large()

    def set_hint(self, text: str) -> None:
        """What is written while nothing was run."""
        self.picture.set_placeholder(text)

    def export_picture(self) -> UInt8Array | None:
        """The large picture, uint8 (H, W, 4) BGRX, or None."""
        if self._live is not None:
            return self._live
        return None if self._update is None else bgrx_picture(self._pixels(self._update))

    def export_arrays(self) -> Mapping[str, Any]:
        """The pictures and figures, for an npz file."""
        return {} if self._update is None else update_arrays(self._update)

    @property
    def export_name(self) -> str:
        """What an exported file is called."""
        return export_name(self._run, self._update)

    # ------------------------------------------------------------------------------------------------------ showing

    def _pixels(self, update: RunUpdate) -> UInt8Array:
        return update.image if self._name == NOW else self.strip.pixels(self._name)

    def _choose(self, name: str | None) -> None:
        self._name = NOW if name is None else name
        self._show_large()

    def _show_strip(self) -> None:
        # What belongs to a run has nothing to do with the live view.
        self.strip.setVisible(bool(self.strip.names) and self._live is None)

    def _show_large(self) -> None:
        pixels = self._live
        if pixels is None and self._update is not None:
            pixels = self._pixels(self._update)
        self.picture.set_picture(pixels)
        shape = pixels.shape[1] / pixels.shape[0] if pixels is not None else 1.0
        if (shape, self.strip.isHidden()) != self._shared:
            self._shape, self._shared = shape, (shape, self.strip.isHidden())
            self._share_width()
        if pixels is not None:
            # On its own the picture needs no name.
            alone = self._live is None and not self.strip.names
            self.caption.setText("" if alone else self.shown)
            self.size_text.setText(format_size(*pixels.shape[:2]))
        else:
            self.caption.setText("")
            self.size_text.setText("")

    def _share_width(self) -> None:
        captions = max(self.size_text.sizeHint().height(), self.caption.sizeHint().height()) + theme.TIGHT
        least = theme.scaled(48)
        most = self.width() if self.strip.isHidden() else round(_SHARE * self.width())
        width = max(least, min(round((self.height() - captions) * self._shape), most))
        self._large.setFixedWidth(width)
        self.picture.setFixedSize(width, max(least, round(width / self._shape)))
