"""deepvis shows what a convolutional network sees, live.

The public API, imported lazily: ``import deepvis`` loads neither torch nor Qt.

>>> import deepvis
>>> net = deepvis.load("tinynet")                  # doctest: +SKIP
>>> net.classify(image)                            # doctest: +SKIP
>>> deepvis.methods.backproject(net, image, "conv4", 37)   # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepvis.backend import methods, runs
    from deepvis.backend.library import Library, libraries
    from deepvis.backend.network import Network
    from deepvis.backend.zoo import load, models

__version__ = "0.1.0"
__all__ = ["Library", "Network", "__version__", "libraries", "load", "methods", "models", "runs"]

_HOMES = {
    "Library": ("deepvis.backend.library", "Library"),
    "Network": ("deepvis.backend.network", "Network"),
    "libraries": ("deepvis.backend.library", "libraries"),
    "load": ("deepvis.backend.zoo", "load"),
    "models": ("deepvis.backend.zoo", "models"),
    "methods": ("deepvis.backend.methods", None),
    "runs": ("deepvis.backend.runs", None),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'deepvis' has no attribute {name!r}")
    module_name, attribute = _HOMES[name]
    module = importlib.import_module(module_name)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
