"""One patch, enlarged beside the panel, with its back-projection and what is known of it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from deepvis.messages import PatchPicture
from deepvis.ui import theme
from deepvis.ui.views.numbers import format_value
from deepvis.ui.views.picture import Picture

_SIDE = 192


class PatchPreview(QWidget):
    """Floats beside its host and takes neither focus nor clicks."""

    def __init__(self, host: QWidget) -> None:
        super().__init__(host, Qt.WindowType.ToolTip | Qt.WindowType.WindowTransparentForInput)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._picture: Picture | None = None
        self._back: Picture | None = None
        self._lines: tuple[str, str, str] = ("", "", "")

    @property
    def text(self) -> str:
        """What is written below the pictures."""
        return "\n".join(line for line in self._lines if line)

    def show_patch(self, patch: PatchPicture, picture: Picture, back: Picture | None) -> None:
        """Show this patch; ``back`` is None while it is not computed."""
        self._picture, self._back = picture, back
        row, column = patch.position
        facts = f"value {format_value(patch.value)} at row {row}, column {column} of the map"
        place = "the strongest" if patch.rank == 0 else f"number {patch.rank + 1}"
        last = f"{place} · click to open its picture"
        self._lines = (patch.title, f"{patch.label} · {facts}" if patch.label else facts, last)
        self.resize(self.sizeHint())
        self.update()

    def place(self, beside: QPoint, other_side: int) -> None:
        """Stand to the left of a global point, or where there is no room to the right of ``other_side``."""
        screen = QGuiApplication.screenAt(beside) or QGuiApplication.primaryScreen()
        room = screen.availableGeometry() if screen is not None else QRect(0, 0, 4096, 4096)
        x = beside.x() - self.width() - theme.MEDIUM
        if x < room.left():
            x = other_side + theme.MEDIUM
        y = max(room.top(), min(beside.y() - self.height() // 2, room.bottom() - self.height()))
        self.move(x, y)
        self.show()
        self.raise_()

    def sizeHint(self) -> QSize:  # noqa: D102
        side, gap, margin = theme.scaled(_SIDE), theme.SMALL, theme.MEDIUM
        line = self.fontMetrics().lineSpacing()
        return QSize(2 * side + gap + 2 * margin, side + 3 * line + gap + 2 * margin)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        palette = theme.current()
        painter.setPen(QPen(palette.color("line"), 1))
        painter.setBrush(palette.color("panel"))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        side, margin = theme.scaled(_SIDE), theme.MEDIUM
        for place, picture in enumerate((self._picture, self._back)):
            rect = QRectF(margin + place * (side + theme.SMALL), margin, side, side)
            if picture is None:
                painter.fillRect(rect, palette.color("raised"))
            else:
                _draw(painter, picture, rect)
        metrics = self.fontMetrics()
        width = self.width() - 2 * margin
        top = margin + side + theme.SMALL
        for line, token in zip(self._lines, ("text", "quiet", "quiet"), strict=True):
            painter.setPen(palette.color(token))
            text = metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, width)
            painter.drawText(QRectF(margin, top, width, metrics.lineSpacing()), Qt.AlignmentFlag.AlignLeft, text)
            top += metrics.lineSpacing()


def _draw(painter: QPainter, picture: Picture, rect: QRectF) -> None:
    height, width = picture.size
    factor = min(rect.width() / width, rect.height() / height)
    target = QRectF(0, 0, width * factor, height * factor)
    target.moveCenter(rect.center())
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, factor < 3)
    painter.drawImage(target, picture.image)
