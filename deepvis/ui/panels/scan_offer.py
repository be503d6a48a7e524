"""What to do where a network has no patches yet, or not of this layer; and how far a scan is that makes them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from deepvis.messages import RunStatus
from deepvis.ui import theme
from deepvis.ui.panels.controls import FlowLayout, IconButton, label, row
from deepvis.ui.playback_bar import clock

SCAN = "patch_scan"
_BAR_WIDTH = 320


class ScanOffer(QWidget):
    """A line of text and two buttons; while a scan goes on, its progress instead of them. UI thread only.

    Signals
    -------
    scan_samples : scan the sample photographs now.
    scan_layer : scan the pictures of the library again, with this layer.
    scan_folder : choose other pictures first.
    """

    scan_samples = Signal()
    scan_layer = Signal()
    scan_folder = Signal()

    def __init__(self, parent: QWidget | None = None, *, centred: bool = False) -> None:
        super().__init__(parent)
        self.setAccessibleName("Scan a set of pictures")
        self.text = label("", "quiet", wrap=True)
        self.samples = IconButton(
            "image-square", "Scan the sample photographs", "Crops of them at several scales; takes seconds",
            text="Scan the sample photographs",
        )  # fmt: skip
        self.layer = IconButton(
            "stack", "Scan this layer too", "Go through the same pictures for this layer", text="Scan this layer too"
        )
        self.folder = IconButton(
            "folder-open", "Scan a folder", "Choose a folder, a zip, a video or a data set, and which layers",
            text="Scan a folder…",
        )  # fmt: skip
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the scan")
        self.buttons = QWidget()
        if centred:
            self.buttons.setLayout(row(1, self.samples, self.layer, self.folder, 1))
            self.progress.setMaximumWidth(theme.scaled(_BAR_WIDTH))
        else:
            flow = FlowLayout(self.buttons)
            for button in (self.samples, self.layer, self.folder):
                flow.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        if centred:
            self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addStretch(1)
        column.addWidget(self.text)
        column.addLayout(row(1, self.progress, 1) if centred else row(self.progress))
        column.addWidget(self.buttons)
        if centred:
            column.addStretch(1)
        self.samples.clicked.connect(lambda: self.scan_samples.emit())
        self.layer.clicked.connect(lambda: self.scan_layer.emit())
        self.folder.clicked.connect(lambda: self.scan_folder.emit())
        self.offer("")

    def offer(self, layer: str, library: str = "", can_repeat: bool = False, scan: RunStatus | None = None) -> None:
        """Say what there is to do.

        Parameters
        ----------
        layer : the one that is shown.
        library : title of the library of this network that has other layers, or empty: there is none.
        can_repeat : whether that library's pictures can be gone through again.
        scan : the scan that goes on, if there is one.
        """
        focused = any(button.hasFocus() for button in (self.samples, self.layer, self.folder))
        goes_on = scan is not None and scan.state in ("queued", "running", "paused")
        if goes_on and scan is not None:
            self.text.setText(scan_text(scan))
            update = scan.update
            self.progress.setRange(0, max(1, update.total) if update is not None else 0)
            self.progress.setValue(update.step if update is not None else 0)
        elif library:
            self.text.setText(f"{library} was scanned without {layer}, so there are no patches of it yet.")
        else:
            self.text.setText("No pictures were scanned with this network yet, so there are no patches.")
        self.progress.setVisible(goes_on)
        if goes_on and focused:
            # It would go to whatever comes next, which nobody chose.
            self.window().setFocus()
        self.buttons.setVisible(not goes_on)
        self.samples.setVisible(not library)
        self.layer.setVisible(bool(library) and can_repeat)


def scan_text(scan: RunStatus) -> str:
    """How far a scan is, in a line."""
    if scan.state == "queued" or scan.update is None:
        return "The scan begins in a moment" if scan.state != "paused" else "The scan is paused"
    metrics = scan.update.metrics
    done = f"{int(metrics.get('pictures', scan.update.step)):,} pictures".replace(",", " ")
    if scan.state == "paused":
        return f"The scan is paused after {done}"
    left = f", {clock(scan.left + 0.999)} left" if scan.left is not None else ""
    return f"Scanning: {done}{left}"
