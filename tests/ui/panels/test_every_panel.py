"""What holds for all panels: no echo, names and tooltips everywhere, nothing painted without a change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from deepvis.messages import ViewResult
from deepvis.ui import theme
from deepvis.ui.panels.grid_panel import GridPanel
from deepvis.ui.panels.input_panel import InputPanel
from deepvis.ui.panels.predictions_panel import PredictionsPanel
from deepvis.ui.panels.status_bar import StatusBar
from deepvis.ui.panels.strongest_panel import StrongestPanel
from deepvis.ui.panels.unit_panel import UnitPanel
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.pace import Pace
from tests.ui.dressing import dark
from tests.ui.fixtures import network_info
from tests.ui.views.paints import PaintCount, Sentinel, show

PANELS = [InputPanel, PredictionsPanel, GridPanel, UnitPanel, StrongestPanel, StatusBar]
FOLLOWERS = [InputPanel, PredictionsPanel, GridPanel, UnitPanel, StrongestPanel]
CONTROLS = (QComboBox, QAbstractButton, QAbstractSlider, QAbstractSpinBox)

EVERYTHING_ELSE = {
    "range": "fixed",
    "fixed": (-1.5, 2.25),
    "boost": 0.5,
    "gamma": 0.7,
    "sort": "activity",
    "colormap": "magma",
    "rule": "deconvnet",
    "seed": "one",
    "back_view": "norm",
    "strongest": 16,
    "overlay": "grad_cam",
    "overlay_target": 4,
    "overlay_opacity": 0.35,
    "overlay_colormap": "cividis",
    "fit": "stretch",
    "input_size": (256, 256),
    "pinned": (4, 6),
    "position": (3, 9),
    "zoomed": True,
    "origin": ("conv4", 2),
    "show": "gradient",
}


def controls(panel: QWidget) -> list[QWidget]:
    """What a person operates; parts inside a control are the control's own."""
    found = [widget for kind in CONTROLS for widget in panel.findChildren(kind)]
    own = [widget for widget in found if not isinstance(widget, QScrollBar)]
    return [widget for widget in own if not isinstance(widget.parent(), (*CONTROLS, QLineEdit))]


@pytest.mark.parametrize("kind", FOLLOWERS)
def test_following_the_state_never_changes_it(qtbot: QtBot, state: ViewState, kind: type[QWidget]) -> None:
    panel = kind(state)
    show(qtbot, panel, 400, 600)
    changes = []
    state.changed.connect(lambda: changes.append(state.look))
    state.update(**EVERYTHING_ELSE)
    QApplication.processEvents()
    wanted = state.look
    assert changes == [wanted]
    state.update(layer="conv4", unit=7)
    QApplication.processEvents()
    assert len(changes) == 2


@pytest.mark.parametrize("kind", PANELS)
def test_every_control_has_a_name_and_says_what_it_does(qtbot: QtBot, state: ViewState, kind: type[QWidget]) -> None:
    panel = kind(state)
    qtbot.addWidget(panel)
    nameless = [type(control).__name__ for control in controls(panel) if not control.accessibleName()]
    silent = [control.accessibleName() for control in controls(panel) if not control.toolTip()]
    assert not nameless
    assert not silent
    assert panel.accessibleName()


@pytest.mark.parametrize("kind", PANELS)
def test_every_control_can_be_reached_with_the_keyboard(qtbot: QtBot, state: ViewState, kind: type[QWidget]) -> None:
    panel = kind(state)
    qtbot.addWidget(panel)
    out_of_reach = [c.accessibleName() for c in controls(panel) if not c.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert not out_of_reach


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_shows_itself_without_a_network_and_without_a_result(
    qtbot: QtBot, qapp: QApplication, kind: type[QWidget]
) -> None:
    dark(qapp)
    panel = kind(ViewState())
    show(qtbot, panel, 400, 600)
    panel.grab()


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_repaints_nothing_while_nothing_happens(
    qtbot: QtBot, state: ViewState, answer: Callable[..., ViewResult], kind: type[QWidget]
) -> None:
    state.update(overlay="saliency", strongest=9, pinned=(4,))
    panel = kind(state)
    show(qtbot, panel, 420, 700)
    result = answer()
    panel.show_result(result)
    # Qt fits a combo box to its texts 20 ms after they came: before this timer, which is started after it.
    fitted = QTimer()
    fitted.setSingleShot(True)
    with qtbot.waitSignal(fitted.timeout):
        fitted.start(40)
    if isinstance(panel, PredictionsPanel):
        qtbot.waitUntil(lambda: not panel.bars.gliding and not panel.pinned.gliding)
    # What is painted a few times a second only may still be on its way.
    qtbot.waitUntil(lambda: not any(pace.pending for pace in panel.findChildren(Pace)))
    watched = (panel, *panel.findChildren(QWidget))
    sentinel = Sentinel(panel)
    sentinel.wait(qtbot)
    counts = [PaintCount(widget) for widget in watched]
    state.update(**{name: getattr(state.look, name) for name in ("boost", "layer", "unit")})
    state.changed.emit()
    sentinel.wait(qtbot)
    assert sum(count.count for count in counts) == 0


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_survives_another_network_with_fewer_units(
    qtbot: QtBot, state: ViewState, answer: Callable[..., ViewResult], kind: type[QWidget]
) -> None:
    state.update(layer="conv6", unit=500, strongest=25, overlay="unit", zoomed=True)
    panel = kind(state)
    show(qtbot, panel, 420, 700)
    old = answer()
    panel.show_result(old)
    layers = network_info().layers[:1]
    state.set_network(network_info(layers, labels=("one",), flexible=False, trained=False))
    panel.grab()
    panel.show_result(old)
    panel.grab()
    panel.show_result(answer(2))
    panel.grab()


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=lambda palette: palette.name)
@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_grows_with_the_type_of_presentation_mode(
    qtbot: QtBot, qapp: QApplication, state: ViewState, kind: type[QWidget], palette: theme.Palette
) -> None:
    panel = kind(state)
    show(qtbot, panel, 420, 700)
    before = panel.sizeHint().height()
    theme.apply_theme(qapp, palette, theme.PRESENTATION_SCALE)
    try:
        QApplication.processEvents()
        assert panel.sizeHint().height() > before
    finally:
        dark(qapp)
