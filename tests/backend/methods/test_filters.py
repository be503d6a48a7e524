"""Filters are the weights as the network has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepvis import methods
from deepvis.backend.methods.filters import strongest_inputs
from deepvis.backend.network import Network


def test_they_are_the_convolutions_weights(tiny):
    found = methods.filters(tiny, "conv1")
    assert found.shape == (8, 3, 7, 7)
    assert found.dtype == np.float32
    assert np.array_equal(found, tiny.module.conv1.weight.detach().numpy())
    assert methods.filters(tiny, "fc").shape == (10, 24, 1, 1)


def test_grouped_and_transposed_convolutions_have_out_before_in():
    grouped, transposed = nn.Conv2d(3, 6, 3, groups=3, padding=1), nn.ConvTranspose2d(6, 4, 2)
    net = Network(nn.Sequential(grouped, transposed, nn.AdaptiveAvgPool2d(1), nn.Flatten()), input_size=(8, 8))
    assert methods.filters(net, "0").shape == (6, 1, 3, 3)
    found = methods.filters(net, "1")
    assert np.array_equal(found[2, 5], transposed.weight.detach().numpy()[5, 2])


def test_they_are_a_copy(tiny):
    before = tiny.module.conv1.weight.detach().clone()
    methods.filters(tiny, "conv1")[:] = 7
    assert torch.equal(tiny.module.conv1.weight, before)


def test_a_units_strongest_inputs_have_the_largest_filters(tiny):
    with torch.no_grad():
        tiny.module.conv2.weight[3] = 0
        tiny.module.conv2.weight[3, 5, 1, 1] = -4
        tiny.module.conv2.weight[3, 2, 0, 0] = 3
    assert strongest_inputs(tiny, "conv2", 3, 2) == [5, 2]
    with pytest.raises(ValueError, match="units 0 to 7"):
        strongest_inputs(tiny, "conv2", 8)


def test_a_layer_without_filters_names_some_that_have(tiny):
    with pytest.raises(ValueError, match=r"'relu3' has no filters.*'conv1'"):
        methods.filters(tiny, "relu3")
    with pytest.raises(KeyError, match="conv7"):
        methods.filters(tiny, "conv77")
