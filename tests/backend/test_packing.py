from __future__ import annotations

import pytest
import torch
from torch import nn

from deepvis.backend.device import quicken
from deepvis.backend.live import LiveView
from deepvis.backend.network import Network
from deepvis.backend.packing import pack
from deepvis.messages import Frame, GridRequest, ViewRequest

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


def test_gradients_and_functions_go_the_plain_way(network: Network) -> None:
    twin = network.packed(torch.randn(1, 3, 48, 40))
    x = torch.randn(1, 3, 48, 40, requires_grad=True)
    gradients = []
    for net in (twin, network):
        logits, _ = net.run(x)
        assert logits is not None
        gradients.append(torch.autograd.grad(logits[0, 3], x)[0])
    assert torch.equal(*gradients)
    with torch.inference_mode():
        functional = next(layer.name for layer in twin.layers if layer.name.endswith("relu"))
        found, expected = (net.run(x.detach(), [functional])[1][functional] for net in (twin, network))
    assert torch.equal(found, expected)


def test_a_converted_copy_of_a_packed_network_is_made_from_the_plain_one(network: Network) -> None:
    x = torch.randn(1, 3, 48, 40)
    copy = network.packed(x).converted(torch.bfloat16)
    assert copy.dtype == torch.bfloat16
    assert not any("forward" in m.__dict__ for m in copy.module.modules())
    assert torch.equal(copy.forward(x), network.converted(torch.bfloat16).forward(x))


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
