"""Whether a window can be opened here. Qt itself would abort the process where it cannot."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import socket
import sys
from pathlib import Path

ALTERNATIVE = "deepvis snapshot IMAGE -o view.png makes the same pictures without a display."


def display_problem() -> str:
    """One line that says why no window can be opened and what to do; empty where one can be."""
    if not sys.platform.startswith("linux"):
        return ""
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if platform and platform not in ("xcb", "wayland"):
        return ""
    x_display, wayland = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    if not x_display and not wayland:
        return f"deepvis: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set). {ALTERNATIVE}"
    if wayland and platform != "xcb" and _wayland_answers(wayland):
        return ""
    if not x_display:
        return f"deepvis: the display WAYLAND_DISPLAY={wayland} does not answer. {ALTERNATIVE}"
    return _missing_library() or _x_problem(x_display)


def _missing_library() -> str:
    """Loads Qt's plugin for X, which names the first system library that it lacks."""
    package = importlib.util.find_spec("PySide6")
    if package is None or not package.submodule_search_locations:
        return "deepvis: PySide6 is missing; install it with: pip install PySide6-Essentials"
    plugin = Path(package.submodule_search_locations[0]) / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    if not plugin.is_file():
        return ""
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        library = str(error).partition(":")[0]
        if "cursor" in library:
            remedy = "install it with: sudo apt install libxcb-cursor0 (or dnf install xcb-util-cursor)"
        else:
            remedy = f"install the package that has {library}"
        return f"deepvis: Qt needs the system library {library}; {remedy}. {ALTERNATIVE}"
    return ""


def _x_problem(display: str) -> str:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return ""
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if not failed:
        return ""
    return f"deepvis: the display DISPLAY={display} does not answer. Start it, or unset DISPLAY. {ALTERNATIVE}"


def _wayland_answers(name: str) -> bool:
    path = Path(name) if name.startswith("/") else Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / name
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(0.5)
            client.connect(str(path))
    except OSError:
        return False
    return True
