"""Inversion: its priors against finite differences, its figures against scikit-image, its course on real networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.metrics
import torch
from torch import nn

import deepvis
from deepvis.backend.network import Network
from deepvis.backend.runs.heavy_ball import HeavyBall
from deepvis.backend.runs.inversion import Inversion
from deepvis.backend.runs.natural_image_priors import alpha_norm, total_variation
from deepvis.backend.runs.similarity import peak_signal_to_noise, structural_similarity
from deepvis.messages import RunUpdate


class Small(nn.Module):
    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 12, 3, padding=1)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(12, 16, 3, stride=2, padding=1)
        self.relu2 = nn.ReLU(inplace=True)
        self.fc = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.relu2(self.conv2(self.relu1(self.conv1(x)))).mean((2, 3)))


def network(channels: int = 3) -> Network:
    torch.manual_seed(0)
    mean, std = ((0.5,), (0.25,)) if channels == 1 else ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    return Network(Small(channels).train(), (24, 32), mean, std, name="small")


def photo(height: int = 60, width: int = 80) -> np.ndarray:
    coarse = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(4))
    fine = nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0]
    return (fine.permute(1, 2, 0) * 255).to(torch.uint8).numpy()


def invert(net: Network, **options: Any) -> list[RunUpdate]:
    return list(Inversion(**{"layer": "conv1", "iterations": 20, "precision": "fp32", **options}).steps(net, photo()))


def by_finite_differences(function: Any, picture: torch.Tensor) -> torch.Tensor:
    found = torch.zeros_like(picture)
    for place in range(picture.numel()):
        up, down = picture.clone(), picture.clone()
        up.view(-1)[place] += 1e-5
        down.view(-1)[place] -= 1e-5
        found.view(-1)[place] = (function(up)[0] - function(down)[0]) / 2e-5
    return found


@pytest.mark.parametrize("beta", [1.5, 2.0, 3.0])
def test_the_gradient_of_total_variation_is_that_of_its_value(beta: float) -> None:
    picture = torch.rand(1, 2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    value, gradient = total_variation(picture, beta)
    expected = sum(
        (
            (picture[0, c, i, min(j + 1, 4)] - picture[0, c, i, j]) ** 2
            + (picture[0, c, min(i + 1, 3), j] - picture[0, c, i, j]) ** 2
        )
        ** (beta / 2)
        for c in range(2)
        for i in range(4)
        for j in range(5)
    )
    assert float(value) == pytest.approx(float(expected), rel=1e-9)
    assert torch.allclose(gradient, by_finite_differences(lambda x: total_variation(x, beta), picture), atol=1e-6)


def test_total_variation_of_a_flat_picture_has_no_gradient_for_any_power() -> None:
    for beta in (1.0, 1.5, 2.0):
        value, gradient = total_variation(torch.full((1, 3, 5, 5), 0.3), beta)
        assert float(value) == 0
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("alpha", [2.0, 6.0])
def test_the_gradient_of_the_alpha_norm_is_that_of_its_value(alpha: float) -> None:
    picture = torch.randn(1, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    value, gradient = alpha_norm(picture, alpha)
    assert float(value) == pytest.approx(float((picture.abs() ** alpha).sum()))
    assert torch.allclose(
        gradient, by_finite_differences(lambda x: alpha_norm(x, alpha), picture), rtol=1e-5, atol=1e-6
    )


def test_psnr_and_ssim_equal_those_of_scikit_image() -> None:
    first = photo(40, 50)
    noise = np.random.default_rng(0).integers(-30, 30, first.shape)
    second = np.clip(first + noise, 0, 255).astype(np.uint8)
    psnr = skimage.metrics.peak_signal_noise_ratio(first, second, data_range=255)
    ssim = skimage.metrics.structural_similarity(first, second, channel_axis=2, data_range=255)
    assert peak_signal_to_noise(first, second) == pytest.approx(psnr, rel=1e-6)
    assert structural_similarity(first, second) == pytest.approx(ssim, rel=1e-9)
    assert peak_signal_to_noise(first, first) == float("inf")
    assert 0 < structural_similarity(first[:6, :6], second[:6, :6]) <= 1


def test_descent_finds_the_minimum_of_a_valley_that_is_a_hundred_times_as_steep_one_way() -> None:
    slopes = torch.tensor([1.0, 100.0])
    ball = HeavyBall(torch.tensor([3.0, -2.0]))
    for _ in range(300):
        ball.take(float((slopes * ball.position**2).sum()), 2 * slopes * ball.position)
    assert ball.least < 1e-6


def test_descent_takes_a_step_back_where_the_loss_explodes() -> None:
    ball = HeavyBall(torch.tensor([1.0]), rate=100.0)
    assert ball.take(1.0, torch.tensor([2.0]))
    far = ball.position
    assert not ball.take(float(far**2), 2 * far)
    assert ball.rate == 50.0
    assert torch.equal(ball.best, torch.tensor([1.0]))


def test_the_figures_belong_to_the_picture() -> None:
    net = network()
    last = invert(net, iterations=40)[-1]
    original, picture = last.result.images["original"], last.result.image
    assert picture.shape == original.shape == (24, 32, 3)
    assert last.metrics["psnr"] == pytest.approx(
        skimage.metrics.peak_signal_noise_ratio(original, picture, data_range=255), rel=1e-6
    )
    assert last.metrics["ssim"] == pytest.approx(
        skimage.metrics.structural_similarity(original, picture, channel_axis=2, data_range=255)
    )
    with torch.no_grad():
        mean, std = net.preprocessing.vectors()
        answers = [
            net.module.conv1((torch.from_numpy(image).permute(2, 0, 1)[None] / 255 - mean) / std)
            for image in (original, picture)
        ]
    error = float((answers[1] - answers[0]).norm() / answers[0].norm())
    assert last.metrics["feature_error"] == pytest.approx(error, abs=0.02)  # the saved picture has 8 bits
    assert all(set(update.metrics) == {"loss", "feature_error", "psnr", "ssim"} for update in invert(net))


def test_the_first_convolution_of_tinynet_tells_almost_everything() -> None:
    net = deepvis.load("tinynet", "cpu")
    small = Network(net.module, (48, 48), net.mean, net.std)
    *_, last = Inversion(layer="conv1", iterations=60).steps(small, photo())
    assert last.metrics["feature_error"] < 0.05
    assert last.metrics["psnr"] > 25


def test_deeper_layers_tell_less() -> None:
    net = deepvis.load("tinynet", "cpu")
    small = Network(net.module, (48, 48), net.mean, net.std)
    *_, last = Inversion(layers=("conv1", "conv5"), iterations=40).steps(small, photo())
    figures = last.result.figures
    assert figures["feature_error conv1"] < figures["feature_error conv5"]
    assert figures["psnr conv1"] > figures["psnr conv5"]


def test_a_strip_grows_by_one_picture_a_layer() -> None:
    updates = invert(network(), layer=None, strip=True, iterations=3)
    assert [list(update.detail["pictures"]) for update in updates[::3]] == [["Original"], ["Original", "conv1"]]
    result = updates[-1].result
    assert list(result.images) == ["original", "conv1", "conv2"]
    assert result.image.shape == (24, 3 * 32, 3)
    assert np.array_equal(result.image[:, 32:64], result.images["conv1"])
    assert next(update.note for update in updates if update.note) == "conv1: layer 1 of 2"
    assert np.array_equal(result.images["conv1"], invert(network(), iterations=3)[-1].result.image)


def test_a_strip_of_named_layers_may_come_as_a_text() -> None:
    assert list(invert(network(), layers="relu1, fc", iterations=2)[-1].detail["pictures"]) == [
        "Original",
        "relu1",
        "fc",
    ]


@pytest.mark.parametrize("recipe", ["mahendran", "l2"])
def test_an_inversion_that_is_continued_equals_one_that_never_stopped(recipe: str) -> None:
    # How strong a shake is depends on how many steps there are to be; what follows the last one does not.
    whole = invert(network(), iterations=30, recipe=recipe, shake=0)[-1]
    run = Inversion(layer="conv1", iterations=10, precision="fp32", recipe=recipe, shake=0)
    steps = run.steps(network(), photo())
    for _ in range(10):
        update = next(steps)
    assert update.more > 0
    update = steps.send(20)
    assert (update.step, update.total) == (11, 30)
    *_, update = steps
    assert np.array_equal(update.result.image, whole.result.image)
    assert update.metrics == whole.metrics


def test_shakes_grow_weaker_and_end_before_the_search_does(monkeypatch: pytest.MonkeyPatch) -> None:
    strengths: list[tuple[int, float]] = []
    shake, take = HeavyBall.shake, HeavyBall.take
    steps = 0

    def count(self: HeavyBall, loss: float, gradient: torch.Tensor) -> bool:
        nonlocal steps
        steps += 1
        return take(self, loss, gradient)

    def note(self: HeavyBall, noise: torch.Tensor) -> None:
        strengths.append((steps, float(noise.std())))
        shake(self, noise)

    monkeypatch.setattr(HeavyBall, "take", count)
    monkeypatch.setattr(HeavyBall, "shake", note)
    invert(network(), iterations=50, shake=0.08)
    assert [step for step, _ in strengths] == [10, 20, 30]
    for step, found in strengths:
        assert found == pytest.approx(0.08 * (1 - step / 40), rel=0.1)


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    first, again, other = (invert(network(), seed=seed, iterations=3)[-1].image for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_grey_network_that_is_not_square_is_inverted() -> None:
    last = invert(network(1), iterations=60)[-1]
    assert last.image.shape == (24, 32, 3)
    assert np.array_equal(last.image[:, :, 0], last.image[:, :, 1])
    assert last.metrics["feature_error"] < 0.1


def test_a_layer_that_answers_with_zeros_cannot_be_inverted() -> None:
    net = network()
    with torch.no_grad():
        net.module.conv1.bias.fill_(-100.0)
    with pytest.raises(ValueError, match="zeros alone"):
        invert(net, layer="relu1")


def test_a_start_without_a_gradient_is_begun_again_from_stronger_noise() -> None:
    net = network()
    with torch.no_grad():
        net.module.conv1.weight.mul_(5)
        # Dead on the mean colour, alive on the picture.
        net.module.conv1.bias.fill_(-2.0)
    updates = invert(net, layer="relu1", iterations=5)
    assert "begun again from stronger noise" in updates[0].note


def test_nothing_is_left_on_the_network() -> None:
    net = network()
    net.module.conv2.eval()
    modes = [part.training for part in net.module.modules()]
    steps = Inversion(layer="conv2", iterations=3, precision="fp32").steps(net, photo())
    for _ in steps:
        assert torch.is_grad_enabled()
        assert not any(part._forward_hooks for part in net.module.modules())
        assert [part.training for part in net.module.modules()] == modes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.module.parameters())


def test_an_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="conv1"):
        invert(network(), layer="conv11")


def test_an_answer_that_does_not_lead_back_to_the_picture_is_said() -> None:
    class Rounding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.relu = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.relu(torch.round(5 * self.conv(x))).mean((2, 3))

    torch.manual_seed(0)
    net = Network(Rounding().eval(), (16, 16), name="rounding")
    notes = [
        update.note
        for update in Inversion(layer="relu", iterations=8).steps(
            net, np.eye(16, dtype=np.uint8)[..., None].repeat(3, 2) * 255
        )
    ]
    assert "nothing of what relu answers leads back" in notes[-1]
