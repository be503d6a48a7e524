"""One network of each of torchvision's families can be loaded, answers, and has layers to look at."""

from __future__ import annotations

import os

import pytest
import torch
from torchvision import models

from deepvis.backend.zoo import load

FAMILIES = [
    "alexnet",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vit_b_32",
]
EVERYTHING = os.environ.get("DEEPVIS_TEST_ALL_NETWORKS") == "1"
"""All eighty take minutes and 10 GB of memory: run them by hand."""

NAMES = models.list_models(module=models) if EVERYTHING else FAMILIES


@pytest.mark.parametrize("name", NAMES)
def test_every_network_loads_and_has_layers(name: str) -> None:
    net = load(name, "cpu", weights="random")
    assert net.classes == 1000
    layers = net.layers
    assert len({layer.name for layer in layers}) == len(layers)
    main = [layer for layer in layers if layer.main]
    assert len(main) >= 5
    assert any(layer.size is not None for layer in main)
    for layer_name, reason in net.catalogue.left_out:
        assert layer_name
        assert reason
    chosen = next(layer for layer in main if layer.size is not None)
    x = torch.zeros(1, 3, *net.input_size)
    with torch.inference_mode():
        logits, captured = net.run(x, [chosen.name])
    assert logits is not None
    assert bool(torch.isfinite(logits).all())
    maps = net.arrange(captured[chosen.name], chosen.name)
    assert tuple(maps.shape) == (1, chosen.channels, *(chosen.size or ()))
