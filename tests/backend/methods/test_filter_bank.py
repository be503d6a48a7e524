"""What a layer's filters act on is told from the pass itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepvis.backend.methods.filter_bank import filter_bank, nearest_filters, what_feeds
from deepvis.backend.network import Network


class Branching(nn.Module):
    """A picture, a convolution that rectifies in place, two branches and their sum, maps laid out for a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.left = nn.Conv2d(8, 12, 3, padding=1, groups=4)
        self.right = nn.Conv2d(8, 12, 1)
        self.pool = nn.AvgPool2d(4)
        self.classifier = nn.Linear(48, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.first(x))
        x = self.pool(self.left(x) + self.right(x))
        result: torch.Tensor = self.classifier(torch.flatten(x, 1))
        return result


@pytest.fixture
def net() -> Network:
    torch.manual_seed(0)
    return Network(Branching().eval(), input_size=(8, 8))


def test_the_layer_that_feeds_another_is_found_behind_what_works_in_place(net: Network) -> None:
    assert what_feeds(net) == {"first": None, "left": "relu", "right": "relu", "classifier": "pool"}
    assert all(not module._forward_pre_hooks for module in net.module.modules())


def test_only_what_acts_on_the_picture_is_in_colour(net: Network) -> None:
    first, left = filter_bank(net, "first"), filter_bank(net, "left")
    assert (first.sees_picture, first.source) == (True, None)
    assert (left.sees_picture, left.source) == (False, "relu")


def test_units_of_a_grouped_convolution_act_on_their_own_group(net: Network) -> None:
    bank = filter_bank(net, "left")
    assert bank.weights.shape == (12, 2, 3, 3)
    assert bank.channels.tolist() == [[unit // 3 * 2, unit // 3 * 2 + 1] for unit in range(12)]
    # Only the channels that are named change the unit.
    x = torch.randn(1, 8, 8, 8)
    for unit in (0, 5, 11):
        changed = x.clone()
        changed[:, [channel for channel in range(8) if channel not in bank.channels[unit]]] += 1
        module = net.module.get_submodule("left")
        assert torch.equal(module(x)[:, unit], module(changed)[:, unit])


def test_weights_on_maps_that_were_laid_out_are_maps_again(net: Network) -> None:
    bank = filter_bank(net, "classifier")
    assert bank.weights.shape == (5, 12, 2, 2)
    flat = net.module.get_submodule("classifier").weight.detach().numpy()
    assert np.array_equal(bank.weights.reshape(5, 48), flat)
    np.testing.assert_allclose(bank.norms, np.linalg.norm(flat, axis=1), rtol=1e-5)
    np.testing.assert_allclose(bank.slice_norms[3, 7], np.linalg.norm(flat[3, 28:32]), rtol=1e-5)


def test_the_nearest_filters_are_those_of_the_main_way(net: Network) -> None:
    assert nearest_filters(net, "first") == nearest_filters(net, "relu") == "first"
    assert nearest_filters(net, "right") == "right"
    assert nearest_filters(net, "add") == nearest_filters(net, "pool") == "left"
    with pytest.raises(KeyError, match="pool"):
        nearest_filters(net, "pol")
    pooled = Network(nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (8, 8))
    assert nearest_filters(pooled, "0") is None
    # The picture was averaged first: its colours are still its channels, but the layer in between is named.
    assert what_feeds(pooled) == {"1": "0"}


class Joining(nn.Module):
    """Two convolutions side by side, joined by a function, before a third."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(3, 4, 3, padding=1)
        self.right = nn.Conv2d(3, 2, 1)
        self.last = nn.Conv2d(6, 5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.cat([self.left(x), self.right(x)], 1)).mean((2, 3))


def test_a_layer_that_is_fed_by_joined_maps_is_told_so() -> None:
    torch.manual_seed(0)
    fed = what_feeds(Network(Joining().eval(), input_size=(8, 8)))
    assert fed == {"left": None, "right": None, "last": "cat"}
