"""The picture that is pointed at in a map, large, with what is known of it. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from deepvis.messages import MapPictures, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels.controls import label
from deepvis.ui.views.image_view import ImageView

_WIDTH = 208


class MapCard(QFrame):
    """Floats over a map, beside the picture that it shows; the pointer goes through it."""

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self.setProperty("role", "toast")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Picture of the map")
        self._host = host
        self.image = ImageView(ground="raised", smooth=True)
        self.label = label("", "title", wrap=True)
        self.prediction = label("", wrap=True)
        self.title = label("", "quiet", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SMALL, theme.SMALL, theme.SMALL, theme.SMALL)
        column.setSpacing(theme.TIGHT)
        for part in (self.image, self.label, self.prediction, self.title):
            column.addWidget(part)
        self.hide()

    def show_picture(self, pictures: MapPictures, index: int, beside: QRectF) -> None:
        """Show a picture's thumbnail and facts beside this place of the host, until :meth:`set_pixels` brings more."""
        self.image.set_picture(pictures.thumbnails[index])
        known, taken_for = pictures.label(index), pictures.prediction(index)
        self.label.setText(known or taken_for)
        self.label.setVisible(bool(known or taken_for))
        text, role = prediction_text(pictures, index)
        self.prediction.setText(text)
        self.prediction.setProperty("role", role)
        self.prediction.style().unpolish(self.prediction)
        self.prediction.style().polish(self.prediction)
        self.prediction.setVisible(bool(text))
        # Long paths break at their folders.
        self.title.setText(pictures.titles[index].replace("/", "/\u200b"))
        self._place(beside)
        self.show()
        self.raise_()

    def set_pixels(self, pixels: UInt8Array) -> None:
        """The picture in full has come: uint8 (h, w, 3) RGB."""
        self.image.set_picture(pixels)

    def _place(self, beside: QRectF) -> None:
        width = theme.scaled(_WIDTH)
        self.image.setFixedHeight(width - 2 * theme.SMALL)
        self.setFixedWidth(width)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        height = max(layout.totalHeightForWidth(width), layout.totalMinimumSize().height())
        gap = theme.scaled(16)
        left = beside.right() + gap
        if left + width > self._host.width() - gap:
            left = beside.left() - gap - width
        top = min(max(beside.center().y() - height / 2, gap), self._host.height() - height - gap)
        self.setGeometry(round(max(left, gap)), round(max(top, gap)), width, height)


def prediction_text(pictures: MapPictures, index: int) -> tuple[str, str]:
    """What the network said of a picture, and the role of the text in the style sheet."""
    said = pictures.prediction(index)
    if not said:
        return "", ""
    percent = 100 * float(pictures.probability[index])
    share = f"{percent:.0f} %" if percent == percent else ""
    correct = int(pictures.correct[index])
    if correct == 1:
        return f"✓ predicted so, {share}", "good"
    if correct == 0:
        return f"✗ taken for {said}, {share}", "error"
    return f"predicted {said}, {share}", "quiet"
