"""One forward pass in which chosen outputs are captured and the rectifiers obey a backward rule.

The network is not changed: module outputs are captured by hooks that live for one pass, function outputs and
rectifiers by a ``TorchFunctionMode`` that lives as long. All of it is taken away again when the pass raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from deepvis.backend.rules import RuleSwitch, apply_rule, rectifier_call
from deepvis.messages import Rule


@dataclass(frozen=True, slots=True)
class Site:
    """Where in the forward pass an output arises: the ``call``-th call (from 0) of a module, or of a function by name.

    ``overwritten``: a later in-place operation destroys the output. When it is captured, the network goes on with a
    copy, so that the captured tensor is intact and lies on the way of every gradient.
    """

    module: str | None
    function: str | None
    call: int
    overwritten: bool


class _StopPassError(Exception):
    """Ends a forward pass as soon as everything that was asked for is there."""


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for the time being; afterwards every submodule is back in the mode that it was in."""
    training = [m for m in module.modules() if m.training]
    for m in training:
        m.training = False
    try:
        yield
    finally:
        for m in training:
            m.training = True


def single_tensor(output: Any) -> torch.Tensor | None:
    """The tensor in a module's output, if there is exactly one (in a tuple, list, dict or dataclass too)."""
    if isinstance(output, torch.Tensor):
        return output
    values: list[Any] = []
    if isinstance(output, Mapping):
        values = list(output.values())
    elif isinstance(output, list | tuple):
        values = list(output)
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    return tensors[0] if len(tensors) == 1 else None


def function_name(func: Any) -> str:
    """``relu`` for ``F.relu``, ``torch.relu``, ``Tensor.relu`` and ``torch.ops.aten.relu.default`` alike."""
    return str(getattr(func, "__name__", "")).split(".")[0]


class _Watch(TorchFunctionMode):
    """Counts function calls, captures chosen results and lets rectifiers obey a rule."""

    def __init__(
        self, sites: Mapping[tuple[str, int], str], capture: Callable[[str, Any], Any], switch: RuleSwitch | None
    ) -> None:
        super().__init__()
        self._sites = sites
        self._capture = capture
        self._switch = switch
        self._calls: Counter[str] = Counter()
        self.aside = False
        """Whether what is called now is not of the network, and is neither counted nor looked at."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.aside:
            return func(*args, **kwargs)
        name = function_name(func)
        if self._switch is not None and (call := rectifier_call(name, args, kwargs)) is not None:
            result: Any = apply_rule(self._switch, *call)
        else:
            result = func(*args, **kwargs)
        if self._sites:
            site = self._sites.get((name, self._calls[name]))
            self._calls[name] += 1
            if site is not None:
                return self._capture(site, result)
        return result


def run(
    module: nn.Module,
    x: torch.Tensor,
    sites: Mapping[str, Site] | None = None,
    rule: Rule | RuleSwitch = "gradient",
    *,
    stop: bool = False,
    evaluated: bool = False,
    reduce: Callable[[str, torch.Tensor], torch.Tensor] | None = None,
) -> tuple[Any, dict[str, torch.Tensor]]:
    """One forward pass of ``module`` on ``x`` in evaluation mode.

    Parameters
    ----------
    sites : what to capture, by name.
    rule : backward rule of every rectifier in the graph that is built; a :class:`RuleSwitch` can be turned later.
    stop : end the pass once everything is captured; the output is then None.
    evaluated : ``module`` and all in it are known to be in evaluation mode, which saves asking each of them.
    reduce : called with the name and the tensor as soon as it is there; what it returns is captured in its place, so
        that the maps of many layers need not be held at once.

    Returns
    -------
    The module's output, and the captured tensors by name (part of the graph where gradients are on). A site that the
    pass did not reach is missing.
    """
    sites = sites or {}
    captured: dict[str, torch.Tensor] = {}
    watch: _Watch | None = None

    def reduced(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if reduce is None:
            return tensor
        if watch is None:
            return reduce(name, tensor)
        # Sites are told by the number of calls before them, among which what is called here has no place.
        watch.aside = True
        try:
            return reduce(name, tensor)
        finally:
            watch.aside = False

    def capture(name: str, output: Any) -> Any:
        tensor = single_tensor(output)
        if tensor is not None:
            captured[name] = reduced(name, tensor)
        if stop and len(captured) == len(sites):
            raise _StopPassError
        if reduce is not None:
            return output
        return tensor.clone() if tensor is not None and tensor is output and sites[name].overwritten else output

    def hook_for(wanted: dict[int, str]) -> Callable[[nn.Module, Any, Any], Any]:
        calls = count()

        def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
            name = wanted.get(next(calls))
            return None if name is None else capture(name, output)

        return hook

    by_module: dict[str, dict[int, str]] = {}
    by_function: dict[tuple[str, int], str] = {}
    for name, site in sites.items():
        if site.module is not None:
            by_module.setdefault(site.module, {})[site.call] = name
        else:
            by_function[(site.function or "", site.call)] = name

    with ExitStack() as stack:
        if not evaluated:
            stack.enter_context(evaluating(module))
        for path, wanted in by_module.items():
            handle = module.get_submodule(path).register_forward_hook(hook_for(wanted))
            stack.callback(handle.remove)
        switch = rule if isinstance(rule, RuleSwitch) else None if rule == "gradient" else RuleSwitch(rule)
        if by_function or switch is not None:
            watch = stack.enter_context(_Watch(by_function, capture, switch))
        try:
            output = module(x)
        except _StopPassError:
            output = None
    return output, captured
