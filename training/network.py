"""The network as it is trained: `deepvis.backend.zoo.tinynet.TinyNet` with batch norm, and normalisation inside."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deepvis.backend.zoo.tinynet import CONVOLUTIONS, POOLED_AFTER, TinyNet

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class TrainedNet(nn.Module):
    """Conv, BatchNorm, MaxPool, ReLU; pixels in 0 to 1 go in, the normalisation is part of it.

    The pooling stands before the rectifier, which gives the same values as after it and touches a quarter of the data.

    Parameters
    ----------
    widths : sequence of int
        Channels of conv1 to conv7.
    classes : int
        Outputs of the linear layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.widths = tuple(widths)
        self.classes = classes
        channels = 3
        for number, width in enumerate(widths, start=1):
            kernel, stride = (7, 2) if number == 1 else (3, 1)
            conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            self.add_module(f"conv{number}", conv)
            self.add_module(f"norm{number}", nn.BatchNorm2d(width))
            channels = width
        self.fc = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float (N, classes), of pictures, float (N, 3, h, w) in 0 to 1."""
        x = (images - self.mean) / self.std
        for number in range(1, CONVOLUTIONS + 1):
            x = self.get_submodule(f"norm{number}")(self.get_submodule(f"conv{number}")(x))
            if number in POOLED_AFTER:
                x = torch.max_pool2d(x, 2)
            x = torch.relu_(x)
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


@torch.no_grad()
def fold(trained: TrainedNet) -> TinyNet:
    """The same function (after normalisation) without batch norm: each norm's scale and offset go into its convolution.

    Parameters
    ----------
    trained : TrainedNet
        Its running statistics are used, as in eval mode.

    Returns
    -------
    TinyNet
        In eval mode, float32, on the CPU; takes normalised pictures.
    """
    folded = TinyNet(trained.widths, trained.classes)
    for number in range(1, CONVOLUTIONS + 1):
        conv = trained.get_submodule(f"conv{number}")
        norm = trained.get_submodule(f"norm{number}")
        target = folded.get_submodule(f"conv{number}")
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(target, nn.Conv2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert target.bias is not None
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        target.weight.copy_(conv.weight.double() * scale.view(-1, 1, 1, 1))
        target.bias.copy_(norm.bias.double() - norm.running_mean.double() * scale)
    folded.fc.load_state_dict(trained.fc.state_dict())
    return folded.eval()
