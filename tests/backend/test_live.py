from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from deepvis import Network, methods
from deepvis.backend.live import LiveView
from deepvis.messages import (
    BackRequest,
    DreamRequest,
    Frame,
    GridRequest,
    OverlayRequest,
    StrongestRequest,
    UnitRequest,
    ViewRequest,
)


class Chain(nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(3)
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(12, 6),
        )
        self.passes = 0
        self.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.passes += 1


@pytest.fixture
def net() -> Network:
    network = Network(Chain(), input_size=(32, 32), labels=list("abcdef"))
    _ = network.layers, network.labels, network.differentiable
    return network


@pytest.fixture
def frame() -> Frame:
    image = np.random.default_rng(1).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    return Frame(1, image, 0.0, "noise")


GRID = GridRequest("3", (400, 400))


def test_predictions_are_the_networks_own(net: Network, frame: Frame) -> None:
    result = LiveView(net).show(frame, ViewRequest(1, top=3, pinned=(5, 99)))
    assert [(p.label, pytest.approx(p.probability, rel=1e-5)) for p in result.predictions] == net.classify(
        frame.image, 3
    )
    assert [p.index for p in result.pinned] == [5]


def test_the_mosaic_shows_the_layers_activations(net: Network, frame: Frame) -> None:
    result = LiveView(net).show(frame, ViewRequest(1, grid=GRID, unit=UnitRequest("3", 4), raw=True))
    expected = methods.activations(net, frame.image, "3")
    assert result.raw is not None
    assert result.grid is not None
    assert result.unit is not None
    np.testing.assert_allclose(result.raw, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.grid.maxima, expected.max((1, 2)), rtol=1e-5)
    assert result.unit.maximum == pytest.approx(expected[4].max(), rel=1e-5)
    assert result.unit.peak == np.unravel_index(expected[4].argmax(), expected[4].shape)


def test_the_probe_reads_the_value_under_the_pointer(net: Network, frame: Frame) -> None:
    result = LiveView(net).show(frame, ViewRequest(1, grid=GRID, probe=(2, 0.5, 0.99)))
    expected = methods.activations(net, frame.image, "3")[2, 8, 15]
    assert result.probe == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("rule", ["gradient", "guided", "deconvnet"])
def test_the_live_back_projection_is_that_of_the_api(net: Network, frame: Frame, rule: str) -> None:
    request = ViewRequest(1, back=BackRequest("3", 7, rule=rule))  # type: ignore[arg-type]
    result = LiveView(net).show(frame, request)
    assert result.back is not None
    expected = methods.backproject(net, frame.image, "3", 7, rule=rule)  # type: ignore[arg-type]
    assert result.back.scale == pytest.approx(float(np.abs(expected).max()), rel=1e-4)
    levels = np.clip(expected / result.back.scale / 2 + 0.5, 0, 1).transpose(1, 2, 0)[:, :, ::-1] * 255
    assert np.abs(result.back.picture[:, :, :3] - levels).max() <= 1.01


def test_everything_at_once_takes_one_forward_pass(net: Network, frame: Frame) -> None:
    view = LiveView(net)
    view.show(frame, ViewRequest(0))
    net.module.passes = 0
    request = ViewRequest(
        1,
        grid=GRID,
        unit=UnitRequest("3", 1),
        back=BackRequest("3", 1),
        strongest=StrongestRequest("3", 9),
        overlay=OverlayRequest("guided_grad_cam"),
    )
    result = view.show(replace(frame, id=2), request)
    assert net.module.passes == 1
    assert result.problem == ""
    assert len(result.strongest) == 9
    assert result.overlay is not None


def test_another_view_of_the_same_frame_takes_no_forward_pass(net: Network, frame: Frame) -> None:
    view = LiveView(net)
    request = ViewRequest(1, grid=GRID, back=BackRequest("3", 1))
    first = view.show(frame, request)
    net.module.passes = 0
    second = view.show(frame, replace(request, grid=replace(GRID, gamma=0.5), back=BackRequest("3", 2, "deconvnet")))
    third = view.show(frame, request)
    assert net.module.passes == 0
    assert second.back is not None
    assert first.back is not None
    assert third.back is not None
    assert np.array_equal(first.back.picture, third.back.picture)
    assert not np.array_equal(first.back.picture, second.back.picture)


def test_the_strongest_units_come_in_order_with_the_back_projection_of_each(net: Network, frame: Frame) -> None:
    result = LiveView(net).show(frame, ViewRequest(1, strongest=StrongestRequest("4", 4)))
    maxima = methods.activations(net, frame.image, "4").max((1, 2))
    assert [back.unit for back in result.strongest] == np.argsort(-maxima, kind="stable")[:4].tolist()
    for back in result.strongest:
        expected = methods.backproject(net, frame.image, "4", back.unit)
        assert back.scale == pytest.approx(float(np.abs(expected).max()), rel=1e-4)


def test_a_frozen_origin_is_shown_in_an_earlier_layer(net: Network, frame: Frame) -> None:
    grid = GridRequest("0", (400, 400), show="gradient")
    result = LiveView(net).show(frame, ViewRequest(1, grid=grid, back=BackRequest("3", 2, "gradient"), raw=True))
    assert result.grid is not None
    assert result.raw is not None
    assert result.grid.signed
    x = net.preprocess(frame.image).requires_grad_()
    module = net.module.eval()
    below = module[0](x)
    above = module[3](module[2](torch.relu(below)))[0, 2]
    (expected,) = torch.autograd.grad(above, below, above.detach())
    np.testing.assert_allclose(result.raw, expected[0].numpy(), rtol=1e-4, atol=1e-6)


def test_an_origin_before_the_viewed_layer_says_that_nothing_goes_back(net: Network, frame: Frame) -> None:
    grid = GridRequest("4", (400, 400), show="gradient")
    result = LiveView(net).show(frame, ViewRequest(1, grid=grid, back=BackRequest("0", 2)))
    assert result.back is not None
    assert "does not come before" in result.back.note


@pytest.mark.parametrize("kind", ["saliency", "grad_cam"])
def test_overlays_are_the_apis_maps(net: Network, frame: Frame, kind: str) -> None:
    result = LiveView(net).show(frame, ViewRequest(1, overlay=OverlayRequest(kind, target=3)))  # type: ignore[arg-type]
    expected = getattr(methods, kind)(net, frame.image, 3)
    assert result.overlay is not None
    assert result.overlay.high == pytest.approx(float(expected.max()), rel=1e-4)
    assert result.overlay.target is not None
    assert result.overlay.target.label == "d"


def test_a_part_that_cannot_be_had_is_said_and_the_rest_is_shown(net: Network, frame: Frame) -> None:
    request = ViewRequest(1, grid=GRID, unit=UnitRequest("3", 99), back=BackRequest("conv9", 0))
    result = LiveView(net).show(frame, request)
    assert result.grid is not None
    assert result.unit is None
    assert result.back is None
    assert "units 0 to 11" in result.problem
    assert "conv9" in result.problem


def test_another_input_size_makes_finer_maps(net: Network, frame: Frame) -> None:
    result = LiveView(net).show(frame, ViewRequest(1, grid=GRID, input_size=(64, 64), raw=True))
    assert result.input_size == (64, 64)
    assert result.raw is not None
    assert result.raw.shape == (12, 32, 32)


def test_a_network_that_answers_nan_says_so_and_shows_its_activations(frame: Frame) -> None:
    module = Chain()
    with torch.no_grad():
        module[7].bias[0] = float("nan")
    result = LiveView(Network(module, input_size=(32, 32))).show(frame, ViewRequest(1, grid=GRID))
    assert result.predictions == ()
    assert "not finite" in result.problem
    assert result.grid is not None


def test_a_network_without_gradients_says_so_and_shows_its_activations(frame: Frame) -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.chain = Chain()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return self.chain(x)

    net = Network(Detached(), input_size=(32, 32))
    grid = GridRequest("chain.3", (400, 400))
    result = LiveView(net).show(frame, ViewRequest(1, grid=grid, back=BackRequest("chain.3", 0)))
    assert result.grid is not None
    assert result.back is None
    assert "no gradients" in result.problem


def test_bf16_looks_like_fp32(net: Network, frame: Frame) -> None:
    request = ViewRequest(1, back=BackRequest("3", 7))
    full = LiveView(net).show(frame, request).back
    half = LiveView(net.converted(torch.bfloat16, channels_last=True)).show(frame, request).back
    assert full is not None
    assert half is not None
    correlation = np.corrcoef(full.picture[:, :, :3].ravel(), half.picture[:, :, :3].ravel())[0, 1]
    assert correlation > 0.99


def test_a_unit_comes_with_its_filter_or_its_strongest_incoming_channels(net: Network, frame: Frame) -> None:
    view = LiveView(net)
    first = view.show(frame, ViewRequest(1, unit=UnitRequest("1", 5))).unit
    deeper = view.show(frame, ViewRequest(2, unit=UnitRequest("4", 7))).unit
    pool = view.show(frame, ViewRequest(3, unit=UnitRequest("2", 5))).unit
    assert first is not None
    assert deeper is not None
    assert pool is not None
    weights = methods.filters(net, "0")[5]
    (own,) = first.filters
    expected = (weights / (2 * np.abs(weights).max()) + 0.5).transpose(1, 2, 0)[:, :, ::-1] * 255
    assert np.abs(own.picture[:, :, :3] - expected).max() <= 1
    norms = np.linalg.norm(methods.filters(net, "3")[7].reshape(8, -1), axis=1)
    assert [picture.channel for picture in deeper.filters] == np.argsort(-norms, kind="stable")[:6].tolist()
    assert pool.filters == ()
    again = view.show(replace(frame, id=9), ViewRequest(4, unit=UnitRequest("2", 5))).unit
    assert again is not None
    assert again.filters is pool.filters


def test_a_live_dream_enhances_its_layer_and_goes_deeper_on_the_same_frame(net: Network, frame: Frame) -> None:
    view = LiveView(net)
    request = ViewRequest(1, dream=DreamRequest("3", memory=0.9))
    pictures = [view.show(frame, request).dream for _ in range(3)]
    energy = [float((methods.activations(net, frame.image, "3") ** 2).sum())]
    for picture in pictures:
        assert picture is not None
        assert picture.shape == (50, 70, 4)
        dreamt = np.ascontiguousarray(picture[:, :, 2::-1])
        energy.append(float((methods.activations(net, dreamt, "3") ** 2).sum()))
    assert energy == sorted(energy)
    assert view.show(frame, ViewRequest(2)).dream is None
    again = view.show(frame, request).dream
    assert again is not None
    assert pictures[0] is not None
    assert (again == pictures[0]).all(), "a dream that was switched off begins anew"


def test_a_dream_of_a_layer_without_maps_is_a_part_that_cannot_be_shown(net: Network, frame: Frame) -> None:
    vector = next(layer.name for layer in net.layers if layer.size is None)
    result = LiveView(net).show(frame, ViewRequest(1, dream=DreamRequest(vector)))
    assert result.dream is None
    assert vector in result.problem
    assert result.predictions


def test_a_dream_that_the_network_cannot_take_leaves_the_rest_of_the_view(frame: Frame) -> None:
    class Strict(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[2:] != (32, 32):
                raise ValueError("only 32 px, please")
            return self.conv(x).mean((2, 3))

    strict = Network(Strict().eval(), (32, 32), name="strict")
    result = LiveView(strict).show(
        frame, ViewRequest(1, grid=GridRequest("conv", (400, 400)), dream=DreamRequest("conv"))
    )
    assert result.dream is None
    assert result.grid is not None
    assert "only 32 px" in result.problem


def test_the_features_of_a_frame_are_what_goes_into_the_classifier(net: Network, frame: Frame) -> None:
    module = net.module
    assert isinstance(module, Chain)
    view = LiveView(net)
    passes = module.passes
    result = view.show(frame, ViewRequest(1, features="5"))
    assert module.passes == passes + 1, "the features come from the pass of the frame"
    with torch.no_grad():
        expected = nn.Sequential(*list(module)[:7])(net.preprocess(frame.image))[0].numpy()
    assert result.features is not None
    np.testing.assert_allclose(result.features, expected, atol=1e-5)
    maps = LiveView(net).show(frame, ViewRequest(1, features="3")).features
    assert maps is not None
    np.testing.assert_allclose(maps, methods.activations(net, frame.image, "3").mean((1, 2)), atol=1e-5)


def test_features_are_not_made_unless_they_are_asked_for(net: Network, frame: Frame) -> None:
    assert LiveView(net).show(frame, ViewRequest(1)).features is None
    unknown = LiveView(net).show(frame, ViewRequest(1, features="nowhere"))
    assert unknown.features is None
    assert "nowhere" in unknown.problem
