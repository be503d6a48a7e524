"""What a scan records, and how pictures go through the network."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

import deepvis
from deepvis import runs
from deepvis.backend.library import Library
from deepvis.backend.library.plan import batch_size, chosen_layers, in_layout, probe, rearrange
from deepvis.backend.methods.filter_bank import what_feeds
from deepvis.backend.network import Network, NetworkError
from tests.backend.library.pictures import colour_network, coloured_noise


class _Viewing(nn.Module):
    """A network that stands no other memory layout than the plain one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4 * 6 * 6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.conv(x)
        return self.fc(maps.view(maps.shape[0], -1))


class _Volume(nn.Module):
    """A network with weights of five dimensions, which no layout of pictures fits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.deep = nn.Conv3d(1, 2, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.deep(self.conv(x)[:, None]).flatten(1, 2).mean((2, 3)))


def volume() -> Network:
    torch.manual_seed(0)
    return Network(_Volume(), (8, 8), name="volume")


def viewing() -> Network:
    torch.manual_seed(0)
    return Network(_Viewing(), (8, 8), name="viewing")


def test_weights_go_channels_last_where_the_network_stands_it() -> None:
    net = colour_network()
    twin, changed = in_layout(net, net.preprocessing)
    assert changed
    assert twin.channels_last
    assert not net.channels_last
    assert twin.module.get_parameter("fc.weight") is net.module.get_parameter("fc.weight"), "what stays is shared"
    same, changed = in_layout(viewing(), viewing().preprocessing)
    assert not changed
    assert not same.channels_last


@pytest.mark.parametrize(("make", "changed"), [(colour_network, True), (viewing, False), (volume, True)])
def test_rearranging_in_place_changes_neither_hash_nor_answers(make: Callable[[], Network], changed: bool) -> None:
    net, plain = make(), make()
    rearrange(net)
    assert net.channels_last is changed
    assert net.hash == plain.hash
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net.forward(x), plain.forward(x))


def test_features_are_what_the_last_linear_layer_reads() -> None:
    net = deepvis.load("tinynet", device="cpu")
    found = probe(net, ("conv2", "fc"), net.preprocessing, "crop", features=True)
    assert net.layer(found.feature_layer).size is None
    assert found.feature_size == net.module.get_submodule("fc").in_features  # type: ignore[attr-defined]
    assert probe(net, ("fc",), net.preprocessing, "crop", features=False).feature_layer == ""


class _Meaning(nn.Module):
    """A network that calls the mean itself, as ShuffleNet does, before its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 1)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.second(self.first(x).relu()).mean((2, 3)))


def test_features_are_found_behind_a_function_of_the_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Network(_Meaning().eval(), (24, 24), name="meaning")
    pictures = coloured_noise(5)
    *_, last = runs.PatchScan(layers=("all",), folder=str(tmp_path), workers=0).steps(net, pictures)
    library = Library(last.detail["library"])
    assert library.feature_layer == "mean"
    x = torch.cat([net.preprocess(picture) for picture in pictures])
    _, expected = net.run(x, ["mean"])
    assert np.allclose(library.features, expected["mean"].detach().numpy(), atol=1e-6)


def test_features_of_a_transformer_are_the_token_that_its_classifier_reads(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = torchvision.models.VisionTransformer(
        image_size=16, patch_size=4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3
    )
    nn.init.normal_(module.heads.head.weight)
    net = Network(module.eval(), (16, 16), name="transformer")
    pictures = coloured_noise(5)
    *_, last = runs.PatchScan(folder=str(tmp_path), workers=0).steps(net, pictures)
    features = torch.from_numpy(np.array(Library(last.detail["library"]).features))
    with torch.no_grad():
        logits = module.heads.head(features)
    expected = torch.from_numpy(np.stack([net.logits(picture) for picture in pictures]))
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


def test_features_that_a_named_module_hands_on_are_called_after_it() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    module = timm.models.vision_transformer.VisionTransformer(
        img_size=16, patch_size=4, depth=1, num_heads=2, embed_dim=8, num_classes=3
    )
    net = Network(module, (16, 16), name="transformer")
    found = probe(net, ("blocks.0",), net.preprocessing, "crop", features=True)
    assert (found.feature_layer, found.feature_size) == ("fc_norm", 8)


class _Named(nn.Module):
    """A network that calls its layers by the names of their arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(input=self.conv(input=x).mean((2, 3)))


def test_layers_may_be_called_by_the_names_of_their_arguments() -> None:
    torch.manual_seed(0)
    net = Network(_Named().eval(), (8, 8), name="named")
    found = probe(net, ("conv",), net.preprocessing, "crop", features=True)
    assert (found.feature_layer, found.feature_size) == ("mean", 4)
    assert what_feeds(net) == {"conv": None, "fc": "mean"}


class _Single(nn.Module):
    """A network that takes one picture at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(x).reshape(1, -1))


def test_a_network_that_takes_one_picture_at_a_time_is_told_how(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Network(_Single().eval(), (8, 8), name="single")
    with pytest.raises(NetworkError, match="--batch 1"):
        list(runs.PatchScan(folder=str(tmp_path), workers=0).steps(net, coloured_noise(3)))
    *_, last = runs.PatchScan(folder=str(tmp_path), workers=0, batch=1).steps(net, coloured_noise(3))
    assert last.metrics["pictures"] == 3


def test_without_a_linear_layer_features_are_what_the_last_convolution_reads() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = probe(
        Network(module, (8, 8), name="convolutions"),
        ("0",),
        Network(module, (8, 8)).preprocessing,
        "crop",
        features=True,
    )
    assert (found.feature_layer, found.feature_size) == ("1", 6)


class _Tabled(nn.Module):
    """A network with a module that answers alike to any pictures, and with one row for all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.table = nn.Linear(3, 4)
        self.fc = nn.Linear(4, 2)
        self.register_buffer("places", torch.arange(3.0)[None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(x).amax((2, 3)) + self.table(self.places))


def test_a_layer_without_a_row_for_each_picture_is_left_out_or_refused_where_it_was_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Network(_Tabled().eval(), (8, 8), name="tabled")
    assert "table" in [layer.name for layer in net.layers]
    *_, last = runs.PatchScan(folder=str(tmp_path / "default"), workers=0).steps(net, coloured_noise(40))
    assert "table" not in last.result.facts["layers"]
    assert {"conv", "fc"} <= set(last.result.facts["layers"])
    with pytest.raises(ValueError, match="layer 'table' cannot be scanned"):
        list(runs.PatchScan(layers=("conv", "table"), folder=str(tmp_path / "x")).steps(net, coloured_noise(3)))


def test_scales_come_from_the_layers_largest_values() -> None:
    net = colour_network()
    found = probe(net, ("colours", "relu"), net.preprocessing, "crop", features=False)
    assert [layer.exponent for layer in found.layers] == [1, 0], "the first reaches -1, the second lies below 1"
    with torch.no_grad():
        net.module.get_parameter("colours.weight").mul_(1000)
    found = probe(net, ("colours",), net.preprocessing, "crop", features=False)
    assert found.layers[0].exponent == math.frexp(1000)[1]


def test_fields_and_sizes_are_those_at_the_size_of_the_scan() -> None:
    net = deepvis.load("tinynet", device="cpu")
    found = probe(net, ("conv4", "fc"), net.preprocessing.at((32, 64)), "crop", features=False)
    rows, columns = found.layers[0].size or (0, 0)
    assert columns == 2 * rows
    assert found.layers[0].receptive_field == net.layer("conv4").receptive_field
    assert (found.layers[1].size, found.layers[1].receptive_field) == (None, None)


@pytest.mark.parametrize(("name", "expected"), [("tinynet", 8), ("alexnet", 32), ("resnet18", 8)])
def test_the_batch_follows_from_the_sizes_of_maps_and_weights(name: str, expected: int) -> None:
    net = deepvis.load(name, device="cpu", weights="random")
    assert batch_size(net, net.preprocessing, 32) == expected
    larger = net.preprocessing.at((4 * net.input_size[0], 4 * net.input_size[1]))
    assert batch_size(net, larger, 32) < 8, "large maps leave room for fewer"


def test_layers_come_in_the_order_of_the_pass() -> None:
    net = colour_network()
    assert chosen_layers(net, ("fc", "colours")) == ("colours", "fc")
