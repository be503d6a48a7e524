"""The groups of a map with their colours and how many pictures each has. UI thread only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from deepvis.messages import UInt8Array
from deepvis.ui import theme

_GROUP = Qt.ItemDataRole.UserRole


class MapLegend(QListWidget):
    """A row a group, the largest first. A group under the pointer, or chosen ones, stand out in the map.

    Signals
    -------
    lit : numbers of the groups that are to stand out, a tuple; empty: all alike.
    wanted : number of the group that is to be brought into sight.
    """

    lit = Signal(object)
    wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "clear")
        self.setAccessibleName("Classes of the map")
        self.setToolTip("Point at a class to see where it lies, click to keep it in sight, double-click to go there")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self._under: int | None = None
        self._last: tuple[int, ...] = ()
        self.itemEntered.connect(self._enter)
        self.itemSelectionChanged.connect(self._tell)
        self.itemDoubleClicked.connect(lambda item: self.wanted.emit(int(item.data(_GROUP))))
        self.itemActivated.connect(lambda item: self.wanted.emit(int(item.data(_GROUP))))

    def set_groups(self, groups: npt.NDArray[np.int32], names: Sequence[str], colors: UInt8Array) -> None:
        """Show the groups that there are.

        Parameters
        ----------
        groups : int32 (N,), of each picture; -1: none.
        names : of the groups.
        colors : uint8 (groups, 3) RGB.
        """
        self.blockSignals(True)
        self.clear()
        self._under, self._last = None, ()
        known = groups[(groups >= 0) & (groups < len(names))]
        counts = np.bincount(known, minlength=len(names)) if len(names) else np.zeros(0, int)
        side = theme.scaled(10)
        self.setIconSize(QSize(side, side))
        for group in np.argsort(-counts, kind="stable").tolist():
            if not counts[group]:
                break
            item = QListWidgetItem(_swatch(colors[group].tolist(), side), f"{names[group]}  {counts[group]}")
            item.setData(_GROUP, group)
            item.setToolTip(f"{names[group]}: {counts[group]} pictures")
            self.addItem(item)
        self.blockSignals(False)

    @property
    def lit_groups(self) -> tuple[int, ...]:
        """Numbers of the groups that stand out; none: all alike."""
        return self._last

    @property
    def chosen(self) -> tuple[int, ...]:
        """Numbers of the chosen groups."""
        return tuple(int(item.data(_GROUP)) for item in self.selectedItems())

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._under = None
        self._tell()

    def _enter(self, item: QListWidgetItem) -> None:
        self._under = int(item.data(_GROUP))
        self._tell()

    def _tell(self) -> None:
        chosen = self.chosen
        found = chosen if self._under is None else (*chosen, self._under)
        if found != self._last:
            self._last = found
            self.lit.emit(found)


def _swatch(rgb: list[int], side: int) -> QIcon:
    picture = QPixmap(2 * side, 2 * side)
    picture.setDevicePixelRatio(2)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*rgb))
    painter.drawEllipse(1, 1, side - 2, side - 2)
    painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(picture, mode)
    return icon
