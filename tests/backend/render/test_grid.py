from __future__ import annotations

import numpy as np
import pytest
import torch

from deepvis.backend.render.grid import RunningRange, arrangement, render_grid
from deepvis.colormaps import color_table
from deepvis.messages import GridRequest, GridResult, Layer


def layer(channels: int, side: int | None) -> Layer:
    return Layer("conv", "conv", "Conv2d", channels, None if side is None else (side, side), None)


def draw(
    values: torch.Tensor, room: tuple[int, int] = (400, 400), *, signed: bool = False, **wishes: object
) -> GridResult:
    side = values.shape[1] if values.dim() == 3 else None
    request = GridRequest("conv", room, colormap="gray", **wishes)  # type: ignore[arg-type]
    return render_grid(values, layer(values.shape[0], side), request, RunningRange(), signed=signed)


def tile(result: GridResult, place: int) -> np.ndarray:
    row, column = divmod(place, result.columns)
    height, width = result.tile
    return result.picture[row * height : (row + 1) * height, column * width : (column + 1) * width, 0]


def test_each_tile_runs_from_its_own_minimum_to_its_own_maximum() -> None:
    values = torch.arange(2 * 9, dtype=torch.float32).view(2, 3, 3) * torch.tensor([1.0, 10.0])[:, None, None]
    result = draw(values)
    for place in range(2):
        expected = np.linspace(0, 255, 9).reshape(3, 3)
        np.testing.assert_allclose(tile(result, place), expected, atol=1)
    assert result.maxima.tolist() == [8.0, 170.0]


def test_the_layers_range_is_shared_and_boost_lifts_weak_units() -> None:
    values = torch.stack([torch.eye(4) * 0.1, torch.eye(4) * 10])
    shared = draw(values, range="layer")
    assert int(tile(shared, 0).max()) == 3
    assert int(tile(shared, 1).max()) == 255
    boosted = draw(values, range="layer", boost=1.0)
    assert int(tile(boosted, 0).max()) == int(tile(boosted, 1).max()) == 255


def test_gamma_brightens_the_middle_and_keeps_both_ends() -> None:
    values = torch.tensor([[[0.0, 0.25], [0.5, 1.0]]])
    plain, bright = tile(draw(values), 0), tile(draw(values, gamma=0.5), 0)
    assert bright.ravel().tolist() == [0, 128, 180, 255]
    assert plain.ravel().tolist() == [0, 64, 128, 255]


def test_a_fixed_range_clips() -> None:
    result = draw(torch.tensor([[[-1.0, 0.0], [1.0, 2.0]]]), range="fixed", fixed=(0.0, 1.0))
    assert tile(result, 0).ravel().tolist() == [0, 0, 255, 255]
    assert (result.low, result.high) == (0.0, 1.0)


def test_the_smooth_range_follows_slowly() -> None:
    ranges = RunningRange()
    request = GridRequest("conv", (100, 100), range="smooth")
    first = render_grid(torch.eye(4)[None], layer(1, 4), request, ranges)
    second = render_grid(torch.eye(4)[None] * 11, layer(1, 4), request, ranges)
    assert first.high == 1.0
    assert second.high == pytest.approx(2.0)


def test_sorting_by_activity_puts_the_strongest_first_and_says_which_it_is() -> None:
    values = torch.stack([torch.eye(3) * k for k in (1.0, 5.0, 3.0)])
    result = draw(values, sort="activity", range="layer")
    assert result.order.tolist() == [1, 2, 0]
    assert [int(tile(result, place).max()) for place in range(3)] == [255, 153, 51]


def test_constant_units_are_marked_dead() -> None:
    values = torch.stack([torch.zeros(3, 3), torch.eye(3), torch.full((3, 3), 7.0)])
    assert draw(values).dead.tolist() == [True, False, True]


def test_signed_values_lie_around_the_middle_of_the_diverging_map() -> None:
    result = draw(torch.tensor([[[-2.0, 0.0], [1.0, 2.0]]]), signed=True)
    table = color_table("diverging")
    picture = result.picture.reshape(-1, 4)
    assert np.abs(picture[1, :3].astype(int) - 128).max() <= 2
    assert (picture[0] == table[0]).all()
    assert (picture[3] == table[255]).all()
    assert (result.low, result.high, result.signed) == (-2.0, 2.0, True)


def test_maps_larger_than_the_room_are_averaged_down_to_fit_it() -> None:
    result = draw(torch.rand(64, 112, 112), room=(300, 420))
    height, width = result.tile
    assert result.rows * height + result.rows - 1 <= 300
    assert result.columns * width + result.columns - 1 <= 420
    assert result.rows * result.columns >= 64


def test_values_that_are_not_finite_are_said_and_drawn_as_zero() -> None:
    values = torch.eye(3)[None].clone()
    values[0, 0, 0] = float("nan")
    values[0, 2, 0] = float("inf")
    result = draw(values)
    assert "not finite" in result.note
    assert np.isfinite([result.low, result.high]).all()
    assert int(tile(result, 0)[2, 0]) == 0


def test_a_vector_is_drawn_on_one_scale() -> None:
    result = draw(torch.tensor([0.0, 1.0, 2.0, 4.0]), range="unit")
    cells = result.picture[:, :, 0].ravel()[:4]
    assert cells.tolist() == [0, 64, 128, 255]


@pytest.mark.parametrize("count", [1, 2, 7, 64, 200, 513, 2048])
@pytest.mark.parametrize("room", [(200, 900), (900, 200), (720, 960)])
def test_the_arrangement_holds_every_unit_and_wastes_less_than_a_row(count: int, room: tuple[int, int]) -> None:
    rows, columns = arrangement(count, (7, 7), room)
    assert rows * columns >= count
    assert (rows - 1) * columns < count
    square = int(np.ceil(np.sqrt(count)))

    def scale(rows: int, columns: int) -> float:
        return min((room[0] - rows + 1) / (rows * 7), (room[1] - columns + 1) / (columns * 7))

    # Never smaller tiles than the toolbox's square arrangement.
    assert scale(rows, columns) >= scale(-(-count // square), square)


def test_a_vectors_entries_are_never_called_dead() -> None:
    assert not draw(torch.zeros(5)).dead.any()
