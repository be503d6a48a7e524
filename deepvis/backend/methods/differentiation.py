"""Forward passes that can be gone back through, and gradients taken from them.

Every method of this package that needs gradients begins with :func:`differentiable_pass`. One pass serves several
methods (a live frame shows a back-projection, a grid of them and an overlay, all from one).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from weakref import WeakSet

import torch
from torch import nn

from deepvis.backend.network import Network, NetworkError
from deepvis.backend.rules import RuleSwitch, obey
from deepvis.messages import RULES, Rule


@dataclass(frozen=True, slots=True)
class DifferentiablePass:
    """One forward pass with its graph.

    Attributes
    ----------
    net : whose pass it is.
    x : the input, a float32 (N, c, h, w) leaf of the graph.
    logits : (N, classes) in the network's floating type, or None where the pass stopped at the last layer.
    raw : by layer name, the output as the network goes on with it: gradients with respect to it exist.
    activations : by layer name, the output arranged as (N, C, H, W) or (N, C).
    switch : the backward rule of the graph's rectifiers; set ``switch.rule`` before going back.
    """

    net: Network
    x: torch.Tensor
    logits: torch.Tensor | None
    raw: Mapping[str, torch.Tensor]
    activations: Mapping[str, torch.Tensor]
    switch: RuleSwitch


@contextmanager
def graphs_on() -> Iterator[None]:
    """Autograd records, whatever mode the caller is in."""
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield


def check_rule(rule: str) -> Rule:
    """``rule`` if it is one of the three; otherwise ValueError that names them."""
    for known in RULES:
        if rule == known:
            return known
    raise ValueError(f"rule {rule!r} is unknown: it is one of {', '.join(map(repr, RULES))}")


def differentiable_pass(
    net: Network,
    x: torch.Tensor,
    layers: Iterable[str] = (),
    rule: Rule | RuleSwitch = "gradient",
    *,
    stop: bool = False,
) -> DifferentiablePass:
    """One forward pass of a preprocessed float32 (N, c, h, w) input, with its graph, that captures ``layers``.

    ``rule`` is how rectifiers answer when the graph is gone back through; pass a RuleSwitch to turn it in between. With
    ``stop`` the pass ends at the last of ``layers``. ``x`` is never written to, and is not to be changed while the pass
    is in use.

    Raises KeyError for an unknown layer and NetworkError where the network raises or gives no gradients at all.
    """
    switch = rule if isinstance(rule, RuleSwitch) else RuleSwitch(check_rule(rule))
    # A graph that will only ever be gone back through by the gradient needs no interception of its rectifiers.
    wanted: Rule | RuleSwitch = rule if isinstance(rule, RuleSwitch) else switch.rule
    names = tuple(dict.fromkeys(layers))
    with graphs_on():
        leaf = (x.clone() if x.is_inference() else x).detach().requires_grad_()
        try:
            logits, raw = _obeying_pass(net, leaf, names, wanted, stop)
        except NetworkError as error:
            if any(tensor.is_inference() for tensor in (*net.module.parameters(), *net.module.buffers())):
                raise no_gradients(net, "its weights are inference tensors") from error
            raise
        activations = {name: net.arrange(tensor, name) for name, tensor in raw.items()}
    return DifferentiablePass(net, leaf, logits, raw, activations, switch)


def _obeying_pass(
    net: Network, leaf: torch.Tensor, names: tuple[str, ...], rule: Rule | RuleSwitch, stop: bool
) -> tuple[torch.Tensor | None, dict[str, torch.Tensor]]:
    """A pass whose rectifiers will obey ``rule``: found in its graph, or where that may hide some, at their calls."""

    def start() -> torch.Tensor:
        # An in-place first operation must not reach the leaf; where the type differs, the network makes its own copy.
        return leaf.clone() if leaf.dtype == net.dtype else leaf

    if rule == "gradient":
        return net.run(start(), names, stop=stop)
    switch = rule if isinstance(rule, RuleSwitch) else RuleSwitch(rule)
    if net.module not in _OVERWRITE_VIEWS:
        logits, raw = net.run(start(), names, stop=stop)
        if obey([tensor for tensor in (logits, *raw.values()) if tensor is not None], switch):
            return logits, raw
        _OVERWRITE_VIEWS.add(net.module)
    return net.run(start(), names, switch, stop=stop)


_OVERWRITE_VIEWS: WeakSet[nn.Module] = WeakSet()
"""Networks that were seen to write into views of tensors; their calls are watched, so that nothing runs twice."""


def no_gradients(net: Network, what: str) -> NetworkError:
    """The error for a network that cannot be gone back through."""
    return NetworkError(
        f"network {net.name!r} gives no gradients: {what}. It is quantised, or computes under torch.no_grad(); use "
        "occlusion or activations, which need no gradients, or load the network in floating point"
    )


def input_gradient(
    done: DifferentiablePass, output: torch.Tensor, seed: torch.Tensor, name: str, *, keep: bool = False
) -> torch.Tensor:
    """The gradient of ``output`` with respect to the input, float32 (N, c, h, w).

    Parameters
    ----------
    done : the pass that ``output`` belongs to; its switch says by which rule rectifiers are passed.
    seed : the gradient at ``output`` to begin with, of the same shape.
    name : what ``output`` is, for the error (``"layer 'conv3'"``).
    keep : keep the graph for another backward pass.

    Raises NetworkError where no gradient reaches the input.
    """
    gradient = gradient_between(done, output, done.x, seed, name, keep=keep)
    if gradient is None:
        raise no_gradients(done.net, f"{name} does not depend on the picture in a way that can be differentiated")
    return gradient.to(torch.float32)


def gradient_between(
    done: DifferentiablePass,
    output: torch.Tensor,
    source: torch.Tensor,
    seed: torch.Tensor,
    name: str,
    *,
    keep: bool = False,
) -> torch.Tensor | None:
    """The gradient of ``output`` with respect to any tensor of the graph, or None where it does not depend on it.

    Raises NetworkError where ``output`` has no graph at all, or the network cannot be gone back through.
    """
    if not output.requires_grad:
        raise no_gradients(done.net, f"{name} does not depend on the picture in a way that can be differentiated")
    try:
        with graphs_on():
            (gradient,) = torch.autograd.grad(output, source, seed, retain_graph=keep, allow_unused=True)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        first = (str(error).strip().splitlines() or [""])[0]
        if "a second time" in first:
            raise
        raise no_gradients(done.net, f"the backward pass from {name} failed ({first[:200]})") from error
    return gradient
