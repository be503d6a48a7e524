"""The column beside a map: its classes, the pictures that were chosen, and those nearest to the present frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from deepvis.messages import MapPictures
from deepvis.ui import theme
from deepvis.ui.panels.controls import Figure, IconButton, label, row
from deepvis.ui.panels.map_legend import MapLegend
from deepvis.ui.views.picture import Picture
from deepvis.ui.views.resample import bgrx
from deepvis.ui.views.tiles_view import Tile, TilesView

_WIDTH = 256
_MOST = 400
_NEAREST = 8
_INDEX = Qt.ItemDataRole.UserRole


class MapSide(QWidget):
    """UI thread only.

    Signals
    -------
    opened : index of a picture to be opened.
    pointed : index of a picture that is pointed at in a list.
    cleared : the choice of pictures is to be given up.
    gathered : the chosen pictures are to be brought into sight.
    """

    opened = Signal(int)
    pointed = Signal(int)
    cleared = Signal()
    gathered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAccessibleName("Classes and chosen pictures")
        self._pictures: MapPictures | None = None
        self.legend_title = label("Classes", "title")
        self.legend = MapLegend()
        self.live_title = label("Like the live picture", "title")
        self.live_speed = Figure("99.9 ms", quiet=True, right=True)
        self.live_note = label("", "quiet", wrap=True)
        self.nearest = TilesView(columns=4, largest=64)
        self.nearest.setAccessibleName("Nearest pictures")
        self.nearest.setToolTip("The pictures whose features are most like the live picture's; click one to open it")
        self.chosen_title = label("Chosen", "title")
        self.chosen_classes = label("", "quiet", wrap=True)
        self.clear = IconButton("x", "Choose none", "Give up the choice")
        self.clear.setProperty("role", "flat")
        self.gather = IconButton("crosshair", "Go there", "Bring the chosen pictures into sight")
        self.gather.setProperty("role", "flat")
        self.list = QListWidget()
        self.list.setProperty("role", "clear")
        self.list.setAccessibleName("Chosen pictures")
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setToolTip("Return or a double-click opens a picture")
        self._lay_out()
        self.nearest.tile_clicked.connect(self.opened)
        self.clear.clicked.connect(self.cleared)
        self.gather.clicked.connect(self.gathered)
        self.list.itemActivated.connect(lambda item: self.opened.emit(int(item.data(_INDEX))))
        self.list.currentItemChanged.connect(self._point)
        theme.theme_changed.connect(self._follow_scale)
        self._follow_scale()
        self.set_chosen(np.zeros(0, np.int64))
        self.set_live("", None)

    def _lay_out(self) -> None:
        self.live = QWidget()
        live = QVBoxLayout(self.live)
        live.setContentsMargins(0, 0, 0, 0)
        live.setSpacing(theme.TIGHT)
        live.addLayout(row(self.live_title, 1, self.live_speed))
        live.addWidget(self.live_note)
        live.addWidget(self.nearest)
        self.chosen = QWidget()
        chosen = QVBoxLayout(self.chosen)
        chosen.setContentsMargins(0, 0, 0, 0)
        chosen.setSpacing(theme.TIGHT)
        chosen.addLayout(row(self.chosen_title, 1, self.gather, self.clear))
        chosen.addWidget(self.chosen_classes)
        chosen.addWidget(self.list, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        column.setSpacing(theme.SMALL)
        column.addWidget(self.live)
        column.addWidget(self.legend_title)
        column.addWidget(self.legend, 3)
        column.addWidget(self.chosen, 2)

    def set_pictures(self, pictures: MapPictures | None) -> None:
        """The pictures of the map that is shown."""
        self._pictures = pictures
        self.set_chosen(np.zeros(0, np.int64))
        self.nearest.set_tiles((), places=0)

    def set_chosen(self, indices: npt.NDArray[np.int64]) -> None:
        """List these pictures, and count their classes."""
        pictures = self._pictures
        self.chosen.setVisible(bool(len(indices)) and pictures is not None)
        self.list.clear()
        if pictures is None or not len(indices):
            return
        more = f", the first {_MOST} listed" if len(indices) > _MOST else ""
        self.chosen_title.setText(f"{len(indices)} chosen{more}")
        self.chosen_classes.setText(count_text(pictures, indices))
        for index in indices[:_MOST].tolist():
            text = pictures.label(index) or pictures.prediction(index) or pictures.titles[index]
            item = QListWidgetItem(QIcon(_pixmap(pictures, index)), text)
            item.setToolTip(pictures.titles[index])
            item.setData(_INDEX, index)
            self.list.addItem(item)

    def set_live(self, note: str, milliseconds: float | None) -> None:
        """What is to be known of the live picture's place; ``milliseconds`` that placing it took, None: it has none."""
        self.live.setVisible(bool(note) or milliseconds is not None)
        self.live_note.setText(note)
        self.live_note.setVisible(bool(note))
        self.nearest.setVisible(milliseconds is not None)
        self.live_speed.setText("" if milliseconds is None else f"{milliseconds:.1f} ms")

    def set_nearest(self, indices: npt.NDArray[np.int32], similarity: npt.NDArray[np.float32]) -> None:
        """Show the most similar of these pictures, in the order of what is written on them."""
        pictures = self._pictures
        if pictures is None:
            return
        order = np.argsort(-similarity, kind="stable")[:_NEAREST]
        tiles = [
            Tile(bgrx(pictures.thumbnails[index]), f"{value:.2f}", index)
            for index, value in zip(indices[order].tolist(), similarity[order].tolist(), strict=True)
        ]
        self.nearest.set_tiles(tiles, places=_NEAREST)

    def _point(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.pointed.emit(int(item.data(_INDEX)))

    def _follow_scale(self) -> None:
        self.setFixedWidth(theme.scaled(_WIDTH))
        side = theme.scaled(28)
        self.list.setIconSize(QSize(side, side))


def count_text(pictures: MapPictures, indices: npt.NDArray[np.int64], most: int = 6) -> str:
    """``goldfish 12 · tench 9 · 4 others``, by label or else by prediction."""
    labelled = bool((pictures.labels[indices] >= 0).any())
    groups = (pictures.labels if labelled else pictures.predicted)[indices]
    names = pictures.classes if labelled else pictures.network_labels
    known = groups[(groups >= 0) & (groups < len(names))]
    if not len(known):
        return ""
    counts = np.bincount(known, minlength=len(names))
    order = [group for group in np.argsort(-counts, kind="stable").tolist() if counts[group]]
    parts = [f"{names[group]} {counts[group]}" for group in order[:most]]
    if len(order) > most:
        parts.append(f"{len(order) - most} others")
    return " · ".join(parts)


def _pixmap(pictures: MapPictures, index: int) -> QPixmap:
    return QPixmap.fromImage(Picture(bgrx(pictures.thumbnails[index])).image)
