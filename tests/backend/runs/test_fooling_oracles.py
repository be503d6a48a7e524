"""The attacks of bounded change against torchattacks, a few lines written apart, and pencil and paper."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from deepvis.backend.network import Network
from deepvis.backend.runs import Fooling

EPSILON, STEP, STEPS = 8 / 255, 2 / 255, 7
OPTIONS = {
    "fgsm": {"epsilon": EPSILON},
    "ifgsm": {"epsilon": EPSILON, "step_size": STEP, "iterations": STEPS},
    "pgd": {"epsilon": EPSILON, "step_size": STEP, "iterations": STEPS, "random_start": False},
    "pgd_l2": {"epsilon": 0.5, "step_size": 0.1, "iterations": STEPS, "random_start": False},
}


class InPixels(nn.Module):
    """A network with its normalisation inside, in evaluation mode."""

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.module = copy.deepcopy(net.module).eval()
        self.register_buffer("mean", torch.tensor(net.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(net.std)[:, None, None])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.module((pixels - self.mean) / self.std)


@pytest.fixture
def net() -> Network:
    torch.manual_seed(4)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 1, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
    return Network(module, (24, 32))


@pytest.fixture
def image() -> np.ndarray:
    """Noise with black and white in it, so that the limits of pixels matter; uint8 (24, 32, 3)."""
    noise = np.random.default_rng(0).normal(128, 120, (24, 32, 3))
    return noise.clip(0, 255).astype(np.uint8)


def pixels_of(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].contiguous().float() / 255


def attacked(net: Network, image: np.ndarray, method: str, target: int | None) -> np.ndarray:
    for update in Fooling(method=method, target=target, **OPTIONS[method]).steps(net, image):
        last = update
    return last.result.arrays["pixels"]


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("method", ["fgsm", "ifgsm", "pgd", "pgd_l2"])
def test_equal_to_torchattacks_without_random_start(net, image, method, targeted):
    torchattacks = pytest.importorskip("torchattacks", reason="torchattacks is not installed (its pins are too old)")
    model = InPixels(net)
    attack = {
        "fgsm": lambda: torchattacks.FGSM(model, eps=EPSILON),
        "ifgsm": lambda: torchattacks.BIM(model, eps=EPSILON, alpha=STEP, steps=STEPS),
        "pgd": lambda: torchattacks.PGD(model, eps=EPSILON, alpha=STEP, steps=STEPS, random_start=False),
        "pgd_l2": lambda: torchattacks.PGDL2(model, eps=0.5, alpha=0.1, steps=STEPS, random_start=False),
    }[method]()
    own = int(net.logits(image).argmax())
    target = (own + 3) % 10
    if targeted:
        attack.set_mode_targeted_by_label(quiet=True)
    expected = attack(pixels_of(image), torch.tensor([target if targeted else own]))[0].numpy()
    found = attacked(net, image, method, target if targeted else None)
    if method == "pgd_l2":
        np.testing.assert_allclose(found, expected, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)
    assert (found != pixels_of(image)[0].numpy()).any()


def reference(net: Network, image: np.ndarray, method: str, label: int, sign: float) -> np.ndarray:
    """The attacks in double precision, in the papers' words."""
    model = InPixels(net).double()
    origin = pixels_of(image).double()
    epsilon, step = OPTIONS[method]["epsilon"], OPTIONS[method].get("step_size", EPSILON)
    x = origin.clone()
    for _ in range(OPTIONS[method].get("iterations", 1)):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(sign * F.cross_entropy(model(x), torch.tensor([label])), x)
        if method == "pgd_l2":
            change = x.detach() + step * slope / slope.norm() - origin
            x = origin + change * min(1.0, epsilon / float(change.norm()))
        else:
            x = origin + (x.detach() + step * slope.sign() - origin).clamp(-epsilon, epsilon)
        x = x.clamp(0, 1)
    return x[0].detach().numpy()


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("method", ["fgsm", "ifgsm", "pgd", "pgd_l2"])
def test_equal_to_the_papers_formula(net, image, method, targeted):
    own = int(net.logits(image).argmax())
    target = (own + 3) % 10
    found = attacked(net, image, method, target if targeted else None)
    expected = reference(net, image, method, target if targeted else own, -1.0 if targeted else 1.0)
    # The sign of a slope that is nearly 0 may differ between single and double precision: nearly all must agree.
    assert np.mean(np.abs(found - expected) < 2e-6) > 0.995


def test_fgsm_on_a_linear_network_by_hand():
    """logits = W·x: the cross-entropy's slope is Wᵀ(p − 1_target), and only its sign matters."""
    weight = torch.tensor([[1.0, -2.0, 0.5, 0.0], [0.0, 1.0, -1.0, 2.0]])
    linear = nn.Linear(4, 2, bias=False)
    linear.weight.data = weight
    net = Network(nn.Sequential(nn.Flatten(), linear), (2, 2), 0.0, 1.0)
    image = np.array([[200, 10], [100, 20]], np.uint8)
    # In pixels of 255: logit 0 is 200 − 20 + 50 = 230, logit 1 is 10 − 100 + 40 = −50, so class 0 is said. Towards 1,
    # p − 1_target is (p0, −p0), the slope p0·(row 0 − row 1) = p0·(1, −3, 1.5, −2), and FGSM goes against its sign.
    for update in Fooling(method="fgsm", target=1, epsilon=12 / 255).steps(net, image):
        last = update
    np.testing.assert_array_equal(last.image[:, :, 0], [[188, 22], [88, 32]])
    assert last.metrics["l0"] == 4
    assert last.metrics["linf"] == pytest.approx(12 / 255)
    assert last.metrics["l2"] == pytest.approx(24 / 255)
    assert last.metrics["psnr"] == pytest.approx(20 * np.log10(255 / 12))
