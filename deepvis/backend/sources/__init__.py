"""Where frames come from: cameras, video files, network streams, pictures, folders, samples and a test pattern.

A source is named by a **spec**:

- ``camera:0``, ``camera:0?size=1280x720&mirror=1``
- the path of a picture, an animation, a video or a folder, ``holiday.jpg?motion=1``, ``clip.mp4?loop=0&speed=2``
- ``sample:cat``, ``sample:cat?motion=1``
- ``pattern``, ``pattern?size=320x240&rate=60``
- a URL: ``http://…`` (motion JPEG, a picture, a video), ``rtsp://…`` and the like

Importing this package imports neither OpenCV nor PyAV; what a spec needs is imported when it is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepvis.backend.sources.samples import sample_names
from deepvis.backend.sources.source import CONTROLS, Source, SourceError

if TYPE_CHECKING:
    from deepvis.backend.sources.camera import CaptureFactory
    from deepvis.backend.sources.player import Patience, SourcePlayer
    from deepvis.messages import CameraCard

__all__ = [
    "CONTROLS",
    "Patience",
    "Source",
    "SourceError",
    "SourcePlayer",
    "list_cameras",
    "open_source",
    "sample_names",
]


def list_cameras() -> list[CameraCard]:
    """The cameras that are connected, by index. May take a second; call it off the UI thread."""
    from deepvis.backend.sources import camera

    return camera.list_cameras()


def open_source(spec: str, capture_factory: CaptureFactory | None = None) -> Source:
    """The source that a spec names, not opened yet.

    Parameters
    ----------
    spec : see the package's description.
    capture_factory : makes a camera's capture from its index, in place of ``cv2.VideoCapture``.

    Raises
    ------
    SourceError
        With cause and remedy where there is no such source.

    May read files and ask servers: call it on a thread that may wait.
    """
    from deepvis.backend.sources import specs

    return specs.open_source(spec, capture_factory)


def __getattr__(name: str) -> object:
    if name in ("SourcePlayer", "Patience"):
        from deepvis.backend.sources import player

        return getattr(player, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
