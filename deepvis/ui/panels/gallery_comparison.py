"""Two pictures of the gallery over each other, with what differs in how they were made. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from deepvis.messages import GalleryContent, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels import gallery_text
from deepvis.ui.panels.controls import IconButton, label, row, scrolled
from deepvis.ui.panels.text_table import TextTable
from deepvis.ui.views.comparison_view import ComparisonView

_SIDE = 320


def before_and_after(content: GalleryContent) -> tuple[UInt8Array, UInt8Array]:
    """What a run was made from and what it made of it, so that one lies on the other.

    A run that sees a part of its picture, at the size of the network's input, keeps that part; one that grows something
    else (a printable patch) keeps the picture with it. Raises ValueError where it was made without a picture.
    """
    after = content.images.get("after", content.image)
    for name in ("before", "original"):
        before = content.images.get(name)
        if before is not None and before.shape == after.shape:
            return before, after
    if content.input is None:
        raise ValueError(f"{gallery_text.title(content.entry)} was made without a picture to compare it with")
    return content.input, after


class GalleryComparison(QDialog):
    """A window with the split picture, a slider below it, and a table of differences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: tuple[str, ...] = ()
        self.setWindowTitle("Compare")
        self.view = ComparisonView()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 1000)
        self.slider.setPageStep(100)
        self.slider.setSingleStep(10)
        self.slider.setAccessibleName("Split")
        self.slider.setToolTip("Where the first picture ends and the second begins")
        self.swap = IconButton("swap", "Swap", "Change sides (S)", text="Swap")
        self.swap.setAutoDefault(False)
        self.title = label("", "title", wrap=True)
        self.table = TextTable("Differences")
        self._contents: tuple[GalleryContent, GalleryContent | None] | None = None
        self._swapped = False
        self._lay_out()
        self.resize(theme.scaled(1080), theme.scaled(720))
        self.view.moved.connect(lambda split: self.slider.setValue(round(1000 * split)))
        self.slider.valueChanged.connect(lambda value: self._follow(value))
        self.swap.clicked.connect(self._swap)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(theme.SMALL)
        left.addWidget(self.view, 1)
        left.addWidget(self.slider)
        details = QWidget()
        details.setProperty("role", "clear")
        inside = QVBoxLayout(details)
        inside.setContentsMargins(0, 0, theme.SMALL, 0)
        inside.addWidget(self.table)
        inside.addStretch(1)
        side = QWidget()
        side.setFixedWidth(theme.scaled(_SIDE))
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(theme.SMALL)
        right.addWidget(self.title)
        right.addWidget(scrolled(details, "Differences"), 1)
        right.addLayout(row(self.swap, 1))
        outer = QHBoxLayout(self)
        outer.setContentsMargins(theme.LARGE, theme.LARGE, theme.LARGE, theme.LARGE)
        outer.setSpacing(theme.LARGE)
        outer.addLayout(left, 1)
        outer.addWidget(side)

    def show_contents(self, first: GalleryContent, second: GalleryContent | None) -> None:
        """Compare two entries; without a second one, an entry with the picture that it was made from.

        Raises ValueError where there is neither.
        """
        if second is None:
            before_and_after(first)
        self._contents = (first, second)
        self._swapped = False
        self._fill()

    def _fill(self) -> None:
        assert self._contents is not None
        first, second = self._contents
        name = gallery_text.title(first.entry)
        self.shown = (first.entry.id,) if second is None else (first.entry.id, second.entry.id)
        if second is None:
            # What it was made from stands at the left: before, then after.
            before, after = before_and_after(first)
            sides = [(before, first.entry.source or "Input"), (after, name)]
            rows: list[tuple[str, ...]] = [("Options",), *gallery_text.option_rows(first.entry.options)]
            rows += [("Figures",), *gallery_text.figure_rows(first.entry.figures)] if first.entry.figures else []
        else:
            other = gallery_text.title(second.entry)
            sides = [(first.image, name), (second.image, other)]
            entries = (first.entry, second.entry)
            names = (name, other)
            if self._swapped:
                entries, names = entries[::-1], names[::-1]
            differences = gallery_text.differences(*entries)
            rows = [("", *names), *differences] if differences else [("Made in the same way",)]
        if self._swapped:
            sides.reverse()
        (left, left_name), (right, right_name) = sides
        self.view.set_pictures(left, right, (left_name, right_name))
        self.title.setText(f"{left_name} and {right_name}" if left_name != right_name else left_name)
        self.setWindowTitle(f"{self.title.text()} · Gallery")
        self.slider.setValue(500)
        self.table.set_rows(rows)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """S changes sides."""
        if event.key() == Qt.Key.Key_S and not event.modifiers():
            self._swap()
        else:
            super().keyPressEvent(event)

    def _swap(self) -> None:
        self._swapped = not self._swapped
        if self._contents is not None:
            self._fill()

    def _follow(self, value: int) -> None:
        # A split that is dragged lies between two values of the slider, and stays there.
        if round(1000 * self.view.split) != value:
            self.view.set_split(value / 1000)
