"""A picture before and after it was changed so that the network mistakes it, and what was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from deepvis.messages import Prediction, RunUpdate, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel, label, row
from deepvis.ui.panels.run_exports import bgrx_picture, export_name, update_arrays
from deepvis.ui.views.bars_view import BarsView
from deepvis.ui.views.image_view import ImageView

_ROWS = 3
_WIDEST, _NARROW = 420, 168
"""Of a column: wider pictures would leave their captions behind, in narrower ones bars have no room for names."""


class FoolingView(QWidget):
    """Before, after and the magnified difference side by side at one height, with both answers as bars."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Before and after")
        self._update: RunUpdate | None = None
        self.before, self.after, self.difference = (_Column(name) for name in ("Before", "After", "Difference"))
        self.before.picture.set_placeholder("The picture before")
        self.after.picture.set_placeholder("The picture after")
        self.difference.picture.set_placeholder("What was changed")
        self._columns = (self.before, self.after, self.difference)
        pictures = row(*self._columns, 1, spacing=theme.MEDIUM)
        answers = row(self.before.bars, self.after.bars, 1, spacing=theme.MEDIUM)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.TIGHT)
        outer.addLayout(pictures)
        outer.addLayout(answers)
        # It stands in the answers' place: in a column of its own it would be cut off.
        self.hint = label("", "quiet", wrap=True)
        self.hint.setParent(self)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        outer.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Three columns of one width; the answers stand below their pictures, or share the width where it is small."""
        super().resizeEvent(event)
        width = (self.width() - 2 * theme.MEDIUM) // 3
        width = max(theme.scaled(48), min(width, theme.scaled(_WIDEST)))
        room = self.height() - self.before.caption.sizeHint().height() - self.before.bars.sizeHint().height()
        side = max(theme.scaled(48), min(width, room - 3 * theme.TIGHT))
        for column in self._columns:
            column.setFixedWidth(width)
            column.picture.setFixedSize(side, side)
        half = max(theme.scaled(48), (self.width() - theme.MEDIUM) // 2)
        for column in self._columns:
            column.bars.setFixedWidth(width if width >= theme.scaled(_NARROW) else half)
        above = self.before.caption.sizeHint().height() + side + 2 * theme.TIGHT
        self.hint.setGeometry(0, above, self.width(), max(0, self.height() - above))

    def show_update(self, update: RunUpdate) -> None:
        """Show the pictures and answers so far."""
        self._update = update
        self.hint.hide()
        pictures: Mapping[str, UInt8Array] = update.detail.get("pictures", {})
        bars: Mapping[str, Sequence[Prediction]] = update.detail.get("bars", {})
        before, after, difference = (_named(pictures, word) for word in ("before", "after", "difference"))
        self.before.show_picture(*(before or ("Before", None)))
        self.after.show_picture(*(after or ("After", update.image)))
        times = update.detail.get("magnification")
        name, pixels = difference or ("Difference", None)
        self.difference.show_picture(f"{name} × {times:g}" if times else name, pixels)
        for column, word in ((self.before, "before"), (self.after, "after")):
            found = _named(bars, word)
            column.show_answer(found[1] if found is not None else ())

    def set_hint(self, text: str) -> None:
        """What is written while nothing was run."""
        self.hint.setText(text)

    def export_picture(self) -> UInt8Array | None:
        """The picture after, as it was judged, uint8 (H, W, 4) BGRX, or None."""
        if self._update is None:
            return None
        after = _named(self._update.detail.get("pictures", {}), "after")
        return bgrx_picture(after[1] if after is not None else self._update.image)

    def export_arrays(self) -> Mapping[str, Any]:
        """Pictures, answers and figures, for an npz file."""
        return {} if self._update is None else update_arrays(self._update)

    @property
    def export_name(self) -> str:
        """What an exported file is called."""
        return export_name("fooling", self._update)


class _Column(QWidget):
    """A picture with its name above; ``bars`` shows the classes that the network sees in it, wherever they stand."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.caption = ElidedLabel(name, "quiet")
        self.picture = ImageView(smooth=True)
        self.picture.setAccessibleName(name)
        self.bars = BarsView(rows=_ROWS)
        self.bars.setAccessibleName(f"{name}: classes")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.caption)
        column.addLayout(row(self.picture, 1))

    def show_picture(self, title: str, pixels: UInt8Array | None) -> None:
        """Show this picture under this name."""
        self.caption.setText(title[:1].upper() + title[1:])
        self.picture.set_picture(pixels)

    def show_answer(self, predictions: Sequence[Prediction]) -> None:
        """Show these classes."""
        self.bars.set_predictions(tuple(predictions)[:_ROWS])


def _named(things: Mapping[str, Any], word: str) -> tuple[str, Any] | None:
    """The first entry whose name begins with the word: ``difference × 10`` for ``difference``."""
    return next(((name, thing) for name, thing in things.items() if name.lower().startswith(word)), None)
