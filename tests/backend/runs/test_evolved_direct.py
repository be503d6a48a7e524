"""Directly encoded pictures begin as uniform noise, and are mutated and crossed over at their rates."""

from __future__ import annotations

import numpy as np
import pytest

from deepvis.backend.runs.evolution.direct import DirectEncoding

ENCODING = DirectEncoding((20, 10), 3)


def test_pictures_begin_as_uniform_noise():
    generator = np.random.default_rng(0)
    pictures = ENCODING.draw([ENCODING.random(generator) for _ in range(40)]).numpy()
    assert pictures.shape == (40, 20, 10, 3)
    assert pictures.dtype == np.uint8
    assert pictures.mean() == pytest.approx(127.5, abs=1)
    assert pictures.std() == pytest.approx(255 / np.sqrt(12), abs=1)


def test_a_child_of_one_parent_has_a_tenth_of_its_values_moved_a_little():
    generator = np.random.default_rng(1)
    parent = np.full((20, 10, 3), 128, np.uint8)
    children = np.stack([ENCODING.child([parent], generator) for _ in range(60)])
    moved = children.astype(int) - 128
    # Moves of less than half a level, of which there are about 3 %, cannot be seen.
    assert (moved != 0).mean() == pytest.approx(0.1, abs=0.008)
    assert abs(moved[moved != 0].mean()) < 1
    assert np.abs(moved[moved != 0]).mean() == pytest.approx(255 / 17, rel=0.1)
    assert (parent == 128).all()


def test_half_of_the_children_have_two_parents():
    generator = np.random.default_rng(2)
    dark, light = np.full((20, 10, 3), 20, np.uint8), np.full((20, 10, 3), 220, np.uint8)
    children = np.stack([ENCODING.child([dark, light], generator) for _ in range(600)]).astype(int)
    changed = ((children != 20) & (children != 220)).mean((1, 2, 3))
    # A second parent is the first one half of the time; mutation alone changes a tenth.
    assert (changed > 0.5).mean() == pytest.approx(0.5 * 0.5, abs=0.05)
    assert ((children.mean((1, 2, 3)) < 70) | (children.mean((1, 2, 3)) > 170)).all(), (
        "a child is near its first parent"
    )
