"""The back-projection of a patch: what in it made the unit fire, cropped as the patch is.

This is the picture of Zeiler & Fergus (2013, "Visualizing and understanding convolutional networks", figure 2): the
strongest patches of a unit, and beside them what in each the unit answered to.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from deepvis.backend.methods.backprojection import backproject
from deepvis.backend.methods.views import back_view, rule_note
from deepvis.backend.network import Network
from deepvis.backend.render.pictures import draw_view
from deepvis.messages import BackViewName, Fit, Rule, Size, UInt8Array


@dataclass(frozen=True, slots=True)
class PatchView:
    """``picture`` uint8 (h, w, 4) BGRX; ``scale`` is the largest magnitude, ``note`` says what is to be known."""

    picture: UInt8Array
    scale: float
    note: str


def patch_backprojection(
    net: Network,
    image: UInt8Array,
    layer: str,
    unit: int,
    position: tuple[int, int] | None,
    box: tuple[int, int, int, int],
    *,
    size: Size,
    fit: Fit = "crop",
    rule: Rule = "guided",
    view: BackViewName = "raw",
) -> PatchView:
    """Look back from one position of a unit, and draw what lies in its receptive field.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, the whole picture of the patch.
    position : (row, column) in the unit's map; None for a vector.
    box : (top, left, bottom, right) of the patch in pixels of the input; what lies beyond the input is zero.
    size, fit : how the picture was brought to the network.

    Raises
    ------
    KeyError, ValueError, NetworkError : as :func:`~deepvis.backend.methods.backprojection.backproject` does.
    """
    preprocessing = net.preprocessing if size == net.input_size else net.preprocessing.at(size)
    x = preprocessing.normalise(preprocessing.pixels(image, fit).to(net.device))[None]
    gradient = torch.from_numpy(backproject(net, x, layer, unit, rule, position))
    drawn = back_view(cropped(gradient, box), "gray" if view == "histogram" else view)
    note = rule_note(net.catalogue.rectifiers, rule)
    return PatchView(draw_view(drawn), drawn.scale, note)


def cropped(values: torch.Tensor, box: tuple[int, int, int, int]) -> torch.Tensor:
    """The part of (c, h, w) in ``box`` (top, left, bottom, right), which may reach beyond it: zero there.

    Raises ValueError for a box without pixels.
    """
    top, left, bottom, right = box
    if bottom <= top or right <= left:
        raise ValueError(f"the box {box} has no pixels: it is (top, left, bottom, right)")
    height, width = values.shape[-2:]
    found = values.new_zeros((values.shape[0], bottom - top, right - left))
    inner = (max(top, 0), max(left, 0), min(bottom, height), min(right, width))
    if inner[0] < inner[2] and inner[1] < inner[3]:
        found[:, inner[0] - top : inner[2] - top, inner[1] - left : inner[3] - left] = values[
            :, inner[0] : inner[2], inner[1] : inner[3]
        ]
    return found
