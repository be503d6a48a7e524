"""What the network gets to see: the frame, the crop, and a heat map over it."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QSlider, QWidget

from deepvis.messages import COLORMAPS, Box, NetworkInfo, OverlayResult, Size, ViewResult
from deepvis.ui import theme
from deepvis.ui.panels.controls import CHROME, Choice, FlowLayout, Panel, label, pair, row
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.color_scale import ColorScale
from deepvis.ui.views.image_view import ImageView
from deepvis.ui.views.numbers import format_percent, format_size

_KINDS = (
    ("None", None),
    ("Saliency", "saliency"),
    ("Grad-CAM", "grad_cam"),
    ("Guided Grad-CAM", "guided_grad_cam"),
    ("Unit's map", "unit"),
)
_LARGEST_INPUT = 512
PASSING_MS = 4000
"""How long a box is outlined that only shows where something is."""


class InputPanel(Panel):
    """Shows the frame with what the network sees of it, and chooses overlay, crop and input size."""

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(state, "Input", parent, widest_figures="4000 × 3000 → 512 × 512")
        self.figures.setToolTip("The frame's size, and the size in which the network gets it")
        self._names: dict[int, str] = {}
        self.view = ImageView(
            placeholder="No picture yet. Choose a camera, open a picture or look at a sample", smooth=True
        )
        self.view.setAccessibleName("Input picture")
        self.view.set_aspect(1.0)
        self.kind = Choice(
            "Overlay", "Heat map over the picture: where it matters for a class, or fires a unit", _KINDS
        )
        self.target = Choice("Overlay target", "For which class, or for which unit, the heat map is")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName("Overlay opacity")
        self.opacity.setToolTip("How much the heat map covers the picture")
        self.colormap = Choice("Overlay colours", "Colour map of the heat map", [(name, name) for name in COLORMAPS])
        self.scale = ColorScale(bar_width=64)
        self.note = label("", "quiet", wrap=True)
        self.fit = Choice(
            "Fit",
            "Crop takes the middle of the frame with its proportions kept; stretch takes all of it",
            (("Crop", "crop"), ("Stretch", "stretch")),
        )
        self.input_size = Choice(
            "Input size", "Size in which the network gets the picture: larger gives finer maps, and is slower"
        )
        self._size_pair = pair("Size", self.input_size)
        self._overlay_row = QWidget()
        self._overlay_row.setLayout(row(self.colormap, self.scale, 1))
        self._target_row = QWidget()
        self._target_row.setLayout(row(self.target, self.opacity))
        fits = QWidget()
        fits.setProperty(CHROME, True)
        flow = FlowLayout(fits, spacing=theme.MEDIUM)
        flow.addWidget(pair("Fit", self.fit))
        flow.addWidget(self._size_pair)
        self.body.addWidget(self.view)
        self.body.addLayout(row(label("Overlay", "quiet"), self.kind, 1))
        self.body.addWidget(self._target_row)
        self.body.addWidget(self._overlay_row)
        self.body.addWidget(self.note)
        self.body.addWidget(fits)
        self.body.addStretch(1)
        self._seen: Box = (0.0, 0.0, 1.0, 1.0)
        self._frame_size: Size = (1, 1)
        self._passing: tuple[Box, Size] | None = None
        self._passing_timer = QTimer(self)
        self._passing_timer.setSingleShot(True)
        self._passing_timer.setInterval(PASSING_MS)
        self._passing_timer.timeout.connect(self._forget_passing)
        self._connect()
        self._renew()

    def _connect(self) -> None:
        state = self.state
        self.kind.chosen.connect(lambda kind: state.update(overlay=kind))
        self.target.chosen.connect(lambda target: state.update(overlay_target=target))
        self.opacity.valueChanged.connect(lambda percent: state.update(overlay_opacity=percent / 100))
        self.colormap.chosen.connect(lambda name: state.update(overlay_colormap=name))
        self.fit.chosen.connect(lambda fit: state.update(fit=fit))
        self.input_size.chosen.connect(lambda size: state.update(input_size=size))
        state.network_changed.connect(self._renew)

    def show_result(self, result: ViewResult) -> None:
        """Show the frame of this result, with its overlay."""
        height, width = result.frame.image.shape[:2]
        rows, columns = result.input_size
        size = format_size(height, width)
        self.figures.setText(f"{size} → {format_size(rows, columns)}" if self.state.info is not None else size)
        self.view.set_aspect(min(height / width, 1.25))
        self.view.set_picture(result.frame.image)
        top, left, bottom, right = result.seen
        whole = top <= 0 and left <= 0 and bottom >= height and right >= width
        self.view.set_seen(None if whole else result.seen)
        self._show_overlay(result.overlay)
        self._seen, self._frame_size = result.seen, (height, width)
        self._show_field(result.input_size)

    def mark_for_a_moment(self, box: Box, size: Size) -> None:
        """Outline a box for some seconds, once a picture of ``size`` (height, width) is shown; the box is in its
        pixels."""
        self._passing = (box, size)
        self._passing_timer.start()

    def _passing_mark(self) -> Box | None:
        """The box that is outlined for a moment, in [0, 1] over what is seen."""
        if self._passing is None:
            return None
        (top, left, bottom, right), size = self._passing
        if size != self._frame_size:
            return None
        above, before, below, behind = self._seen
        height, width = max(below - above, 1e-9), max(behind - before, 1e-9)
        return (
            max(0.0, (top - above) / height), max(0.0, (left - before) / width),
            min(1.0, (bottom - above) / height), min(1.0, (right - before) / width),
        )  # fmt: skip

    def _forget_passing(self) -> None:
        self._passing = None
        if self.state.look.position is None:
            self.view.set_mark(None)

    def follow(self) -> None:
        """Set every control from ``state.look``."""
        look = self.state.look
        self.kind.set_value(look.overlay)
        self.target.set_options(self._targets())
        self.target.set_value(look.overlay_target)
        blocked = self.opacity.blockSignals(True)
        self.opacity.setValue(round(100 * look.overlay_opacity))
        self.opacity.blockSignals(blocked)
        self.view.set_opacity(look.overlay_opacity)
        self.colormap.set_value(look.overlay_colormap)
        self.fit.set_value(look.fit)
        self.input_size.set_options(input_sizes(self.state.info, look.input_size))
        self.input_size.set_value(look.input_size)
        self.target.setEnabled(look.overlay != "unit")
        for part in (self._target_row, self._overlay_row):
            part.setVisible(look.overlay is not None)
        if look.overlay is None:
            self.view.set_overlay(None)
            self.note.hide()

    def _renew(self) -> None:
        info = self.state.info
        self._size_pair.setVisible(info is not None and info.flexible)
        self.follow()

    def _show_overlay(self, overlay: OverlayResult | None) -> None:
        look = self.state.look
        if overlay is None or look.overlay is None:
            self.view.set_overlay(None)
            self.scale.clear()
            self.note.hide()
            return
        self.view.set_overlay(overlay.picture, look.overlay_opacity)
        self.scale.set_scale(overlay.request.colormap, overlay.low, overlay.high)
        target = overlay.target
        said = overlay.note or (
            f"for {target.label}, {format_percent(target.probability)}" if target is not None else ""
        )
        self.note.setText(said)
        self.note.setVisible(bool(said))

    def _show_field(self, input_size: Size) -> None:
        """Outline the receptive field of the position that was chosen in the unit's map."""
        layer, position = self.state.layer, self.state.look.position
        if layer is None or layer.receptive_field is None or position is None:
            self.view.set_mark(self._passing_mark())
            return
        top, left, bottom, right = layer.receptive_field.box(*position)
        height, width = input_size
        self.view.set_mark(
            (max(0.0, top / height), max(0.0, left / width), min(1.0, bottom / height), min(1.0, right / width))
        )

    def _targets(self) -> list[tuple[str, object]]:
        look, info = self.state.look, self.state.info
        labels = info.labels if info is not None else ()
        classes = list(look.pinned)
        if isinstance(look.overlay_target, int) and look.overlay_target not in classes:
            classes.append(look.overlay_target)
        named = [(labels[index] if index < len(labels) else f"Class {index}", index) for index in classes]
        unit = f"Unit {look.unit}" if look.unit is not None else "Chosen unit"
        return [("Top class", "top"), (unit, "unit"), *named]


def input_sizes(info: NetworkInfo | None, chosen: Size | None = None) -> list[tuple[str, Size | None]]:
    """The input sizes to choose from, as (text, (h, w)); None stands for the network's own."""
    if info is None:
        return []
    own = info.input_size
    sizes: list[tuple[str, Size | None]] = [(f"{_size_text(own)} (own)", None)]
    if info.flexible:
        factors = (0.5, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8)
        scaled = [(round(own[0] * factor), round(own[1] * factor)) for factor in factors]
        fitting = [size for size in scaled if min(size) >= info.min_size and max(size) <= _LARGEST_INPUT]
        if chosen is not None and chosen != own and chosen not in fitting:
            fitting.append(chosen)
        sizes += [(_size_text(size), size) for size in sorted(fitting)]
    return sizes


def _size_text(size: Size) -> str:
    return f"{size[0]} px" if size[0] == size[1] else format_size(*size)
