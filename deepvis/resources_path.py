"""Where the files that ship with deepvis lie: icons, bundled networks, labels, licences."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def resource(*parts: str) -> Path:
    """Path of a file or folder that ships with deepvis.

    In an installed wheel that is inside the package, in a working copy it is ``resources/`` beside it. The path is
    returned whether or not there is something at it.

    Parameters
    ----------
    *parts : str
        Names below ``resources``, such as ``"networks", "tinynet.json"``.

    Returns
    -------
    Path
        Absolute.
    """
    package = Path(str(files("deepvis"))).resolve()
    inside = package / "resources"
    root = inside if inside.is_dir() else package.parent / "resources"
    return root.joinpath(*parts)
