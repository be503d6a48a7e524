"""What is remembered between two runs of the window: a declared table, kept in one INI file.

QSettings gives ``False`` back as the text ``'false'`` and ``[]`` as None, so every value but text is written as JSON
and checked against its declared type when it is read.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import platformdirs
from PySide6.QtCore import QSettings

from deepvis.messages import Problem

T = TypeVar("T")

SCHEMA = 1
"""Raised when the meaning of a setting changes; a file of a newer schema is left alone and defaults are used."""


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One remembered value. Its type is that of ``default``: bool, int, float, str, or a tuple of str."""

    name: str
    default: T
    doc: str


THEME = Setting("window/theme", "dark", "dark or light")
GEOMETRY = Setting("window/geometry", "", "Place and size of the window (base64)")
LAYOUT = Setting("window/layout", "", "Place and size of the docks (base64)")
TIMINGS = Setting("window/timings", False, "Whether the stages' times are shown in the status bar")
SOURCE = Setting("source/spec", "", "The source that was shown last; empty: a camera, or a sample")
FILE_SOURCE = Setting("source/file", "", "The source that was shown last and is no camera")
RECENT_SOURCES = Setting("source/recent", cast("tuple[str, ...]", ()), "Sources that were opened, newest first")
FOLDER = Setting("source/folder", "", "Where the last file was opened")
MIRROR = Setting("source/mirror", True, "Whether cameras are mirrored")
NETWORK = Setting("network/spec", "", "The network that was shown last (JSON); empty: tinynet")
RECENT_NETWORKS = Setting("network/recent", cast("tuple[str, ...]", ()), "Networks that were loaded, newest first")
LOOK = Setting("look/choices", "", "Layer, unit and how the views are drawn (JSON)")
FOLDED = Setting("unit/folded", cast("tuple[str, ...]", ()), "Sections of the unit panel that are folded away")
RECENT_COMMANDS = Setting("palette/recent", cast("tuple[str, ...]", ()), "Commands of the palette, newest first")
CAPTURE_FOLDER = Setting(
    "capture/folder", "", "Where the last snapshot or recording was saved; empty: Pictures, Videos"
)

SETTINGS: tuple[Setting[Any], ...] = (
    THEME, GEOMETRY, LAYOUT, TIMINGS, SOURCE, FILE_SOURCE, RECENT_SOURCES, FOLDER, MIRROR, NETWORK, RECENT_NETWORKS,
    LOOK, FOLDED, RECENT_COMMANDS, CAPTURE_FOLDER,
)  # fmt: skip


def default_path() -> Path:
    """The INI file in the person's configuration folder."""
    return Path(platformdirs.user_config_dir("deepvis", appauthor=False)) / "deepvis.ini"


def _encode(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _decode(text: object, default: object) -> Any:
    """The value of ``text`` in the type of ``default``; ValueError if it has none."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no text")
    if isinstance(default, str):
        return text
    value = json.loads(text)
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif isinstance(default, float):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif type(value) is type(default):
        return value
    raise ValueError(f"{text!r} is not of type {type(default).__name__}")


class SettingsStore:
    """Typed access to the INI file. UI thread only.

    A file that cannot be read is set aside as ``NAME.broken``, single values that make no sense fall back to their
    defaults; either way :attr:`problem` says so once.

    Parameters
    ----------
    path : the file; its folder is made. None: :func:`default_path`.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path) if path is not None else default_path()
        self.problem: Problem | None = None
        self._set_aside_if_broken()
        self._settings = QSettings(str(self.path), QSettings.Format.IniFormat)
        # Opened by tests and by several windows at once: nothing but this file may answer.
        self._settings.setFallbacksEnabled(False)
        self._newer = self._schema() > SCHEMA
        if self._newer:
            self._report("A newer deepvis wrote the settings", "They are left as they are and defaults are used.")
        elif self._settings.status() is QSettings.Status.AccessError:
            self._report("The settings cannot be written", f"Make {self.path.parent} writable to keep them.")

    def get(self, setting: Setting[T]) -> T:
        """The remembered value, or the default."""
        if self._newer or not self._settings.contains(setting.name):
            return setting.default
        try:
            return cast("T", _decode(self._settings.value(setting.name), setting.default))
        except ValueError as error:
            self._report(
                "A setting could not be read",
                f"{setting.name} has its default value again.",
                f"{setting.name}: {error}",
            )
            self._settings.remove(setting.name)
            return setting.default

    def set(self, setting: Setting[T], value: T) -> None:
        """Remember a value. It reaches the disk at :meth:`flush`, or soon."""
        if not self._newer:
            self._settings.setValue("schema", str(SCHEMA))
            self._settings.setValue(setting.name, _encode(value))

    def push(self, setting: Setting[tuple[str, ...]], item: str, limit: int = 8) -> None:
        """Put ``item`` first in a list of recent things, once."""
        rest = tuple(other for other in self.get(setting) if other != item)
        self.set(setting, (item, *rest)[:limit])

    def flush(self) -> None:
        """Write to the disk now."""
        self._settings.sync()

    def _schema(self) -> int:
        try:
            return int(str(self._settings.value("schema", SCHEMA)))
        except ValueError:
            return SCHEMA

    def _set_aside_if_broken(self) -> None:
        if not self.path.is_file():
            return
        try:
            text = self.path.read_text("utf-8")
        except (UnicodeDecodeError, OSError):
            text = "\0"
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith((";", "#"))]
        sound = all(line.lstrip().startswith("[") or "=" in line for line in lines) and "\0" not in text
        if sound:
            return
        aside = self.path.with_name(self.path.name + ".broken")
        try:
            os.replace(self.path, aside)
        except OSError as error:
            self._report("The settings could not be read", f"Delete {self.path} by hand.", str(error))
        else:
            self._report(
                "The settings could not be read", f"Everything has its default again; the old file is {aside}."
            )

    def _report(self, title: str, remedy: str, details: str = "") -> None:
        if self.problem is None:
            cause = f"{self.path} was damaged or written by another program."
            if "newer" in title:
                cause = f"{self.path} has a schema that this version does not know."
            self.problem = Problem("settings", title, cause, remedy, "warning", details)
