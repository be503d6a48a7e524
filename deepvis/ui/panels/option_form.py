"""A form made from the options that a run declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from deepvis.options import Option, check_value
from deepvis.ui import theme
from deepvis.ui.panels.controls import label
from deepvis.ui.panels.option_fields import ClassField, OptionField, make_field, tip


class OptionForm(QWidget):
    """A row for each option: its name, and a control that suits it. UI thread only.

    Signals
    -------
    edited : a value is another one now.
    """

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, OptionField] = {}
        self._options: tuple[Option, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.MEDIUM)
        self._grid.setVerticalSpacing(theme.TIGHT)
        self._grid.setColumnStretch(1, 1)

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that are shown."""
        return self._options

    def set_options(self, options: tuple[Option, ...], labels: Sequence[str] = ()) -> None:
        """Show these options at their defaults. Called again with the same ones, only the classes change.

        Parameters
        ----------
        labels : the network's classes.
        """
        if options != self._options:
            self._fill(options, labels)
        for field in self.fields.values():
            if isinstance(field, ClassField):
                field.set_labels(labels)

    def values(self) -> dict[str, Any]:
        """Value by the option's name. The field of a value that is not allowed gets the focus.

        Raises
        ------
        ValueError : a value is not allowed; the message names the option, its value and what is allowed.
        """
        found = {}
        for name, field in self.fields.items():
            try:
                found[name] = field.value
                check_value(field.option, found[name])
            except ValueError:
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

    def _fill(self, options: tuple[Option, ...], labels: Sequence[str]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._options = options
        self.fields = {}
        for place, option in enumerate(options):
            field = make_field(option, labels)
            name = label(option.label, "quiet")
            name.setBuddy(field)
            name.setToolTip(tip(option))
            self._grid.addWidget(name, place, 0)
            self._grid.addWidget(field, place, 1)
            self.fields[option.name] = field
        self.reset()
        for field in self.fields.values():
            field.edited.connect(self.edited)
