"""Octaves, tiles and the zoom of a dream."""

from __future__ import annotations

import pytest
import torch

from deepvis.backend.runs.octaves import Tiling, octave_sizes, zoomed


def test_octaves_shrink_by_the_scale_and_end_at_the_picture() -> None:
    assert octave_sizes((512, 512), 4, 1.4, 32) == ((187, 187), (261, 261), (366, 366), (512, 512))


def test_octaves_that_the_network_cannot_take_are_left_out() -> None:
    assert octave_sizes((100, 200), 4, 2.0, 40) == ((50, 100), (100, 200))


def test_a_picture_that_is_too_small_is_enlarged_to_one_octave_of_its_shape() -> None:
    assert octave_sizes((20, 30), 4, 1.4, 32) == ((32, 48),)


@pytest.mark.parametrize("share", [0.0, 0.37, 0.999])
@pytest.mark.parametrize("length", [65, 100, 333])
def test_what_is_kept_of_the_tiles_covers_the_axis_once(length: int, share: float) -> None:
    tiling = Tiling(tile=64, overlap=12, stride=4)
    spans = tiling.spans(length, share)
    assert [place for span in spans for place in range(span.first, span.last)] == list(range(length))
    assert all(span.begin % 4 == 0 and 0 <= span.begin <= span.first for span in spans)
    assert all(span.last <= span.end <= length for span in spans)
    assert tiling.count((length, 10)) == len(spans)


def test_every_tile_sees_the_overlap_beyond_what_is_kept() -> None:
    for span in Tiling(tile=64, overlap=12, stride=4).spans(333, 0.5):
        assert span.begin == 0 or span.first - span.begin >= 12
        assert span.end == 333 or span.end - span.last >= 12


def test_borders_between_tiles_move_with_the_share() -> None:
    tiling = Tiling(tile=64, overlap=12, stride=4)
    first = {span.last for span in tiling.spans(200, 0.1)[:-1]}
    assert first.isdisjoint({span.last for span in tiling.spans(200, 0.6)[:-1]})


def test_a_zoom_keeps_the_centre_and_enlarges_it() -> None:
    ramp = torch.linspace(0.2, 0.8, 101).expand(1, 3, 101, 101)
    closer = zoomed(ramp, 0.1)
    assert closer[0, 0, 50, 50] == pytest.approx(float(ramp[0, 0, 50, 50]), abs=1e-5)
    slope = (closer[0, 0, 50, 70] - closer[0, 0, 50, 30]) / (ramp[0, 0, 50, 70] - ramp[0, 0, 50, 30])
    assert float(slope) == pytest.approx(0.9, abs=1e-3)
