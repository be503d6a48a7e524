"""The catalogue names every output, says where it comes from, and capturing changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from deepvis.backend import recording
from deepvis.backend.layers import arrange, catalogue
from deepvis.backend.network import Network
from deepvis.backend.zoo.tinynet import TinyNet


@pytest.fixture(scope="module")
def tinynet() -> Network:
    torch.manual_seed(0)
    return Network(TinyNet((4, 4, 6, 6, 8, 8, 10), 5), input_size=(64, 64))


def test_a_plain_chain_is_listed_in_the_order_of_the_pass(tinynet):
    names = [layer.name for layer in tinynet.layers]
    assert names[:5] == ["conv1", "relu1", "conv2", "relu2", "pool2"]
    assert names[-4:] == ["relu7", "pool", "flatten", "fc"]
    sizes = {layer.name: (layer.channels, layer.size) for layer in tinynet.layers}
    assert sizes["conv1"] == (4, (32, 32))
    assert sizes["conv7"] == (10, (4, 4))
    assert sizes["pool"] == (10, None)
    assert sizes["fc"] == (5, None)


@pytest.mark.parametrize("layer", ["conv1", "relu2", "pool2", "conv4", "pool6", "conv7"])
def test_a_receptive_field_holds_exactly_the_pixels_that_matter(layer):
    """Every weight is positive, so that every pixel of the field has a gradient, and none outside has."""
    torch.manual_seed(0)
    module = TinyNet((2, 2, 2, 2, 2, 2, 2), 2)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.uniform_(part.weight, 0.1, 1.0)
    # Max-pooling passes one of its window only; with the mean all of them count.
    for name in ("pool2", "pool4", "pool6"):
        setattr(module, name, nn.AvgPool2d(2))
    net = Network(module, input_size=(128, 128))
    found = net.layer(layer)
    assert found.receptive_field is not None
    assert found.size is not None
    row, column = found.size[0] // 2, found.size[1] // 2
    x = torch.ones(1, 3, 128, 128, requires_grad=True)
    _, captured = net.run(x, (layer,), stop=True)
    (gradient,) = torch.autograd.grad(captured[layer][0, 0, row, column], x)
    rows, columns = (np.flatnonzero(gradient[0].sum(0).sum(1 - axis).numpy()) for axis in (0, 1))
    top, left, bottom, right = found.receptive_field.box(row, column)
    seen = (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    assert seen == (max(top, 0), max(left, 0), min(bottom, 128), min(right, 128))


class Branching(nn.Module):
    """Reused modules, functional calls, in-place rectifiers, a concatenation and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = self.relu(self.a(x))
        y = F.relu(self.b(x))
        z = self.relu(self.b(y) + x)
        return self.fc(torch.cat([y, z], 1).mean((2, 3)))


@pytest.fixture
def branching() -> Network:
    torch.manual_seed(1)
    return Network(Branching(), input_size=(10, 12))


def test_reused_modules_and_functions_are_layers_of_their_own(branching):
    assert [layer.name for layer in branching.layers] == [
        "a",
        "relu",
        "b",
        "relu_function",
        "b_1",
        "add",
        "relu_1",
        "cat",
        "mean",
        "fc",
    ]
    assert {layer.name: layer.kind for layer in branching.layers}["relu_function"] == "relu"
    assert branching.catalogue.rectifiers == 3


def test_every_layer_is_captured_as_it_was_before_later_operations(branching):
    torch.manual_seed(2)
    x = torch.randn(1, 3, 10, 12)
    module = branching.module
    a = module.a(x)
    first = a.relu()
    b = module.b(first)
    y = b.relu()
    b1 = module.b(y)
    z = (b1 + first).relu()
    expected = {
        "a": a,
        "relu": first,
        "b": b,
        "relu_function": y,
        "b_1": b1,
        "add": b1 + first,
        "relu_1": z,
        "cat": torch.cat([y, z], 1),
        "mean": torch.cat([y, z], 1).mean((2, 3)),
    }
    logits, captured = branching.run(x, expected)
    for name, tensor in expected.items():
        assert torch.allclose(captured[name], tensor, atol=1e-6), name
    assert torch.allclose(logits, module.fc(expected["mean"]), atol=1e-6)


def test_the_pass_stops_at_the_last_layer_that_is_wanted(branching):
    assert branching.layers  # the catalogue is made by a whole pass of its own
    calls = []
    handle = branching.module.fc.register_forward_hook(lambda *_: calls.append(1))
    logits, captured = branching.run(torch.randn(1, 3, 10, 12), ("relu", "b_1"), stop=True)
    handle.remove()
    assert logits is None
    assert set(captured) == {"relu", "b_1"}
    assert not calls


def test_gradients_pass_through_a_captured_layer_that_is_overwritten(branching):
    x = torch.randn(1, 3, 10, 12)
    logits, captured = branching.run(x, ("a", "add"))
    for name in ("a", "add"):
        (gradient,) = torch.autograd.grad(logits[0, 1], captured[name], retain_graph=True)
        assert gradient.abs().sum() > 0


def test_training_flags_and_hooks_are_as_before_when_the_network_raises():
    class Broken(Branching):
        def forward(self, x):
            self.relu(self.a(x))
            raise RuntimeError("no way on")

    module = Broken().train()
    module.b.eval()
    with pytest.raises(RuntimeError, match="no way on"):
        catalogue(module, torch.zeros(1, 3, 8, 8))
    with pytest.raises(RuntimeError, match="no way on"):
        recording.run(module, torch.zeros(1, 3, 8, 8), {"x": recording.Site("fc", None, 0, False)}, "guided")
    assert [part.training for part in module.modules()] == [True, True, False, True, True]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_a_network_may_set_the_training_flag_of_a_part_that_has_no_other_effect():
    module = Branching().train()
    net = Network(module, input_size=(10, 12))
    assert net.layers
    assert all(part.training for part in module.modules())


def test_maps_of_every_arrangement_become_channels_first():
    class Arranged(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.fc = nn.Conv2d(3, 6, 4, stride=4), nn.LayerNorm(6), nn.Linear(6, 2)

        def forward(self, x):
            maps = self.conv(x)
            last = self.norm(maps.permute(0, 2, 3, 1))
            tokens = nn.functional.gelu(maps.flatten(2).transpose(1, 2))
            return self.fc(last.mean((1, 2)) + tokens.mean(1))

    torch.manual_seed(0)
    net = Network(Arranged(), input_size=(16, 16))
    read = {layer.name: (layer.arrangement, layer.channels, layer.size) for layer in net.layers}
    assert read["norm"] == ("NHWC", 6, (4, 4))
    assert read["gelu"] == ("NLC", 6, (4, 4))
    x = torch.randn(1, 3, 16, 16)
    _, captured = net.run(x, ("conv", "norm", "gelu"))
    maps = captured["conv"]
    assert torch.allclose(net.arrange(captured["gelu"], "gelu"), F.gelu(maps), atol=1e-6)
    assert torch.equal(arrange(captured["norm"], net.layer("norm"))[0, :, 2, 3], captured["norm"][0, 2, 3])


class Tokens(nn.Module):
    """Patches by a convolution or a linear layer, tokens ``before`` them, and a classifier that reads the first."""

    def __init__(self, patch, before, *, linear=False, heads=1):
        super().__init__()
        self.patch, self.before, self.heads = patch, before, heads
        self.embed = nn.Linear(3 * patch * patch, 6) if linear else nn.Conv2d(3, 6, patch, stride=patch)
        self.token = nn.Parameter(torch.randn(1, before, 6))
        self.norm, self.head, self.fc = nn.LayerNorm(6), nn.Identity(), nn.Linear(6, 2)

    def forward(self, x):
        if isinstance(self.embed, nn.Linear):
            patches = F.unfold(x, self.patch, stride=self.patch).transpose(1, 2)
            tokens = self.embed(patches)
        else:
            tokens = self.embed(x).flatten(2).transpose(1, 2)
        tokens = self.norm(torch.cat([self.token.expand(len(x), -1, -1), tokens], 1))
        apart = tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)
        apart = F.scaled_dot_product_attention(apart, apart, apart)
        tokens = tokens + self.head(apart).transpose(1, 2).flatten(2)
        return self.fc(tokens[:, 0])


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(("before", "size"), [(0, (16, 64)), (1, (16, 64)), (1, (20, 12)), (0, (16, 16))])
def test_tokens_form_the_map_that_the_patches_form(before, size, linear):
    """Of 16×64 pixels patches of 4 make 64 tokens, which is a square number, but no square."""
    torch.manual_seed(0)
    net = Network(Tokens(4, before, linear=linear), input_size=size)
    grid = (size[0] // 4, size[1] // 4)
    norm = net.layer("norm")
    assert (norm.arrangement, norm.size, norm.prefix) == ("NLC", grid, before)
    x = torch.randn(1, 3, *size)
    net.module.norm.register_forward_hook(lambda _module, args, _output: args[0])  # the map itself
    _, captured = net.run(x, ("norm",), stop=True)
    whole = F.conv2d(x, net.module.embed.weight.reshape(6, 3, 4, 4), net.module.embed.bias, stride=4)
    assert torch.allclose(net.arrange(captured["norm"], "norm"), whole, atol=1e-5)


def test_registers_before_the_patches_are_told_by_the_patch_embedding():
    net = Network(Tokens(4, 5), input_size=(16, 24))
    assert (net.layer("norm").size, net.layer("norm").prefix) == ((4, 6), 5)


def test_tokens_of_which_no_map_is_known_are_not_shown_as_one():
    net = Network(Tokens(4, 5, linear=True), input_size=(16, 24))
    with pytest.raises(KeyError, match="'norm' cannot be shown: .* is a sequence of which no map is known"):
        net.layer("norm")


def test_what_the_heads_of_an_attention_hold_is_no_map():
    net = Network(Tokens(4, 1, heads=2), input_size=(16, 24))
    for name in ("head", "scaled_dot_product_attention"):
        with pytest.raises(KeyError, match="values by head and token"):
            net.layer(name)


def test_tokens_of_another_input_form_a_map_of_the_same_proportions_or_none():
    torch.manual_seed(0)
    net = Network(Tokens(4, 1), input_size=(16, 64))
    assert net.layers
    net.module.norm.register_forward_hook(lambda _module, args, _output: args[0])
    x = torch.randn(1, 3, 32, 128)
    _, captured = net.run(x, ("norm", "embed"), stop=True)
    assert torch.equal(net.arrange(captured["norm"], "norm"), captured["embed"])
    _, captured = net.run(torch.randn(1, 3, 16, 32), ("norm",), stop=True)
    with pytest.raises(ValueError, match="33 tokens, of which no map of the proportions 4×16"):
        net.arrange(captured["norm"], "norm")


def test_one_token_of_many_is_a_layer():
    torch.manual_seed(0)
    net = Network(Tokens(4, 1), input_size=(16, 24))
    token = net.layer("token")
    assert (token.kind, token.channels, token.size, token.main) == ("token", 6, None, False)
    logits, captured = net.run(torch.randn(1, 3, 16, 24), ("token",))
    assert torch.equal(net.module.fc(captured["token"]), logits)


def test_what_cannot_be_shown_is_refused_with_its_reason():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.pair, self.fc = Pair(), nn.Linear(3, 2)

        def forward(self, x):
            left, right = self.pair(x)
            return self.fc((left + right).mean((2, 3)))

    class Pair(nn.Module):
        def forward(self, x):
            return x * 2, x * 3

    net = Network(Odd(), input_size=(6, 6))
    assert dict(net.catalogue.left_out)["pair"] == "its output is a tuple, not one tensor"
    with pytest.raises(KeyError, match="'pair' cannot be shown: its output is a tuple"):
        net.layer("pair")


def test_an_inverted_residual_network_is_listed_with_its_sums_and_rectifiers():
    net = Network(torchvision.models.mobilenet_v2(num_classes=4), input_size=(64, 64))
    kinds = [layer.kind for layer in net.layers]
    assert kinds.count("conv") == 52
    assert kinds.count("add") == 10
    assert net.catalogue.rectifiers == kinds.count("relu") == 35
