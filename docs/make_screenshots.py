"""Make the screenshots of the README again: ``python docs/make_screenshots.py`` (no display needed).

The real window with the bundled network on scikit-image's photographs; nothing is drawn by hand.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QEventLoop
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from deepvis.messages import NetworkSpec, ViewRequest, ViewResult
from deepvis.session import Session
from deepvis.ui import theme
from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = (1600, 1000)


class Photographer:
    """Drives the real window and photographs it when it shows what was asked for."""

    def __init__(self, folder: str) -> None:
        existing = QApplication.instance()
        self.app = existing if isinstance(existing, QApplication) else QApplication(["deepvis"])
        theme.apply_theme(self.app, theme.DARK)
        os.environ["DEEPVIS_LIBRARIES"] = str(Path(folder) / "libraries")
        self.session = Session(Path(folder) / "gallery")
        self.window = MainWindow(self.session, SettingsStore(str(Path(folder) / "settings.ini")))
        self.window.resize(*SIZE)
        self.window.show()
        self.session.start()
        self.answered: ViewRequest | None = None
        self.window.bridge.result.connect(self._note)

    def _note(self, result: ViewResult) -> None:
        self.answered = result.request

    def process(self, done: Callable[[], bool], seconds: float = 180) -> None:
        """Run the window's loop until something holds."""
        ends = time.monotonic() + seconds
        while not done():
            if time.monotonic() > ends:
                raise TimeoutError("the window did not come to show what was asked for")
            self.app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    def settle(self, seconds: float = 0.8) -> None:
        """Let the answer to what the window asks for now arrive, and glides end."""
        ends = time.monotonic() + seconds
        self.process(lambda: time.monotonic() > ends)
        asked = self.window.requests.last
        self.process(lambda: asked is None or (self.answered is not None and self.answered.id >= asked.id))
        ends = time.monotonic() + 0.4
        self.process(lambda: time.monotonic() > ends)

    def show(self, source: str, **look: Any) -> None:
        """Another picture, another look."""
        state = self.window.state
        state.update(**look)
        self.session.open_source(source)
        self.settle(1.5)
        self.session.control_source("refresh")
        self.settle(1.2)

    def run(self, name: str, options: dict[str, Any], picture: str | None = None) -> None:
        """Let the lab make something, until it lies in the gallery."""
        kept = len(self.session.gallery_entries())
        if picture is not None:
            self.window.lab.panels[name].use_file(picture)
        if self.window.lab.begin(name, options) is None:
            raise ValueError(f"{name} did not take {options}")
        self.process(lambda: len(self.session.gallery_entries()) > kept, 900)
        self.settle()

    def save(self, name: str) -> None:
        """One screenshot."""
        IMAGES.mkdir(parents=True, exist_ok=True)
        if not self.window.grab().toImage().save(str(IMAGES / name)):
            raise OSError(f"{IMAGES / name} could not be written")
        print(IMAGES / name)

    def film(self, name: str, frames: int, width: int, change: Callable[[int], None]) -> None:
        """A short animated picture of the live window."""
        from deepvis.backend.film import write_gif

        pictures = []
        for number in range(frames):
            change(number)
            until = time.monotonic() + 0.1
            self.process(lambda until=until: time.monotonic() > until)
            image = self.window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
            image = image.scaledToWidth(width).convertToFormat(QImage.Format.Format_RGB888)
            rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
            pictures.append(rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy())
        write_gif(IMAGES / name, pictures, 0.12)
        print(IMAGES / name)


def photograph_everything(folder: str) -> None:
    """Every screenshot, one after another."""
    camera = Photographer(folder)
    window, state = camera.window, camera.window.state
    try:
        window.start("sample:cat", NetworkSpec("tinynet"), "relu4")
        camera.process(lambda: state.info is not None)
        camera.show("sample:cat", layer="relu4", strongest=9, rule="guided", input_size=(128, 128))
        window.actions_["unit.most_active"].trigger()
        camera.settle()
        camera.save("window-dark.png")
        camera.show("sample:coffee", overlay="grad_cam", overlay_opacity=0.55, layer="relu7")
        window.actions_["unit.most_active"].trigger()
        camera.settle()
        camera.save("window-grad-cam.png")
        camera.show("sample:astronaut", overlay="saliency", layer="relu2")
        window.actions_["unit.most_active"].trigger()
        theme.apply_theme(camera.app, theme.LIGHT)
        camera.settle()
        camera.save("window-light.png")
        theme.apply_theme(camera.app, theme.DARK)
        camera.show("sample:cat", overlay=None, layer="relu4")
        window.actions_["unit.most_active"].trigger()
        window.libraries.scan_samples()
        camera.process(lambda: any(library.complete for library in camera.session.libraries()), 900)
        window.actions_["mosaic.patches"].trigger()
        camera.process(lambda: len(window.libraries.unit.backs) >= 9, 120)
        camera.settle(8)
        camera.save("window-patches.png")
        window.actions_["mosaic.patches"].trigger()
        window.actions_["map.show"].trigger()
        if window.maps.begin("samples:", {}) is None:
            raise ValueError("no map of the sample photographs is made")
        camera.process(lambda: window.maps.panel.content is not None, 300)
        camera.settle(3)
        camera.save("window-map.png")
        window.actions_["map.show"].trigger()
        camera.show("sample:cat?motion=1", overlay=None, layer="relu4", strongest=9)
        camera.film("live.gif", 24, 760, lambda number: None)
        camera.show("sample:cat", layer="relu4")
        window.actions_["window.lab"].trigger()
        camera.run("class_image", {"target": "tarantula"})
        camera.run("deepdream", {"layer": "relu6"}, "sample:astronaut")
        camera.run("evolved_fooling", {"generations": 12})
        camera.run("inversion", {"layer": "conv4"}, "sample:cat")
        camera.run("fooling", {"method": "pgd_l2", "target": "cliff", "epsilon": 4.0}, "sample:coffee")
        camera.save("window-lab.png")
    finally:
        window.close()
        camera.session.close(5)


def main() -> int:
    """Take all screenshots."""
    with tempfile.TemporaryDirectory() as folder:
        photograph_everything(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
