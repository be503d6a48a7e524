"""A row in which a person chooses what a run works on: what is offered, what was used before, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, IconButton, label, row


class InputRow(QWidget):
    """A name, a choice and a button for files; what :meth:`takes` allows can be dropped on it. UI thread only.

    Parameters
    ----------
    name, tip : of the choice.
    file : the button that asks for a file.
    first, last : (title, value) of what is always offered, before and after the files.

    Signals
    -------
    edited : something else is chosen.
    """

    edited = Signal()

    def __init__(
        self,
        name: str,
        tip: str,
        file: IconButton,
        first: Sequence[tuple[str, str]],
        last: Sequence[tuple[str, str]] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._first, self._last = tuple(first), tuple(last)
        self._used: tuple[str, ...] = ()
        self._recent: tuple[str, ...] = ()
        self.setAcceptDrops(True)
        self.choice = Choice(name, tip)
        self.choice.setMinimumContentsLength(8)
        self.choice.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.file = file
        self._name = label(name, "quiet")
        self._name.setBuddy(self.choice)
        rest = row(self.choice, self.file, spacing=theme.SMALL)
        rest.setStretch(0, 1)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.MEDIUM)
        self._grid.addWidget(self._name, 0, 0)
        self._grid.addLayout(rest, 0, 1)
        self._grid.setColumnStretch(1, 1)
        self._offer()
        self.choice.chosen.connect(lambda _value: self.edited.emit())

    @property
    def name_width(self) -> int:
        """How wide the name is, in logical pixels."""
        return self._name.sizeHint().width()

    def set_name_width(self, width: int) -> None:
        """Give the name a column of at least this width."""
        # Not of the name itself, whose size hint would hold it for every size of type to come.
        self._grid.setColumnMinimumWidth(0, width)

    @property
    def value(self) -> str:
        """What is chosen: a value of ``first`` or ``last``, or what was given to :meth:`use`."""
        return str(self.choice.value)

    def use(self, value: str) -> None:
        """Take this, and offer it from now on."""
        if value not in self._used:
            self._used = (value, *self._used)
            self._offer()
        self.choice.set_value(value)
        self.edited.emit()

    def set_recent(self, values: Sequence[str]) -> None:
        """Offer these as well, which were used before."""
        self._recent = tuple(value for value in values if value)
        self._offer()

    def title_of(self, value: str) -> str:
        """What a person calls a file, a folder or a set."""
        return Path(value).name or value

    def takes(self, path: str) -> bool:
        """Whether this can be dropped here."""
        return bool(path)

    def _offer(self) -> None:
        always = dict((*self._first, *self._last)).values()
        files = [value for value in dict.fromkeys((*self._used, *self._recent)) if value not in always]
        self.choice.set_options([*self._first, *((self.title_of(value), value) for value in files), *self._last])

    def _dropped(self, data: QMimeData) -> str | None:
        paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        return next((path for path in paths if self.takes(path)), None)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: D102
        if self._dropped(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: D102
        path = self._dropped(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.use(path)
