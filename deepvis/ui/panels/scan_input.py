"""Which set of pictures a run goes through: the sample photographs, a folder, a zip, a video, a data set."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QWidget

from deepvis.ui.panels.controls import IconButton
from deepvis.ui.panels.input_row import InputRow

SAMPLES = "samples:"
DATA_SET = "torchvision:"
_FILES = "Pictures in a zip, and videos (*.zip *.mp4 *.mov *.mkv *.avi *.webm *.m4v *.gif);;All files (*)"


class ScanInput(InputRow):
    """A row to choose the set in: ``samples:``, a path, or ``torchvision:NAME:ROOT``. UI thread only."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Pictures",
            "The pictures to go through; drop a folder, a zip or a video here",
            IconButton("folder-open", "Choose pictures", "Choose a folder, a zip, a video or a data set"),
            [(set_title(SAMPLES), SAMPLES)],
            parent=parent,
        )
        menu = QMenu("Choose pictures", self.file)
        menu.addAction("Folder…").triggered.connect(self.ask)
        menu.addAction("Zip or video…").triggered.connect(self.ask_file)
        menu.addAction("torchvision data set…").triggered.connect(self.ask_data_set)
        self.file.setMenu(menu)

    def title_of(self, value: str) -> str:  # noqa: D102
        return set_title(value)

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


def set_title(spec: str) -> str:
    """What a person calls a set: the name of its folder or file, or the data set's."""
    if spec == SAMPLES:
        return "Sample photographs"
    if spec.startswith(DATA_SET):
        return spec.removeprefix(DATA_SET).split(":")[0] or spec
    return Path(spec).name or spec
