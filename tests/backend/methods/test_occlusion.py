"""Occlusion equals a brute-force loop and captum's, at every batch size, coarse places first."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from deepvis import methods, runs
from deepvis.backend.network import Network
from deepvis.backend.runs.occlusion import Windows


def brute_force(net, pixels, target, patch, stride, value):
    """Probability and logit with the window at each place, one forward pass a place, from the definition."""
    height, width = pixels.shape[:2]
    tops, lefts = [0], [0]
    while tops[-1] + patch < height:
        tops.append(tops[-1] + stride)
    while lefts[-1] + patch < width:
        lefts.append(lefts[-1] + stride)
    probability, logit = np.zeros((len(tops), len(lefts))), np.zeros((len(tops), len(lefts)))
    sums, counts = np.zeros((height, width)), np.zeros((height, width))
    whole = net.logits(pixels)[target]
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            covered = pixels.copy()
            covered[top : top + patch, left : left + patch] = value
            logits = net.logits(covered).astype(np.float64)
            logit[i, j] = logits[target]
            probability[i, j] = np.exp(logits[target]) / np.exp(logits).sum()
            sums[top : top + patch, left : left + patch] += whole - logits[target]
            counts[top : top + patch, left : left + patch] += 1
    return probability, logit, sums / counts


@pytest.fixture
def pixels(tiny, image) -> np.ndarray:
    """A picture of the network's own size, which is not resized any more."""
    return tiny.preprocessing.pixels(image).permute(1, 2, 0).numpy().copy()


@pytest.mark.parametrize(("patch", "stride", "fill"), [(14, 7, 0), (11, 5, 200), (16, 16, 0)])
def test_it_equals_a_loop_over_pictures_with_black_pixels(patch, stride, fill, tiny, pixels, close):
    expected = brute_force(tiny, pixels, 6, patch, stride, fill)
    found = methods.occlusion(tiny, pixels, 6, patch, stride, fill)
    close(found.probability, expected[0])
    close(found.logit, expected[1])
    close(found.drop, expected[2], 1e-4)
    assert (found.patch, found.stride, found.target, found.label) == (patch, stride, 6, "label 6")


@pytest.mark.parametrize(("patch", "stride"), [(12, 5), (16, 8)])
def test_it_equals_captums(patch, stride, tiny, image, close):
    x = tiny.preprocess(image)
    black = tiny.preprocessing.normalise(torch.zeros_like(x))
    tiny.module.eval()

    def probabilities(batch):
        return torch.softmax(tiny.module(batch), 1)

    windows = {"sliding_window_shapes": (3, patch, patch), "strides": (3, stride, stride), "baselines": black}
    with torch.no_grad():
        logit = captum.attr.Occlusion(tiny.module).attribute(x, target=3, **windows)[0, 0]
        probability = captum.attr.Occlusion(probabilities).attribute(x, target=3, **windows)[0, 0]
    found = methods.occlusion(tiny, image, 3, patch, stride)
    close(found.drop, logit.numpy(), 1e-4)
    close(found.probability_drop, probability.numpy(), 1e-4)


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_the_map_does_not_depend_on_the_batch_size(batch, tiny, image, close):
    chosen = methods.occlusion(tiny, image, 2, 12, 6)
    close(methods.occlusion(tiny, image, 2, 12, 6, batch=batch).logit, chosen.logit)


class Viewing(nn.Module):
    """Calls view on its activations, as old networks do: only the plain memory layout can be viewed so."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4 * 14 * 14, 5)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        return self.head(x.view(x.size(0), -1))


def test_a_network_that_stands_one_memory_layout_only_is_occluded_too(close):
    torch.manual_seed(0)
    net = Network(Viewing().eval(), input_size=(16, 16))
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    expected = brute_force(net, pixels, 2, 6, 3, 0)
    close(methods.occlusion(net, pixels, 2, 6, 3).logit, expected[1])


def test_the_window_is_black_in_pixel_space(tiny, image):
    found = methods.occlusion(tiny, image, 2, 12, 12)
    top, left, bottom, right = found.box(1, 2)
    assert (top, left, bottom, right) == (12, 24, 24, 36)
    covered = found.covered(1, 2)
    assert (covered[top:bottom, left:right] == 0).all()
    outside = np.ones(covered.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert np.array_equal(covered[outside], found.picture[outside])


def test_grey_is_the_mean_colour_and_blur_keeps_the_colour(tiny, image, close):
    grey = methods.occlusion(tiny, image, 2, 12, 12, "grey")
    assert (np.abs(grey.cover - np.array(tiny.mean) * 255) < 1).all()
    blur = methods.occlusion(tiny, image, 2, 12, 12, "blur")
    assert blur.cover.astype(float).mean() == pytest.approx(blur.picture.mean(), abs=4)
    assert blur.cover.std() < 0.8 * blur.picture.std()
    close(methods.occlusion(tiny, image, 2, 12, 12, "black").logit, methods.occlusion(tiny, image, 2, 12, 12, 0).logit)


def test_the_run_goes_from_coarse_to_fine_and_ends_with_the_map(tiny, image, close):
    run = runs.Occlusion(target=2, patch=12, stride=6, batch=3)
    updates = list(run.steps(tiny, image))
    expected = methods.occlusion(tiny, image, 2, 12, 6)
    rows, columns = expected.logit.shape
    assert [update.step for update in updates] == [*range(3, rows * columns, 3), rows * columns]
    assert {update.total for update in updates} == {rows * columns}
    assert all(update.result is None for update in updates[:-1])
    close(updates[-1].result.logit, expected.logit)
    assert len({tuple(update.metrics) for update in updates}) == 1
    coarse = [(r, c) for r in range(0, rows, 4) for c in range(0, columns, 4)]
    for update in updates:
        known = update.detail["known"]
        assert known.sum() == update.step
        close(update.detail["logit"][known], expected.logit[known])
        assert update.image.shape == (48, 64, 3)
        assert update.image.dtype == np.uint8
        if not all(known[place] for place in coarse):
            assert sum(known[place] for place in coarse) == known.sum(), "a fine place came before a coarse one"
        else:
            assert np.isfinite(update.detail["logit"]).all()
            assert update.detail["logit"][1, 1] in (expected.logit[0, 0], update.detail["logit"][0, 0]) or known[1, 1]
    first = updates[0].detail["logit"]
    assert np.isnan(first).any()
    assert np.isnan(updates[0].detail["drop"]).any()


def test_a_run_can_be_left_in_the_middle(tiny, image):
    steps = runs.Occlusion(patch=12, batch=2).steps(tiny, image)
    next(steps)
    steps.close()
    assert not torch.is_inference_mode_enabled()
    assert not any(module._forward_hooks for module in tiny.module.modules())


def test_a_network_that_writes_into_its_input_does_not_spoil_the_map(close):
    class Greedy(nn.Module):
        def __init__(self, inplace):
            super().__init__()
            self.inplace, self.conv = inplace, nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = x.mul_(1.5) if self.inplace else x * 1.5
            return self.conv(x).relu().mean((2, 3))

    torch.manual_seed(0)
    greedy, modest = Greedy(True), Greedy(False)
    modest.load_state_dict(greedy.state_dict())
    x = torch.randn(1, 3, 20, 20)
    found, expected = (
        methods.occlusion(Network(module, input_size=(20, 20)), x, 1, 5, 5) for module in (greedy, modest)
    )
    close(found.logit, expected.logit)


def test_memory_that_runs_out_halves_the_batch(tiny, image, close, monkeypatch):
    expected = methods.occlusion(tiny, image, 1, 12, 6)
    forward = Network.forward
    refused = []

    def small_memory(self, x):
        if x.shape[0] > 5:
            refused.append(x.shape[0])
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, x)

    monkeypatch.setattr(Network, "forward", small_memory)
    close(methods.occlusion(tiny, image, 1, 12, 6, batch=32).logit, expected.logit)
    assert refused == [32, 16, 8]


def test_bf16_gives_nearly_the_same_map(tiny, image):
    full, coarse = (methods.occlusion(tiny, image, 1, 12, 6, precision=precision) for precision in ("fp32", "bf16"))
    assert np.corrcoef(full.logit.ravel(), coarse.logit.ravel())[0, 1] > 0.99


def test_windows_reach_the_edge_and_the_last_is_cut_off():
    windows = Windows((20, 31), 8, 5)
    assert (windows.rows, windows.columns) == (4, 6)
    assert windows.box(3, 5) == (15, 25, 20, 31)
    assert sorted(windows.order()) == [(r, c) for r in range(4) for c in range(6)]
    assert windows.order()[:2] == [(0, 0), (0, 4)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patch": 49}, "larger than the picture"),
        ({"patch": 0}, "at least 1"),
        ({"patch": 8, "stride": 9}, "1 to 8"),
        ({"stride": 0}, "at least 1"),
        ({"fill": "gray"}, "did you mean 'grey'"),
        ({"fill": 256}, "0 to 255"),
        ({"target": 10}, "classes 0 to 9"),
        ({"batch": 0}, "1 to 4096"),
        ({"precision": "fp16"}, "bf16"),
    ],
)
def test_what_is_out_of_range_is_named_with_the_range(options, said, tiny, image):
    with pytest.raises(ValueError, match=said):
        methods.occlusion(tiny, image, **options)


def test_runs_are_found_by_name():
    assert runs.registry()["occlusion"] is runs.Occlusion


def test_a_network_that_answers_with_nan_is_refused() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3)) * float("nan")

    broken = Network(Broken().eval(), (16, 16), name="broken")
    with pytest.raises(ValueError, match="'broken' answers this picture with values that are not finite"):
        methods.occlusion(broken, np.zeros((16, 16, 3), np.uint8))
