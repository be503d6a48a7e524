"""DeepDream against plain loops, and on networks and pictures of every kind."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import deepvis
from deepvis.backend.network import Network
from deepvis.backend.runs.deepdream import DeepDream, _Dream
from deepvis.backend.runs.dream_objective import DreamObjective, WeightedLayer, parse_layers
from deepvis.backend.runs.octaves import Tiling
from deepvis.messages import RunUpdate


class Small(nn.Module):
    """Convolutions with a stride, rectifiers in place, and a classifier of a fixed size."""

    def __init__(self, channels: int = 3, side: int = 40) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 3, stride=2, padding=1)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 8, 3, padding=1)
        self.relu2 = nn.ReLU(inplace=True)
        self.fc = nn.Linear(8 * (side // 2) * (side // 2), 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.relu2(self.conv2(self.relu1(self.conv1(x)))).flatten(1))


def network(channels: int = 3) -> Network:
    torch.manual_seed(0)
    mean, std = ((0.5,), (0.25,)) if channels == 1 else ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    return Network(Small(channels).train(), (40, 40), mean, std, name="small")


def photo(height: int = 60, width: int = 80) -> np.ndarray:
    coarse = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(4))
    fine = nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0]
    return (fine.permute(1, 2, 0) * 255).to(torch.uint8).numpy()


def dream(net: Network, image: np.ndarray, **options: Any) -> list[RunUpdate]:
    return list(DeepDream(**{"layer": "relu2", "octaves": 2, "steps_per_octave": 3, **options}).steps(net, image))


def plain_gradient(net: Network, pixels: torch.Tensor, weights: dict[str, float]) -> torch.Tensor:
    """Gradient of Σ w·mean(A²) by a loop with hooks of its own."""
    leaf = pixels.clone().requires_grad_()
    kept: list[torch.Tensor] = []
    handles = [
        net.module.get_submodule(name).register_forward_hook(
            lambda m, a, out, w=w: kept.append(out.square().mean() * w)
        )
        for name, w in weights.items()
    ]
    mean, std = net.preprocessing.vectors()
    x = (leaf - mean) / std
    small = net.module
    small.relu2(small.conv2(small.relu1(small.conv1(x))))
    for handle in handles:
        handle.remove()
    (gradient,) = torch.autograd.grad(sum(kept), leaf)
    return gradient


def test_the_gradient_of_weighted_layers_is_that_of_their_weighted_mean_squares() -> None:
    net = network()
    pixels = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    layers = parse_layers("relu1:1, relu2:0.5")
    gradient, value = DreamObjective(net, layers).gradient(pixels)
    expected = plain_gradient(net, pixels, {"relu1": 1.0, "relu2": 0.5})
    assert torch.allclose(gradient / gradient.norm(), expected / expected.norm(), atol=1e-6)
    eps = 1e-3
    moved = [DreamObjective(net, layers).gradient(pixels + sign * eps * expected)[1] for sign in (1, -1)]
    assert float(moved[0]) > float(value) > float(moved[1])


def test_one_unit_climbs_only_where_it_is_active() -> None:
    net = network()
    pixels = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    gradient, _ = DreamObjective(net, [WeightedLayer("conv2")], unit=3).gradient(pixels)
    leaf = pixels.clone().requires_grad_()
    mean, std = net.preprocessing.vectors()
    maps = net.module.conv2(net.module.relu1(net.module.conv1((leaf - mean) / std)))
    (expected,) = torch.autograd.grad(maps[:, 3].relu().square().sum() / 2, leaf)
    assert torch.allclose(gradient, expected, atol=1e-5)


def test_a_guide_gives_each_place_its_most_alike_vector() -> None:
    net = network()
    generator = torch.Generator().manual_seed(1)
    pixels, guide = torch.rand(1, 3, 24, 24, generator=generator), torch.rand(1, 3, 16, 16, generator=generator)
    gradient, value = DreamObjective(net, [WeightedLayer("relu2")], guide=guide).gradient(pixels)
    mean, std = net.preprocessing.vectors()
    small = net.module

    def features(x: torch.Tensor) -> torch.Tensor:
        return small.relu2(small.conv2(small.relu1(small.conv1((x - mean) / std))))

    vectors = features(guide)[0].flatten(1).T.detach()
    leaf = pixels.clone().requires_grad_()
    own = features(leaf)[0].flatten(1).T
    chosen = [int(torch.stack([vector @ place for vector in vectors]).argmax()) for place in own.detach()]
    best = vectors[chosen]
    (expected,) = torch.autograd.grad((own * best).sum(), leaf)
    assert torch.allclose(gradient, expected, atol=1e-5)
    assert float(value) == pytest.approx(float((own * best).detach().mean()), rel=1e-4)


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.45, 0.8)])
def test_tiles_give_the_gradient_of_the_whole_where_the_receptive_field_fits(shares: tuple[float, float]) -> None:
    net = network()
    objective = DreamObjective(net, [WeightedLayer("relu2")])
    pixels = torch.rand(1, 3, 90, 110, generator=torch.Generator().manual_seed(1))
    whole, _ = objective.gradient(pixels)
    tiling = Tiling(48, -(-objective.reach // objective.stride) * objective.stride, objective.stride)
    tiled = torch.zeros_like(whole)
    for row, column in tiling.tiles((90, 110), shares):
        part, _ = objective.gradient(pixels[:, :, row.begin : row.end, column.begin : column.end])
        tiled[:, :, row.first : row.last, column.first : column.last] = part[
            :, :, row.first - row.begin : row.last - row.begin, column.first - column.begin : column.last - column.begin
        ]
    assert tiling.count((90, 110)) > 1
    assert torch.allclose(tiled, whole, atol=1e-5 * float(whole.abs().max()))


def test_a_large_picture_is_dreamt_tile_by_tile_like_the_whole() -> None:
    net = network()
    options = {"octaves": 1, "steps_per_octave": 2, "precision": "fp32", "size": None}
    whole = dream(net, photo(150, 150), tile=512, **options)
    tiled = dream(net, photo(150, 150), tile=80, **options)
    assert len(whole) == 2
    assert len(tiled) == tiled[-1].total > 2
    difference = np.abs(whole[-1].image.astype(int) - tiled[-1].image.astype(int))
    assert difference.max() <= 1
    assert len({id(update.image) for update in tiled}) == 3


def test_the_first_step_is_the_plain_one_whatever_the_shift() -> None:
    net = network()
    pixels = torch.from_numpy(photo(40, 40)).permute(2, 0, 1)[None] / 255
    gradient = plain_gradient(net, pixels, {"relu2": 1.0})
    expected = (pixels + gradient * (1.5 / 255 / gradient.abs().mean())).clamp(0, 1)
    (update,) = dream(net, photo(40, 40), octaves=1, steps_per_octave=1, jitter=0, precision="fp32")
    assert np.abs(update.image - (expected * 255).round()[0].permute(1, 2, 0).numpy()).max() <= 1


def test_the_shift_is_undone() -> None:
    net = network()
    flat = np.full((40, 60, 3), 128, np.uint8)
    flat[10:14, 20:24] = 255
    changed = dream(net, flat, octaves=1, steps_per_octave=1, jitter=15, step=20.0, precision="fp32")[-1].image
    rows, columns = np.nonzero(np.abs(changed.astype(int) - flat).sum(2) > 60)
    assert abs(rows.mean() - 12) < 8
    assert abs(columns.mean() - 22) < 10


@pytest.mark.parametrize("name", ["tinynet", "tinynet-robust"])
def test_a_dream_raises_its_objective_at_every_octave(name: str) -> None:
    net = deepvis.load(name, "cpu")
    *_, last = DeepDream(octaves=3).steps(net, photo(120, 120))
    risen = last.result.facts["objective_by_octave"]
    assert len(risen) == 3
    assert all(after > before for before, after in risen)


def test_the_same_seed_gives_the_same_dream_and_another_seed_another() -> None:
    net, image = network(), photo()
    first, again, other = (dream(net, image, seed=seed)[-1].image for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_dream_that_is_continued_equals_one_that_never_stopped() -> None:
    net, image = network(), photo()
    *_, whole = DeepDream(layer="relu2", octaves=1, steps_per_octave=5).steps(net, image)
    steps = DeepDream(layer="relu2", octaves=1, steps_per_octave=2).steps(net, image)
    first = [next(steps), next(steps)]
    assert first[-1].result is not None
    assert first[-1].more == 2
    rest = [steps.send(3), next(steps), next(steps)]
    assert [update.step for update in rest] == [3, 4, 5]
    assert {update.total for update in rest} == {5}
    assert np.array_equal(rest[-1].result.image, whole.result.image)
    with pytest.raises(StopIteration):
        next(steps)


def test_a_zoom_shows_finished_frames_only() -> None:
    updates = dream(network(), photo(), zoom_frames=3)
    frames = list({id(update.image): update.image for update in updates}.values())
    assert len(frames) == 4  # what it begins with, and three
    assert np.array_equal(frames[0], updates[0].detail["pictures"]["Before"])
    assert updates[-1].metrics["frame"] == 3
    assert all({"objective", "octave", "frame"} == set(update.metrics) for update in updates)
    assert not np.array_equal(frames[1], frames[2])


def test_a_picture_smaller_than_the_smallest_octave_has_fewer_octaves_and_says_so() -> None:
    few = dream(network(), photo(50, 60), octaves=4)
    assert len(few[-1].result.facts["octave_sizes"]) == 2
    assert "2 of 4 octaves" in few[0].note
    tiny = dream(network(), photo(10, 20), octaves=4)
    assert tiny[-1].image.shape == (32, 64, 3)
    assert "enlarged" in tiny[0].note


def test_a_grey_network_dreams_in_grey() -> None:
    image = dream(network(1), photo())[-1].image
    assert image.shape == (60, 80, 3)
    assert np.array_equal(image[:, :, 0], image[:, :, 2])


def test_a_guide_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "guide.png"
    Image.fromarray(photo(30, 30)).save(path)
    net = network()
    guided = dream(net, photo(), guide=str(path))[-1]
    assert guided.result.options["guide"] == str(path)
    assert not np.array_equal(guided.image, dream(net, photo())[-1].image)


def test_options_that_make_no_sense_are_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="conv4:1, conv5:0.5"):
        DeepDream(layers="conv4:much")
    with pytest.raises(ValueError, match="single layer"):
        DeepDream(layers="conv1,conv2", unit=1)
    with pytest.raises(ValueError, match="exclude"):
        DeepDream(layer="conv1", unit=1, guide="a.png")
    with pytest.raises(ValueError, match="octaves 0 is out of range"):
        DeepDream(octaves=0)


def test_a_layer_without_maps_is_refused_and_one_that_has_them_named() -> None:
    with pytest.raises(ValueError, match=r"'fc' has no maps.*'relu2'"):
        dream(network(), photo(), layer="fc")
    with pytest.raises(KeyError, match="relu2"):
        dream(network(), photo(), layer="relu9")
    with pytest.raises(ValueError, match="units 0 to 7"):
        dream(network(), photo(), unit=8)


def test_a_layer_that_does_not_answer_leaves_the_picture_and_says_so() -> None:
    net = network()
    with torch.no_grad():
        net.module.conv2.bias.fill_(-100.0)
    updates = dream(net, photo(), precision="fp32")
    assert "gradient is 0" in updates[-1].note
    assert np.abs(updates[-1].image.astype(int) - photo()).max() <= 8  # an octave smaller and back


def test_bf16_dreams_look_the_same() -> None:
    net = deepvis.load("tinynet", "cpu")
    pictures = [
        list(DeepDream(layer="relu5", octaves=2, steps_per_octave=3, size=96, precision=p).steps(net, photo(96, 96)))[
            -1
        ]
        for p in ("fp32", "bf16")
    ]
    first, second = (update.image.astype(float).ravel() for update in pictures)
    assert pictures[1].result.facts["precision"] == "bfloat16"
    assert np.corrcoef(first, second)[0, 1] > 0.99


@pytest.mark.parametrize("stop_after", [2, None])
def test_nothing_is_left_on_the_network(stop_after: int | None) -> None:
    net = network()
    net.module.conv2.eval()
    weights, modes = copy.deepcopy(net.module.state_dict()), [part.training for part in net.module.modules()]
    steps = DeepDream(layer="relu2", octaves=2, steps_per_octave=2, precision="fp32").steps(net, photo())
    for count, _ in enumerate(steps, 1):
        assert torch.is_grad_enabled()
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.module.modules())
        if count == stop_after:
            break
    steps.close()
    assert [part.training for part in net.module.modules()] == modes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.module.parameters())
    assert all(torch.equal(tensor, weights[name]) for name, tensor in net.module.state_dict().items())


def test_the_default_layer_is_a_rectifier_at_two_thirds() -> None:
    assert list(_Dream(DeepDream(size=64), deepvis.load("tinynet", "cpu"), photo())._objective.layers) == [
        WeightedLayer("relu5")
    ]
