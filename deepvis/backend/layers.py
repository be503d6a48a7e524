"""The layer catalogue: every output of a network's forward pass that can be looked at, by name.

It is made by watching one real pass, not by tracing, so that functional calls, data-dependent control flow, reused
modules and exported graphs are all seen, and what a layer is called is where it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any, Literal

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from deepvis.backend.geometry import Trace, carry, mark, trace_of
from deepvis.backend.recording import Site, evaluating, function_name, single_tensor
from deepvis.backend.rules import rectifier_call
from deepvis.messages import Layer, ReceptiveField, Size
from deepvis.near_names import near_names

_FUNCTION_KINDS = {
    "conv2d": "conv",
    "conv_transpose2d": "conv",
    "linear": "linear",
    **dict.fromkeys(["relu", "relu_", "relu6", "hardtanh", "hardtanh_", "clamp_min", "clamp_min_"], "relu"),
    **dict.fromkeys(
        ["silu", "gelu", "sigmoid", "sigmoid_", "tanh", "tanh_", "hardswish", "hardsigmoid", "leaky_relu"],
        "activation",
    ),
    **dict.fromkeys(["leaky_relu_", "elu", "selu", "mish", "softplus", "prelu", "celu", "glu"], "activation"),
    **dict.fromkeys(
        ["max_pool2d", "avg_pool2d", "lp_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean"], "pool"
    ),
    **dict.fromkeys(["batch_norm", "layer_norm", "group_norm", "instance_norm", "local_response_norm"], "norm"),
    **dict.fromkeys(["add", "add_", "__add__", "__iadd__", "__radd__"], "add"),
    **dict.fromkeys(["mul", "mul_", "__mul__", "__imul__", "__rmul__"], "mul"),
    **dict.fromkeys(["cat", "concat"], "cat"),
    **dict.fromkeys(["flatten"], "flatten"),
    **dict.fromkeys(["softmax", "log_softmax"], "softmax"),
    "scaled_dot_product_attention": "attention",
    **dict.fromkeys(["__getitem__", "select"], "token"),
    "interpolate": "other",
}
_FUNCTION_NAMES = {
    **dict.fromkeys(["__add__", "__iadd__", "__radd__", "add_"], "add"),
    **dict.fromkeys(["__mul__", "__imul__", "__rmul__", "mul_"], "mul"),
    "concat": "cat",
    "relu_": "relu",
    "hardtanh_": "hardtanh",
    "clamp_min_": "clamp_min",
    "leaky_relu_": "leaky_relu",
    "sigmoid_": "sigmoid",
    "tanh_": "tanh",
    **dict.fromkeys(["__getitem__", "select"], "token"),
}
_MODULE_KINDS: tuple[tuple[str, tuple[type[nn.Module], ...]], ...] = (
    ("conv", (nn.Conv2d, nn.ConvTranspose2d)),
    ("relu", (nn.ReLU, nn.ReLU6, nn.Hardtanh)),
    (
        "activation",
        (
            nn.SiLU,
            nn.GELU,
            nn.Sigmoid,
            nn.Tanh,
            nn.Hardswish,
            nn.Hardsigmoid,
            nn.LeakyReLU,
            nn.ELU,
            nn.SELU,
            nn.Mish,
            nn.Softplus,
            nn.PReLU,
            nn.CELU,
        ),
    ),
    (
        "pool",
        (nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.FractionalMaxPool2d),
    ),
    (
        "norm",
        (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.LocalResponseNorm),
    ),
    ("linear", (nn.Linear,)),
    ("flatten", (nn.Flatten,)),
    ("dropout", (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)),
    ("softmax", (nn.Softmax, nn.LogSoftmax, nn.Softmax2d)),
    ("attention", (nn.MultiheadAttention,)),
)
_QUIET = {"norm", "dropout", "flatten", "other", "mul", "activation", "token"}
_MOST_PREFIX = 8
"""Tokens that may stand before those of a map, where the pass tells the map's size."""
Arrangement = Literal["NCHW", "NC", "NHWC", "NLC"]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What one watched pass found.

    Attributes
    ----------
    layers : in the order of the forward pass.
    sites : where each layer arises, by name.
    left_out : (name, reason) of the outputs that cannot be shown.
    rectifiers : number of rectifier calls in the pass.
    """

    layers: tuple[Layer, ...]
    sites: dict[str, Site]
    left_out: tuple[tuple[str, str], ...]
    rectifiers: int

    def layer(self, name: str) -> Layer:
        """The layer of this name. Raises KeyError that names the nearest matches, or why it was left out."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        for left_out, reason in self.left_out:
            if left_out == name:
                raise KeyError(f"layer {name!r} cannot be shown: {reason}")
        names = [layer.name for layer in self.layers]
        near = near_names(str(name), names)
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else f"the first are {', '.join(names[:5])}"
        raise KeyError(f"no layer {name!r} in this network of {len(names)} layers; {hint}")


def arrange(tensor: torch.Tensor, layer: Layer) -> torch.Tensor:
    """A captured output as (N, C, H, W) or (N, C), whatever the network's own arrangement.

    Tokens of an input of another size than the network's own are taken for a map of the same proportions; ValueError
    where their number fits none.
    """
    if layer.arrangement == "NHWC":
        return tensor.permute(0, 3, 1, 2)
    if layer.arrangement == "NLC" and layer.size is not None:
        patches = tensor[:, layer.prefix :]
        rows, columns = layer.size
        if patches.shape[1] != rows * columns:
            scaled = _proportional(patches.shape[1], layer.size)
            if scaled is None:
                raise ValueError(
                    f"layer {layer.name!r} answers this input with {tensor.shape[1]} tokens, of which no map of the "
                    f"proportions {rows}×{columns} can be made; use the network's own input size"
                )
            rows, columns = scaled
        return patches.transpose(1, 2).reshape(tensor.shape[0], -1, rows, columns)
    if tensor.dim() == 4 and layer.size is None:
        return tensor.flatten(1)
    return tensor


@dataclass(slots=True)
class _Found:
    name: str
    kind: str
    type: str
    site: Site
    tensor: torch.Tensor
    version: int
    depth_path: str
    shape: tuple[int, ...]
    trace: Trace | None


class _Spectator(TorchFunctionMode):
    """Carries geometry through every function and reports the functions that are outputs in their own right."""

    def __init__(self, found: Callable[[str, int, Any], None]) -> None:
        super().__init__()
        self._found = found
        self.calls: Counter[str] = Counter()
        self.rectifiers = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = function_name(func)
        self.rectifiers += rectifier_call(name, args, kwargs) is not None
        result = func(*args, **kwargs)
        carry(name, args, kwargs, result)
        if _FUNCTION_KINDS.get(name) != "token" or _selects_token(args, result):
            self._found(name, self.calls[name], result)
        self.calls[name] += 1
        return result


def _selects_token(args: Any, result: Any) -> bool:
    """Whether an index took one token of each picture's sequence: what classifiers of token networks read."""
    whole = args[0] if args else None
    return (
        isinstance(whole, torch.Tensor)
        and isinstance(result, torch.Tensor)
        and whole.dim() == 3
        and result.shape == (whole.shape[0], whole.shape[2])
    )


def _module_kind(module: nn.Module) -> str:
    for kind, types in _MODULE_KINDS:
        if isinstance(module, types):
            return kind
    return "block" if next(module.children(), None) is not None else "other"


def _is_leaf(module: nn.Module) -> bool:
    """A module whose inner functions are its own affair: one of PyTorch's, or one without submodules that is one op."""
    return type(module).__module__.startswith("torch.nn.modules") and not isinstance(
        module, nn.Sequential | nn.ModuleList | nn.ModuleDict
    )


def catalogue(module: nn.Module, x: torch.Tensor) -> Catalogue:
    """Watch one forward pass of ``module`` on ``x`` (1, c, h, w) and name all that comes out on the way.

    Exceptions of the network pass through; nothing of the watching stays behind.
    """
    paths: list[str] = [""]
    leaf_depth = 0
    module_calls: Counter[str] = Counter()
    taken = {path for path, _ in module.named_modules()}
    modules = dict(module.named_modules())
    found: list[_Found] = []
    refused: dict[str, str] = {}

    def unique(base: str, calls: int) -> str:
        name = base if calls == 0 else f"{base}_{calls}"
        while calls > 0 and name in taken:
            calls += 1
            name = f"{base}_{calls}"
        return name

    names: Counter[str] = Counter()

    def add(base: str, kind: str, type_name: str, site: Site, output: Any) -> None:
        name = unique(base, names[base])
        names[base] += 1
        taken.add(name)
        tensor = single_tensor(output)
        if tensor is None:
            refused[name] = f"its output is a {type(output).__name__}, not one tensor"
            return
        found.append(
            _Found(
                name, kind, type_name, site, tensor, _version(tensor), paths[-1], tuple(tensor.shape), trace_of(tensor)
            )
        )

    def on_function(name: str, call: int, result: Any) -> None:
        kind = _FUNCTION_KINDS.get(name)
        if kind is None or leaf_depth or not isinstance(result, torch.Tensor):
            return
        if result.dim() not in (2, 3, 4) or not result.is_floating_point() or trace_of(result) is None:
            return
        if name == "mean" and result.dim() == 3:
            return
        label = _FUNCTION_NAMES.get(name, name)
        base = f"{paths[-1]}.{label}" if paths[-1] else label
        if base in modules:
            base = f"{base}_function"
        add(base, kind, label, Site(None, name, call, False), result)

    def enter(path: str, leaf: bool) -> Callable[[nn.Module, Any], None]:
        def hook(_module: nn.Module, _args: Any) -> None:
            nonlocal leaf_depth
            paths.append(path)
            leaf_depth += leaf

        return hook

    def leave(path: str, leaf: bool, kind: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(watched: nn.Module, _args: Any, output: Any) -> None:
            nonlocal leaf_depth
            paths.pop()
            leaf_depth -= leaf
            call = module_calls[path]
            module_calls[path] += 1
            if path:
                add(path, kind, type(watched).__name__, Site(path, None, call, False), output)

        return hook

    spectator = _Spectator(on_function)
    with ExitStack() as stack:
        stack.enter_context(evaluating(module))
        stack.enter_context(torch.no_grad())
        x = x.detach().clone()
        mark(x, _input_trace())
        for path, submodule in modules.items():
            leaf = _is_leaf(submodule)
            stack.callback(submodule.register_forward_pre_hook(enter(path, leaf)).remove)
            stack.callback(submodule.register_forward_hook(leave(path, leaf, _module_kind(submodule))).remove)
        stack.enter_context(spectator)
        module(x)

    layers: list[Layer] = []
    sites: dict[str, Site] = {}
    main = _main_names(found, modules)
    grids = _Grids((int(x.shape[2]), int(x.shape[3])))
    for item in found:
        read = _read(item, grids)
        if isinstance(read, str):
            refused[item.name] = read
            continue
        channels, size, arrangement, prefix = read
        field = item.trace.field if item.trace is not None and size is not None else None
        shown = item.name in main
        layers.append(Layer(item.name, item.kind, item.type, channels, size, field, arrangement, shown, prefix))
        sites[item.name] = replace(item.site, overwritten=_version(item.tensor) != item.version)
    if layers and not any(layer.main for layer in layers):
        layers = [replace(layer, main=True) for layer in layers]
    return Catalogue(tuple(layers), sites, tuple(refused.items()), spectator.rectifiers)


def _input_trace() -> Trace:
    return Trace(ReceptiveField((1, 1), (1, 1), (0, 0)))


def _version(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


class _Grids:
    """Which map the tokens of a sequence form: told by the maps that came before them in the pass (the patch embedding
    among them) or by the input's proportions, and not by whether their number happens to be a square."""

    def __init__(self, pixels: Size) -> None:
        self._pixels = pixels
        self._maps: list[Size] = []
        self._sequences: set[tuple[int, int]] = set()

    def add_map(self, size: Size) -> None:
        """A map was seen."""
        if size[0] * size[1] > 1:
            self._maps.append(size)

    def of(self, tokens: int, channels: int) -> tuple[Size, int] | None:
        """The map's size, and how many tokens stand before its own; None where that is not known."""
        self._sequences.add((tokens, channels))
        for prefix in range(_MOST_PREFIX + 1):
            for rows, columns in reversed(self._maps):
                if rows * columns == tokens - prefix:
                    return (rows, columns), prefix
        for prefix in (0, 1):
            size = self._of_patches(tokens - prefix)
            if size is not None:
                return size, prefix
        return None

    def heads(self, shape: tuple[int, ...]) -> bool:
        """Whether (1, heads, tokens, values) are the parts of a sequence for the heads of an attention."""
        return any(shape[2] == tokens and channels % (shape[1] * shape[3]) == 0 for tokens, channels in self._sequences)

    def _of_patches(self, count: int) -> Size | None:
        """The grid that square patches of one size make of the input, if they are so many."""
        if count < 4:
            return None
        height, width = self._pixels
        if height == width:
            return _proportional(count, self._pixels)
        for patch in range(1, min(height, width) + 1):
            for grid in ((height // patch, width // patch), (-(-height // patch), -(-width // patch))):
                if grid[0] * grid[1] == count:
                    return grid
        return None


def _proportional(count: int, proportions: Size) -> Size | None:
    """The grid of ``count`` positions that has these proportions exactly; None where there is none."""
    rows = isqrt(count * proportions[0] // proportions[1])
    if rows < 1 or count % rows or rows * proportions[1] != count // rows * proportions[0]:
        return None
    return rows, count // rows


def _read(item: _Found, grids: _Grids) -> tuple[int, Size | None, Arrangement, int] | str:
    """(channels, map size, arrangement, prefix) of an output, or the reason why it cannot be shown."""
    shape = item.shape
    if not item.tensor.is_floating_point():
        return f"its output has dtype {item.tensor.dtype}"
    if 0 in shape:
        return f"its output {shape} is empty"
    if shape[0] != 1 and len(shape) > 1:
        return f"its output {shape} does not keep the pictures apart in its first dimension"
    if len(shape) == 2:
        return shape[1], None, "NC", 0
    if len(shape) == 4:
        placed = item.trace is not None and item.trace.field is not None
        if item.trace is not None and item.trace.channel_axis == 3:
            if placed:
                grids.add_map((shape[1], shape[2]))
            return shape[3], (shape[1], shape[2]), "NHWC", 0
        if placed or item.kind in ("conv", "pool"):
            grids.add_map((shape[2], shape[3]))
        elif grids.heads(shape):
            return f"its output {shape} holds values by head and token, which are no map"
        return shape[1], (None if shape[2:] == (1, 1) else (shape[2], shape[3])), "NCHW", 0
    if len(shape) == 3:
        grid = grids.of(shape[1], shape[2])
        if grid is None:
            return f"its output {shape} is a sequence of which no map is known"
        return shape[2], grid[0], "NLC", grid[1]
    return f"its output has {len(shape)} dimensions {shape}, not (N, C, H, W) or (N, C)"


def _main_names(found: list[_Found], modules: dict[str, nn.Module]) -> set[str]:
    """The outputs that a person sees first: outermost modules, where a module that holds over half of all is opened."""
    leaves = [item for item in found if item.site.module is not None and item.kind != "block"]
    transparent = {""}
    for path, submodule in modules.items():
        inside = sum(item.name.startswith(f"{path}.") for item in leaves) if path else 0
        plain = type(submodule) in (nn.Sequential, nn.ModuleList, nn.ModuleDict)
        if path and (plain or inside > len(leaves) / 2) and not _is_leaf(submodule):
            transparent.add(path)

    def outermost(path: str) -> bool:
        parts = path.split(".")
        return all(".".join(parts[:n]) in transparent for n in range(len(parts)))

    main = set()
    for item in found:
        if item.site.module is not None:
            shown = item.site.module not in transparent and outermost(item.site.module)
        else:
            shown = item.depth_path in transparent and outermost(item.depth_path + ".x" if item.depth_path else "x")
        if shown and item.kind not in _QUIET:
            main.add(item.name)
    return main
