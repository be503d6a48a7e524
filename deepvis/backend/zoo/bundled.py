"""The networks that ship with deepvis, which need no connection: weights, labels and a card each.

Names and cards are read without torch, so that a menu can list them before torch is imported.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.resources_path import resource

if TYPE_CHECKING:
    from torch import nn


class BundledNetworkError(RuntimeError):
    """A bundled network's files are missing or damaged. The message says which, and what to do."""


def bundled_names(folder: Path | None = None) -> tuple[str, ...]:
    """Names of the bundled networks, or of those in another folder, sorted. Doesn't import torch; any thread."""
    cards = (folder or resource("networks")).glob("*.json")
    return tuple(sorted(path.stem for path in cards if path.with_suffix(".safetensors").is_file()))


def bundled_card(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The model card of a bundled network. Doesn't import torch; any thread.

    Parameters
    ----------
    name : str
        One of `bundled_names`.
    folder : Path or None
        Where card and weights lie; by default with what ships with deepvis.

    Returns
    -------
    dict
        A fresh one at each call. ``input_size`` is [h, w] in pixels and ``min_size`` the least of either; ``mean`` and
        ``std`` are by channel in RGB order for pixels in 0 to 1; ``resize_to`` is the length in pixels that the shorter
        side is resized to before the centre crop; ``labels`` and ``wnids`` are in the order of the outputs.

    Raises
    ------
    KeyError
        There is no such network; the message names the nearest.
    BundledNetworkError
        The card cannot be read.
    """
    names = bundled_names(folder)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.4) or list(names)
        raise KeyError(f"no bundled network is called '{name}'; there is {', '.join(near) or 'none'}")
    path = (folder or resource("networks")) / f"{name}.json"
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundledNetworkError(f"the card of '{name}' cannot be read ({error}); install deepvis again") from error
    return card


def load_bundled(name: str, folder: Path | None = None) -> tuple[nn.Module, dict[str, Any]]:
    """Load a bundled network from its safetensors file, which is checked against the card's SHA-256.

    Parameters
    ----------
    name : str
        One of `bundled_names`.
    folder : Path or None
        Where card and weights lie; by default with what ships with deepvis.

    Returns
    -------
    module : deepvis.backend.zoo.tinynet.TinyNet
        In eval mode, float32, on the CPU; maps normalised (N, 3, h, w) to logits (N, classes).
    card : dict
        See `bundled_card`.

    Raises
    ------
    KeyError
        There is no such network.
    BundledNetworkError
        Weights are missing, damaged or don't fit the card.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from deepvis.backend.zoo.tinynet import TinyNet

    card = bundled_card(name, folder)
    path = (folder or resource("networks")) / card["weights"]["file"]
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != card["weights"]["sha256"]:
            raise ValueError("its SHA-256 is not the card's")
        # On the meta device no weight is made only to be thrown away: loading takes a tenth of the time.
        with torch.device("meta"):
            module = TinyNet(card["architecture"]["widths"], len(card["labels"]))
        stored = {key: value.to(torch.float32) for key, value in load(content).items()}
        module.load_state_dict(stored, assign=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BundledNetworkError(f"the weights of '{name}' cannot be read ({error}); install deepvis again") from error
    return module.eval().requires_grad_(True), card
