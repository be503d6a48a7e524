"""A form made from the options that a run declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from deepvis.options import Option, check_value
from deepvis.ui import theme
from deepvis.ui.panels.controls import IconButton, label
from deepvis.ui.panels.file_field import FileField
from deepvis.ui.panels.network_fields import ClassField, LayerField, Offer, UnitField
from deepvis.ui.panels.option_fields import ChoiceField, NumberField, OptionField, SwitchField, TextField, tip


class OptionForm(QWidget):
    """A row for each option: its name, and a control that suits it. UI thread only.

    Options that do not matter now (their ``when``) are hidden, and count as left at their defaults; advanced ones stand
    behind ``more``.

    Signals
    -------
    edited : a value is another one now.
    arranged : other rows are shown now.
    """

    edited = Signal()
    arranged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, OptionField] = {}
        self._names: dict[str, QLabel] = {}
        self._options: tuple[Option, ...] = ()
        self._offer = Offer()
        self._shown: tuple[str, ...] = ()
        self.more = IconButton("caret-right", "More options", "Show the options that seldom need to be changed",
                               text="More options", checkable=True)  # fmt: skip
        self.more.setProperty("role", "flat")
        self.more.toggled.connect(lambda _on: self._arrange())
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.MEDIUM)
        self._grid.setVerticalSpacing(theme.TIGHT)
        self._grid.setColumnStretch(1, 1)

    @property
    def options(self) -> tuple[Option, ...]:
        """The options of the run."""
        return self._options

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the options whose rows are shown now, from the top."""
        return self._shown

    @property
    def name_width(self) -> int:
        """How wide the widest of the shown names is, in logical pixels."""
        return max((self._names[name].sizeHint().width() for name in self._shown), default=0)

    def set_name_width(self, width: int) -> None:
        """Give the names a column of at least this width."""
        self._grid.setColumnMinimumWidth(0, width)

    def set_options(self, options: tuple[Option, ...], offer: Offer) -> None:
        """Show these options at their defaults. Called again with the same ones, only what is offered changes."""
        self._offer = offer
        if options != self._options:
            self._fill(options)
        self.set_offer(offer)

    def set_offer(self, offer: Offer) -> None:
        """The network, or what is chosen of it in the window, is another one now."""
        self._offer = offer
        for field in self.fields.values():
            if isinstance(field, ClassField | LayerField):
                field.set_offer(offer)
        self._follow_layer()

    def names_nothing(self) -> bool:
        """Whether it asks for a class, a layer or a unit, and none of them is named yet."""
        asked = {"class", "layer", "unit"}
        if not asked <= self._roles:
            return False
        try:
            return all(field.value is None for field in self.fields.values() if field.option.role in asked)
        except ValueError:
            return False  # What is named is not allowed, which values() says.

    def use_chosen_unit(self) -> bool:
        """Name the layer and the unit that are chosen in the window; False where no option takes them."""
        offer, used = self._offer, False
        if offer.layer is None:
            return False
        for name, field in self.fields.items():
            role = field.option.role
            if role == "layers" and "layer" in self._roles:
                # Where one layer is asked for, several stand in its place: none of them then.
                field.set_value(None)
            elif role in ("layer", "layers"):
                field.set_value(offer.layer)
            elif role == "unit" and offer.unit is not None:
                field.set_value(offer.unit)
            elif role == "class" and "unit" in self._roles and field.option.optional:
                field.set_value(None)
                continue
            else:
                continue
            self._make_matter(name)
            used = True
        return used

    @property
    def takes_unit(self) -> bool:
        """Whether a layer or a unit can be named."""
        return bool(self._roles & {"layer", "layers", "unit"})

    @property
    def _roles(self) -> frozenset[str]:
        return frozenset(option.role for option in self._options if option.role is not None)

    def values(self) -> dict[str, Any]:
        """Value by the option's name. The field of a value that is not allowed gets the focus.

        Raises
        ------
        ValueError : a value is not allowed; the message names the option, its value and what is allowed.
        """
        found = {}
        for name, field in self.fields.items():
            if not self._matters(field.option) and not field.option.required:
                found[name] = field.option.default
                continue
            try:
                found[name] = field.value
                check_value(field.option, found[name])
            except ValueError:
                if field.option.advanced:
                    self.more.setChecked(True)
                field.setFocus(Qt.FocusReason.OtherFocusReason)
                raise
        return found

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values; options that are not named stay as they are.

        Raises
        ------
        ValueError : a value is not allowed; nothing changes.
        KeyError : there is no option of this name.
        """
        for name, value in values.items():
            check_value(self.fields[name].option, value)
        for name, value in values.items():
            self.fields[name].set_value(value)

    def reset(self) -> None:
        """Show every default."""
        for field in self.fields.values():
            if not field.option.required:
                field.set_value(field.option.default)

    def use_preset(self, values: Mapping[str, Any]) -> None:
        """Show the defaults with these values in their place; what is looked at (class, layer, unit, files) stays."""
        for name, field in self.fields.items():
            if field.option.role is None and not field.option.required:
                field.set_value(values.get(name, field.option.default))
        self.set_values({name: value for name, value in values.items() if self.fields[name].option.role is not None})

    # ------------------------------------------------------------------------------------------------------ making

    def _fill(self, options: tuple[Option, ...]) -> None:
        self._grid.removeWidget(self.more)
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._options = options
        self.fields, self._names = {}, {}
        plain = [option for option in options if not option.advanced]
        advanced = [option for option in options if option.advanced]
        for option in (*plain, *advanced):
            self._add(option, len(self.fields) + (1 if option.advanced else 0))
        self._grid.addWidget(self.more, len(plain), 0, 1, 2, Qt.AlignmentFlag.AlignLeft)
        self.more.setVisible(bool(advanced))
        # Every field first has its default; only then do they tell of changes.
        self.reset()
        for name, field in self.fields.items():
            field.edited.connect(lambda name=name: self._follow(name))
            if isinstance(field, ClassField | LayerField):
                field.line.named.connect(lambda name=name: self._let_alone(name))
        self._arrange()

    def _add(self, option: Option, place: int) -> None:
        field = make_field(option)
        if isinstance(field, ClassField | LayerField):
            field.set_offer(self._offer)
        name = label(option.label, "quiet")
        name.setBuddy(field)
        name.setToolTip(tip(option))
        self._grid.addWidget(name, place, 0)
        self._grid.addWidget(field, place, 1)
        self.fields[option.name], self._names[option.name] = field, name

    # ----------------------------------------------------------------------------------------------------- following

    def _follow(self, name: str) -> None:
        if isinstance(self.fields[name], LayerField):
            self._follow_layer()
        self._arrange()
        self.edited.emit()

    def _let_alone(self, name: str) -> None:
        """A class that a person names stands in the place of a unit that was named before, and a layer in a class's."""
        if not {"class", "layer", "unit"} <= self._roles:
            return
        try:
            if self.fields[name].value is None:
                return
        except ValueError:
            return  # It is still being typed.
        others = ("layer", "unit") if self.fields[name].option.role == "class" else ("class",)
        for field in self.fields.values():
            if field.option.role in others and field.option.optional:
                field.set_value(None)

    def _follow_layer(self) -> None:
        layer = next((field.layer for field in self.fields.values() if isinstance(field, LayerField)), None)
        for field in self.fields.values():
            if isinstance(field, UnitField):
                field.set_layer(layer)

    def _matters(self, option: Option) -> bool:
        """Whether the option's ``when`` holds, and that of the option which it names."""
        if option.when is None:
            return True
        name, values = option.when
        other = self.fields.get(name)
        if other is None:
            return True
        try:
            value = other.value
        except ValueError:
            # What is being typed there is no value yet.
            return True
        return value in values and self._matters(other.option)

    def _make_matter(self, name: str) -> None:
        """Set the options on which this one depends so that it counts."""
        when = self.fields[name].option.when
        if when is None or when[0] not in self.fields:
            return
        if not self._matters(self.fields[name].option):
            self.fields[when[0]].set_value(when[1][0])
        self._make_matter(when[0])

    def _arrange(self) -> None:
        """Show the rows that matter."""
        opened = self.more.isChecked()
        self.more.set_icon("caret-down" if opened else "caret-right")
        shown = tuple(
            name
            for name, field in self.fields.items()
            if (opened or not field.option.advanced) and self._matters(field.option)
        )
        if shown != self._shown:
            self._shown = shown
            for name, field in self.fields.items():
                field.setVisible(name in shown)
                self._names[name].setVisible(name in shown)
            self.arranged.emit()


def make_field(option: Option) -> OptionField:
    """The control for an option."""
    if option.role == "class":
        return ClassField(option)
    if option.role in ("layer", "layers"):
        return LayerField(option)
    if option.role == "unit":
        return UnitField(option)
    if option.role in ("picture", "folder"):
        return FileField(option)
    if option.choices is not None:
        return ChoiceField(option)
    if option.kinds == ("bool",):
        return SwitchField(option)
    if option.kinds and set(option.kinds) <= {"int", "float"}:
        return NumberField(option)
    return TextField(option)
