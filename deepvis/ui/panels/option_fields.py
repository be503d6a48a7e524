"""One control for each kind of option: numbers, choices, switches, texts and classes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QLocale, QStringListModel, Qt, Signal
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QCompleter, QDoubleSpinBox, QLineEdit, QSizePolicy, QWidget

from deepvis.options import Option
from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, row

_EMPTY = -1e9
_NUMBER = "number"


class OptionField(QWidget):
    """A control for one option. ``edited`` is emitted for a person's change, and for :meth:`set_value`."""

    edited = Signal()

    def __init__(self, option: Option, control: QWidget, *others: QWidget) -> None:
        super().__init__()
        self.option = option
        self.setLayout(row(control, *others))
        self.setFocusProxy(control)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for each in (control, *others):
            each.setToolTip(tip(option))
            each.setAccessibleName(option.label)

    @property
    def value(self) -> Any:
        """What the control holds; it need not be in range."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Hold this value."""
        raise NotImplementedError


class NumberBox(QDoubleSpinBox):
    """A number with its unit. Steps stay in the option's range; what is typed may leave it, so that it can be refused
    with a reason instead of being changed in silence.

    Where the option may be left to the program, an empty field says so and reads ``auto``.
    """

    def __init__(self, option: Option) -> None:
        super().__init__()
        self._option = option
        self._whole = "float" not in option.kinds
        self._optional = option.optional
        self.setLocale(QLocale.c())
        self.setDecimals(0 if self._whole else 6)
        self.setRange(_EMPTY, -_EMPTY)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(theme.TIGHT, 0, 0, 0)
        if option.unit:
            self.setSuffix(f" {option.unit}")
        if self._optional:
            self.setSpecialValueText("auto")
        else:
            self.setValue(option.minimum or 0)

    @property
    def number(self) -> float | int | None:
        """The number, whole where the option is; None where the field is empty."""
        value = self.value()
        if value <= _EMPTY:
            return None
        return round(value) if self._whole else value

    def set_number(self, number: float | None) -> None:
        """Hold this number, or none."""
        self.setValue(_EMPTY if number is None else number)

    def stepBy(self, steps: int) -> None:  # noqa: D102
        low, high = self._option.minimum, self._option.maximum
        now = self.number
        if now is None:
            self.set_number((low if low is not None else 0) if steps > 0 else None)
            return
        size = 1 if self._whole or (high is not None and high > 10) else 0.05
        wanted = now + steps * size
        if low is not None and wanted < low:
            self.set_number(None if self._optional else low)
        else:
            self.set_number(wanted if high is None else min(wanted, high))

    def textFromValue(self, value: float) -> str:  # noqa: D102
        return str(round(value)) if self._whole else f"{value:g}"

    def valueFromText(self, text: str) -> float:  # noqa: D102
        plain = self._plain(text)
        return float(plain) if plain else _EMPTY

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:  # noqa: D102
        plain = self._plain(text)
        if not plain:
            empty = QValidator.State.Acceptable if self._optional else QValidator.State.Intermediate
            return empty, text, position
        try:
            fits = abs(int(plain) if self._whole else float(plain)) < -_EMPTY
        except ValueError:
            fits = False
            if plain in ("-", ".", "-.") or (not self._whole and plain.rstrip("+-").endswith("e")):
                return QValidator.State.Intermediate, text, position
        return QValidator.State.Acceptable if fits else QValidator.State.Invalid, text, position

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        # Scrolling the form must not change the numbers that pass under the pointer.
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _plain(self, text: str) -> str:
        plain = text.removesuffix(self.suffix()).strip()
        return "" if plain == self.specialValueText() else plain


class NumberField(OptionField):
    """A number, or none where the option is optional."""

    def __init__(self, option: Option) -> None:
        self.box = NumberBox(option)
        super().__init__(option, self.box)
        self.box.valueChanged.connect(lambda _value: self.edited.emit())

    @property
    def value(self) -> Any:  # noqa: D102
        return self.box.number

    def set_value(self, value: Any) -> None:  # noqa: D102
        self.box.set_number(value)


class ChoiceField(OptionField):
    """One of several texts; where a number is allowed too, the last entry opens the box beside it."""

    def __init__(self, option: Option) -> None:
        numeric = any(kind in ("int", "float") for kind in option.kinds)
        choices = option.choices or ()
        entries: list[tuple[str, Any]] = [(_choice_text(each), each) for each in choices]
        if option.optional:
            entries.insert(0, ("Auto", None))
        texts_only = all(isinstance(each, str) for each in choices)
        self.box: NumberBox | None = None
        if numeric and texts_only:
            entries.append(("Value", _NUMBER))
            self.box = NumberBox(option)
            self.box.setEnabled(False)
        self.choice = Choice(option.label, tip(option), entries)
        super().__init__(option, self.choice, *(() if self.box is None else (self.box,)))
        if self.box is not None:
            self.box.setAccessibleName(f"{option.label}, value")
            self.box.valueChanged.connect(lambda _value: self.edited.emit())
        self.choice.chosen.connect(self._chosen)

    @property
    def value(self) -> Any:  # noqa: D102
        value = self.choice.value
        return self.box.number if self.box is not None and value == _NUMBER else value

    def set_value(self, value: Any) -> None:  # noqa: D102
        if self.box is not None and isinstance(value, int | float):
            self.box.set_number(value)
            value = _NUMBER
        self.choice.set_value(value)
        self._chosen(value)

    def _chosen(self, value: Any) -> None:
        if self.box is not None:
            self.box.setEnabled(value == _NUMBER)
        self.edited.emit()


class SwitchField(OptionField):
    """Yes or no."""

    def __init__(self, option: Option) -> None:
        self.box = QCheckBox()
        super().__init__(option, self.box)
        self.box.toggled.connect(lambda _on: self.edited.emit())

    @property
    def value(self) -> Any:  # noqa: D102
        return self.box.isChecked()

    def set_value(self, value: Any) -> None:  # noqa: D102
        self.box.setChecked(bool(value))


class TextField(OptionField):
    """A text; several entries are parted by commas. Empty: none, where the option is optional."""

    def __init__(self, option: Option) -> None:
        self.line = QLineEdit()
        if option.optional:
            self.line.setPlaceholderText("auto")
        super().__init__(option, self.line)
        self.line.textChanged.connect(lambda _text: self.edited.emit())

    @property
    def value(self) -> Any:  # noqa: D102
        text = self.line.text().strip()
        if not text and self.option.optional:
            return None
        if "tuple" in self.option.kinds:
            return tuple(_entry(part.strip()) for part in text.split(",") if part.strip())
        return _entry(text) if "int" in self.option.kinds or "float" in self.option.kinds else text

    def set_value(self, value: Any) -> None:  # noqa: D102
        entries = value if isinstance(value, tuple | list) else () if value is None else (value,)
        self.line.setText(", ".join(str(entry) for entry in entries))


class ClassField(OptionField):
    """A class of the network, searched by any part of its name; empty: the top class. A number is a class index."""

    def __init__(self, option: Option, labels: Sequence[str]) -> None:
        self.line = QLineEdit()
        self.line.setPlaceholderText("Top class" if option.optional else "Search classes")
        self.line.setClearButtonEnabled(True)
        super().__init__(option, self.line)
        self._labels: tuple[str, ...] = ()
        self._index: int | None = None
        self._model = QStringListModel(self)
        self.completer = QCompleter(self._model, self)
        self.completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.completer.setMaxVisibleItems(8)
        self.line.setCompleter(self.completer)
        self.line.textEdited.connect(self._typed)
        self.line.textChanged.connect(lambda _text: self.edited.emit())
        self.set_labels(labels)

    def set_labels(self, labels: Sequence[str]) -> None:
        """Offer the classes of a network; what it does not have is taken away."""
        if tuple(labels) != self._labels:
            self._labels = tuple(labels)
            self._index = None
            self._model.setStringList(list(labels))
            if self.line.text() and self.line.text() not in self._labels:
                self.line.clear()

    @property
    def value(self) -> Any:
        """The class's index, or None.

        Raises
        ------
        ValueError : the network has no such class; the message names the nearest ones.
        """
        text = self.line.text().strip()
        if not text and self.option.optional:
            return None
        if self._index is not None:
            return self._index
        folded = [label.casefold() for label in self._labels]
        if text.casefold() in folded:
            return folded.index(text.casefold())
        if text.isdecimal():
            if int(text) < len(self._labels):
                return int(text)
            raise ValueError(f"{self.option.name} {text} is out of range: it is 0 to {len(self._labels) - 1}")
        near = [self._labels[i] for i, label in enumerate(folded) if text and text.casefold() in label][:3]
        close = difflib.get_close_matches(text.casefold(), folded, n=3, cutoff=0.5)
        near += [self._labels[folded.index(label)] for label in close]
        hint = f"; did you mean {', '.join(repr(name) for name in dict.fromkeys(near))}?" if near else ""
        raise ValueError(f"{self.option.name} {text!r} is no class of this network{hint}")

    def set_value(self, value: Any) -> None:  # noqa: D102
        self._index = value if isinstance(value, int) and 0 <= value < len(self._labels) else None
        self.line.setText("" if value is None else self._labels[value] if self._index is not None else str(value))

    def _typed(self, _text: str) -> None:
        self._index = None


def make_field(option: Option, labels: Sequence[str] = ()) -> OptionField:
    """The control for an option.

    Parameters
    ----------
    labels : the network's classes, for the option ``target``.
    """
    if option.name == "target":
        return ClassField(option, labels)
    if option.choices is not None:
        return ChoiceField(option)
    if option.kinds == ("bool",):
        return SwitchField(option)
    if option.kinds and set(option.kinds) <= {"int", "float"}:
        return NumberField(option)
    return TextField(option)


def tip(option: Option) -> str:
    """What the option is for, and what it may be."""
    empty = "empty" if option.name == "target" else "auto"
    text = option.help.replace("; none:", f"; {empty}:")
    allowed = option.range_text
    return f"{text}\nFrom {allowed}" if _is_range(option) else f"{text}\n{allowed.capitalize()}" if allowed else text


def _choice_text(choice: Any) -> str:
    """``sum_of_squares`` as words, while the names of formats and layers (``fp32``) stay as they are."""
    words = str(choice).replace("_", " ")
    return words.capitalize() if words.replace(" ", "").isalpha() else words


def _is_range(option: Option) -> bool:
    return option.choices is None and option.minimum is not None and option.maximum is not None


def _entry(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
