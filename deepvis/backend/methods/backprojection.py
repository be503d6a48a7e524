"""Back-projection: what in the picture made a unit fire.

The gradient at a layer is zero but for one unit, and goes back to the input with one of three rules at the rectifiers:
``gradient``, ``deconvnet`` (Zeiler & Fergus 2013, "Visualizing and understanding convolutional networks") or ``guided``
(Springenberg et al. 2014, "Striving for simplicity: the all convolutional net").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from deepvis.backend.methods.differentiation import (
    DifferentiablePass,
    check_rule,
    differentiable_pass,
    gradient_between,
    input_gradient,
)
from deepvis.backend.network import Image, Network
from deepvis.messages import FloatArray, Layer, Rule, Seed, Size

Position = Size | None
"""(row, column) in a unit's map, or None for the whole map."""


def backproject(
    net: Network,
    image: Image,
    layer: str,
    unit: int,
    rule: Rule = "guided",
    position: Position = None,
    seed: Seed = "activation",
) -> FloatArray:
    """What in the picture made one unit fire, or kept it from firing.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    layer, unit : which unit.
    rule : ``gradient``, ``deconvnet`` or ``guided``; in a network without rectifiers the three are equal.
    position : (row, column) in the unit's map, or None for its whole map.
    seed : what the gradient at the unit begins with: ``activation`` (its own values, as live views do) or ``one``.

    Returns
    -------
    float32 (c, h, w) in the network's input space: signed, 0 means no influence.

    Raises
    ------
    KeyError : no such layer. ValueError : unit, position, rule or seed out of range, or not a picture.
    NetworkError : the network fails or gives no gradients (a quantised one).

    Notes
    -----
    Papers: Zeiler & Fergus 2013; Springenberg et al. 2014; Yosinski et al. 2015 (live, seeded by the activation).
    Call it from the thread that uses the network.
    """
    check_rule(rule)
    check_seed(seed)
    net.check_unit(layer, unit)
    done = differentiable_pass(net, net.preprocess(image), (layer,), rule, stop=True)
    check_position(net.layer(layer), position, tuple(done.activations[layer].shape[2:]))
    result: FloatArray = backproject_tensor(done, layer, unit, position, seed)[0].cpu().numpy()
    return result


def backproject_tensor(
    done: DifferentiablePass,
    layer: str,
    unit: int,
    position: Position = None,
    seed: Seed = "activation",
    *,
    keep: bool = False,
) -> torch.Tensor:
    """Back-projection from a pass that captured ``layer``: float32 (N, c, h, w), by the rule of the pass's switch.

    ``keep`` keeps the graph for another backward pass.
    """
    activation = done.activations[layer]
    start = seed_tensor(activation, unit, position, seed)
    return input_gradient(done, activation, start, f"layer {layer!r}", keep=keep)


def backproject_units(
    done: DifferentiablePass, layer: str, units: Sequence[int], seed: Seed = "activation", *, keep: bool = False
) -> Iterator[torch.Tensor]:
    """The back-projections of several units from one forward pass, one after another: float32 (N, c, h, w) each.

    One backward pass a unit: measured beside batched backward passes (vectorised, or over an expanded input), this is
    as fast or faster on most networks, needs no more memory than one, and the first is there at once.
    """
    for number, unit in enumerate(units):
        last = number == len(units) - 1
        yield backproject_tensor(done, layer, unit, seed=seed, keep=keep or not last)


def origin_gradient(
    done: DifferentiablePass,
    origin: str,
    unit: int,
    viewed: str,
    position: Position = None,
    seed: Seed = "activation",
    *,
    keep: bool = False,
) -> torch.Tensor | None:
    """d(origin)/d(viewed layer), arranged as (N, C, H, W) or (N, C); both layers were captured by the pass.

    None where the viewed layer does not come before the origin.
    """
    activation = done.activations[origin]
    start = seed_tensor(activation, unit, position, seed)
    gradient = gradient_between(done, activation, done.raw[viewed], start, f"layer {origin!r}", keep=keep)
    return None if gradient is None else done.net.arrange(gradient, viewed)


def strongest_units(activation: torch.Tensor, count: int) -> list[int]:
    """The ``count`` units of a (1, C, H, W) or (1, C) layer with the largest activation, strongest first.

    Units that tie are in the order of their numbers.
    """
    peaks = activation.detach()[0].flatten(1).amax(1) if activation.dim() == 4 else activation.detach()[0]
    order = torch.argsort(peaks, descending=True, stable=True)
    return [int(unit) for unit in order[:count].tolist()]


def seed_tensor(
    activation: torch.Tensor, unit: int, position: Position = None, seed: Seed = "activation"
) -> torch.Tensor:
    """The gradient at a (N, C, H, W) or (N, C) layer with which a back-projection begins."""
    start = torch.zeros_like(activation)
    own = activation.detach()
    if activation.dim() == 2 or position is None:
        start[:, unit] = own[:, unit] if seed == "activation" else 1
    else:
        row, column = position
        start[:, unit, row, column] = own[:, unit, row, column] if seed == "activation" else 1
    return start


def check_seed(seed: str) -> None:
    """ValueError unless ``seed`` is ``activation`` or ``one``."""
    if seed not in ("activation", "one"):
        raise ValueError(f"seed {seed!r} is unknown: it is 'activation' or 'one'")


def check_position(layer: Layer, position: Position, size: tuple[int, ...]) -> None:
    """ValueError unless ``position`` is None or lies in the layer's map, which is ``size`` (h, w) for this picture."""
    if position is None:
        return
    if layer.size is None or len(size) != 2:
        raise ValueError(f"layer {layer.name!r} has no maps, so position must be None, got {position!r}")
    try:
        row, column = (int(value) for value in position)
    except (TypeError, ValueError):
        raise ValueError(f"position is (row, column) or None, got {position!r}") from None
    if not (0 <= row < size[0] and 0 <= column < size[1]):
        raise ValueError(
            f"position {(row, column)} is out of range: the map of layer {layer.name!r} has rows 0 to {size[0] - 1} "
            f"and columns 0 to {size[1] - 1}"
        )
