"""Where the files are that come with deepvis: icons, bundled networks, tables. No heavy imports in here."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """The path of a file or folder in ``resources/``: inside the installed package, or beside it in a checkout.

    The path is returned whether or not the file exists.
    """
    installed = _HERE / "resources"
    root = installed if installed.is_dir() else _HERE.parent / "resources"
    return root.joinpath(*parts)
