"""Controls that know the network: classes, layers and units, found by typing any part of a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QCompleter, QLineEdit

from deepvis.messages import Layer, NetworkInfo
from deepvis.near_names import near_names
from deepvis.options import Option
from deepvis.ui.look import Look
from deepvis.ui.panels.option_fields import NumberField, OptionField, add_clear_action, empty_text

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to choose from, and what is chosen in the window now.

    Attributes
    ----------
    labels : the network's classes.
    layers : its layers.
    layer, unit : the chosen ones, or None.
    pinned : indices of the classes that a person keeps in sight; they are offered first.
    """

    labels: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    layer: str | None = None
    unit: int | None = None
    pinned: tuple[int, ...] = ()

    @classmethod
    def of(cls, info: NetworkInfo | None, look: Look) -> Offer:
        """What this network and this look offer."""
        if info is None:
            return cls()
        return cls(info.labels, info.layers, look.layer, look.unit, look.pinned)

    def find(self, name: str | None) -> Layer | None:
        """The layer of this name, or None."""
        return next((layer for layer in self.layers if layer.name == name), None)


class _Entries(QAbstractListModel):
    """Names, each with a note that is shown and never typed."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._entries: tuple[tuple[str, str], ...] = ()

    def fill(self, entries: Sequence[tuple[str, str]]) -> None:
        if tuple(entries) != self._entries:
            self.beginResetModel()
            self._entries = tuple(entries)
            self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        name, note = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{name}   {note}" if note else name
        return name if role == Qt.ItemDataRole.EditRole else None


class _Completer(QCompleter):
    """Completes what is typed; where several names are parted by commas, the last of them."""

    def __init__(self, model: _Entries, parent: QObject, several: bool) -> None:
        super().__init__(model, parent)
        self._several = several
        self.setCompletionRole(Qt.ItemDataRole.EditRole)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setFilterMode(Qt.MatchFlag.MatchContains)
        self.setMaxVisibleItems(8)

    def splitPath(self, path: str) -> list[str]:
        return [path.rpartition(",")[2].strip() if self._several else path]

    def pathFromIndex(self, index: _Index) -> str:
        name = str(index.data(Qt.ItemDataRole.EditRole))
        line = self.widget()
        if not self._several or not isinstance(line, QLineEdit):
            return name
        before = line.text().rpartition(",")[0].strip()
        return f"{before}, {name}" if before else name


class SearchLine(QLineEdit):
    """A field to type in that offers the names which have the typed part; a click or the Down key offers them all.

    Return takes the first of them, and to leave the field takes the only one.

    Signals
    -------
    named : a person typed, or took what was offered.
    """

    named = Signal()

    def __init__(self, *, several: bool = False) -> None:
        super().__init__()
        self._entries = _Entries(self)
        self.offers = _Completer(self._entries, self, several)
        self.setCompleter(self.offers)
        add_clear_action(self)
        self.textEdited.connect(lambda _text: self.named.emit())
        self.offers.activated.connect(lambda _text: self.named.emit())

    def offer(self, entries: Sequence[tuple[str, str]]) -> None:
        """Offer these (name, note) pairs, in this order."""
        self._entries.fill(entries)

    def open_list(self) -> None:
        """Show every name."""
        self.offers.setCompletionPrefix("")
        self.offers.complete()

    def complete(self, *, only: bool = False) -> None:
        """Write the first name that has the typed part in its place, unless that is a name or a number itself.

        Parameters
        ----------
        only : it is written where it is the only one.
        """
        part = self._part
        self.offers.setCompletionPrefix(part)
        model = self.offers.completionModel()
        found = [model.index(place, 0) for place in range(model.rowCount())]
        names = [str(index.data(Qt.ItemDataRole.EditRole)).casefold() for index in found]
        if not part or part.isdecimal() or not found or part.casefold() in names or (only and len(found) > 1):
            return
        self.setText(self.offers.pathFromIndex(found[0]))
        self.named.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        if event.key() == Qt.Key.Key_Down and not self._is_open:
            self.open_list()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.complete()
        super().keyPressEvent(event)
        popup, found = self.offers.popup(), self.offers.completionModel()
        if popup is not None and popup.isVisible() and found.rowCount() == 1:
            only = str(found.index(0, 0).data(Qt.ItemDataRole.EditRole))
            # Where the whole name is there, the list would only stand in the way.
            popup.setVisible(only.casefold() != self._part.casefold())

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.complete(only=True)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        super().mousePressEvent(event)
        if not self.text() and not self._is_open:
            self.open_list()

    @property
    def _part(self) -> str:
        """What is typed of the name that is being written."""
        return self.offers.splitPath(self.text())[0].strip()

    @property
    def _is_open(self) -> bool:
        popup = self.offers.popup()
        return popup is not None and popup.isVisible()


class ClassField(OptionField):
    """A class of the network, searched by any part of its name; empty: the top class. A number is a class index."""

    def __init__(self, option: Option) -> None:
        self.line = SearchLine()
        self.line.setPlaceholderText(empty_text(option) or "Search classes")
        super().__init__(option, self.line)
        self.completer = self.line.offers
        self._labels: tuple[str, ...] = ()
        self._index: int | None = None
        self.line.named.connect(self._forget_index)
        self.line.textChanged.connect(lambda _text: self.edited.emit())

    def set_offer(self, offer: Offer) -> None:
        """Offer the classes of a network; what it does not have is taken away."""
        first = [offer.labels[index] for index in offer.pinned if index < len(offer.labels)]
        rest = [label for label in offer.labels if label not in first]
        self.line.offer([(label, "") for label in (*first, *rest)])
        if offer.labels != self._labels:
            self._labels = offer.labels
            self._index = None
            if self.line.text() and self.line.text() not in self._labels:
                self.line.clear()

    @property
    def value(self) -> Any:
        """The class's label, its index where another class has the same label, or None.

        Raises
        ------
        ValueError : the network has no such class; the message names the nearest ones.
        """
        text = self.line.text().strip()
        if not text and self.option.optional:
            return None
        folded = [label.casefold() for label in self._labels]
        if self._index is not None:
            index = self._index
        elif text.casefold() in folded:
            index = folded.index(text.casefold())
        elif text.isdecimal():
            index = int(text)
            if index >= len(self._labels):
                raise ValueError(f"{self.option.name} {text} is out of range: it is 0 to {len(self._labels) - 1}")
        else:
            near = near_names(text, self._labels)
            raise ValueError(f"{self.option.name} {text!r} is no class of this network{_hint(near)}")
        # A name says more than a number, wherever the options of a run are read.
        return self._labels[index] if folded.count(folded[index]) == 1 else index

    def set_value(self, value: Any) -> None:  # noqa: D102
        self._index = value if isinstance(value, int) and 0 <= value < len(self._labels) else None
        self.line.setText("" if value is None else self._labels[value] if self._index is not None else str(value))

    def _forget_index(self) -> None:
        self._index = None


EVERY_LAYER = "all"


class LayerField(OptionField):
    """A layer of the network, or several parted by commas; the one that is shown in the window is offered first.

    One of several may have its weight behind it: ``conv4:1, conv5:0.5``.

    Where the option must name a layer, the field follows the window's choice until somebody writes into it.
    """

    def __init__(self, option: Option) -> None:
        self._several = option.role == "layers"
        self.line = SearchLine(several=self._several)
        self.line.setPlaceholderText(empty_text(option) or "Search layers")
        super().__init__(option, self.line)
        self._offer = Offer()
        self._must = option.required or (not option.optional and not self._several)
        self._follows = self._must
        self.line.named.connect(self._keep)
        self.line.textChanged.connect(lambda _text: self.edited.emit())

    def set_offer(self, offer: Offer) -> None:
        """Offer the layers of a network; names that it does not have are taken away."""
        self._offer = offer
        shown = [layer for layer in offer.layers if layer.name == offer.layer]
        others = [layer for layer in offer.layers if layer.name != offer.layer]
        others.sort(key=lambda layer: not layer.main)
        self.line.offer([(layer.name, layer.text) for layer in (*shown, *others)])
        kept = [name for name in self.names if offer.find(_plain(name)) is not None]
        if kept != self.names:
            self._follows = self._must and not kept
            self.line.setText(", ".join(kept))
        if self._follows and offer.layer is not None:
            self.line.setText(offer.layer)

    @property
    def names(self) -> list[str]:
        """What is written, weights included, whether the network has it or not."""
        parts = self.line.text().split(",") if self._several else [self.line.text()]
        return [part.strip() for part in parts if part.strip()]

    @property
    def layer(self) -> Layer | None:
        """The only layer that is named, if the network has it."""
        return self._offer.find(_plain(self.names[0])) if len(self.names) == 1 else None

    @property
    def value(self) -> Any:
        """The layer's name or a tuple of names, or None.

        Raises
        ------
        ValueError : the network has no such layer; the message names the nearest ones.
        """
        names = self.names
        if not names and self.option.optional:
            return None
        known = [layer.name for layer in self._offer.layers]
        if self.option.kinds == ("tuple",):
            # What records layers can record all of them.
            known.append(EVERY_LAYER)
        for name in [_plain(name) for name in names] or ([] if self._several else [""]):
            if not name:
                raise ValueError(f"{self.option.name} is empty: name a layer of this network")
            if name not in known:
                near = near_names(name, known)
                raise ValueError(f"{self.option.name} {name!r} is no layer of this network{_hint(near)}")
        return tuple(names) if self._several else names[0]

    def set_value(self, value: Any) -> None:  # noqa: D102
        names = value if isinstance(value, tuple | list) else () if value is None else (value,)
        unknown = bool(names) and not all(self._offer.find(_plain(str(name))) for name in names)
        # A default that was written for another network gives way to what is on the screen.
        self._follows = self._must and (unknown or not names)
        if self._follows and self._offer.layer is not None:
            names = (self._offer.layer,)
        self.line.setText(", ".join(map(str, names)))

    def _keep(self) -> None:
        self._follows = False


class UnitField(NumberField):
    """A unit of the layer that another field names; steps end at its last one."""

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self._layer: Layer | None = None

    def set_layer(self, layer: Layer | None) -> None:
        """The layer whose unit it is; None where it is not known yet."""
        self._layer = layer
        self.box.set_highest(layer.channels - 1 if layer is not None else None)

    @property
    def value(self) -> Any:
        """The unit's number, or None.

        Raises
        ------
        ValueError : the layer has no such unit; the message says which there are.
        """
        unit = self.box.number
        if unit is not None and self._layer is not None and not 0 <= unit < self._layer.channels:
            last = self._layer.channels - 1
            raise ValueError(f"{self.option.name} {unit} is out of range: {self._layer.name} has the units 0 to {last}")
        return unit


def _hint(near: Sequence[str]) -> str:
    return f"; did you mean {', '.join(map(repr, near))}?" if near else ""


def _plain(name: str) -> str:
    """A layer's name without the weight behind it."""
    before, colon, weight = name.rpartition(":")
    try:
        float(weight)
    except ValueError:
        return name
    return before.strip() if colon else name
