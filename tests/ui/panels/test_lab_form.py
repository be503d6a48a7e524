"""A run's options as a form: the right control for each, and no value that the options do not allow."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox
from pytestqt.qtbot import QtBot

from deepvis.options import option, options_of
from deepvis.ui import theme
from deepvis.ui.panels.option_fields import ChoiceField, ClassField, NumberField, SwitchField, TextField, tip
from deepvis.ui.panels.option_form import OptionForm
from tests.ui.fixtures import LABELS
from tests.ui.occlusion_run import RUN_OPTIONS
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
    made.set_options(RUN_OPTIONS["occlusion"], LABELS)
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
    form.set_options(options_of(Every))
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


@pytest.mark.parametrize(("text", "index"), [("lion", 4), ("LION", 4), ("6", 6)])
def test_a_class_is_found_by_its_name_or_its_number(form: OptionForm, text: str, index: int) -> None:
    typed(form, "target", text)
    assert form.values()["target"] == index


def test_part_of_a_name_offers_every_class_that_has_it(form: OptionForm) -> None:
    typed(form, "target", "cat")
    field = form.fields["target"]
    assert isinstance(field, ClassField)
    model = field.completer.completionModel()
    offered = [model.index(i, 0).data() for i in range(model.rowCount())]
    assert offered == [label for label in LABELS if "cat" in label]


def test_another_network_brings_its_own_classes(form: OptionForm) -> None:
    form.set_values({"target": "lion", "patch": 12})
    form.set_options(RUN_OPTIONS["occlusion"], ("lion", "mouse"))
    assert form.values()["target"] == 0
    form.set_options(RUN_OPTIONS["occlusion"], ("mouse", "house"))
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
