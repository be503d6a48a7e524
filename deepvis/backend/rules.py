"""Backward rules of the rectifier: gradient, deconvnet, guided.

At a rectifier with input z and incoming gradient g the three rules return

* ``gradient``: g where z > 0 (the derivative);
* ``deconvnet``: max(g, 0) (Zeiler & Fergus 2013, "Visualizing and understanding convolutional networks");
* ``guided``: max(g, 0) where z > 0 (Springenberg et al. 2014, "Striving for simplicity: the all convolutional net").

For rectifiers with an upper bound (ReLU6, hardtanh) z > 0 becomes the open interval of the bounds.

There are two ways to make a network's rectifiers obey, and neither changes the network:

* :func:`obey` finds them in the graph that a plain forward pass left behind, and hooks its nodes. The pass itself runs
  as fast as without a rule, and modules, functional calls, in-place and reused ones are all the same there.
* :func:`apply_rule` takes the place of one call, wherever calls are watched. It is for the one case that the graph
  hides: a rectifier that overwrites a part of another tensor.

Leaky, smooth and gated activations (LeakyReLU, SiLU, GELU, hardswish) are no rectifiers and keep their derivative under
every rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.autograd.graph import Node

from deepvis.messages import Rule


class RuleSwitch:
    """The rule that the rectifiers of a graph obey, read when the backward pass reaches them.

    One forward pass under a switch can be gone back through several times, each time by another rule.
    """

    def __init__(self, rule: Rule = "gradient") -> None:
        self.rule: Rule = rule


class _RectifierRule(torch.autograd.Function):
    """Clamp to [low, high], with a backward pass of its own. ``inplace`` keeps the semantics of ``relu_``."""

    @staticmethod
    def forward(ctx: Any, z: torch.Tensor, low: float, high: float, switch: RuleSwitch, inplace: bool) -> torch.Tensor:
        ctx.switch = switch
        ctx.plain = low == 0 and math.isinf(high)
        if ctx.plain:
            result = z.relu_() if inplace else z.relu()
            inside = result  # positive exactly where z is: no mask has to be made, as in PyTorch's own rectifier
        else:
            # The open interval is read off before an in-place clamp destroys z.
            inside = (z > low) & (z < high)
            result = z.clamp_(low, high) if inplace else z.clamp(low, high)
        if inplace:
            ctx.mark_dirty(z)
        ctx.save_for_backward(inside)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        rule = ctx.switch.rule
        (gradient,) = gradients
        if rule != "deconvnet":
            (inside,) = ctx.saved_tensors
            gradient = torch.ops.aten.threshold_backward(gradient, inside, 0) if ctx.plain else gradient * inside
        if rule == "guided":
            gradient = gradient.clamp_(min=0)
        elif rule == "deconvnet":
            gradient = gradient.clamp(min=0)
        return gradient, None, None, None, None


def _relu_bounds(arguments: dict[str, Any]) -> tuple[float, float]:
    return 0.0, math.inf


def _relu6_bounds(arguments: dict[str, Any]) -> tuple[float, float]:
    return 0.0, 6.0


def _hardtanh_bounds(arguments: dict[str, Any]) -> tuple[float, float]:
    return float(arguments.get("min_val", -1.0)), float(arguments.get("max_val", 1.0))


def _clamp_bounds(arguments: dict[str, Any]) -> tuple[float, float] | None:
    low, high = arguments.get("min"), arguments.get("max")
    if isinstance(low, int | float) and low == 0 and (high is None or isinstance(high, int | float)):
        return 0.0, math.inf if high is None else float(high)
    return None


_BOUNDS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], tuple[float, float] | None], bool]] = {
    # function name: names of its arguments after the input, bounds, always in place
    "relu": (("inplace",), _relu_bounds, False),
    "relu_": ((), _relu_bounds, True),
    "relu6": (("inplace",), _relu6_bounds, False),
    "hardtanh": (("min_val", "max_val", "inplace"), _hardtanh_bounds, False),
    "hardtanh_": (("min_val", "max_val"), _hardtanh_bounds, True),
    "clamp": (("min", "max"), _clamp_bounds, False),
    "clamp_": (("min", "max"), _clamp_bounds, True),
    "clamp_min": (("min",), _clamp_bounds, False),
    "clamp_min_": (("min",), _clamp_bounds, True),
}


def rectifier_call(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[torch.Tensor, float, float, bool] | None:
    """Read a function call as a rectifier: (input, lower bound, upper bound, in place), or None if it is none.

    ``clamp(min=0)`` counts, a clamp with another lower bound does not.
    """
    known = _BOUNDS.get(name)
    if known is None:
        return None
    names, bounds_of, always_inplace = known
    z = args[0] if args else kwargs.get("input")
    if not isinstance(z, torch.Tensor) or not z.is_floating_point():
        return None
    arguments = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    bounds = bounds_of(arguments)
    if bounds is None:
        return None
    return z, *bounds, always_inplace or bool(arguments.get("inplace", False))


def apply_rule(switch: RuleSwitch, z: torch.Tensor, low: float, high: float, inplace: bool) -> torch.Tensor:
    """The rectified ``z``, which will answer the backward pass by the rule that ``switch`` has at that time."""
    result: torch.Tensor = _RectifierRule.apply(z, low, high, switch, inplace)
    return result


def obey(tensors: Iterable[torch.Tensor], switch: RuleSwitch) -> bool:
    """Let every rectifier in the graph behind ``tensors`` answer the backward pass by the rule of ``switch``.

    The rule is read when the backward pass gets there. The hooks belong to the graph and vanish with it, so a graph is
    to be given once, right after the pass that made it.

    Returns
    -------
    False where the graph may hide a rectifier: an in-place operation on a view is one node, whatever it computes.
    Nothing is hooked then.
    """
    waiting = [node for node in (tensor.grad_fn for tensor in tensors) if node is not None]
    # The set keeps the nodes' Python objects alive, and with them their identity.
    seen: set[Node] = set(waiting)
    found: list[tuple[Node, Callable[..., Any]]] = []
    while waiting:
        node = waiting.pop()
        name = node.name()
        if name in _RECTIFIERS:
            answer = _answer(node, name, switch)
            if answer is not None:
                found.append((node, answer))
        elif name == _HIDDEN:
            return False
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    for node, answer in found:
        node.register_hook(answer)
    return True


_OPEN = frozenset({"ReluBackward0", "HardtanhBackward0"})
"""Nodes whose derivative is 0 at the bounds, as the rules have it."""

_RECTIFIERS = _OPEN | {"ClampBackward0", "ClampBackward1", "ClampMinBackward0", "ClampMinBackward1"}
_HIDDEN = "torch::autograd::CopySlices"


def _answer(node: Node, name: str, switch: RuleSwitch) -> Callable[..., Any] | None:
    """What the hook of such a node does, or None where its bounds are not those of a rectifier."""
    if name in _OPEN:
        return _masked_answer(switch)
    bounds = _clamp_bounds({bound: getattr(node, f"_saved_{bound}", None) for bound in ("min", "max")})
    if bounds is None:
        return None
    z: torch.Tensor = node._saved_self  # type: ignore[attr-defined]
    return _clamp_answer(switch, z, *bounds)


def _masked_answer(switch: RuleSwitch) -> Callable[..., Any]:
    def answer(below: tuple[Any, ...], above: tuple[Any, ...]) -> tuple[Any, ...] | None:
        rule = switch.rule
        if rule == "gradient" or below[0] is None:
            return None
        if rule == "guided":
            # Nobody else has seen this gradient yet: the derivative just made it.
            return (below[0].clamp_(min=0), *below[1:])
        return (above[0].clamp(min=0), *below[1:])

    return answer


def _clamp_answer(switch: RuleSwitch, z: torch.Tensor, low: float, high: float) -> Callable[..., Any]:
    def answer(below: tuple[Any, ...], above: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if below[0] is None:
            return None
        if switch.rule == "deconvnet":
            return (above[0].clamp(min=0), *below[1:])
        gradient = below[0] * ((z > low) & (z < high))
        return (gradient.clamp_(min=0) if switch.rule == "guided" else gradient, *below[1:])

    return answer
