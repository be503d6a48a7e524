"""The archive holds, for every class, the best of all pictures that the network was shown."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from torch import nn

from deepvis.backend.network import Network
from deepvis.backend.runs import evolved_fooling, registry
from deepvis.backend.runs.evolution.archive_picture import ArchivePicture
from deepvis.backend.runs.evolution.judge import pictures_at_once
from deepvis.backend.runs.evolution.map_elites import Archive
from deepvis.backend.runs.evolved_fooling import EvolvedFooling

QUICK = {"generations": 4, "batch": 24, "at_once": 10, "precision": "fp32"}


class Colours(nn.Module):
    """Known scores: each class wants one mean colour; keeps every input that it was shown."""

    def __init__(self, channels: int = 3, classes: int = 7) -> None:
        super().__init__()
        wanted = torch.rand(classes, channels, generator=torch.Generator().manual_seed(1))
        self.wanted = nn.Parameter(wanted)
        self.shown: list[torch.Tensor] = []

    def forward(self, x):
        self.shown.append(x.detach().clone())
        return -8 * (x.mean((2, 3))[:, None] - self.wanted).square().sum(2)


def colours(channels: int = 3, size: tuple[int, int] = (12, 16), classes: int = 7) -> Network:
    module = Colours(channels, classes).train()
    zero, one = (0.0,) * channels, (1.0,) * channels
    return Network(module, size, zero, one, labels=[f"label {n}" for n in range(classes)], name="colours")


def chain(classes: int = 5) -> Network:
    """A small convolutional network with random weights, batch norm and a fixed input size."""
    torch.manual_seed(2)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16 * 16, classes)
    )
    return Network(module.train(), (16, 16), name="chain")


def run_all(net: Network, **options):
    return list(EvolvedFooling(**{**QUICK, **options}).steps(net))


def probabilities(net: Network, pictures: np.ndarray) -> np.ndarray:
    """Of pictures of the network's own size, one by one, as a person's program would ask for them."""
    logits = torch.from_numpy(np.stack([net.logits(picture) for picture in pictures]))
    return torch.softmax(logits, 1).numpy()


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
def test_every_child_is_tried_against_every_class(encoding):
    net = colours()
    steps = EvolvedFooling(encoding=encoding, **QUICK).steps(net)
    net.module.shown.clear()
    last = list(steps)[-1]
    shown = torch.cat([x for x in net.module.shown if tuple(x.shape[2:]) == (12, 16)])
    pictures = (shown * 255).round().to(torch.uint8)
    children = pictures[[bool(p.any()) for p in pictures]]
    scores = torch.softmax(net.forward(children.float() / 255), 1).numpy()
    found = last.detail["confidence"]
    known = set(map(bytes, children.permute(0, 2, 3, 1).numpy().reshape(len(children), -1)))
    for cell, picture in enumerate(last.detail["archive"]):
        assert picture.tobytes() in known
        assert found[cell] == pytest.approx(scores[:, cell].max(), abs=1e-6)
    assert np.allclose(probabilities(net, last.detail["archive"])[range(7), range(7)], found, atol=1e-6)


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
def test_an_elites_confidence_never_falls_and_what_was_shown_stays(encoding):
    updates = run_all(colours(), encoding=encoding, generations=6)
    copies = []
    for before, after in itertools.pairwise(updates):
        rising = after.detail["confidence"] - before.detail["confidence"]
        assert (rising >= 0).all()
        same = after.detail["archive"] is before.detail["archive"]
        assert same == (not rising.any()), "a new array where, and only where, a picture changed"
        copies.append((before, before.detail["archive"].copy(), before.image.copy()))
    for update, archive, image in copies:
        assert np.array_equal(update.detail["archive"], archive)
        assert np.array_equal(update.image, image)
    assert updates[-1].metrics["median_confidence"] > updates[0].metrics["median_confidence"]


def test_updates_count_generations_and_pictures_honestly():
    updates = run_all(colours())
    # 24 children, at most 10 at once: three parts of 8.
    assert [update.metrics["evaluations"] for update in updates] == [8 * n for n in range(1, 13)]
    assert [update.step for update in updates] == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    assert {update.total for update in updates} == {4}
    assert [update.metrics["generation"] for update in updates] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert len({tuple(update.metrics) for update in updates}) == 1
    last = updates[-1]
    confidence = last.detail["confidence"]
    assert last.metrics["median_confidence"] == pytest.approx(float(np.median(confidence)))
    assert last.metrics["mean_confidence"] == pytest.approx(float(confidence.mean()))
    assert last.metrics["cells_above_0.9"] == float((confidence > 0.9).sum())
    assert last.metrics["best"] == pytest.approx(float(confidence.max()))
    assert last.detail["labels"][3] == "label 3"
    assert all(update.result is None and update.more == 0 for update in updates[:-1])
    assert last.more == 4


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
def test_the_same_seed_makes_the_same_archive(encoding):
    net = chain()
    first, again, other = (run_all(net, encoding=encoding, seed=seed)[-1] for seed in (3, 3, 4))
    assert np.array_equal(first.detail["archive"], again.detail["archive"])
    assert np.array_equal(first.detail["confidence"], again.detail["confidence"])
    assert not np.array_equal(first.detail["archive"], other.detail["archive"])


def test_pictures_at_once_do_not_change_the_course():
    together, apart = (run_all(colours(), at_once=n)[-1] for n in (24, 5))
    assert np.array_equal(together.detail["archive"], apart.detail["archive"])


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
def test_continuing_equals_the_uninterrupted_run(encoding):
    net = chain()
    whole = run_all(net, encoding=encoding, generations=5)[-1]
    steps = EvolvedFooling(**{**QUICK, "encoding": encoding, "generations": 2}).steps(net)
    update = next(update for update in steps if update.result is not None)
    assert (update.step, update.total, update.metrics["evaluations"]) == (2, 2, 48.0)
    update = steps.send(3)
    assert (update.step, update.total, update.result) == (2, 5, None)
    update = next(update for update in steps if update.result is not None)
    assert (update.step, update.total) == (5, 5)
    assert update.metrics == whole.metrics
    assert np.array_equal(update.detail["archive"], whole.detail["archive"])
    with pytest.raises(StopIteration):
        next(steps)


def test_a_heavy_archive_is_copied_once_a_generation(monkeypatch):
    monkeypatch.setattr(evolved_fooling, "_LIGHT", 0)
    updates = run_all(colours())
    confidence = [update.detail["confidence"] for update in updates]
    assert len({id(update.detail["archive"]) for update in updates}) <= 5
    assert all(confidence[n] is confidence[n - 1] for n in range(1, 12) if n % 3 != 2)
    assert np.array_equal(updates[-1].detail["archive"], run_all(colours())[-1].detail["archive"])
    assert np.allclose(confidence[-1].mean(), updates[-1].metrics["mean_confidence"])


def test_nothing_is_left_on_the_network():
    net = chain()
    before = {name: tensor.clone() for name, tensor in net.module.state_dict().items()}
    steps = EvolvedFooling(**{**QUICK, "precision": "bf16", "at_once": None}).steps(net)
    for _ in range(3):
        next(steps)
        assert net.module.training
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.module.modules())
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    steps.close()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.module.state_dict().items())
    assert all(parameter.grad is None for parameter in net.module.parameters())


@pytest.mark.parametrize("encoding", ["cppn", "direct"])
def test_a_grey_network_gets_grey_pictures_that_it_reads_back_as_judged(encoding):
    net = colours(channels=1, size=(14, 10), classes=2)
    last = run_all(net, encoding=encoding)[-1]
    archive = last.detail["archive"]
    assert archive.shape == (2, 14, 10, 3)
    assert (archive[..., :1] == archive).all()
    assert np.allclose(probabilities(net, archive)[range(2), range(2)], last.detail["confidence"], atol=1e-6)


def test_a_fast_copy_searches_but_the_network_has_the_last_word():
    net = chain()
    last = run_all(net, precision="bf16")[-1]
    own = probabilities(net, last.detail["archive"])
    assert np.allclose(own[range(5), range(5)], last.detail["confidence"], atol=1e-6)
    rounded = probabilities(net.converted(torch.bfloat16), last.detail["archive"])
    assert not np.allclose(rounded[range(5), range(5)], last.detail["confidence"], atol=1e-6)


def test_the_result_can_be_repeated_kept_as_json_and_drawn_large():
    net = chain()
    run = EvolvedFooling(**QUICK, seed=5)
    result = list(run.steps(net))[-1].result
    assert result.run == "evolved_fooling"
    assert registry()[result.run](**json.loads(json.dumps(result.options))) == run
    assert (result.network, result.network_hash) == ("chain", net.hash)
    assert result.figures["evaluations"] == 96
    again = type(result)(
        **{**{n: getattr(result, n) for n in result.__slots__}, "facts": json.loads(json.dumps(result.facts))}
    )
    archive = result.arrays["archive"]
    assert np.abs(EvolvedFooling.redraw(again, 2, (16, 16)).astype(int) - archive[2]).max() <= 1
    assert EvolvedFooling.redraw(again, net.labels[2], (90, 120)).shape == (90, 120, 3)
    with pytest.raises(KeyError, match="no class is called"):
        EvolvedFooling.redraw(again, "no such label", (8, 8))
    with pytest.raises(ValueError, match="0 to 4"):
        EvolvedFooling.redraw(again, 5, (8, 8))
    with pytest.raises(ValueError, match="only pictures of the encoding 'cppn'"):
        EvolvedFooling.redraw(run_all(net, encoding="direct")[-1].result, 2, (8, 8))


def test_the_size_is_small_and_in_the_networks_proportions():
    flexible = colours(size=(160, 240))
    assert EvolvedFooling().picture_size(flexible) == (64, 96)
    assert EvolvedFooling(size=40).picture_size(flexible) == (40, 60)
    assert EvolvedFooling().picture_size(colours(size=(12, 16))) == (12, 16)
    assert EvolvedFooling().picture_size(chain()) == (16, 16)
    with pytest.raises(ValueError, match="size 20 px .* 'chain' takes; leave it out, or give 16 px"):
        next(EvolvedFooling(size=20).steps(chain()))


def test_a_network_without_answers_ends_with_empty_cells_and_says_so():
    class Broken(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)) * float("nan")

    last = run_all(Network(Broken(), (8, 8), (0.0,) * 3, (1.0,) * 3))[-1]
    assert "NaN" in last.note
    assert (last.detail["confidence"] == 0).all()
    with pytest.raises(ValueError, match="no picture yet"):
        EvolvedFooling.redraw(last.result, 0, (8, 8))


def test_a_slow_network_gets_few_pictures_at_once():
    slow = Network(nn.Sequential(nn.Conv2d(3, 128, 7), nn.Conv2d(128, 128, 7), nn.AdaptiveAvgPool2d(1)), (64, 64))
    assert pictures_at_once(slow, (64, 64)) < pictures_at_once(slow, (32, 32)) < pictures_at_once(chain(), (16, 16))
    assert not any(module._forward_hooks for module in slow.module.modules())
    assert pictures_at_once(colours(), (12, 16)) > 1


@pytest.mark.parametrize("wrong", [{"encoding": "cpnn"}, {"generations": 0}, {"size": 4}, {"batch": 0}, {"seed": -1}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EvolvedFooling(**wrong)


def test_a_child_takes_every_cell_in_which_it_is_better():
    archive: Archive[str] = Archive(3, (2, 2))
    pictures = np.arange(3 * 12, dtype=np.uint8).reshape(3, 2, 2, 3)
    assert archive.enter(np.float32([[0.2, 0.7, 0.1], [0.3, 0.3, 0.4]]), pictures[:2], ["a", "b"]) == [0, 1, 2]
    assert archive.genomes == ["b", "a", "b"]
    assert archive.contenders(np.float32([[0.3, 0.6, np.nan]])) == [], "as good is not better, and NaN is nothing"
    handed_out = archive.pictures
    assert archive.enter(np.float32([[0.9, 0.1, 0.0]]), pictures[2:], ["c"]) == [0]
    assert archive.genomes == ["c", "a", "b"]
    assert np.allclose(archive.confidence, [0.9, 0.7, 0.4])
    assert np.array_equal(handed_out, pictures[[1, 0, 1]])
    assert np.array_equal(archive.pictures, pictures[[2, 0, 1]])


@pytest.mark.parametrize(
    ("classes", "size"), [(1000, (64, 64)), (200, (64, 64)), (10, (28, 28)), (7, (60, 300)), (1, (8, 8))]
)
def test_the_grid_shows_every_tile_and_stays_of_moderate_size(classes, size):
    grid = ArchivePicture(classes, size)
    values = 40 + np.arange(classes) % 200
    pictures = np.broadcast_to(values[:, None, None, None], (classes, *size, 3)).astype(np.uint8)
    grid.change(range(classes), pictures, np.full(classes, 0.5, np.float32))
    image = grid.image
    assert image.shape[1] <= 1800
    seen = {int(level) for level in np.unique(image[..., 0][(image == image[..., :1]).all(2)])}
    assert seen >= set(values.tolist())
    grid.change([0], np.full((1, *size, 3), 255, np.uint8), np.ones(classes, np.float32))
    changed = (grid.image != image).any(2)
    assert 0 < changed.mean() < 1.2 / classes
    assert grid.image is grid.image
