"""Which set of pictures a run goes through: the sample photographs, a folder, a zip, a video, a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, IconButton, label, row

SAMPLES = "samples:"
DATA_SET = "torchvision:"
_FILES = "Pictures in a zip, and videos (*.zip *.mp4 *.mov *.mkv *.avi *.webm *.m4v *.gif);;All files (*)"


class ScanInput(QWidget):
    """A row to choose the set in; folders, zips and videos can be dropped on it. UI thread only.

    Signals
    -------
    edited : another set is chosen.
    """

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._named: list[str] = []
        self._recent: tuple[str, ...] = ()
        self.setAcceptDrops(True)
        self.choice = Choice("Pictures", "The pictures to go through; drop a folder, a zip or a video here")
        self.choice.setMinimumContentsLength(8)
        self.choice.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.file = IconButton("folder-open", "Choose pictures", "Choose a folder, a zip, a video or a data set")
        menu = QMenu("Choose pictures", self.file)
        menu.addAction("Folder…").triggered.connect(self.ask)
        menu.addAction("Zip or video…").triggered.connect(self.ask_file)
        menu.addAction("torchvision data set…").triggered.connect(self.ask_data_set)
        self.file.setMenu(menu)
        name = label("Pictures", "quiet")
        name.setBuddy(self.choice)
        layout = row(name, self.choice, self.file, spacing=theme.SMALL)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self._offer()
        self.choice.chosen.connect(lambda _value: self.edited.emit())

    @property
    def value(self) -> str:
        """What names the set: ``samples:``, a path, or ``torchvision:NAME:ROOT``."""
        return str(self.choice.value or SAMPLES)

    def use(self, pictures: str) -> None:
        """Take this set."""
        if pictures != SAMPLES and pictures not in self._named:
            self._named.insert(0, pictures)
            self._offer()
        self.choice.set_value(pictures)
        self.edited.emit()

    def set_recent(self, specs: Sequence[str]) -> None:
        """Offer these as well, which were gone through before."""
        self._recent = tuple(spec for spec in dict.fromkeys(specs) if spec)
        self._offer()

    def ask(self) -> None:
        """Ask for a folder."""
        dialog = QFileDialog(self.window(), "Choose a folder of pictures")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.use)
        dialog.open()

    def ask_file(self) -> None:
        """Ask for a zip or a video."""
        dialog = QFileDialog(self.window(), "Choose a zip or a video", "", _FILES)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.use)
        dialog.open()

    def ask_data_set(self) -> None:
        """Ask for one of torchvision's data sets that is on the disk."""
        dialog = QInputDialog(self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("torchvision data set")
        dialog.setLabelText("Name of the data set, its folder and the split, as NAME:FOLDER:SPLIT")
        dialog.setTextValue("CIFAR10:")
        dialog.setOkButtonText("Use")
        dialog.resize(480, dialog.sizeHint().height())
        dialog.textValueSelected.connect(self._use_data_set)
        dialog.open()

    def _use_data_set(self, text: str) -> None:
        text = text.strip().removeprefix(DATA_SET)
        if text:
            self.use(DATA_SET + text)

    def _offer(self) -> None:
        specs = [spec for spec in dict.fromkeys((*self._named, *self._recent)) if spec != SAMPLES]
        self.choice.set_options([("Sample photographs", SAMPLES), *((set_title(spec), spec) for spec in specs)])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: D102
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: D102
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.use(paths[0])


def set_title(spec: str) -> str:
    """What a person calls a set: the name of its folder or file, or the data set's."""
    if spec == SAMPLES:
        return "Sample photographs"
    if spec.startswith(DATA_SET):
        return spec.removeprefix(DATA_SET).split(":")[0] or spec
    return Path(spec).name or spec
