"""Polynomial mutation and simulated binary crossover do what their papers say."""

from __future__ import annotations

import numpy as np
import pytest

from deepvis.backend.runs.evolution.variation import polynomial_mutation, simulated_binary_crossover


def written_mutation(y: float, u: float, low: float, high: float, eta: float) -> float:
    """Deb's bounded polynomial mutation of one number, as it is written down, in double precision."""
    d1, d2 = (y - low) / (high - low), (high - y) / (high - low)
    if u <= 0.5:
        delta = (2 * u + (1 - 2 * u) * (1 - d1) ** (eta + 1)) ** (1 / (eta + 1)) - 1
    else:
        delta = 1 - (2 * (1 - u) + 2 * (u - 0.5) * (1 - d2) ** (eta + 1)) ** (1 / (eta + 1))
    return min(max(y + delta * (high - low), low), high)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-10.0, 10.0)])
def test_a_mutation_equals_the_written_formula(low, high):
    generator = np.random.default_rng(1)
    values = generator.uniform(low, high, 400).astype(np.float32)
    uniforms = generator.random(400, np.float32)
    expected = [written_mutation(float(y), float(u), low, high, 15) for y, u in zip(values, uniforms, strict=True)]
    found = polynomial_mutation(values, uniforms, low, high)
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=2e-5 * (high - low))


def test_a_mutation_keeps_the_bounds_and_reaches_them():
    values = np.array([0, 0.3, 1, 0, 0.3, 1, 0.5], np.float32)
    uniforms = np.array([0, 0, 0, 1, 1, 1, 0.5], np.float32)
    assert np.allclose(polynomial_mutation(values, uniforms, 0, 1), [0, 0, 0, 1, 1, 1, 0.5], atol=1e-6)


def test_mutations_are_as_large_as_the_distribution_says():
    # The density (eta + 1) / 2 · (1 - |d|)^eta has a mean magnitude of 1 / (eta + 2).
    uniforms = np.random.default_rng(2).random(100_000, np.float32)
    moved = polynomial_mutation(np.full(100_000, 0.5, np.float32), uniforms, 0, 1) - 0.5
    assert abs(moved.mean()) < 0.001
    assert np.abs(moved).mean() == pytest.approx(1 / 17, rel=0.02)


def test_crossover_keeps_the_parents_mean():
    generator = np.random.default_rng(3)
    first, second, uniforms = generator.random((3, 1000), np.float32)
    one, two = simulated_binary_crossover(first, second, uniforms)
    assert np.allclose((one + two) / 2, (first + second) / 2, atol=1e-5)
    assert np.isfinite(one).all()


def test_crossover_gives_the_parents_back_in_the_middle():
    first, second = np.float32([0.2, 0.9]), np.float32([0.6, 0.1])
    one, two = simulated_binary_crossover(first, second, np.float32([0.5, 0.5]))
    assert np.allclose(one, first, atol=1e-6)
    assert np.allclose(two, second, atol=1e-6)


def test_children_are_spread_as_the_density_says():
    # Deb & Agrawal: P(spread < b) is b^(eta + 1) / 2 up to 1, and 1 - b^-(eta + 1) / 2 above.
    uniforms = np.random.default_rng(4).random(100_000, np.float32)
    ones = np.ones(100_000, np.float32)
    one, two = simulated_binary_crossover(ones, -ones, uniforms)
    spread = (one - two) / 2
    for limit, share in ((0.9, 0.5 * 0.9**11), (1.0, 0.5), (1.1, 1 - 0.5 * 1.1**-11), (1.3, 1 - 0.5 * 1.3**-11)):
        assert (spread < limit).mean() == pytest.approx(share, abs=0.006)
