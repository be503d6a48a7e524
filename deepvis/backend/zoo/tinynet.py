"""The architecture of the bundled networks: a plain chain of Conv, ReLU and MaxPool with one linear layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

CONVOLUTIONS = 7
POOLED_AFTER = (2, 4, 6)
"""Numbers of the convolutions that are followed by 2x2 max-pooling."""


class TinyNet(nn.Module):
    """Seven convolutions, each with a rectifier, three max-poolings, a global average and a linear layer.

    The modules run in the order in which they are registered: conv1 relu1 conv2 relu2 pool2 conv3 relu3 conv4 relu4
    pool4 conv5 relu5 conv6 relu6 pool6 conv7 relu7 pool fc. conv1 is 7x7 with stride 2, the others are 3x3.

    Parameters
    ----------
    widths : sequence of int
        Channels of conv1 to conv7.
    classes : int
        Outputs of the linear layer.

    Raises
    ------
    ValueError
        `widths` does not have seven positive entries, or there is no class.
    """

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        if len(widths) != CONVOLUTIONS or min(widths) < 1:
            raise ValueError(f"widths must be {CONVOLUTIONS} positive numbers, not {tuple(widths)}")
        if classes < 1:
            raise ValueError(f"classes must be at least 1, not {classes}")
        self.widths = tuple(widths)
        channels = 3
        for number, width in enumerate(widths, start=1):
            conv = nn.Conv2d(channels, width, 7, 2, 3) if number == 1 else nn.Conv2d(channels, width, 3, 1, 1)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"relu{number}", nn.ReLU())
            if number in POOLED_AFTER:
                self.add_module(f"pool{number}", nn.MaxPool2d(2))
            channels = width
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of normalised pictures.

        Parameters
        ----------
        images : Tensor, float (N, 3, h, w)
            Normalised as the network's card says; h and w at least 32.

        Returns
        -------
        Tensor, float (N, classes)
        """
        x = images
        for name, module in self.named_children():
            if name == "fc":
                x = torch.flatten(x, 1)
            x = module(x)
        return x
