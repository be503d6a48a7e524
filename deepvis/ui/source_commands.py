"""Opening, remembering and steering sources. UI thread only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from deepvis.messages import SourceStatus
from deepvis.source_names import spoken
from deepvis.ui import settings_store as settings
from deepvis.ui.bridge import Backend
from deepvis.ui.playback_bar import JUMP_SECONDS, SLIDESHOW_SECONDS, Playback
from deepvis.ui.settings_store import SettingsStore
from deepvis.ui.source_menu import FILE_FILTER, CameraFinder, moving, source_title
from deepvis.ui.view_state import ViewState

FALLBACK = "sample:cat?motion=1"


class SourceCommands(QObject):
    """Handlers of the actions on the source. ``changed`` says that another source, or its state, is to be shown."""

    changed = Signal()

    def __init__(
        self, backend: Backend, state: ViewState, store: SettingsStore, playback: Playback, finder: CameraFinder,
        window: QWidget,
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._backend = backend
        self._state = state
        self._store = store
        self._playback = playback
        self._finder = finder
        self._window = window
        self.status: SourceStatus | None = None
        self.spec = ""
        self._mirrored = ""
        self._waiting_for_camera = False
        playback.control.connect(backend.control_source)
        finder.found.connect(self._cameras_found)

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        playback = self._playback
        return {
            "source.toggle": self.toggle_camera,
            "source.open": self.open_file,
            "source.open_folder": self.open_folder,
            "source.stream": self.open_stream,
            "source.pattern": lambda: self.open("pattern"),
            "source.freeze": lambda on: self._state.update(frozen=on),
            "source.pause": self.pause,
            "source.next": lambda: playback.set("step", 1),
            "source.previous": lambda: playback.set("step", -1),
            "source.forward": lambda: playback.jump(JUMP_SECONDS),
            "source.back": lambda: playback.jump(-JUMP_SECONDS),
            "source.faster": lambda: playback.change_speed(1),
            "source.slower": lambda: playback.change_speed(-1),
            "source.loop": lambda on: playback.set("loop", on),
            "source.slideshow": lambda on: playback.set("slideshow", SLIDESHOW_SECONDS if on else None),
            "source.mirror": self.mirror,
            "source.motion": lambda on: playback.set("motion", on),
        }

    @property
    def title(self) -> str:
        """What is shown, or opened just now."""
        status = self.status
        if status is not None and status.spec == self.spec and status.title:
            return status.title + {"failed": " · failed", "stalled": " · waiting"}.get(status.state, "")
        return source_title(self.spec) if self.spec else "No source"

    def open_first(self, spec: str | None) -> None:
        """Open what was asked for, else what was shown last, else a camera if there is one, else a sample."""
        wanted = spec or self._store.get(settings.SOURCE)
        if wanted:
            self.open(wanted)
        else:
            self._waiting_for_camera = True
            self._finder.search()

    def open(self, spec: str) -> None:
        """Show another source."""
        self._waiting_for_camera = False
        self.spec = spec
        self.status = None
        self._state.update(frozen=False)
        self._backend.open_source(spec)
        self.changed.emit()

    def show_status(self, status: SourceStatus) -> None:
        """Take the source's state in; a source that delivers is remembered."""
        # The backend may write a spec out in full; what it reports is what is shown.
        self.spec = status.spec
        self.status = status
        self._playback.show_status(status)
        if status.state == "live":
            self._remember(status.spec)
            if "mirror" in status.controls and status.spec.startswith("camera:") and self._mirrored != status.spec:
                self._mirrored = status.spec
                self._playback.set("mirror", self._store.get(settings.MIRROR))
        elif status.state in ("closed", "failed"):
            self._mirrored = ""
        self.changed.emit()

    def toggle_camera(self) -> None:
        """From the camera to the last file or sample, and back."""
        if self.spec.startswith("camera:"):
            self.open(self._store.get(settings.FILE_SOURCE) or FALLBACK)
        else:
            cameras = self._finder.cameras
            self.open(f"camera:{cameras[0].index}" if cameras else "camera:0")

    def pause(self) -> None:
        """Pause a video; hold the frame of everything else."""
        if "pause" in self._playback.controls:
            self._playback.set("pause", not self._playback.paused)
        else:
            self._state.update(frozen=not self._state.look.frozen)

    def mirror(self, on: bool) -> None:
        """Mirror this source; for cameras this holds from now on."""
        if self.spec.startswith("camera:"):
            self._store.set(settings.MIRROR, on)
        self._playback.set("mirror", on)

    def open_file(self) -> None:
        """Ask for a picture or a video."""
        dialog = QFileDialog(self._window, "Open picture or video", self._folder(), FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._ask(dialog)

    def open_folder(self) -> None:
        """Ask for a folder of pictures."""
        dialog = QFileDialog(self._window, "Open folder", self._folder())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._ask(dialog)

    def open_stream(self) -> None:
        """Ask for the address of a stream."""
        dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Open network stream")
        dialog.setLabelText("Address of an MJPEG, RTSP, HLS or video stream")
        dialog.setTextValue("http://")
        dialog.setOkButtonText("Open")
        dialog.resize(480, dialog.sizeHint().height())
        dialog.textValueSelected.connect(lambda text: self.open(text.strip()) if "://" in text else None)
        dialog.open()

    def open_path(self, path: Path) -> None:
        """Show a picture, a video or a folder that was dropped or chosen."""
        self._store.set(settings.FOLDER, str(path if path.is_dir() else path.parent))
        self.open(str(path))

    def _ask(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.open_path(Path(path)) if path else None)
        dialog.open()

    def _folder(self) -> str:
        return self._store.get(settings.FOLDER)

    def _remember(self, spec: str) -> None:
        spec = spoken(spec)  # passwords stay out of the settings
        self._store.set(settings.SOURCE, spec)
        if not spec.startswith("camera:"):
            self._store.set(settings.FILE_SOURCE, spec)
        self._store.push(settings.RECENT_SOURCES, spec)

    def _cameras_found(self, cameras: tuple[object, ...]) -> None:
        if self._waiting_for_camera:
            first = self._finder.cameras
            self.open(f"camera:{first[0].index}" if first else moving(FALLBACK))
