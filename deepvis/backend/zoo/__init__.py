"""Where networks come from: bundled, torchvision, timm, and your own. Importing this package does not import torch."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepvis.backend.zoo.errors import LoadCancelledError, ModelError
from deepvis.messages import LoadProgress, ModelCard, NetworkSpec, Size

if TYPE_CHECKING:
    from deepvis.backend.network import Network

__all__ = ["LoadCancelledError", "ModelError", "load", "load_spec", "models"]


def load(
    name: str,
    device: str = "auto",
    *,
    weights: str = "default",
    labels: Sequence[str] | str | Path | None = None,
    input_size: Size | int | None = None,
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
    progress: Callable[[LoadProgress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Network:
    """Load a network, ready to be looked into.

    Parameters
    ----------
    name : ``tinynet`` or ``tinynet-robust`` (bundled), any of torchvision's classification networks (``alexnet``),
        ``timm/NAME``, ``package.module:factory`` or ``file.py:factory`` (the code is run), or the path of a ``.pt2``
        file of ``torch.export`` (a program too: only from whom you trust).
    device : ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    weights : ``default``, ``random`` (seeded, the same each time), or the path of a ``.safetensors``, ``.pt`` or
        ``.pth`` file.
    labels : one a class, or the path of a text or JSON file of them.
    input_size : (h, w) in pixels, or one number for both; None: the network's own, 224 × 224 for one of your own.
    mean, std : by channel, on the scale of pixels in [0, 1]. One value makes a grey-scale network.
    progress : called from this thread with what is going on.
    cancel : set it from another thread to give up.

    Returns
    -------
    Network : on ``device``, in float32, checked with one forward pass.

    Raises
    ------
    ModelError : it cannot be loaded; ``title``, ``cause`` and ``remedy`` say why and what to do.
    LoadCancelledError : ``cancel`` was set (a ModelError too).

    Examples
    --------
    >>> net = deepvis.load("resnet18", weights="random")   # doctest: +SKIP
    """
    from deepvis.backend.zoo.loading import load_network

    return load_network(
        name,
        device,
        weights=str(weights),
        labels=labels,
        input_size=input_size,
        mean=mean,
        std=std,
        progress=progress,
        cancel=cancel,
    )


def load_spec(
    spec: NetworkSpec,
    progress: Callable[[LoadProgress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Network:
    """:func:`load` for a person's wish as the window sends it. ``spec.precision`` is the engine's affair."""
    network = load(
        spec.name,
        spec.device,
        weights=spec.weights,
        labels=spec.labels,
        input_size=spec.input_size,
        mean=spec.mean,
        std=spec.std,
        progress=progress,
        cancel=cancel,
    )
    network.spec = spec
    return network


def models() -> list[ModelCard]:
    """The networks that can be named: bundled first, then torchvision's. Needs neither torch nor a network connection.

    timm's, over a thousand, are not in the list; ``timm/NAME`` loads them.
    """
    from deepvis.backend.zoo.torchvision_table import checkpoint_directory, table

    cards = bundled_cards()
    checkpoints = checkpoint_directory()
    for entry in table().values():
        here = (checkpoints / entry.file).is_file()
        cards.append(
            ModelCard(
                name=entry.name,
                family="torchvision",
                title=entry.name,
                input_size=(entry.input_size, entry.input_size),
                parameters=entry.parameters,
                on_disk=here,
                note="" if here else f"{entry.download / 1e6:.0f} MB to download",
            )
        )
    return cards


def bundled_cards() -> list[ModelCard]:
    """The cards of the networks that come with deepvis."""
    from deepvis.backend.zoo.bundled import bundled_card, bundled_names

    cards = []
    for name in bundled_names():
        card = bundled_card(name)
        height, width = card["input_size"]
        cards.append(
            ModelCard(
                name=name,
                family="bundled",
                title=card.get("title", name),
                input_size=(int(height), int(width)),
                parameters=card.get("parameters"),
                on_disk=True,
                note=card.get("note", ""),
            )
        )
    return cards


def nearest(name: str) -> list[str]:
    """Names of networks that look like ``name``, at most three."""
    known = [card.name for card in models()]
    near = difflib.get_close_matches(name.casefold(), known, n=3, cutoff=0.5)
    return near or [one for one in known if name and name.casefold() in one][:3]
