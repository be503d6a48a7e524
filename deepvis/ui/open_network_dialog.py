"""Dialog for a network of one's own. UI thread only."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from deepvis.messages import NetworkSpec, Size
from deepvis.ui import theme

_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
EXPLANATION = (
    "Name a function (or class) that returns the network, as package.module:factory, or choose a .pt2 file made by "
    "torch.export. Naming a module imports it: its code runs with your rights, so name only code that you trust. "
    "Weights are read as plain tensors and never run code."
)


def parse_size(text: str) -> Size | None:
    """``224`` or ``120 x 160`` (height, width); None for an empty text.

    Raises
    ------
    ValueError : anything else, or a side outside 8 to 4096.
    """
    if not text.strip():
        return None
    parts = [part for part in re.split(r"[x×,\s]+", text.strip().lower()) if part]
    if len(parts) not in (1, 2) or not all(part.isdigit() for part in parts):
        raise ValueError(f"The input size is {text!r}; write it as 224, or as height × width: 120 × 160")
    sides = [int(part) for part in parts]
    if not all(8 <= side <= 4096 for side in sides):
        raise ValueError(f"The input size is {text!r}; each side is from 8 to 4096")
    return sides[0], sides[-1]


def parse_values(text: str, name: str) -> tuple[float, ...] | None:
    """``0.5`` or ``0.485, 0.456, 0.406``; None for an empty text.

    Raises
    ------
    ValueError : anything else.
    """
    if not text.strip():
        return None
    try:
        values = tuple(float(part) for part in re.split(r"[,;\s]+", text.strip()) if part)
    except ValueError:
        values = ()
    if len(values) not in (1, 3):
        raise ValueError(f"{name} is {text!r}; write one number, or three with commas between them")
    if name == "Std" and not all(value > 0 for value in values):
        raise ValueError(f"Std is {text!r}; every number is above 0")
    return values


class OpenNetworkDialog(QDialog):
    """Asks for everything that a network of one's own needs. ``chosen`` carries a :class:`NetworkSpec`.

    Parameters
    ----------
    known : names of networks that may be given weights of one's own.
    """

    chosen = Signal(object)

    def __init__(
        self, known: Collection[str] = (), folder: str = "", spec: NetworkSpec | None = None,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._known = known
        self._folder = folder
        self.setWindowTitle("Open your own network")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(560)
        explanation = QLabel(EXPLANATION, self)
        explanation.setWordWrap(True)
        explanation.setProperty("role", "quiet")
        self.network = self._field("package.module:factory, or a .pt2 file")
        self.weights = self._field("safetensors or pt file; empty: as the factory made it")
        self.labels = self._field("text file with a label a line, or JSON; empty: numbers")
        self.input_size = self._field("224, or height × width; empty: found out")
        self.mean = self._field("0.485, 0.456, 0.406")
        self.std = self._field("0.229, 0.224, 0.225")
        self.problem = QLabel(self)
        self.problem.setProperty("role", "error")
        self.problem.setWordWrap(True)
        form = QFormLayout()
        form.setHorizontalSpacing(theme.LARGE)
        form.setVerticalSpacing(theme.SMALL)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows: tuple[tuple[str, QLineEdit, str], ...] = (
            ("Network", self.network, "Exported networks (*.pt2)"),
            ("Weights", self.weights, "Weights (*.safetensors *.pt *.pth)"),
            ("Labels", self.labels, "Labels (*.txt *.json)"),
            ("Input size", self.input_size, ""),
            ("Mean", self.mean, ""),
            ("Std", self.std, ""),
        )
        for text, field, kinds in rows:
            field.setAccessibleName(text)
            form.addRow(text, self._with_button(field, kinds) if kinds else field)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.load = QPushButton("Load", self)
        self.load.setProperty("role", "primary")
        self.load.setDefault(True)
        buttons.addButton(self.load, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.WIDE, theme.LARGE, theme.WIDE, theme.LARGE)
        column.setSpacing(theme.LARGE)
        column.addWidget(explanation)
        column.addLayout(form)
        column.addWidget(self.problem)
        column.addWidget(buttons)
        if spec is not None:
            self._fill(spec)

    def spec(self) -> NetworkSpec:
        """What was typed.

        Raises
        ------
        ValueError : with one sentence for the person, if it makes no sense.
        """
        name = self.network.text().strip()
        if not name:
            raise ValueError("Name the network: package.module:factory, or a .pt2 file")
        if name.endswith(".pt2"):
            _must_exist(name)
        elif name not in self._known and not _FACTORY.fullmatch(name):
            raise ValueError(f"{name!r} is not of the form package.module:factory, and no .pt2 file")
        weights, labels = self.weights.text().strip(), self.labels.text().strip()
        for path in (weights, labels):
            if path and path not in ("random", "default"):
                _must_exist(path)
        mean, std = parse_values(self.mean.text(), "Mean"), parse_values(self.std.text(), "Std")
        size = parse_size(self.input_size.text())
        return NetworkSpec(name, weights or "default", labels or None, size, mean, std)

    def accept(self) -> None:
        """Hand the wish over, or say what is wrong with it."""
        try:
            spec = self.spec()
        except ValueError as error:
            self.problem.setText(str(error))
            return
        self.chosen.emit(spec)
        super().accept()

    def _fill(self, spec: NetworkSpec) -> None:
        self.network.setText(spec.name)
        self.weights.setText("" if spec.weights == "default" else spec.weights)
        self.labels.setText(spec.labels or "")
        if spec.input_size:
            self.input_size.setText(f"{spec.input_size[0]} × {spec.input_size[1]}")
        for field, values in ((self.mean, spec.mean), (self.std, spec.std)):
            field.setText(", ".join(f"{value:g}" for value in values or ()))

    def _field(self, placeholder: str) -> QLineEdit:
        field = QLineEdit(self)
        field.setPlaceholderText(placeholder)
        return field

    def _with_button(self, field: QLineEdit, kinds: str) -> QWidget:
        holder = QWidget(self)
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SMALL)
        button = QPushButton("Choose…", holder)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self._choose(kinds, field.setText))
        row.addWidget(field, 1)
        row.addWidget(button)
        return holder

    def _choose(self, kinds: str, take: Callable[[str], object]) -> None:
        dialog = QFileDialog(self, "Choose a file", self._folder, f"{kinds};;All files (*)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(take)
        dialog.open()


def _must_exist(path: str) -> None:
    if not Path(path).expanduser().is_file():
        raise ValueError(f"There is no file {path}")
