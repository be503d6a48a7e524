"""What the views of runs show of an update: pictures, answers, archives, and what is saved of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.ui import theme
from deepvis.ui.panels.archive_view import ArchiveView
from deepvis.ui.panels.fooling_view import FoolingView
from deepvis.ui.panels.pictures_view import NOW, PicturesView
from deepvis.ui.panels.run_exports import bgrx_picture
from deepvis.ui.views.strip_view import StripView
from tests.ui import lab_runs
from tests.ui.views.paints import PaintCount, click, grabbed, show


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.DARK)


@pytest.fixture
def pictures(qtbot: QtBot) -> PicturesView:
    made = PicturesView("inversion")
    show(qtbot, made, 620, 260)
    return made


@pytest.fixture
def fooling(qtbot: QtBot) -> FoolingView:
    made = FoolingView()
    show(qtbot, made, 620, 260)
    return made


@pytest.fixture
def archive(qtbot: QtBot) -> ArchiveView:
    made = ArchiveView()
    show(qtbot, made, 620, 260)
    return made


def rgb(view: Any) -> np.ndarray:
    """What is saved as the picture, in red, green, blue."""
    picture = view.export_picture()
    assert picture is not None
    assert picture.shape[2] == 4
    return picture[:, :, 2::-1]


# ------------------------------------------------------------------------------------------------------ pictures


def test_the_picture_so_far_is_large_and_those_beside_it_keep_their_names(pictures: PicturesView) -> None:
    update = lab_runs.update("inversion", 2)
    pictures.show_update(update)
    assert pictures.shown == NOW
    assert pictures.strip.names == ("Original", "conv1")
    assert np.array_equal(rgb(pictures), update.image)
    assert pictures.size_text.text() == "48 × 48"
    shown = grabbed(pictures.picture)
    assert np.abs(shown.mean((0, 1)) - update.image.mean((0, 1))).max() < 3


def test_a_chosen_picture_is_shown_large_until_it_is_chosen_again(pictures: PicturesView) -> None:
    pictures.show_update(lab_runs.update("inversion", 1))
    click(pictures.strip, pictures.strip.rects()["Original"].center())
    assert pictures.shown == pictures.caption.text() == "Original"
    pictures.show_update(lab_runs.update("inversion", 2))
    assert np.array_equal(rgb(pictures), lab_runs.photograph())
    click(pictures.strip, pictures.strip.rects()["Original"].center())
    assert pictures.shown == NOW


def test_the_arrow_keys_go_through_the_strip_and_back(pictures: PicturesView) -> None:
    pictures.show_update(lab_runs.update("inversion", 1))
    pictures.strip.setFocus()
    seen = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Left):
        QTest.keyClick(pictures.strip, key)
        seen.append(pictures.shown)
    assert seen == ["Original", "conv1", "conv1", "Original", NOW]


def test_a_run_without_further_pictures_has_no_strip(pictures: PicturesView) -> None:
    pictures.show_update(lab_runs.update("inversion", 1))
    assert pictures.strip.isVisible()
    click(pictures.strip, pictures.strip.rects()["conv1"].center())
    pictures.show_update(lab_runs.update("class_image", 1))
    assert not pictures.strip.isVisible()
    assert pictures.shown == NOW


def test_a_live_dream_stands_in_the_pictures_place(pictures: PicturesView) -> None:
    update = lab_runs.update("deepdream", 2)
    pictures.show_update(update)
    live = bgrx_picture(lab_runs.photograph("coffee"))
    pictures.show_live(live)
    assert np.array_equal(rgb(pictures), lab_runs.photograph("coffee"))
    assert not pictures.strip.isVisible()
    pictures.show_live(None)
    assert np.array_equal(rgb(pictures), update.image)
    assert pictures.strip.isVisible()


def test_everything_that_is_shown_can_be_saved(pictures: PicturesView) -> None:
    assert pictures.export_picture() is None
    assert dict(pictures.export_arrays()) == {}
    assert pictures.export_name == "inversion"
    update = lab_runs.update("inversion", 4)
    pictures.show_update(update)
    arrays = pictures.export_arrays()
    assert np.array_equal(arrays["image"], update.image)
    assert np.array_equal(arrays["picture_original"], lab_runs.photograph())
    assert float(arrays["metric_feature_error"]) == update.metrics["feature_error"]
    assert arrays["own"].tolist() == [0, 1, 2]
    assert not any(np.asarray(value).dtype.hasobject for value in arrays.values())
    assert pictures.export_name == "inversion tractor"


@pytest.mark.parametrize(("count", "size"), [(1, (300, 200)), (3, (600, 120)), (8, (300, 260)), (8, (90, 300))])
def test_pictures_of_a_strip_fill_the_room_without_touching(qtbot: QtBot, count: int, size: tuple[int, int]) -> None:
    strip = StripView()
    show(qtbot, strip, *size)
    strip.set_pictures({f"conv{i}": lab_runs.photograph() for i in range(count)})
    rects = list(strip.rects().values())
    assert all(strip.rect().contains(rect.toRect()) for rect in rects)
    for place, rect in enumerate(rects):
        assert not any(rect.intersects(other) for other in rects[:place])


def test_a_picture_that_stays_the_same_is_not_scaled_again(qtbot: QtBot) -> None:
    strip = StripView()
    show(qtbot, strip, 300, 80)
    original = lab_runs.photograph()
    strip.set_pictures({"Original": original, "Now": lab_runs.blended(0.2)})
    strip.grab()
    kept, replaced = strip._fitted["Original"], strip._fitted["Now"]
    strip.set_pictures({"Original": original, "Now": lab_runs.blended(0.4)})
    strip.grab()
    assert strip._fitted["Original"] is kept
    assert strip._fitted["Now"] is not replaced


# ------------------------------------------------------------------------------------------------------ fooling


def test_before_after_and_difference_stand_side_by_side_at_one_height(fooling: FoolingView) -> None:
    update = lab_runs.update("fooling", 3)
    fooling.show_update(update)
    QApplication.processEvents()
    views = [column.picture for column in (fooling.before, fooling.after, fooling.difference)]
    for view, name in zip(views, ("before", "after", "difference"), strict=True):
        wanted = update.detail["pictures"][name].mean((0, 1))
        assert np.abs(grabbed(view).mean((0, 1)) - wanted).max() < 4
    rects = [(view.mapTo(fooling, view.rect().topLeft()).y(), view.picture_rect().size()) for view in views]
    assert len({(y, size.width(), size.height()) for y, size in rects}) == 1
    assert [column.caption.text() for column in (fooling.before, fooling.after, fooling.difference)] == [
        "Before", "After", "Difference × 12",
    ]  # fmt: skip


def test_both_answers_are_shown_as_bars(fooling: FoolingView) -> None:
    update = lab_runs.update("fooling", 3)
    fooling.show_update(update)
    assert fooling.before.bars.predictions == update.detail["bars"]["before"][:3]
    assert fooling.after.bars.predictions == update.detail["bars"]["after"][:3]
    assert fooling.after.bars.predictions[0].label == "tractor"


def test_the_pictures_do_not_move_when_the_first_update_comes(fooling: FoolingView) -> None:
    columns = (fooling.before, fooling.after, fooling.difference)

    def places() -> list[object]:
        QApplication.processEvents()
        return [(column.picture.mapTo(fooling, column.picture.pos()), column.picture.size()) for column in columns]

    before = places()
    fooling.show_update(lab_runs.update("fooling", 1))
    assert places() == before


def test_what_to_do_first_is_written_across_all_three_and_makes_way(fooling: FoolingView) -> None:
    fooling.set_hint("Press Start to change the picture so little that nobody sees it, and so that the network does")
    QApplication.processEvents()
    needed = fooling.hint.heightForWidth(fooling.hint.width())
    assert needed <= fooling.hint.height(), "all of it is in sight"
    lowest = fooling.before.picture.mapTo(fooling, fooling.before.picture.rect().bottomLeft()).y()
    assert fooling.hint.y() > lowest
    fooling.show_update(lab_runs.update("fooling", 1))
    assert not fooling.hint.isVisible()


def test_the_fooling_picture_and_both_answers_are_saved(fooling: FoolingView) -> None:
    update = lab_runs.update("fooling", 4)
    fooling.show_update(update)
    assert np.array_equal(rgb(fooling), update.detail["pictures"]["after"])
    arrays = fooling.export_arrays()
    assert arrays["labels_before"].tolist() == ["Egyptian cat", "tabby", "tractor"]
    assert arrays["probabilities_after"] == pytest.approx([1.0, 0.0])


# ------------------------------------------------------------------------------------------------------ archive


def test_each_class_has_its_picture_and_the_surest_is_shown_large(archive: ArchiveView) -> None:
    update = lab_runs.update("evolved_fooling", 2)
    archive.show_update(update)
    assert archive.cell == 0
    assert archive.label.text() == "class 0"
    assert archive.confidence.text() == "75.0 % · surest"
    for cell in (0, 3, 9):
        rect = archive.grid.cell_rect(cell)
        shown = grabbed(archive.grid)[int(rect.top()) : int(rect.bottom()), int(rect.left()) : int(rect.right())]
        empty = update.detail["confidence"][cell] == 0
        assert (shown.std((0, 1)).max() < 1) == empty


def test_pointing_at_a_cell_shows_it_with_its_label_and_confidence(archive: ArchiveView) -> None:
    update = lab_runs.update("evolved_fooling", 2)
    archive.show_update(update)
    QTest.mouseMove(archive.grid, archive.grid.cell_rect(4).center().toPoint())
    assert archive.label.text() == "class 4"
    assert archive.confidence.text() == "35.0 %"
    QApplication.sendEvent(archive.grid, QEvent(QEvent.Type.Leave))
    assert archive.label.text() == "class 0"


def test_a_click_keeps_a_cell_in_sight_and_another_lets_it_go(archive: ArchiveView) -> None:
    archive.show_update(lab_runs.update("evolved_fooling", 2))
    grid, place = archive.grid, archive.grid.cell_rect(4).center().toPoint()
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=place)
    QApplication.sendEvent(grid, QEvent(QEvent.Type.Leave))
    assert archive.label.text() == "class 4"
    assert archive.confidence.text() == "35.0 % · kept"
    QTest.mouseMove(grid, grid.cell_rect(2).center().toPoint())
    assert archive.label.text() == "class 2"
    QTest.mouseClick(grid, Qt.MouseButton.LeftButton, pos=place)
    QApplication.sendEvent(grid, QEvent(QEvent.Type.Leave))
    assert archive.cell == 0


def test_return_keeps_the_cell_under_the_cursor(archive: ArchiveView) -> None:
    archive.show_update(lab_runs.update("evolved_fooling", 2))
    archive.grid.setFocus()
    QTest.keyClick(archive.grid, Qt.Key.Key_Right)
    QTest.keyClick(archive.grid, Qt.Key.Key_Right)
    QTest.keyClick(archive.grid, Qt.Key.Key_Return)
    archive.grid.clearFocus()
    assert archive.cell == 1


def test_the_arrow_keys_move_from_cell_to_cell(archive: ArchiveView) -> None:
    archive.show_update(lab_runs.update("evolved_fooling", 2))
    tiles = archive.grid.tiles
    assert tiles is not None
    archive.grid.setFocus()
    QTest.keyClick(archive.grid, Qt.Key.Key_Right)
    assert archive.cell == 0
    QTest.keyClick(archive.grid, Qt.Key.Key_Right)
    QTest.keyClick(archive.grid, Qt.Key.Key_Down)
    assert archive.cell == 1 + tiles.geometry.columns
    QTest.keyClick(archive.grid, Qt.Key.Key_Up)
    assert archive.cell == 1


def test_the_archive_follows_theme_and_size(archive: ArchiveView, qapp: QApplication) -> None:
    archive.show_update(lab_runs.update("evolved_fooling", 1))
    dark = grabbed(archive.grid)[-2:].mean()
    theme.apply_theme(qapp, theme.LIGHT)
    assert grabbed(archive.grid)[-2:].mean() > dark + 100
    before = archive.grid.tiles
    archive.resize(900, 500)
    QApplication.processEvents()
    after = archive.grid.tiles
    assert before is not None
    assert after is not None
    assert after.geometry.tile > before.geometry.tile


def test_the_archive_is_saved_whole(archive: ArchiveView) -> None:
    update = lab_runs.update("evolved_fooling", 4)
    archive.show_update(update)
    assert np.array_equal(rgb(archive), update.image)
    arrays = archive.export_arrays()
    assert np.array_equal(arrays["archive"], update.detail["archive"])
    assert np.array_equal(arrays["confidence"], update.detail["confidence"])
    assert arrays["labels"].tolist() == list(update.detail["labels"])


def test_an_archive_that_nobody_sees_is_not_drawn(qtbot: QtBot) -> None:
    hidden = ArchiveView()
    qtbot.addWidget(hidden)
    hidden.show_update(lab_runs.update("evolved_fooling", 2))
    assert hidden.grid.tiles is None
    show(qtbot, hidden, 500, 240)
    assert hidden.grid.tiles is not None


@pytest.mark.parametrize("kind", [PicturesView, FoolingView, ArchiveView], ids=lambda kind: kind.__name__)
def test_a_view_is_empty_with_its_hint_before_anything_was_run(qtbot: QtBot, kind: Any) -> None:
    view = kind("class image") if kind is PicturesView else kind()
    show(qtbot, view, 500, 240)
    bare = grabbed(view)
    view.set_hint("Press Start to see something")
    assert not np.array_equal(grabbed(view), bare)
    assert view.export_picture() is None
    assert dict(view.export_arrays()) == {}
    assert view.export_name


def test_the_same_update_again_paints_nothing(pictures: PicturesView, fooling: FoolingView) -> None:
    for view, name in ((pictures, "inversion"), (fooling, "fooling")):
        update = lab_runs.update(name, 2)
        view.show_update(update)
        QApplication.processEvents()
    parts = [pictures.picture, fooling.before.picture, fooling.difference.picture]
    counts = [PaintCount(part) for part in parts]
    pictures.show_update(pictures._update)
    fooling.show_update(fooling._update)
    QApplication.processEvents()
    assert [count.count for count in counts] == [0, 0, 0]
