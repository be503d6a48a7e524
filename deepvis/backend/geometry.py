"""Which input pixels an output can see: receptive fields carried along one forward pass.

Every tensor of the pass carries a :class:`Trace` (an attribute, which dies with it). Convolution and pooling widen
the field by the well-known recursion (Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural
networks"); sums and concatenations take the union; what looks at the whole picture has no field. A gate that is
broadcast over a map (squeeze-and-excitation) is left out, as is usual: a patch cropped by the field is then the part of
the picture that the map's position stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from deepvis.messages import ReceptiveField, Size

_NAME = "_deepvis_trace"


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of a tensor: its receptive field (None: the whole picture), and which axis holds the channels."""

    field: ReceptiveField | None
    channel_axis: int = 1


def mark(tensor: torch.Tensor, trace: Trace) -> None:
    """Let ``tensor`` carry ``trace``."""
    setattr(tensor, _NAME, trace)


def trace_of(tensor: torch.Tensor) -> Trace | None:
    """The trace that ``tensor`` carries; None for weights and constants."""
    return getattr(tensor, _NAME, None)


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)


def _pair(value: Any) -> Size:
    if isinstance(value, int):
        return value, value
    numbers = [int(v) for v in value]
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str, default: Any) -> Any:
    if name in kwargs:
        return kwargs[name]
    return args[position] if len(args) > position else default


def _windowed(field: ReceptiveField, kernel: Size, stride: Size, padding: Size, dilation: Size) -> ReceptiveField:
    return ReceptiveField(
        size=(
            field.size[0] + (kernel[0] - 1) * dilation[0] * field.stride[0],
            field.size[1] + (kernel[1] - 1) * dilation[1] * field.stride[1],
        ),
        stride=(field.stride[0] * stride[0], field.stride[1] * stride[1]),
        start=(field.start[0] - padding[0] * field.stride[0], field.start[1] - padding[1] * field.stride[1]),
    )


def _union(fields: list[ReceptiveField]) -> ReceptiveField | None:
    first = fields[0]
    if any(field.stride != first.stride for field in fields):
        return None
    top, left = min(f.start[0] for f in fields), min(f.start[1] for f in fields)
    bottom, right = (max(f.start[axis] + f.size[axis] for f in fields) for axis in (0, 1))
    return ReceptiveField((bottom - top, right - left), first.stride, (top, left))


def _convolution(field: ReceptiveField, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ReceptiveField:
    weight = _argument(args, kwargs, 1, "weight", None)
    kernel = (int(weight.shape[-2]), int(weight.shape[-1]))
    dilation = _pair(_argument(args, kwargs, 5, "dilation", 1))
    padding = _argument(args, kwargs, 4, "padding", 0)
    if padding == "same":
        padding = tuple((k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True))
    elif padding == "valid":
        padding = 0
    return _windowed(field, kernel, _pair(_argument(args, kwargs, 3, "stride", 1)), _pair(padding), dilation)


def _pooling(name: str, field: ReceptiveField, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ReceptiveField:
    kernel = _pair(_argument(args, kwargs, 1, "kernel_size", 1))
    stride = _argument(args, kwargs, 2, "stride", None)
    dilation = _pair(_argument(args, kwargs, 4, "dilation", 1)) if "max" in name else (1, 1)
    return _windowed(
        field, kernel, _pair(stride) if stride else kernel, _pair(_argument(args, kwargs, 3, "padding", 0)), dilation
    )


def _adaptive(field: ReceptiveField, source: torch.Tensor, result: torch.Tensor) -> ReceptiveField | None:
    inner, outer = tuple(source.shape[-2:]), tuple(result.shape[-2:])
    if outer == (1, 1) or any(i % o for i, o in zip(inner, outer, strict=True)):
        return None
    window = (inner[0] // outer[0], inner[1] // outer[1])
    return _windowed(field, window, window, (0, 0), (1, 1))


_MIXING = frozenset(
    ["matmul", "bmm", "__matmul__", "einsum", "scaled_dot_product_attention", "multi_head_attention_forward", "roll"]
)
_MOVING = frozenset(["permute", "transpose", "movedim"])


def _channel_axis(name: str, source: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any], axis: int) -> int:
    rank = source.dim()
    rest = args[1:] or tuple(kwargs.values())
    if name == "permute":
        dims = rest[0] if isinstance(rest[0], list | tuple) else rest
        return [int(d) % rank for d in dims].index(axis % rank)
    if name == "transpose":
        first, second = int(rest[0]) % rank, int(rest[1]) % rank
        return {first: second, second: first}.get(axis, axis)
    return axis


def carry(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Give the result of the function ``name`` the trace that follows from its arguments'."""
    sources = [(t, trace) for t in _tensors([*args, *kwargs.values()]) if (trace := trace_of(t)) is not None]
    if not sources:
        return
    for output in _tensors(result):
        mark(output, _result_trace(name, args, kwargs, sources, output))


def _result_trace(
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    sources: list[tuple[torch.Tensor, Trace]],
    output: torch.Tensor,
) -> Trace:
    source, trace = sources[0]
    field = trace.field
    if name in _MOVING:
        return Trace(field, _channel_axis(name, source, args, kwargs, trace.channel_axis))
    if name in {"unsqueeze", "squeeze", "__getitem__", "select"} and output.shape[-2:] != source.shape[-2:]:
        return Trace(None, trace.channel_axis if output.dim() == source.dim() else 1)
    if field is None and len(sources) == 1:
        return trace
    if name == "conv2d" and field is not None:
        # A quantised convolution hides its geometry in packed parameters.
        plain = isinstance(_argument(args, kwargs, 1, "weight", None), torch.Tensor)
        return Trace(_convolution(field, args, kwargs) if plain else None)
    if name in {"max_pool2d", "_max_pool2d", "avg_pool2d", "lp_pool2d"} and field is not None:
        return Trace(_pooling(name, field, args, kwargs))
    if name.startswith("adaptive_") and field is not None:
        return Trace(_adaptive(field, source, output))
    if name == "pad" and field is not None and trace.channel_axis == 1:
        amounts = list(_argument(args, kwargs, 1, "pad", ()))
        left, top = (amounts[0] if amounts else 0), (amounts[2] if len(amounts) > 2 else 0)
        start = (field.start[0] - top * field.stride[0], field.start[1] - left * field.stride[1])
        return Trace(replace(field, start=start), trace.channel_axis)
    if name in _MIXING or output.dim() < 3:
        return Trace(None, trace.channel_axis if output.dim() == source.dim() else 1)
    if name == "linear" and output.shape[:-1] == source.shape[:-1]:
        return Trace(field, trace.channel_axis)
    # Everything else keeps positions apart where it keeps the map's size: element-wise functions, norms, sums,
    # concatenations over channels, and views that only regroup channels.
    spatial = slice(1, 3) if trace.channel_axis == 3 and output.dim() == 4 else slice(-2, None)
    fields = []
    for tensor, other in sources:
        if tensor.shape[spatial] == output.shape[spatial]:
            if other.field is None:
                return Trace(None, trace.channel_axis)
            fields.append(other.field)
    axis = max((t.channel_axis for s, t in sources if s.dim() == output.dim()), default=1)
    return Trace(_union(fields) if fields else None, axis)
