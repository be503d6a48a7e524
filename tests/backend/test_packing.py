from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from deepvis.backend.device import quicken
from deepvis.backend.live import LiveView
from deepvis.backend.methods.differentiation import differentiable_pass, input_gradient
from deepvis.backend.network import Network
from deepvis.backend.packed_convolution import PackedConvolution
from deepvis.backend.packing import pack
from deepvis.messages import Frame, GridRequest, Rule, ViewRequest

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, groups=2)
        )
        self.fc = nn.Linear(24, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.body(x)).amax((2, 3)))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network(Net().eval(), (48, 40), name="small")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [False, True])
def test_packed_weights_answer_the_same_at_every_size(
    network: Network, dtype: torch.dtype, channels_last: bool
) -> None:
    net = network.converted(dtype, channels_last=channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.randn(1, 3, 48, 40).contiguous(memory_format=layout)
    twin = net.packed(x)
    assert twin is not net
    for size in ((48, 40), (33, 61)):
        x = torch.randn(1, 3, *size).contiguous(memory_format=layout)
        with torch.inference_mode():
            packed, captured = twin.run(x, ["body.0", "body.3"])
            plain, expected = net.run(x, ["body.0", "body.3"])
        assert packed is not None
        assert plain is not None
        close = 4 * torch.finfo(dtype).eps
        torch.testing.assert_close(packed, plain, rtol=close, atol=close)
        torch.testing.assert_close(captured, expected, rtol=close, atol=close)


def test_the_weights_are_shared_and_the_network_stays_as_it_was(network: Network) -> None:
    twin = network.packed(torch.randn(1, 3, 48, 40))
    assert twin.module is not network.module
    for ours, theirs in zip(twin.module.parameters(), network.module.parameters(), strict=True):
        assert ours is theirs
    assert not any("forward" in m.__dict__ or m._forward_pre_hooks for m in network.module.modules())


GEOMETRIES = {
    "picture, stride 1": {"in_channels": 3, "kernel_size": 3, "padding": 1},
    "picture, stride 1, no padding": {"in_channels": 3, "kernel_size": 5},
    "picture, stride 2": {"in_channels": 3, "kernel_size": 7, "stride": 2, "padding": 3},
    "picture, windows with gaps": {"in_channels": 3, "kernel_size": 3, "stride": 5},
    "picture, stride 4": {"in_channels": 3, "kernel_size": 11, "stride": 4, "padding": 2},
    "picture, patches": {"in_channels": 3, "kernel_size": 8, "stride": 8},
    "picture, oblong": {"in_channels": 1, "kernel_size": (5, 3), "stride": 2, "padding": (0, 1)},
    "picture, two strides": {"in_channels": 3, "kernel_size": 3, "stride": (1, 2)},
    "picture, dilated": {"in_channels": 3, "kernel_size": 3, "dilation": 2},
    "many, stride 1": {"in_channels": 24, "kernel_size": 3, "padding": 1},
    "many, stride 2": {"in_channels": 24, "kernel_size": 3, "stride": 2, "padding": 1},
    "many, dilated": {"in_channels": 24, "kernel_size": 3, "padding": 2, "dilation": 2},
    "groups": {"in_channels": 24, "kernel_size": 3, "groups": 4},
    "depthwise": {"in_channels": 32, "kernel_size": 3, "padding": 1, "groups": 32},
}


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["plain", "channels last"])
def test_the_way_back_gives_pytorchs_gradient_at_every_size(
    geometry: dict[str, Any], layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(**{"out_channels": 32, **geometry}).to(memory_format=layout)
    exact = copy.deepcopy(convolution).double()
    packed = PackedConvolution(convolution, [1, convolution.in_channels, 40, 37])
    for size in ((1, 40, 37), (2, 31, 33), (1, 52, 44), (1, 29, 30)):
        x = torch.randn(size[0], convolution.in_channels, *size[1:]).to(memory_format=layout).requires_grad_()
        answer = packed(x)
        seed = torch.randn(answer.shape)
        (found,) = torch.autograd.grad(answer, x, seed)
        wide = x.detach().double().requires_grad_()
        (expected,) = torch.autograd.grad(exact(wide), wide, seed.double())
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-5 * float(expected.abs().max()))
    assert packed._backward != packed._plain


def test_a_quick_way_back_that_is_wrong_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    convolution = nn.Conv2d(3, 8, 3)
    monkeypatch.setattr("torch.nn.functional.pixel_shuffle", lambda x, side: F.interpolate(x[:, :3], scale_factor=side))
    packed = PackedConvolution(convolution, [1, 3, 20, 20])
    x = torch.randn(1, 3, 20, 20, requires_grad=True)
    (found,) = torch.autograd.grad(packed(x).sum(), x)
    (expected,) = torch.autograd.grad(convolution(x).sum(), x)
    torch.testing.assert_close(found, expected)
    assert packed._backward == packed._plain


@pytest.mark.parametrize("rule", ["gradient", "deconvnet", "guided"])
def test_gradients_are_the_same_by_every_rule(network: Network, rule: Rule) -> None:
    twin = network.packed(torch.randn(1, 3, 48, 40))
    x = torch.randn(1, 3, 48, 40)
    gradients = []
    for net in (twin, network):
        done = differentiable_pass(net, x, ["body.3"], rule)
        output = done.activations["body.3"]
        gradients.append(input_gradient(done, output, torch.ones_like(output), "body.3"))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)
    assert not torch.equal(gradients[0], torch.zeros_like(gradients[0]))


def test_a_module_in_training_is_packed_as_it_answers_in_evaluation(network: Network) -> None:
    x = torch.randn(1, 3, 48, 40)
    expected = network.forward(x)
    network.module.train()
    before = {name: tensor.clone() for name, tensor in network.module.state_dict().items()}
    twin = network.packed(x)
    torch.testing.assert_close(twin.forward(x), expected)
    assert network.module.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.module.state_dict().items())


def test_functions_go_the_plain_way(network: Network) -> None:
    twin = network.packed(torch.randn(1, 3, 48, 40))
    x = torch.randn(1, 3, 48, 40)
    with torch.inference_mode():
        functional = next(layer.name for layer in twin.layers if layer.name.endswith("relu"))
        found, expected = (net.run(x, [functional])[1][functional] for net in (twin, network))
    assert torch.equal(found, expected)


def test_copies_that_nobody_changes_are_packed_once(network: Network) -> None:
    x = torch.randn(1, 3, 48, 40)
    assert network.packed(x) is not network.packed(x)
    network.share_copies()
    twin = network.packed(x)
    assert network.packed(x) is twin
    assert twin.packed(x) is twin
    copied = network.converted(torch.bfloat16, channels_last=True)
    quick = copied.packed(x)
    assert copied.packed(x) is quick is not copied


def test_a_converted_copy_of_a_packed_network_is_made_from_the_plain_one(network: Network) -> None:
    x = torch.randn(1, 3, 48, 40)
    made = network.packed(x).converted(torch.bfloat16)
    assert made.dtype == torch.bfloat16
    assert not any("forward" in m.__dict__ for m in made.module.modules())
    assert torch.equal(made.forward(x), network.converted(torch.bfloat16).forward(x))


def test_what_cannot_be_packed_is_left_alone(network: Network) -> None:
    x = torch.randn(1, 3, 48, 40)
    assert pack(nn.Sequential(nn.Flatten(), nn.Linear(9, 2)), torch.randn(1, 3, 3, 1)) is None
    assert pack(network.module, x.to(torch.float64)) is None

    class Uncopyable(Net):
        def __deepcopy__(self, memo: dict[int, object]) -> Net:
            raise RuntimeError("no")

    assert pack(Uncopyable(), x) is None


def test_the_live_view_shows_the_same_through_the_quickened_network(network: Network) -> None:
    image = torch.randint(0, 256, (60, 50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)).numpy()
    request = ViewRequest(1, grid=GridRequest("body.1", (200, 200)))
    results = [LiveView(net).show(Frame(1, image, 0.0, "noise"), request) for net in (network, quicken(network))]
    first, second = results
    assert [p.index for p in first.predictions] == [p.index for p in second.predictions]
    assert first.grid is not None
    assert second.grid is not None
    assert second.grid.maxima == pytest.approx(first.grid.maxima, rel=1e-4)
