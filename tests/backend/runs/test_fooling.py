"""Fooling a network: what every attack keeps to, and the two that search (ascent, L-BFGS)."""

from __future__ import annotations

import copy
import io
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import deepvis
from deepvis.backend.network import Network
from deepvis.backend.runs import Fooling
from deepvis.messages import Prediction, RunUpdate
from deepvis.options import option_values

METHODS = ("ascent", "fgsm", "ifgsm", "pgd", "pgd_l2", "lbfgs", "patch")
FIGURES = {"probability", "original_probability", "loss", "l0", "l2", "linf", "psnr"}


def picture() -> np.ndarray:
    """Smooth coloured noise, uint8 (24, 32, 3)."""
    coarse = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(3))
    fine = nn.functional.interpolate(coarse, (24, 32), mode="bicubic").clamp(0, 1)[0]
    return (fine.permute(1, 2, 0) * 255).to(torch.uint8).numpy()


def network(channels: int = 3, size: tuple[int, int] = (24, 32)) -> Network:
    """Random weights, in training mode as a person might leave it; of the picture it says class 0, then 1, then 2 …"""
    torch.manual_seed(1)
    last = nn.Linear(48, 10)
    module = nn.Sequential(
        nn.Conv2d(channels, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 12, 3, 1, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), last,
    )  # fmt: skip
    labels = [f"label {n}" for n in range(10)]
    net = Network(module.train(), size, (0.5,) * channels, (0.25,) * channels, labels, "small")
    with torch.no_grad():
        last.weight *= 8
        last.bias += torch.linspace(0.9, 0.0, 10) - torch.from_numpy(net.logits(picture()))
    return net


@pytest.fixture
def net() -> Network:
    return network()


@pytest.fixture
def image() -> np.ndarray:
    """Exactly what the network sees."""
    return picture()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Two pictures to train a sticker on, smaller than the sample photographs."""
    for number, colour in enumerate([(120, 90, 90), (90, 90, 120)]):
        Image.new("RGB", (50, 40), colour).save(tmp_path / f"{number}.png")
    return str(tmp_path)


def finish(run: Fooling, net: Network, image: np.ndarray | torch.Tensor) -> RunUpdate:
    return list(run.steps(net, image))[-1]


def other(net: Network, image: np.ndarray, place: int = 1) -> int:
    """The class that is ``place`` places below the one that the network says."""
    return int(np.argsort(-net.logits(image))[place])


def opened(update: RunUpdate) -> np.ndarray:
    """The picture after it was written to a PNG file and read again."""
    file = io.BytesIO()
    Image.fromarray(update.image).save(file, "PNG")
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("method", ["ascent", "ifgsm", "pgd", "pgd_l2", "lbfgs"])
def test_the_saved_picture_is_given_the_target(net, image, method):
    target = other(net, image)
    last = finish(Fooling(method=method, target=target), net, image)
    assert last.result.facts["success"]
    assert net.classify(opened(last), 1)[0][0] == net.labels[target] == last.result.facts["label_after"]
    assert last.metrics["probability"] == pytest.approx(net.classify(opened(last), 1)[0][1], abs=1e-6)


@pytest.mark.parametrize("method", ["ascent", "fgsm", "ifgsm", "pgd", "pgd_l2", "lbfgs"])
def test_without_a_target_the_picture_leaves_its_class(net, image, method):
    own = net.classify(image, 1)[0][0]
    last = finish(Fooling(method=method), net, image)
    assert last.result.facts["success"]
    assert last.result.facts["label_before"] == own != net.classify(opened(last), 1)[0][0]


def test_an_attack_that_fails_says_so(net, image):
    target = other(net, image, 9)
    last = finish(Fooling(method="fgsm", target=target, epsilon=1 / 255), net, image)
    assert not last.result.facts["success"]
    assert net.classify(opened(last), 1)[0][0] != net.labels[target]


@pytest.mark.parametrize("method", METHODS)
def test_every_update_has_the_same_figures_and_pictures(net, image, method, folder):
    target = other(net, image, 3)
    options = {"iterations": 6, "area": 0.2, "folder": folder}
    updates = list(Fooling(method=method, target=target, **options).steps(net, image))
    assert len({frozenset(update.metrics) for update in updates}) == 1
    assert set(updates[0].metrics) >= FIGURES
    assert [update.result is None for update in updates] == [True] * (len(updates) - 1) + [False]
    for update in updates:
        pictures = update.detail["pictures"]
        assert {p.shape for p in pictures.values()} == {(24, 32, 3)}
        np.testing.assert_array_equal(pictures["before"], image)
        assert all(np.isfinite(value) for value in update.metrics.values())
        for bars in update.detail["bars"].values():
            assert len(bars) == 5
            assert all(isinstance(bar, Prediction) for bar in bars)
            assert {int(net.logits(image).argmax()), target} <= {bar.index for bar in bars}
            assert [bar.probability for bar in bars] == sorted((bar.probability for bar in bars), reverse=True)
    result = updates[-1].result
    assert result.run == "fooling"
    assert result.network_hash == net.hash
    assert Fooling(**result.options) == Fooling(method=method, target=target, **options)


@pytest.mark.parametrize("method", ["fgsm", "ifgsm", "pgd"])
@pytest.mark.parametrize("epsilon", [1 / 255, 0.0299])
def test_no_value_moves_further_than_epsilon_once_it_is_rounded(net, image, method, epsilon):
    last = finish(Fooling(method=method, target=other(net, image, 5), epsilon=epsilon, seed=2), net, image)
    moved = np.abs(last.image.astype(int) - image)
    assert 0 < moved.max() <= epsilon * 255 + 1e-6
    assert last.metrics["linf"] == pytest.approx(moved.max() / 255)


@pytest.mark.parametrize("epsilon", [0.05, 0.3])
def test_the_l2_bound_holds_once_the_picture_is_rounded(net, image, epsilon):
    last = finish(Fooling(method="pgd_l2", target=other(net, image, 5), epsilon=epsilon), net, image)
    moved = (last.image.astype(float) - image) / 255
    assert 0 < np.sqrt((moved**2).sum()) <= epsilon * (1 + 1e-6)


def test_ascent_goes_up_the_logit_by_steps_of_the_given_length(net, image):
    target = other(net, image, 5)
    last = finish(Fooling(method="ascent", target=target, iterations=1, step_size=0.01), net, image)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float().div(255).requires_grad_()
    module = copy.deepcopy(net.module).eval()
    (slope,) = torch.autograd.grad(module((pixels - 0.5) / 0.25)[0, target], pixels)
    expected = (pixels + 0.01 * slope / slope.norm()).clamp(0, 1).detach()[0]
    np.testing.assert_allclose(last.result.arrays["pixels"], expected, atol=1e-6)


def test_lbfgs_finds_a_smaller_change_than_pgd(net, image):
    target = other(net, image, 4)
    small = finish(Fooling(method="lbfgs", target=target), net, image)
    large = finish(Fooling(method="pgd", target=target, until_reached=True), net, image)
    assert small.result.facts["success"]
    assert large.result.facts["success"]
    assert 0 < small.metrics["l2"] < large.metrics["l2"]


def test_a_sharper_loss_gives_lbfgs_a_smaller_change(net, image):
    target = other(net, image, 4)
    paper, sharp = (finish(Fooling(method="lbfgs", target=target, sharpness=s), net, image) for s in (1.0, 10.0))
    assert sharp.result.facts["success"]
    assert sharp.metrics["l2"] < paper.metrics["l2"]


def test_lbfgs_minimises_the_papers_objective(net, image):
    """Its first search ends where scipy, called the plain way, ends."""
    from scipy.optimize import minimize

    target = other(net, image, 4)
    origin = image.transpose(2, 0, 1).astype(np.float64).ravel() / 255
    module = copy.deepcopy(net.module).eval()

    def objective(change: np.ndarray) -> tuple[float, np.ndarray]:
        pixels = torch.from_numpy((origin + change).astype(np.float32)).view(1, 3, 24, 32).requires_grad_()
        loss = nn.functional.cross_entropy(module((pixels - 0.5) / 0.25), torch.tensor([target]))
        (slope,) = torch.autograd.grad(loss, pixels)
        norm = float(np.linalg.norm(change))
        value = float(loss.detach()) + 2.0 * norm
        return value, slope.numpy().ravel().astype(np.float64) + (2.0 * change / norm if norm else 0.0)

    bounds = list(zip(-origin, 1 - origin, strict=True))
    options = {"maxiter": 30, "ftol": 1e-3, "maxcor": 5}
    found = minimize(objective, np.zeros_like(origin), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    expected = np.rint((origin + found.x).clip(0, 1) * 255).reshape(3, 24, 32).transpose(1, 2, 0)
    # The picture that was judged after the first search is the update that follows scipy's last evaluation.
    updates = Fooling(method="lbfgs", target=target, sharpness=1.0).steps(net, image)
    pictures = [next(updates).image for _ in range(found.nfev + 1)]
    updates.close()
    np.testing.assert_array_equal(pictures[-1], expected.astype(np.uint8))


def test_cancelling_lbfgs_in_the_middle_leaves_no_thread(net, image):
    before = set(threading.enumerate())
    updates = Fooling(method="lbfgs", target=other(net, image)).steps(net, image)
    next(updates), next(updates)
    updates.close()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("method", ["pgd", "pgd_l2", "patch"])
def test_the_same_seed_gives_the_same_picture_and_another_seed_another(net, image, method, folder):
    target = other(net, image, 2)
    first, again, differs = (
        finish(Fooling(method=method, target=target, iterations=3, seed=seed, folder=folder), net, image).image
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != differs).any()


@pytest.mark.parametrize("method", ["ascent", "ifgsm", "pgd", "pgd_l2", "patch"])
def test_more_steps_go_on_from_where_the_run_stands(net, image, method, folder):
    """Six steps, and two continued by four, end at the same picture."""
    target = other(net, image, 9)
    options = {"method": method, "target": target, "step_size": 1e-3, "folder": folder}
    whole = finish(Fooling(**options, iterations=6), net, image)
    updates = Fooling(**options, iterations=2).steps(net, image)
    update = next(updates)
    while update.result is None:
        update = next(updates)
    assert update.more > 0
    update = updates.send(4)
    while update.result is None:
        update = next(updates)
    if method == "patch":
        # The trials in between take random places as well, so that the course is another.
        assert update.step > 6
        assert update.result.facts["trials"] >= 128
    else:
        assert update.step == update.total == 6
        np.testing.assert_array_equal(update.result.arrays["pixels"], whole.result.arrays["pixels"])
    with pytest.raises(StopIteration):
        next(updates)


def test_lbfgs_goes_on_in_the_middle_of_its_search(net, image):
    target = other(net, image, 4)
    whole = finish(Fooling(method="lbfgs", target=target), net, image)
    updates = Fooling(method="lbfgs", target=target, iterations=5).steps(net, image)
    update = [next(updates) for _ in range(5)][-1]
    assert update.result is not None
    assert update.more > 0
    update = updates.send(145)
    while update.result is None:
        update = next(updates)
    np.testing.assert_array_equal(update.image, whole.image)
    assert update.step == whole.step
    assert update.more == 0


def test_fgsm_cannot_be_continued(net, image):
    assert finish(Fooling(method="fgsm", target=other(net, image)), net, image).more == 0


def test_a_run_that_shall_end_when_it_is_done_ends_early(net, image):
    target = other(net, image)
    last = finish(Fooling(method="pgd", target=target, until_reached=True), net, image)
    assert last.result.facts["success"]
    assert last.step == last.total < 40
    # With all its state kept, it goes further beyond the goal.
    updates = Fooling(method="pgd", target=target, until_reached=True).steps(net, image)
    for update in updates:
        if update.result is not None:
            break
    reached = update.metrics["probability"]
    update = updates.send(8)
    while update.result is None:
        update = next(updates)
    assert update.metrics["probability"] > reached


@pytest.mark.parametrize("method", METHODS)
def test_a_target_that_is_the_present_class_is_refused_with_another(net, image, method):
    own, second = (name for name, _ in net.classify(image, 2))
    with pytest.raises(ValueError, match=f"says '{own}' of this picture already; choose another.*'{second}'"):
        next(Fooling(method=method, target=own).steps(net, image))


def test_away_from_a_class_that_the_network_does_not_say_is_refused(net, image):
    own = net.classify(image, 1)[0][0]
    assert finish(Fooling(method="fgsm", target=own, targeted=False), net, image).result.facts["success"]
    with pytest.raises(ValueError, match=f"does not say .* but '{own}'"):
        next(Fooling(target=other(net, image), targeted=False).steps(net, image))


def test_options_are_checked_when_they_are_given():
    with pytest.raises(ValueError, match="method 'pdg' is unknown.*did you mean 'pgd'"):
        Fooling(method="pdg")
    with pytest.raises(ValueError, match="epsilon"):
        Fooling(epsilon=0.5 / 255)
    with pytest.raises(ValueError, match=r"epsilon 2.0 is out of range: for pgd it is 1/255 to 1"):
        Fooling(epsilon=2.0)
    assert Fooling(method="pgd_l2", epsilon=2.0).epsilon == 2.0
    assert option_values(Fooling(target="cliff"))["target"] == "cliff"


class Saturated(nn.Module):
    """Answers the same whatever it is shown."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        constant = torch.tensor([3.0, 1.0, 0.0], device=x.device)
        return constant + torch.relu(-x.abs().flatten(1)).sum(1, keepdim=True) * 0


@pytest.mark.parametrize("method", ["ascent", "fgsm", "ifgsm", "pgd", "pgd_l2", "lbfgs", "patch"])
def test_a_gradient_of_zero_is_said_and_ends(image, method, folder):
    net = Network(Saturated(), (24, 32))
    updates = list(Fooling(method=method, target=1, iterations=6, folder=folder).steps(net, image))
    assert any("gradient was 0" in update.note for update in updates)
    assert updates[-1].result is not None
    assert not updates[-1].result.facts["success"]
    assert updates[-1].result.facts["restarts"] > 0


def test_a_network_that_answers_with_nan_is_refused(image):
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 32, 3))
    nn.init.constant_(module[1].bias, float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        next(Fooling().steps(Network(module, (24, 32)), image))


@pytest.mark.parametrize("method", METHODS)
def test_grey_networks_are_fooled_too(image, method, folder):
    net = network(channels=1, size=(20, 28))
    steps = 80 if method == "lbfgs" else 12
    last = finish(Fooling(method=method, target=other(net, image), iterations=steps, folder=folder), net, image)
    pictures = last.detail["pictures"]
    assert pictures["after"].shape == (20, 28, 3)
    assert (pictures["after"][..., 0] == pictures["after"][..., 2]).all()
    assert (pictures["after"] != pictures["before"]).any()


def test_another_input_size_is_taken_from_the_option_and_from_a_tensor(image):
    net = deepvis.load("tinynet")
    by_size = finish(Fooling(method="ifgsm", target="cliff", size=48, iterations=2), net, image)
    assert by_size.image.shape == (48, 48, 3)
    by_tensor = finish(Fooling(method="ifgsm", target="cliff", iterations=2), net, net.preprocess(image, size=(48, 48)))
    np.testing.assert_array_equal(by_size.image, by_tensor.image)
    with pytest.raises(ValueError, match="leave out size"):
        next(Fooling(size=64).steps(net, net.preprocess(image)))


def test_a_size_that_the_network_does_not_take_is_refused_with_its_own(image):
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 32, 3))
    with pytest.raises(ValueError, match=r"cannot be shown 48 × 64 px .*its own size is 24 × 32 px"):
        next(Fooling(size=48).steps(Network(module, (24, 32)), image))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_stays_on_the_network(net, image, method, folder):
    before = [value.clone() for value in net.module.state_dict().values()]
    updates = Fooling(method=method, target=other(net, image), iterations=4, folder=folder).steps(net, image)
    for _ in range(3):
        # Between steps as at the end: the engine shows live frames in between.
        update = next(updates, None)
        assert net.module.training
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.module.modules())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in net.module.parameters())
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        if update is None:
            break
    updates.close()
    for old, new in zip(before, net.module.state_dict().values(), strict=True):
        assert torch.equal(old, new)
