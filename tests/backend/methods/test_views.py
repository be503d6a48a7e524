"""Views of a back-projection have a defined range, and a grey one says why."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from deepvis.backend.methods.views import back_view, gaussian_blur, rule_note, why_zero
from deepvis.messages import BACK_VIEWS


@pytest.fixture
def gradient() -> torch.Tensor:
    return torch.randn(3, 12, 17, generator=torch.Generator().manual_seed(0))


def test_raw_has_zero_at_mid_grey_and_reaches_one_end(gradient):
    gradient[1, 4, 5] = -9.0
    view = back_view(gradient, "raw")
    assert view.values.shape == (3, 12, 17)
    assert view.scale == 9.0
    assert float(view.values.min()) == view.values[1, 4, 5] == 0.0
    assert torch.allclose(view.values, 0.5 + gradient / 18)


def test_gray_is_the_mean_over_channels_on_its_own_scale(gradient):
    mean = gradient.mean(0)
    assert torch.allclose(back_view(gradient, "gray").values, 0.5 + mean / (2 * mean.abs().max()))


def test_norm_and_positive_begin_at_black(gradient):
    norm = gradient.pow(2).sum(0).sqrt()
    assert torch.allclose(back_view(gradient, "norm").values, norm / norm.max())
    total = gradient.sum(0)
    assert torch.allclose(back_view(gradient, "positive").values, total.clamp(min=0) / total.max())


def test_the_blur_is_a_gaussian_of_four_pixels_of_227():
    gradient = torch.randn(3, 227, 40, generator=torch.Generator().manual_seed(1))
    expected = ndimage.gaussian_filter(gradient.norm(dim=0).numpy(), 4.0, mode="nearest")
    found = back_view(gradient, "norm_blur")
    assert np.allclose(found.values.numpy() * found.scale, expected, atol=1e-4)


def test_blurring_a_constant_leaves_it_alone():
    assert torch.allclose(gaussian_blur(torch.full((9, 5), 3.0), 2.5), torch.tensor(3.0))


def test_the_histogram_counts_every_value_around_zero(gradient):
    counts, edges = back_view(gradient, "histogram").histogram
    assert counts.sum() == gradient.numel()
    assert edges[0] == -edges[-1]
    expected, _ = np.histogram(gradient.numpy(), edges)
    assert np.abs(counts - expected).max() <= 1


@pytest.mark.parametrize("view", BACK_VIEWS)
def test_every_view_lies_between_zero_and_one_and_a_zero_gradient_is_neutral(view, gradient):
    values = back_view(gradient, view).values
    assert float(values.min()) >= 0
    assert float(values.max()) <= 1
    nothing = back_view(torch.zeros(3, 4, 4), view)
    assert torch.equal(nothing.values, torch.full_like(nothing.values, 0.5 if nothing.signed else 0.0))
    assert nothing.scale == 0
    assert torch.isfinite(back_view(torch.full((3, 4, 4), float("nan")), view).values).all()


def test_one_channel_gradients_have_all_views(gradient):
    assert back_view(gradient[:1], "raw").values.shape == (3, 12, 17)
    assert back_view(gradient[:1], "norm").values.shape == (12, 17)


def test_an_unknown_view_is_named():
    with pytest.raises(ValueError, match="norm_blur"):
        back_view(torch.zeros(3, 2, 2), "blur")  # type: ignore[arg-type]


def test_a_zero_back_projection_says_why():
    activation = torch.zeros(1, 40, 5, 5)
    nothing = torch.zeros(1, 3, 9, 9)
    assert why_zero(nothing, activation, 37) == "unit 37 is inactive here: its activation is 0 everywhere"
    activation[0, 37, 2, 2] = 1
    assert "row 0, column 1" in why_zero(nothing, activation, 37, position=(0, 1))
    assert "only positive" in why_zero(nothing, activation, 37, "guided")
    assert "inactive" in why_zero(nothing, activation, 37, "gradient")
    assert why_zero(torch.ones(1, 3, 9, 9), activation, 37) == ""
    assert "fp32" in why_zero(torch.full((1, 3, 2, 2), float("inf")), activation, 37)


def test_a_rule_that_makes_no_difference_is_told():
    assert "no rectifiers" in rule_note(0, "guided")
    assert rule_note(0, "gradient") == rule_note(5, "guided") == ""
