"""A convolution whose weights lie as oneDNN's kernels read them, forward and on the way back to its input.

On the way back to a picture, PyTorch has two costs that a network of fixed weights need not pay: weights are rearranged
at every call, and the first convolution's gradient has so few channels (3) that most lanes of the processor idle.
:class:`PackedConvolution` arranges them once, and computes the gradient of a convolution of few channels as a
convolution of many: the s × s pixels that a stride of s skips become channels of their own, and are put in their places
afterwards (the sub-pixel convolution of Shi et al. 2016, "Real-time single image and video super-resolution using an
efficient sub-pixel convolutional neural network"). The sums are the same; only the order in which they are rounded is
not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

_FEW = 4
"""Channels of a picture: fewer than a vector of the processor has lanes."""
_BLOCK = 2
"""Side of the squares of pixels that become channels where the stride is 1."""

ROUNDING = {torch.float32: 2e-5, torch.bfloat16: 0.06}
"""How far sums that are added in another order may lie apart, as a share of the largest."""

Backward = Callable[[torch.Tensor, torch.Size], torch.Tensor]


class PackedConvolution:
    """What stands in for the forward call of a ``Conv2d`` with zero padding, on the CPU, in float32 or bfloat16.

    Parameters
    ----------
    convolution : its weights are read here once, and must not change afterwards.
    size : of its input as it will be given, which chooses the layout; inputs of other sizes run as well.

    Called with a float (N, C, h, w) tensor of the weights' type, it returns the same as the convolution, with a graph
    that leads to its input and not to its weights. Raises RuntimeError where this PyTorch cannot pack.
    """

    def __init__(self, convolution: nn.Conv2d, size: list[int]) -> None:
        self.weight = convolution.weight.detach()
        self.bias = convolution.bias
        self.groups = convolution.groups
        self.padding, self.stride, self.dilation = (
            list(map(int, v)) for v in (convolution.padding, convolution.stride, convolution.dilation)
        )
        self._packed: torch.Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            self.weight, self.padding, self.stride, self.dilation, self.groups, size
        )
        self._backward: Backward | None = None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        if x.requires_grad and torch.is_grad_enabled():
            result: torch.Tensor = _Differentiable.apply(x, self)
            return result
        return self.forward(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Without a graph."""
        result: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, self.bias, self.padding, self.stride, self.dilation, self.groups, "none", [], ""
        )
        return result

    def backward(self, gradient: torch.Tensor, size: torch.Size) -> torch.Tensor:
        """The gradient at an input of this size, from the one at the output."""
        if self._backward is None:
            self._backward = self._chosen(gradient, size)
        return self._backward(gradient, size)

    def _chosen(self, gradient: torch.Tensor, size: torch.Size) -> Backward:
        """The quicker way back, if it gives the same; made when it is first needed, as most passes never go back."""
        try:
            quick = self._sub_pixel(gradient) if self._sub_pixel_suits() else self._transposed(gradient, size)
            found, expected = quick(gradient, size), self._plain(gradient, size)
        except (RuntimeError, AttributeError):
            # An offer that not every build of PyTorch can take.
            return self._plain
        largest = float(expected.abs().amax()) if expected.numel() else 0.0
        same = torch.allclose(found, expected, rtol=0, atol=ROUNDING[expected.dtype] * largest, equal_nan=True)
        return quick if same else self._plain

    def _plain(self, gradient: torch.Tensor, size: torch.Size) -> torch.Tensor:
        found: torch.Tensor = torch.ops.aten.convolution_backward(
            gradient,
            gradient.new_empty(1).expand(size),
            self.weight,
            None,
            self.stride,
            self.padding,
            self.dilation,
            False,
            [0, 0],
            self.groups,
            [True, False, False],
        )[0]
        return found

    # -------------------------------------------------------------------------------------------- many input channels

    def _transposed(self, gradient: torch.Tensor, size: torch.Size) -> Backward:
        """A transposed convolution with packed weights."""
        ops = torch.ops.mkldnn
        packed = ops._reorder_convolution_transpose_weight(
            self.weight,
            self.padding,
            self._beyond(gradient, size),
            self.stride,
            self.dilation,
            self.groups,
            list(gradient.shape),
        )

        def backward(gradient: torch.Tensor, size: torch.Size) -> torch.Tensor:
            result: torch.Tensor = ops._convolution_transpose_pointwise(
                gradient,
                packed,
                None,
                self.padding,
                self._beyond(gradient, size),
                self.stride,
                self.dilation,
                self.groups,
                "none",
                [],
                "",
            )
            return result

        return backward

    def _beyond(self, gradient: torch.Tensor, size: torch.Size) -> list[int]:
        """Rows and columns at the end of the input that no window reaches."""
        kernel = self.weight.shape[2:]
        return [
            size[axis + 2]
            - (gradient.shape[axis + 2] - 1) * self.stride[axis]
            + 2 * self.padding[axis]
            - self.dilation[axis] * (kernel[axis] - 1)
            - 1
            for axis in (0, 1)
        ]

    # --------------------------------------------------------------------------------------------- few input channels

    def _sub_pixel_suits(self) -> bool:
        one, other = self.stride
        return self.groups == 1 and self.weight.shape[1] <= _FEW and one == other and self.dilation == [1, 1]

    def _sub_pixel(self, gradient: torch.Tensor) -> Backward:
        """A convolution from which every place yields a square of pixels.

        Pixel t (padding counted) gets Σ w[t - s·i]·g[i]. With t = B·a + r for squares of side B = s·b, that is a
        correlation over g at stride b, whose kernel for the pixel r of a square is w[r + s·(m - q)] at place q.
        """
        ops = torch.ops.mkldnn
        stride = self.stride[0]
        step = _BLOCK if stride == 1 else 1
        side = stride * step
        channels_out, channels_in, *kernel = self.weight.shape
        reach = [(length - 1) // stride for length in kernel]
        shape = (channels_in, side, side, channels_out, reach[0] + step, reach[1] + step)
        spread = self.weight.new_zeros(shape)
        rows, columns = (
            [
                (pixel, place, pixel + stride * (reach[axis] - place))
                for pixel in range(side)
                for place in range(shape[4 + axis])
                if 0 <= pixel + stride * (reach[axis] - place) < kernel[axis]
            ]
            for axis in (0, 1)
        )
        for down, top, k in rows:
            for right, left, j in columns:
                spread[:, down, right, :, top, left] = self.weight[:, :, k, j].t()
        # Sixteen lanes are filled from pixels that lie together only in this layout.
        layout = torch.channels_last
        spread = spread.flatten(0, 2).contiguous(memory_format=layout)
        gradient = gradient.contiguous(memory_format=layout)
        packed = ops._reorder_convolution_weight(spread, reach, [step, step], [1, 1], 1, list(gradient.shape))

        def backward(gradient: torch.Tensor, size: torch.Size) -> torch.Tensor:
            beyond = []
            for axis in (0, 1):
                squares_along = (self.padding[axis] + size[axis + 2] - 1) // side + 1
                needed = step * (squares_along - 1) + shape[4 + axis] - 2 * reach[axis]
                beyond.append(max(0, needed - gradient.shape[axis + 2]))
            if any(beyond):
                gradient = F.pad(gradient, (0, beyond[1], 0, beyond[0]))
            squares = ops._convolution_pointwise(
                gradient.contiguous(memory_format=layout),
                packed,
                None,
                reach,
                [step, step],
                [1, 1],
                1,
                "none",
                [],
                "",
            )
            pixels = F.pixel_shuffle(squares, side)
            top, left = self.padding
            return pixels[:, :, top : top + size[2], left : left + size[3]]

        return backward


class _Differentiable(torch.autograd.Function):
    """The packed call as one node of a graph, which holds no activation."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, convolution: PackedConvolution) -> torch.Tensor:
        ctx.convolution = convolution
        ctx.size = x.shape
        return convolution.forward(x)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return ctx.convolution.backward(gradient, ctx.size), None
