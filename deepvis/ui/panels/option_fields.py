"""One control for each kind of option: numbers, choices, switches and texts."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QLocale, QObject, Qt, Signal
from PySide6.QtGui import QAction, QValidator, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QLineEdit, QSizePolicy, QWidget

from deepvis.options import Option
from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, row

_EMPTY = -1e9
_DECIMALS = 12
_GREY_LEVELS = 255
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

    Where the option may be left to the program, an empty field says so and reads ``auto``. Fractions may be typed:
    ``8/255``.
    """

    def __init__(self, option: Option) -> None:
        super().__init__()
        self._option = option
        self._whole = "float" not in option.kinds
        self._optional = option.optional
        self._highest = option.maximum
        self._exact: float | None = None
        self.setLocale(QLocale.c())
        self.setDecimals(0 if self._whole else _DECIMALS)
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
        if self._whole:
            return round(value)
        # The box rounds to its decimals: what was set comes back as it was, an 8/255 as the very same 8/255.
        same = self._exact is not None and abs(self._exact - value) < 10.0**-_DECIMALS
        return self._exact if same else value

    def set_number(self, number: float | None) -> None:
        """Hold this number, or none."""
        self._exact = number
        self.setValue(_EMPTY if number is None else number)

    def set_highest(self, highest: float | None) -> None:
        """Steps end here from now on; None: where the option says."""
        self._highest = self._option.maximum if highest is None else highest

    def stepBy(self, steps: int) -> None:  # noqa: D102
        low, high = self._option.minimum, self._highest
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
        if self._whole:
            return str(round(value))
        text, levels = f"{value:g}", value * _GREY_LEVELS
        in_levels = len(text) > 5 and abs(levels - round(levels)) < 1e-6 and 0 < levels < _GREY_LEVELS
        return f"{round(levels)}/{_GREY_LEVELS}" if in_levels else text

    def valueFromText(self, text: str) -> float:  # noqa: D102
        plain = self._plain(text)
        number = _number(plain, self._whole) if plain else _EMPTY
        self._exact = number
        return number

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:  # noqa: D102
        plain = self._plain(text)
        if not plain:
            empty = QValidator.State.Acceptable if self._optional else QValidator.State.Intermediate
            return empty, text, position
        try:
            fits = abs(_number(plain, self._whole)) < -_EMPTY
        except (ValueError, ZeroDivisionError):
            fits = False
            unfinished = not self._whole and plain.rstrip("+-").endswith(("e", "/", "/0", "/0."))
            if plain in ("-", ".", "-.") or unfinished:
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


def add_clear_action(line: QLineEdit) -> None:
    """A cross in the field that empties it, in the theme's colours, while there is something in it."""
    clear = line.addAction(theme.icon("x"), QLineEdit.ActionPosition.TrailingPosition)
    clear.setToolTip("Clear")
    clear.triggered.connect(line.clear)
    clear.setVisible(False)
    line.textChanged.connect(lambda text: clear.setVisible(bool(text)))
    renew = _Renewal(clear)
    theme.theme_changed.connect(renew.renew)


class _Renewal(QObject):
    """Gives an action its icon in another theme's colours; it goes with the action, and so does its connection."""

    def __init__(self, action: QAction) -> None:
        super().__init__(action)
        self._action = action

    def renew(self) -> None:
        self._action.setIcon(theme.icon("x"))


def tip(option: Option) -> str:
    """What the option is for, and what it may be."""
    empty = "empty" if option.role is not None else "auto"
    text = option.help.replace("; none:", f"; {empty}:")
    allowed = option.range_text
    return f"{text}\nFrom {allowed}" if _is_range(option) else f"{text}\n{allowed.capitalize()}" if allowed else text


_SPELLED = {
    "fgsm": "FGSM", "ifgsm": "I-FGSM", "pgd": "PGD", "pgd_l2": "PGD, L2", "lbfgs": "L-BFGS", "cppn": "CPPN",
    "maco": "MACO", "l2": "L2",
}  # fmt: skip
"""Names that are written in their own way."""


def _choice_text(choice: Any) -> str:
    """``sum_of_squares`` as words, while the names of formats and layers (``fp32``) stay as they are."""
    if str(choice) in _SPELLED:
        return _SPELLED[str(choice)]
    words = str(choice).replace("_", " ")
    return words.capitalize() if words.replace(" ", "").isalpha() else words


def empty_text(option: Option) -> str:
    """What an empty field stands for, as the option's help says it; empty where it must not be empty."""
    return option.help.partition("; none: ")[2] if option.optional else ""


def _is_range(option: Option) -> bool:
    return option.choices is None and option.minimum is not None and option.maximum is not None


def _entry(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _number(text: str, whole: bool) -> float:
    """A number as it is written; a broken one may be a fraction such as ``8/255``."""
    if whole:
        return int(text)
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)
