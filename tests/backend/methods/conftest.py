"""Small networks and independent oracles for the methods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from deepvis.backend.network import Network
from deepvis.backend.zoo.tinynet import TinyNet


@pytest.fixture
def tiny() -> Network:
    """A small chain of convolutions with random weights, in training mode as a person might leave it."""
    torch.manual_seed(0)
    module = TinyNet((8, 8, 12, 12, 16, 16, 24), 10)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter)
    return Network(module.train(), input_size=(48, 64), labels=[f"label {n}" for n in range(10)], name="tiny")


@pytest.fixture
def image() -> np.ndarray:
    """Smooth coloured noise, uint8 (70, 90, 3)."""
    coarse = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(3))
    fine = nn.functional.interpolate(coarse, (70, 90), mode="bicubic").clamp(0, 1)[0]
    return (fine.permute(1, 2, 0) * 255).to(torch.uint8).numpy()


class WrittenRule(torch.autograd.Function):
    """The rules as their papers have them, written with torch.where, apart from the program's."""

    @staticmethod
    def forward(ctx, z, ceiling, rule):
        ctx.save_for_backward(z)
        ctx.ceiling, ctx.rule = ceiling, rule
        return torch.where(z < 0, torch.zeros_like(z), torch.where(z > ceiling, torch.full_like(z, ceiling), z))

    @staticmethod
    def backward(ctx, gradient):
        (z,) = ctx.saved_tensors
        zero = torch.zeros_like(gradient)
        if ctx.rule in ("gradient", "guided"):
            gradient = torch.where((z > 0) & (z < ctx.ceiling), gradient, zero)
        if ctx.rule in ("deconvnet", "guided"):
            gradient = torch.where(gradient > 0, gradient, zero)
        return gradient, None, None


class WrittenRectifier(nn.Module):
    def __init__(self, rule: str, ceiling: float = float("inf")) -> None:
        super().__init__()
        self.rule, self.ceiling = rule, ceiling

    def forward(self, z):
        return WrittenRule.apply(z, self.ceiling, self.rule)


@pytest.fixture
def written_rectifier() -> type[WrittenRectifier]:
    return WrittenRectifier


class UpTo(nn.Module):
    """The output of one submodule of a network, taken by a plain forward hook."""

    def __init__(self, network: nn.Module, path: str, unit: int | None = None) -> None:
        super().__init__()
        self.network, self.path, self.unit = network, path, unit

    def forward(self, x):
        kept = []
        handle = self.network.get_submodule(self.path).register_forward_hook(lambda m, a, out: kept.append(out.clone()))
        try:
            self.network(x)
        finally:
            handle.remove()
        if self.unit is None:
            return kept[0]
        own = kept[0][:, self.unit]
        return (own * own.detach()).flatten(1).sum(1)


@pytest.fixture
def up_to() -> type[UpTo]:
    return UpTo


@pytest.fixture
def close() -> Callable[..., None]:
    """Equality to a share of the largest magnitude, of values that are not all zero."""

    def check(found, expected, share: float = 1e-5) -> None:
        found, expected = np.asarray(found), np.asarray(expected)
        assert found.shape == expected.shape
        largest = np.abs(expected).max()
        assert largest > 0, "the expected values are all zero, so that equality would say nothing"
        assert np.abs(found - expected).max() <= share * largest

    return check
