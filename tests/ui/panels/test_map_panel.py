"""The map's panel: what it says in every state, and what it passes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from deepvis.messages import MapPicture, MapPlaced, RunStatus, RunUpdate
from deepvis.ui import theme
from deepvis.ui.panels.map_panel import MapPanel
from deepvis.ui.panels.map_side import count_text
from deepvis.ui.panels.network_fields import Offer
from tests.ui.dressing import dark
from tests.ui.map_contents import CLASSES, COUNT, FOLDER, MAP_OPTIONS, map_content, map_pictures


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication) -> MapPanel:
    """No map yet; a network is loaded."""
    dark(qapp)
    made = MapPanel()
    qtbot.addWidget(made)
    made.resize(1100, 640)
    made.show()
    made.form.set_options(MAP_OPTIONS, Offer())
    return made


@pytest.fixture
def shown(panel: MapPanel) -> MapPanel:
    """The small map."""
    content = map_content()
    panel.set_maps([content.info])
    panel.show_map(content)
    panel.grab()
    return panel


def running(step: int, *, points: bool = True, state: str = "running", total: int = 100) -> RunStatus:
    """A map that is being made."""
    detail: dict[str, object] = {"library": "/library"}
    pictures = map_pictures()
    if points:
        detail |= {"pictures_of_map": pictures, "points": map_content().points * step}
    update = RunUpdate(
        step, total, np.zeros((8, 8, 3), np.uint8), {"iteration": float(step), "divergence": 3.25}, None, detail
    )
    return RunStatus(7, "embedding", state, update, 2.0, 31.0)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------ states


def test_without_a_map_the_samples_are_offered(panel: MapPanel, qtbot: QtBot) -> None:
    assert panel.offer.isVisible()
    assert "live picture moves" in panel.offer.text.text()
    assert not panel.note.isVisible()
    panel.offer.samples_button.setFocus()
    with qtbot.waitSignal(panel.begun) as begun:
        panel.offer.samples_button.click()
    assert begun.args[0] == "samples:"
    assert begun.args[1]["perplexity"] == 30
    panel.show_status(RunStatus(7, "embedding", "queued"))
    assert panel.focusWidget() is panel.view


def test_without_a_network_it_says_how_to_get_one(panel: MapPanel) -> None:
    panel.set_missing("No network is loaded yet")
    assert panel.offer.text.text() == "No network is loaded yet"
    assert not panel.offer.samples_button.isEnabled()
    assert not panel.form.start.isEnabled()
    panel.set_missing("")
    assert panel.offer.samples_button.isEnabled()


def test_a_map_is_seen_forming_with_the_time_left_and_can_be_paused(panel: MapPanel, qtbot: QtBot) -> None:
    panel.show_status(RunStatus(7, "embedding", "queued"))
    assert not panel.offer.isVisible()
    assert panel.progress.isVisible()
    assert "as soon as" in panel.view.placeholder
    assert (panel.maps.currentText(), panel.maps.isEnabled()) == ("Being made…", False)
    first = running(20)
    panel.show_status(first)
    assert len(panel.view.points) == COUNT
    assert panel.progress.bar.value() == 20
    assert "iteration 20" in panel.progress.text.text()
    assert "0:31 left" in panel.progress.text.text()
    before = panel.view.points
    pictures = panel.view.pictures
    detail = dict(first.update.detail) | {"points": map_content().points * 2}  # type: ignore[union-attr]
    panel.show_status(replace(first, update=replace(first.update, step=21, detail=detail)))  # type: ignore[arg-type]
    assert panel.view.pictures is pictures
    assert not np.array_equal(panel.view.points, before)
    with qtbot.waitSignal(panel.steered) as steered:
        panel.progress.pause.click()
    assert steered.args == ["pause"]
    panel.show_status(replace(first, state="paused"))
    with qtbot.waitSignal(panel.steered) as steered:
        panel.progress.pause.click()
    assert steered.args == ["continue"]
    with qtbot.waitSignal(panel.steered) as steered:
        panel.progress.cancel.click()
    assert steered.args == ["cancel"]
    panel.show_status(replace(first, state="cancelled"))
    assert not panel.progress.isVisible()
    assert panel.offer.isVisible()
    assert panel.maps.currentText() == "No map yet"


def test_a_map_that_fails_says_why(panel: MapPanel) -> None:
    panel.show_status(running(3, points=False))
    panel.show_status(RunStatus(7, "embedding", "failed", error="the features of all 12 pictures are equal"))
    assert panel.offer.isVisible()
    assert "all 12 pictures are equal" in panel.offer.text.text()
    panel.show_problem("its library is gone; make the map again")
    assert "make the map again" in panel.offer.text.text()


def test_an_option_that_is_not_allowed_is_named(panel: MapPanel) -> None:
    panel.show_form()
    assert panel.form.isVisible()
    begun: list[object] = []
    panel.begun.connect(lambda *args: begun.append(args))
    panel.form.options.fields["perplexity"].set_value(30)
    panel.form.begin()
    assert len(begun) == 1
    panel.form.close_button.click()
    assert not panel.form.isVisible()


# -------------------------------------------------------------------------------------------------------- a map shown


def test_a_map_shows_its_classes_with_their_counts(shown: MapPanel) -> None:
    legend = shown.side.legend
    assert sorted(legend.item(row).text() for row in range(legend.count())) == sorted(f"{name}  50" for name in CLASSES)
    assert f"{COUNT} pictures" in shown.note.text()
    assert shown.maps.value == FOLDER
    assert {name.text for name in shown.view.names} == set(CLASSES)


def test_colours_follow_the_choice(shown: MapPanel) -> None:
    by_class = shown.view.colors.copy()
    pictures = map_pictures()
    shown.coloring.set_value("correctness")
    shown.coloring.chosen.emit("correctness")
    wrong = np.flatnonzero(pictures.correct == 0)
    assert len({tuple(color) for color in shown.view.colors[wrong].tolist()}) == 1
    assert not np.array_equal(shown.view.colors, by_class)
    assert shown.side.legend.count() == 2
    shown.coloring.set_value("none")
    shown.coloring.chosen.emit("none")
    assert len({tuple(color) for color in shown.view.colors.tolist()}) == 1
    assert shown.side.legend.count() == 0


def test_what_a_set_does_not_tell_is_not_offered(panel: MapPanel) -> None:
    content = map_content()
    pictures = replace(
        content.pictures, labels=np.full(COUNT, -1, np.int32), correct=np.full(COUNT, -1, np.int8), classes=()
    )
    panel.show_map(replace(content, pictures=pictures))
    offered = [panel.coloring.itemText(row) for row in range(panel.coloring.count())]
    assert offered == ["By prediction", "No colours"]
    assert panel.side.legend.count() == 3


def test_the_search_marks_what_has_the_text_and_goes_there(shown: MapPanel, qtbot: QtBot) -> None:
    shown.search.setText("TRACT")
    pictures = map_pictures()
    wanted = (pictures.labels == 1) | (pictures.predicted == 1)
    assert shown.view.lit is not None
    np.testing.assert_array_equal(shown.view.lit, wanted)
    assert shown.found.text() == f"{wanted.sum()} found"
    qtbot.keyClick(shown.search, Qt.Key.Key_Return)
    np.testing.assert_array_equal(shown.view.marked, np.flatnonzero(wanted))
    shown.search.setText("0007.jpg")
    assert np.flatnonzero(shown.view.lit).tolist() == [7]
    qtbot.keyClick(shown.search, Qt.Key.Key_Escape)
    assert shown.view.lit is None


def test_a_class_that_is_chosen_in_the_legend_stands_out(shown: MapPanel) -> None:
    shown.side.legend.setCurrentRow(1)
    assert shown.view.lit is not None
    groups = set(shown.view.groups[shown.view.lit].tolist())
    assert len(groups) == 1
    shown.side.legend.clearSelection()
    assert shown.view.lit is None


def test_chosen_pictures_are_listed_and_their_classes_counted(shown: MapPanel, qtbot: QtBot) -> None:
    shown.view.chosen.emit(np.array([0, 1, 3, 6]))
    side = shown.side
    assert side.list.count() == 4
    assert side.chosen_title.text() == "4 chosen"
    assert side.chosen_classes.text() == "tabby 3 · tractor 1"
    assert shown.view.marked.tolist() == [0, 1, 3, 6]
    with qtbot.waitSignal(shown.opened) as opened:
        side.list.itemActivated.emit(side.list.item(1))
    assert opened.args == [1]
    side.clear.click()
    assert not side.chosen.isVisible()
    assert len(shown.view.marked) == 0


def test_counting_goes_by_prediction_where_nothing_is_labelled() -> None:
    pictures = replace(map_pictures(), labels=np.full(COUNT, -1, np.int32))
    assert count_text(pictures, np.array([0, 1, 2, 3])) == "tabby 2 · tractor 1 · cliff 1"
    assert count_text(pictures, np.arange(COUNT), most=2).endswith("1 others")


def test_a_picture_that_is_pointed_at_is_shown_large_with_what_is_known(shown: MapPanel, qtbot: QtBot) -> None:
    wanted: list[tuple[int, bool]] = []
    shown.picture_wanted.connect(lambda index, whole: wanted.append((index, whole)))

    def pointed() -> bool:
        # Wherever the pointer was left by whatever ran before, Qt may tell a new widget that it is there.
        shown.view._point_at(4)
        return shown.card.isVisible()

    qtbot.waitUntil(pointed)
    assert shown.card.label.text() == "tractor"
    assert "taken for cliff" in shown.card.prediction.text()
    assert shown.card.prediction.property("role") == "error"
    assert "0004.jpg" in shown.card.title.text()
    assert (4, True) in wanted
    large = np.full((300, 200, 3), 77, np.uint8)
    shown.show_picture(MapPicture(FOLDER, 4, True, large))
    assert shown.card.image._picture is not None
    assert shown.card.image._picture.pixels.shape[:2] == (300, 200)
    shown.show_picture(MapPicture("/maps/other", 4, True, large[:10]))
    assert shown.card.image._picture.pixels.shape[:2] == (300, 200)
    shown.view._point_at(-1)
    assert not shown.card.isVisible()
    assert shown.view.rect().contains(shown.card.geometry())


def test_the_live_picture_stands_among_its_nearest(shown: MapPanel) -> None:
    assert shown.features_layer == "fc"
    shown.await_placed()
    assert shown.side.live_note.isVisible()
    nearest = np.array([5, 2, 8, 11], np.int32)
    similarity = np.array([0.9, 0.7, 0.8, 0.6], np.float32)
    shown.show_placed(MapPlaced(FOLDER, 3, (4.0, 5.0), nearest, similarity, 6.5))
    assert shown.view.live.place == (4.0, 5.0)
    assert [tile.key for tile in shown.side.nearest.tiles] == [5, 8, 2, 11]
    assert shown.side.live_speed.text() == "6.5 ms"
    shown.await_placed()
    assert not shown.side.live_note.isVisible()
    shown.show_live_picture(np.full((20, 20, 4), 255, np.uint8))
    shown.grab()
    none = np.zeros(0, np.int32), np.zeros(0, np.float32)
    shown.show_placed(MapPlaced(FOLDER, 4, None, *none, problem="the features are not finite"))
    assert shown.view.live.place is None
    assert shown.side.live_note.text() == "The features are not finite"
    shown.show_placed(MapPlaced("/maps/other", 5, (1.0, 1.0), nearest, similarity))
    assert shown.view.live.place is None
    shown.hide()
    assert shown.features_layer is None


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK])
def test_the_map_follows_the_theme(shown: MapPanel, qapp: QApplication, palette: theme.Palette) -> None:
    theme.apply_theme(qapp, palette)
    picture = shown.view.grab().toImage()
    ground = palette.color("window")
    assert picture.pixelColor(3, 30).rgb() == ground.rgb()


def controls(panel: QWidget) -> list[QWidget]:
    found: list[QWidget] = [*panel.findChildren(QAbstractButton), *panel.findChildren(QComboBox)]
    return [each for each in found if not isinstance(each.parent(), QComboBox | QLineEdit)]


def test_every_control_has_a_name_a_tooltip_and_can_be_reached(shown: MapPanel) -> None:
    own = controls(shown)
    assert not [type(each).__name__ for each in own if not each.accessibleName()]
    assert not [each.accessibleName() for each in own if not each.toolTip()]
    assert not [each.accessibleName() for each in own if not each.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert shown.view.accessibleName()
    assert shown.view.accessibleDescription() == f"{COUNT} pictures"
