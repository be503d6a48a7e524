"""What view tests do to widgets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from deepvis.ui.views.pace import Pace


class PaintCount(QObject):
    """Counts a widget's paint events from now on."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


class Sentinel(QWidget):
    """A speck in a window's corner; once it is painted, everything that was to be painted before is painted too."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        # What lies below is not painted for its sake.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setGeometry(0, 0, 1, 1)
        self.show()
        self._paints = PaintCount(self)

    def wait(self, qtbot: QtBot) -> None:
        """Wait until layouts are done and all that they changed is on the screen."""
        QApplication.sendPostedEvents()
        painted = self._paints.count
        self.update()
        qtbot.waitUntil(lambda: self._paints.count > painted)


def come_to_rest(qtbot: QtBot, window: QWidget) -> None:
    """Wait until all of a window is painted, also what is painted a few times a second only."""
    qtbot.waitUntil(lambda: not any(pace.pending for pace in window.findChildren(Pace)))
    Sentinel(window).wait(qtbot)


def show(qtbot: QtBot, widget: QWidget, width: int = 320, height: int = 240) -> None:
    """Show a widget of its own and wait until it is painted."""
    qtbot.addWidget(widget)
    widget.resize(width, height)
    with qtbot.waitExposed(widget):
        widget.show()
    QApplication.processEvents()


def grabbed(widget: QWidget) -> npt.NDArray[np.uint8]:
    """What the widget paints, uint8 (H, W, 3) RGB."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def click(widget: QWidget, point: QPointF, *, double: bool = False) -> None:
    """Click (or double click) at a point of the widget."""
    act = QTest.mouseDClick if double else QTest.mouseClick
    act(widget, Qt.MouseButton.LeftButton, pos=point.toPoint())
