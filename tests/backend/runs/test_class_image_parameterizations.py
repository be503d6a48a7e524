"""Pictures in Fourier coordinates and by their phases, and random views of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepvis.backend.runs.parameterizations import (
    FourierPicture,
    PhasePicture,
    colour_matrix,
    decorrelated,
    fourier_scale,
    mean_magnitude,
)
from deepvis.backend.runs.transformations import RandomView

CPU = torch.device("cpu")


def smooth_picture(channels: int, size: tuple[int, int]) -> torch.Tensor:
    coarse = torch.rand(1, channels, 4, 5, generator=torch.Generator().manual_seed(2))
    return torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0.05, 0.95)


def fit(picture, wanted: torch.Tensor) -> float:
    optimizer = torch.optim.Adam([picture.values], lr=0.05)
    for _ in range(1000):
        optimizer.zero_grad()
        (picture.pixels() - wanted).square().sum().backward()
        optimizer.step()
    return float((picture.pixels() - wanted).detach().abs().mean())


@pytest.mark.parametrize(("channels", "size"), [(3, (16, 20)), (1, (17, 13))])
def test_a_spectrum_can_become_any_picture(channels, size):
    picture = FourierPicture(channels, size, torch.Generator().manual_seed(0), CPU, 0.7)
    assert fit(picture, smooth_picture(channels, size)) < 0.01


def test_phases_can_become_any_picture_whose_magnitudes_they_have():
    size = (16, 20)
    wanted = smooth_picture(3, size)
    levels = (wanted[0] * 255).round().to(torch.uint8)
    magnitude = mean_magnitude([levels.permute(1, 2, 0).numpy()], 3, size)
    picture = PhasePicture(magnitude, size, torch.Generator().manual_seed(0), CPU)
    assert fit(picture, levels[None] / 255) < 0.01


@pytest.mark.parametrize("size", [(12, 12), (9, 14), (16, 7)])
def test_gradients_are_those_of_the_formula(size):
    generator = torch.Generator().manual_seed(0)
    area, colours = size[0] * size[1], colour_matrix(3, CPU)
    seed = torch.randn(1, 3, *size, generator=generator)

    def picture_of(spectrum: torch.Tensor) -> torch.Tensor:
        maps = torch.fft.irfft2(spectrum, s=size)
        return torch.sigmoid(torch.einsum("ij,jhw->ihw", colours, maps))[None]

    fourier = FourierPicture(3, size, generator, CPU, 0.7)
    fourier.values.data.copy_(torch.randn(fourier.values.shape, generator=generator))
    scale = fourier._scale * area
    phases = PhasePicture(torch.rand(3, size[0], size[1] // 2 + 1, generator=generator) * area, size, generator, CPU)
    magnitude = phases._magnitude * area
    for picture, spectrum in (
        (fourier, lambda values: torch.view_as_complex(values) * scale),
        (phases, lambda values: torch.polar(magnitude, values)),
    ):
        values = picture.values.detach().clone().requires_grad_()
        plain = picture_of(spectrum(values))
        assert torch.allclose(picture.pixels(), plain, atol=1e-5)
        (found,) = torch.autograd.grad(picture.pixels(), picture.values, seed)
        (expected,) = torch.autograd.grad(plain, values, seed)
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
        assert found.is_contiguous()


@pytest.mark.parametrize("size", [(12, 12), (9, 14), (16, 7)])
def test_the_scale_is_the_papers(size):
    height, width = size
    found = fourier_scale(size).numpy()
    for row in range(height):
        for column in range(width // 2 + 1):
            y = (row if row < (height + 1) // 2 else row - height) / height
            frequency = (y * y + (column / width) ** 2) ** 0.5
            expected = (width * height) ** 0.5 / max(frequency, 1 / max(width, height))
            assert found[row, column] == pytest.approx(expected, rel=1e-5)


def test_decorrelating_is_undone_by_the_colours():
    pixels = smooth_picture(3, (6, 8))[0]
    back = torch.sigmoid(torch.einsum("ij,jhw->ihw", colour_matrix(3, CPU), decorrelated(pixels)))
    assert torch.allclose(back, pixels, atol=1e-4)


def test_magnitudes_are_the_mean_over_photographs():
    pictures = [np.random.default_rng(n).integers(20, 230, (12, 12, 3), dtype=np.uint8) for n in range(3)]
    single = [mean_magnitude([picture], 3, (12, 12)) for picture in pictures]
    assert torch.allclose(mean_magnitude(pictures, 3, (12, 12)), sum(single) / 3, rtol=1e-5)
    with pytest.raises(ValueError, match="there is none"):
        mean_magnitude([], 3, (12, 12))


class TestRandomView:
    @pytest.mark.parametrize(("count", "size"), [(1, (20, 30)), (1, (21, 16)), (3, (20, 14))])
    def test_views_and_gradients_are_those_of_one_resampling(self, count, size):
        change = RandomView(jitter=4.0, scale=0.25, rotation=30.0)
        picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
        seed = torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(2))
        matrices = change.matrices(count, size, torch.Generator().manual_seed(0))
        grid = torch.nn.functional.affine_grid(matrices, [count, 3, *size], align_corners=False)
        ours, plain = picture.clone().requires_grad_(), picture.clone().requires_grad_()
        views = change(ours, count, torch.Generator().manual_seed(0))
        expected = torch.nn.functional.grid_sample(
            plain.expand(count, -1, -1, -1), grid, padding_mode="reflection", align_corners=False
        )
        assert torch.allclose(views, expected, atol=1e-5)
        (found,) = torch.autograd.grad(views, ours, seed)
        (wanted,) = torch.autograd.grad(expected, plain, seed)
        assert torch.allclose(found, wanted, atol=1e-4)

    def test_without_change_it_is_the_picture(self):
        pixels = torch.rand(1, 3, 6, 9)
        assert torch.equal(RandomView()(pixels, 2, torch.Generator()), pixels.expand(2, -1, -1, -1))

    def test_a_shift_moves_by_whole_pixels(self):
        change = RandomView(jitter=3.0)
        generator = torch.Generator().manual_seed(0)
        matrix = change.matrices(1, (20, 30), torch.Generator().manual_seed(0))[0]
        right, down = float(matrix[0, 2]) * 15, float(matrix[1, 2]) * 10
        assert abs(right) <= 3
        assert abs(down) <= 3
        rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
        ramps = torch.stack([columns, rows])[None]
        seen = change(ramps, 1, generator)[0, :, 10, 15]
        assert seen.tolist() == pytest.approx([15 + right, 10 + down], abs=1e-3)

    def test_a_turn_keeps_distances_in_an_oblong_picture(self):
        height, width = 20, 40
        matrices = RandomView(rotation=45.0).matrices(16, (height, width), torch.Generator().manual_seed(0))
        to_pixels = torch.tensor([width / 2, height / 2])
        for matrix in matrices:
            for step in (torch.tensor([2 / width, 0.0]), torch.tensor([0.0, 2 / height])):
                assert float(((matrix[:, :2] @ step) * to_pixels).norm()) == pytest.approx(1, abs=1e-5)

    def test_views_stay_within_their_limits(self):
        matrices = RandomView(scale=0.25).matrices(200, (16, 16), torch.Generator().manual_seed(0))
        factors = matrices[:, 0, 0]
        assert float(factors.min()) >= 1 / 1.25 - 1e-6
        assert float(factors.max()) <= 1 / 0.75 + 1e-6
        assert float(factors.max() - factors.min()) > 0.3
