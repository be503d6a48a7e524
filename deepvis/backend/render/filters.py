"""The weights of one unit as pictures."""

from __future__ import annotations

import numpy as np

from deepvis.backend.methods.filter_bank import FilterBank
from deepvis.backend.network import Network
from deepvis.backend.render.pictures import bgrx, heat
from deepvis.colormaps import DIVERGING
from deepvis.messages import FilterPicture

COUNT = 6
"""How many incoming channels are shown."""

_TRANSPARENT = ("relu", "norm", "activation", "dropout")


def weights_of(net: Network, layer: str) -> str | None:
    """The layer whose weights make ``layer``'s units: itself, or the convolution that it rectifies or normalises."""
    names = [found.name for found in net.layers]
    channels = net.layer(layer).channels
    for found in reversed(net.layers[: names.index(layer) + 1]):
        if found.channels != channels:
            return None
        if found.kind in ("conv", "linear"):
            return found.name
        if found.kind not in _TRANSPARENT:
            return None
    return None


def filter_pictures(bank: FilterBank, unit: int) -> tuple[FilterPicture, ...]:
    """A unit's own filter in colour where it acts on the picture, else the slices of its strongest inputs."""
    weights = bank.weights[unit]
    if bank.sees_picture and weights.shape[0] == 3:
        scale = float(np.abs(weights).max()) or 1.0
        colour = (weights / (2 * scale) + 0.5).transpose(1, 2, 0)
        return (FilterPicture(bgrx(np.ascontiguousarray(colour)), None, float(np.linalg.norm(weights))),)
    norms = np.sqrt(np.einsum("chw,chw->c", weights, weights))
    strongest = np.argsort(-norms, kind="stable")[:COUNT]
    scale = float(np.abs(weights[strongest]).max(initial=0.0)) or 1.0
    return tuple(
        FilterPicture(
            heat(weights[place], DIVERGING, -scale, scale),
            int(bank.channels[unit, place]),
            float(norms[place]),
            bank.source,
        )
        for place in strongest.tolist()
    )
