"""What each family of the zoo hands over: a module and how it wants its pictures."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from deepvis.backend.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from deepvis.messages import Size

UNTRAINED = "untrained: its weights are random"


@dataclass(frozen=True, slots=True)
class Built:
    """A module on the CPU with what is known of it; see :class:`deepvis.Network` for the fields."""

    module: nn.Module
    name: str
    family: str
    input_size: Size = (224, 224)
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resize_to: int | None = None
    interpolation: str = "bilinear"
    labels: tuple[str, ...] | None = None
    trained: bool = True
    note: str = ""
    title: str = ""
