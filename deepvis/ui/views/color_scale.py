"""The legend of a map: its colours, and the values at both ends."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.colormaps import color_table
from deepvis.ui import theme
from deepvis.ui.views.numbers import format_value
from deepvis.ui.views.pace import Pace
from deepvis.ui.views.picture import Picture

_BAR_WIDTH, _BAR_HEIGHT, _CAPTION_BAR = 96, 8, 4


class ColorScale(QWidget):
    """A bar in the map's colours between the values at its ends.

    Parameters
    ----------
    bar_width : length of the bar in logical pixels at scale 1.
    caption : if given, the bar is as wide as the widget, and the values stand below it, on both sides of this text.
    """

    def __init__(
        self, parent: QWidget | None = None, *, bar_width: int = _BAR_WIDTH, caption: str | None = None
    ) -> None:
        super().__init__(parent)
        self._caption = caption
        self._bar_width = bar_width
        self._colormap = ""
        self._low, self._high = 0.0, 0.0
        self._picture: Picture | None = None
        wide = QSizePolicy.Policy.Fixed if caption is None else QSizePolicy.Policy.Expanding
        self.setSizePolicy(wide, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colour scale")
        self._pace = Pace(self)
        theme.theme_changed.connect(self.updateGeometry)

    def set_scale(self, colormap: str, low: float, high: float) -> None:
        """Show this colour map (``diverging`` for signed values) from ``low`` to ``high``."""
        if (colormap, low, high) == (self._colormap, self._low, self._high):
            return
        if colormap != self._colormap:
            self._picture = Picture(color_table(colormap)[None])
        self._colormap, self._low, self._high = colormap, low, high
        ends = f"{format_value(low)} to {format_value(high)}"
        self.setAccessibleDescription(f"{ends}, {colormap}")
        self.setToolTip(f"Values from {ends} in the colours of {colormap}")
        self._pace.update()

    def clear(self) -> None:
        """Show no scale."""
        if self._colormap:
            self._colormap = ""
            self._picture = None
            self.update()

    @property
    def _figure_width(self) -> float:
        return QFontMetricsF(theme.figure_font()).horizontalAdvance("−0.0000")

    @property
    def _line_height(self) -> int:
        return round(QFontMetricsF(theme.figure_font()).height())

    def sizeHint(self) -> QSize:  # noqa: D102
        if self._caption is not None:
            return QSize(theme.scaled(self._bar_width), theme.scaled(_CAPTION_BAR + 2) + self._line_height)
        width = theme.scaled(self._bar_width) + 2 * (self._figure_width + theme.scaled(6))
        return QSize(round(width), theme.scaled(20))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.figure_font())
        painter.setPen(theme.current().color("quiet"))
        if self._caption is not None:
            self._paint_below(painter)
        elif self._picture is not None:
            self._paint_beside(painter, self._picture)

    def _paint_below(self, painter: QPainter) -> None:
        height = theme.scaled(_CAPTION_BAR)
        line = QRectF(0, height + theme.scaled(2), self.width(), self._line_height)
        low, high = (format_value(self._low), format_value(self._high)) if self._picture is not None else ("", "")
        metrics, gap = painter.fontMetrics(), theme.scaled(4)
        # Figures come first: where the caption has no room between them, it is what goes.
        left = metrics.horizontalAdvance(low) + gap
        between = line.adjusted(left, 0, -metrics.horizontalAdvance(high) - gap, 0)
        caption = self._caption or ""
        width = metrics.horizontalAdvance(caption)
        if width <= between.width():
            start = min(max((line.width() - width) / 2, between.left()), between.right() - width)
            painter.drawText(QRectF(start, line.top(), width + 1, line.height()), Qt.AlignmentFlag.AlignLeft, caption)
        if self._picture is None:
            return
        painter.drawImage(QRectF(0, 0, self.width(), height), self._picture.image)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, low)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, high)

    def _paint_beside(self, painter: QPainter, picture: Picture) -> None:
        figures = self._figure_width + theme.scaled(6)
        height = theme.scaled(_BAR_HEIGHT)
        bar = QRectF(figures, (self.height() - height) / 2, self.width() - 2 * figures, height)
        clip = QPainterPath()
        clip.addRoundedRect(bar, 2, 2)
        painter.setClipPath(clip)
        painter.drawImage(bar, picture.image)
        painter.setClipping(False)
        middle = Qt.AlignmentFlag.AlignVCenter
        room = self._figure_width
        low, high = QRectF(0, 0, room, self.height()), QRectF(self.width() - room, 0, room, self.height())
        painter.drawText(low, Qt.AlignmentFlag.AlignRight | middle, format_value(self._low))
        painter.drawText(high, Qt.AlignmentFlag.AlignLeft | middle, format_value(self._high))
