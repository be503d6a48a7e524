"""A run's options as a form: the right control for each, and no value that the options do not allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QComboBox, QCompleter, QFileDialog
from pytestqt.qtbot import QtBot

from deepvis.options import option, options_of
from deepvis.ui import theme
from deepvis.ui.panels.file_field import FileField
from deepvis.ui.panels.network_fields import ClassField, LayerField, Offer, UnitField
from deepvis.ui.panels.option_fields import ChoiceField, NumberField, SwitchField, TextField, tip
from deepvis.ui.panels.option_form import OptionForm
from tests.ui.fixtures import LABELS, LAYERS
from tests.ui.lab_runs import RUN_OPTIONS, RUN_PRESETS
from tests.ui.views.paints import show

DEFAULTS = {"target": None, "patch": None, "stride": None, "fill": "black", "precision": "fp32", "batch": None}


@dataclass(frozen=True)
class Every:
    """One option of each other kind."""

    rate: float = option(0.25, help="Step size", minimum=0, maximum=1)
    twice: bool = option(True, help="Whether it is done twice")
    layers: tuple[str, ...] = option((), help="Layers")
    sizes: tuple[int, ...] = option((1, 2), help="Sizes", minimum=1)
    name: str = option("", help="Name")


@pytest.fixture
def form(qtbot: QtBot, qapp: QApplication) -> OptionForm:
    theme.apply_theme(qapp, theme.DARK)
    made = OptionForm()
    made.set_options(RUN_OPTIONS["occlusion"], Offer(LABELS))
    show(qtbot, made, 320, 300)
    return made


def typed(form: OptionForm, name: str, text: str) -> None:
    """Type into an option's field, over what is there."""
    control = form.fields[name].focusProxy()
    assert control is not None
    control.setFocus()
    QTest.keyClick(control, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(control, Qt.Key.Key_Delete)
    QTest.keyClicks(control, text)


def offered(completer: QCompleter) -> list[str]:
    """The names in the list that is open."""
    model = completer.completionModel()
    return [model.index(i, 0).data(Qt.ItemDataRole.EditRole) for i in range(model.rowCount())]


def class_field(form: OptionForm) -> tuple[ClassField, QAbstractItemView]:
    """The field of the class, and the list of names under it."""
    field = form.fields["target"]
    assert isinstance(field, ClassField)
    popup = field.completer.popup()
    assert popup is not None
    return field, popup


@pytest.fixture
def forms(qtbot: QtBot, qapp: QApplication) -> Callable[..., OptionForm]:
    """Makes the form of any run; ``conv3`` and its unit 5 are chosen in the window."""
    theme.apply_theme(qapp, theme.DARK)

    def make(name: str, **changes: Any) -> OptionForm:
        made = OptionForm()
        offer = Offer(**({"labels": LABELS, "layers": LAYERS, "layer": "conv3", "unit": 5} | changes))
        made.set_options(RUN_OPTIONS[name], offer)
        show(qtbot, made, 320, 400)
        return made

    return make


def test_a_fresh_form_holds_the_defaults(form: OptionForm) -> None:
    assert form.values() == DEFAULTS


def test_each_option_gets_the_control_that_suits_it(form: OptionForm) -> None:
    kinds = {name: type(field) for name, field in form.fields.items()}
    assert kinds == {
        "target": ClassField,
        "patch": NumberField,
        "stride": NumberField,
        "fill": ChoiceField,
        "precision": ChoiceField,
        "batch": NumberField,
    }
    precision = form.fields["precision"].focusProxy()
    assert isinstance(precision, QComboBox)
    assert [precision.itemText(i) for i in range(precision.count())] == ["Auto", "fp32", "bf16"]


def test_numbers_switches_and_lists_come_back_in_their_own_types(qtbot: QtBot) -> None:
    form = OptionForm()
    qtbot.addWidget(form)
    form.set_options(options_of(Every), Offer())
    assert isinstance(form.fields["twice"], SwitchField)
    assert isinstance(form.fields["layers"], TextField)
    assert form.values() == {"rate": 0.25, "twice": True, "layers": (), "sizes": (1, 2), "name": ""}
    wanted = {"rate": 0.5, "twice": False, "layers": ("conv4", "conv5"), "sizes": (3, 8), "name": "a, b"}
    form.set_values(wanted)
    assert form.values() == wanted
    assert type(form.values()["sizes"][0]) is int


def test_what_is_typed_becomes_the_value_with_its_unit_shown(form: OptionForm) -> None:
    typed(form, "patch", "24")
    assert form.values()["patch"] == 24
    assert type(form.values()["patch"]) is int
    field = form.fields["patch"]
    assert isinstance(field, NumberField)
    assert field.box.text() == "24 px"


def test_an_emptied_number_is_left_to_the_program(form: OptionForm) -> None:
    form.set_values({"patch": 24})
    typed(form, "patch", "")
    assert form.values()["patch"] is None
    form.reset()
    field = form.fields["patch"]
    assert isinstance(field, NumberField)
    assert field.box.text() == "auto"


def test_steps_begin_at_the_minimum_and_stay_in_range(form: OptionForm) -> None:
    field = form.fields["batch"]
    assert isinstance(field, NumberField)
    field.box.stepBy(1)
    assert field.value == 1
    field.set_value(4090)
    field.box.stepBy(10)
    assert field.value == 4096
    field.set_value(3)
    field.box.stepBy(-10)
    assert field.value is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("patch", "0", "patch 0 is out of range: it is at least 1 px"),
        ("batch", "5000", "batch 5000 is out of range: it is 1 to 4096"),
        ("target", "10", "target 10 is out of range: it is 0 to 9"),
        ("target", "Egiptian cat", "target 'Egiptian cat' is no class of this network; did you mean 'Egyptian cat'"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_reason(form: OptionForm, name: str, text: str, message: str) -> None:
    typed(form, name, text)
    form.fields["fill"].setFocus()
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        form.values()
    assert form.fields[name].focusProxy() is QApplication.focusWidget()


def test_values_that_are_not_allowed_change_nothing(form: OptionForm) -> None:
    with pytest.raises(ValueError, match="fill 'blak' is unknown.*did you mean 'black'"):
        form.set_values({"patch": 9, "fill": "blak"})
    assert form.values() == DEFAULTS


def test_a_pixel_value_can_stand_in_for_a_named_fill(form: OptionForm) -> None:
    field = form.fields["fill"]
    assert isinstance(field, ChoiceField)
    assert field.box is not None
    assert not field.box.isEnabled()
    form.set_values({"fill": 128})
    assert field.box.isEnabled()
    assert form.values()["fill"] == 128
    form.set_values({"fill": "blur"})
    assert form.values()["fill"] == "blur"
    assert not field.box.isEnabled()


@pytest.mark.parametrize(("text", "label"), [("lion", "lion"), ("LION", "lion"), ("6", "tractor")])
def test_a_class_is_found_by_its_name_or_its_number(form: OptionForm, text: str, label: str) -> None:
    typed(form, "target", text)
    assert form.values()["target"] == label


def test_of_classes_with_the_same_name_the_number_is_meant(form: OptionForm) -> None:
    form.set_options(RUN_OPTIONS["occlusion"], Offer(("crane", "lion", "crane")))
    form.set_values({"target": 2})
    assert form.values()["target"] == 2
    typed(form, "target", "crane")
    assert form.values()["target"] == 0


def test_part_of_a_name_offers_every_class_that_has_it(form: OptionForm) -> None:
    typed(form, "target", "cat")
    field = form.fields["target"]
    assert isinstance(field, ClassField)
    assert offered(field.completer) == [label for label in LABELS if "cat" in label]


def test_another_network_brings_its_own_classes(form: OptionForm) -> None:
    form.set_values({"target": "lion", "patch": 12})
    form.set_options(RUN_OPTIONS["occlusion"], Offer(("lion", "mouse")))
    assert form.values()["target"] == "lion"
    form.set_options(RUN_OPTIONS["occlusion"], Offer(("mouse", "house")))
    assert form.values()["target"] is None
    assert form.values()["patch"] == 12


def test_every_field_has_a_name_and_says_what_it_is_for(form: OptionForm) -> None:
    for option_ in RUN_OPTIONS["occlusion"]:
        control = form.fields[option_.name].focusProxy()
        assert control is not None
        assert control.accessibleName() == option_.label
        assert control.toolTip() == tip(option_)
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert tip(RUN_OPTIONS["occlusion"][1]) == "Side of the window; auto: a seventh of the picture\nAt least 1 px"


def test_reset_brings_every_default_back(form: OptionForm) -> None:
    form.set_values({"target": 3, "patch": 9, "fill": 4, "precision": "bf16", "batch": 7})
    form.reset()
    assert form.values() == DEFAULTS


# ---------------------------------------------------------------------------------------- what matters, what is hidden


def test_options_are_shown_where_their_when_holds(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    assert form.shown == ("target", "layer", "unit", "recipe", "iterations", "seed")
    form.fields["recipe"].set_value("maco")
    assert "folder" in form.shown
    assert form.fields["folder"].isVisible()
    form.fields["recipe"].set_value("fourier")
    assert not form.fields["folder"].isVisible()


def test_more_options_opens_those_that_matter_now(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    assert not form.fields["learning_rate"].isVisible()
    QTest.keyClick(form.more, Qt.Key.Key_Space)
    assert form.fields["learning_rate"].isVisible()
    assert not form.fields["decay"].isVisible()
    form.fields["recipe"].set_value("l2")
    assert form.fields["decay"].isVisible()


def test_what_is_hidden_counts_as_its_default(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    form.set_values({"recipe": "l2", "decay": 0.7})
    assert form.values()["decay"] == 0.7
    form.fields["recipe"].set_value("fourier")
    assert form.values()["decay"] == 0.1


def test_a_bad_value_behind_more_options_opens_them(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    form.fields["learning_rate"].set_value(-2.0)
    with pytest.raises(ValueError, match="learning_rate -2.0 is out of range: it is at least 0"):
        form.values()
    assert form.more.isChecked()
    assert form.fields["learning_rate"].focusProxy() is QApplication.focusWidget()


def test_a_preset_changes_the_rest_back_and_leaves_what_is_looked_at(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    form.set_values({"target": "tractor", "iterations": 7, "seed": 4})
    form.use_preset(RUN_PRESETS["class_image"]["Plain"])
    values = form.values()
    assert (values["target"], values["recipe"], values["decay"]) == ("tractor", "l2", 0.25)
    assert (values["iterations"], values["seed"]) == (None, 0)


# ---------------------------------------------------------------------------------------- classes, layers, units, files


def test_the_first_letters_find_a_class_and_return_takes_it(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    typed(form, "target", "trac")
    field, popup = class_field(form)
    assert offered(field.completer) == ["tractor"]
    QTest.keyClick(popup, Qt.Key.Key_Down)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert form.values()["target"] == "tractor"


def test_return_takes_the_first_name_that_is_offered(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    typed(form, "target", "trac")
    field, popup = class_field(form)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert field.line.text() == "tractor"
    assert not popup.isVisible()


def test_leaving_a_field_takes_the_only_name_and_never_one_of_several(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    field, popup = class_field(form)
    typed(form, "target", "trac")
    QTest.keyClick(popup, Qt.Key.Key_Tab)
    assert not field.line.hasFocus()
    assert form.values()["target"] == "tractor"
    typed(form, "target", "c")
    assert len(offered(field.completer)) > 1
    QTest.keyClick(popup, Qt.Key.Key_Tab)
    with pytest.raises(ValueError, match="'c' is no class"):
        form.values()


def test_the_list_goes_when_the_whole_name_is_typed(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    typed(form, "target", "tracto")
    _field, popup = class_field(form)
    assert popup.isVisible()
    QTest.keyClicks(popup, "r")
    assert not popup.isVisible()


def test_a_class_that_is_named_takes_the_place_of_a_unit_and_a_layer_that_of_a_class(
    forms: Callable[..., OptionForm],
) -> None:
    form = forms("class_image")
    assert form.use_chosen_unit()
    typed(form, "target", "trac")
    assert (form.fields["layer"].value, form.fields["unit"].value) == ("conv3", 5)
    typed(form, "target", "tractor")
    values = form.values()
    assert (values["target"], values["layer"], values["unit"]) == ("tractor", None, None)
    typed(form, "layer", "conv3")
    assert (form.values()["target"], form.values()["layer"]) == (None, "conv3")


def test_the_down_key_lists_every_class_with_the_pinned_ones_first(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image", pinned=(7, 4))
    field = form.fields["target"]
    assert isinstance(field, ClassField)
    field.line.setFocus()
    QTest.keyClick(field.line, Qt.Key.Key_Down)
    names = offered(field.completer)
    assert names[:2] == [LABELS[7], LABELS[4]]
    assert sorted(names) == sorted(LABELS)


def test_the_layer_that_is_shown_is_offered_first(forms: Callable[..., OptionForm]) -> None:
    field = forms("deepdream").fields["layer"]
    assert isinstance(field, LayerField)
    field.line.open_list()
    names = offered(field.line.offers)
    assert names[0] == "conv3"
    assert sorted(names) == sorted(layer.name for layer in LAYERS)


def test_a_layer_that_must_be_named_follows_the_window_until_it_is_written(forms: Callable[..., OptionForm]) -> None:
    form = forms("inversion")
    assert form.values()["layer"] == "conv3"
    form.set_offer(Offer(LABELS, LAYERS, "conv5", 0))
    assert form.values()["layer"] == "conv5"
    typed(form, "layer", "conv1")
    form.set_offer(Offer(LABELS, LAYERS, "conv4", 0))
    assert form.values()["layer"] == "conv1"


def test_a_layer_that_the_network_lacks_is_refused_with_the_nearest(forms: Callable[..., OptionForm]) -> None:
    form = forms("inversion")
    typed(form, "layer", "conv33")
    with pytest.raises(ValueError, match="layer 'conv33' is no layer of this network; did you mean 'conv3'"):
        form.values()


def test_another_network_takes_layers_away_that_it_does_not_have(forms: Callable[..., OptionForm]) -> None:
    form = forms("deepdream")
    form.set_values({"layer": "conv5", "layers": "conv4:2, conv5:0.5"})
    form.set_options(RUN_OPTIONS["deepdream"], Offer(LABELS, LAYERS[:6], "conv1", 0))
    assert form.values()["layer"] is None
    assert form.values()["layers"] == ("conv4:2",)


def test_several_layers_may_have_weights_and_the_last_is_completed(forms: Callable[..., OptionForm]) -> None:
    form = forms("deepdream")
    form.more.setChecked(True)
    typed(form, "layers", "conv4:1, conv5:0.5, nv6")
    field = form.fields["layers"]
    assert isinstance(field, LayerField)
    assert offered(field.line.offers) == ["conv6"]
    with pytest.raises(ValueError, match="layers 'nv6' is no layer"):
        form.values()
    popup = field.line.offers.popup()
    assert popup is not None
    QTest.keyClick(popup, Qt.Key.Key_Down)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert form.values()["layers"] == ("conv4:1", "conv5:0.5", "conv6")


def test_a_unit_ends_with_its_layer(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    form.set_values({"layer": "conv2", "unit": 95})
    field = form.fields["unit"]
    assert isinstance(field, UnitField)
    field.box.stepBy(10)
    assert form.values()["unit"] == 95
    typed(form, "unit", "96")
    with pytest.raises(ValueError, match="unit 96 is out of range: conv2 has the units 0 to 95"):
        form.values()
    form.set_values({"layer": "conv3"})
    assert form.values()["unit"] == 96


def test_the_chosen_unit_takes_the_place_of_a_class(forms: Callable[..., OptionForm]) -> None:
    form = forms("class_image")
    form.set_values({"target": "tractor"})
    assert form.takes_unit
    assert form.use_chosen_unit()
    values = form.values()
    assert (values["target"], values["layer"], values["unit"]) == (None, "conv3", 5)
    assert not forms("occlusion").takes_unit


def test_a_file_that_is_not_there_is_refused(forms: Callable[..., OptionForm], tmp_path: Path) -> None:
    form = forms("deepdream")
    assert form.values()["guide"] is None
    typed(form, "guide", str(tmp_path / "missing.png"))
    with pytest.raises(ValueError, match=r"guide '.*missing.png' is no file"):
        form.values()
    (tmp_path / "missing.png").touch()
    assert form.values()["guide"] == str(tmp_path / "missing.png")


def test_a_file_that_is_dropped_on_its_field_is_used_by_its_path(
    forms: Callable[..., OptionForm], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = forms("deepdream")
    field = form.fields["guide"]
    (tmp_path / "own cat.png").touch()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path)), QUrl.fromLocalFile(str(tmp_path / "own cat.png"))])
    event = QDropEvent(
        QPointF(4, 4), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    assert not field.line.acceptDrops(), "it would write the address"  # type: ignore[attr-defined]
    field.dropEvent(event)
    assert form.values()["guide"] == str(tmp_path / "own cat.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    typed(form, "guide", "~/own cat.png")
    assert form.values()["guide"] == str(tmp_path / "own cat.png")


def test_a_folder_is_asked_for_where_a_folder_is_wanted(forms: Callable[..., OptionForm], tmp_path: Path) -> None:
    form = forms("class_image")
    form.fields["recipe"].set_value("maco")
    field = form.fields["folder"]
    assert isinstance(field, FileField)
    QTest.mouseClick(field.choose, Qt.MouseButton.LeftButton)
    (dialog,) = form.findChildren(QFileDialog)
    assert dialog.fileMode() == QFileDialog.FileMode.Directory
    dialog.fileSelected.emit(str(tmp_path))
    dialog.reject()
    assert form.values()["folder"] == str(tmp_path)


# ---------------------------------------------------------------------------------------------------- broken numbers


def test_a_default_that_no_decimal_holds_comes_back_as_it_was(forms: Callable[..., OptionForm]) -> None:
    form = forms("fooling")
    assert form.values()["epsilon"] == 8 / 255
    field = form.fields["epsilon"]
    assert isinstance(field, NumberField)
    assert field.box.text() == "8/255"


def test_fractions_can_be_typed(forms: Callable[..., OptionForm]) -> None:
    form = forms("fooling")
    typed(form, "epsilon", "4/255")
    assert form.values()["epsilon"] == 4 / 255
    typed(form, "epsilon", "0.25")
    assert form.values()["epsilon"] == 0.25
