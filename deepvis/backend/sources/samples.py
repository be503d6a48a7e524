"""The sample photographs: those that scikit-image installs with itself, found without importing it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_SAMPLES: dict[str, tuple[str, str]] = {
    "cat": ("Chelsea the cat", "chelsea.png"),
    "coffee": ("Coffee", "coffee.png"),
    "astronaut": ("Eileen Collins", "astronaut.png"),
    "rocket": ("Rocket", "rocket.jpg"),
    "motorcycle": ("Motorcycle", "motorcycle_left.png"),
    "hubble": ("Hubble deep field", "hubble_deep_field.jpg"),
    "retina": ("Retina", "retina.jpg"),
    "tissue": ("Stained tissue", "ihc.png"),
}

ALIASES = {"chelsea": "cat"}
"""Other names under which samples are known."""


def samples() -> dict[str, tuple[str, Path]]:
    """The samples on this machine: name to (title, path of the file). Needs no network connection."""
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        return {}
    folder = Path(package.submodule_search_locations[0]) / "data"
    return {name: (title, folder / file) for name, (title, file) in _SAMPLES.items() if (folder / file).is_file()}


def sample_path(spec: str) -> Path:
    """The file of ``sample:NAME``.

    Raises
    ------
    ValueError : there is no such sample on this machine; the message names those that there are.
    """
    return _sample(spec)[1]


def sample_title(spec: str) -> str:
    """What ``sample:NAME`` is called. Raises as :func:`sample_path`."""
    return _sample(spec)[0]


def _sample(spec: str) -> tuple[str, Path]:
    name = spec.removeprefix("sample:").partition("?")[0]
    found = samples()
    name = ALIASES.get(name, name)
    if name not in found:
        there = ", ".join(found) or "none (install scikit-image)"
        raise ValueError(f"there is no sample {name!r}; the samples on this machine are {there}")
    return found[name]


def sample_names() -> list[str]:
    """Names that ``sample:NAME`` takes, the default first."""
    return list(samples())
