"""Saliency, SmoothGrad and Integrated Gradients equal captum's, and say what is wrong with their options."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
import torchvision

from deepvis import methods
from deepvis.backend.network import Network


@pytest.fixture(scope="module")
def resnet() -> Network:
    torch.manual_seed(0)
    return Network(torchvision.models.resnet18(num_classes=12).eval(), input_size=(48, 48), name="resnet18")


def test_saliency_equals_captums(resnet, image, close):
    x = resnet.preprocess(image)
    expected = captum.attr.Saliency(resnet.module).attribute(x.clone().requires_grad_(), target=7)[0].amax(0)
    close(methods.saliency(resnet, image, 7), expected.numpy())


def test_the_target_is_the_top_class_unless_one_is_named(tiny, image, close):
    top = int(tiny.logits(image).argmax())
    other = (top + 1) % 10
    close(methods.saliency(tiny, image), methods.saliency(tiny, image, top))
    close(methods.saliency(tiny, image, f"LABEL {other}"), methods.saliency(tiny, image, other))
    assert np.abs(methods.saliency(tiny, image, other) - methods.saliency(tiny, image)).max() > 0


def test_integrated_gradients_equal_captums(resnet, image, close):
    x = resnet.preprocess(image)
    black = resnet.preprocessing.normalise(torch.zeros_like(x))
    for baseline, start in (("black", black), ("grey", torch.zeros_like(x))):
        expected = captum.attr.IntegratedGradients(resnet.module).attribute(
            x, start, target=3, n_steps=12, method="gausslegendre"
        )
        found = methods.integrated_gradients(resnet, image, 3, steps=12, baseline=baseline)
        close(found, expected[0].numpy())
        close(
            methods.saliency(resnet, image, 3, "integrated_gradients", steps=12, baseline=baseline),
            expected[0].sum(0).abs().numpy(),
        )


def test_integrated_gradients_add_up_to_the_difference_of_the_scores(tiny, image):
    black = np.zeros_like(image)
    difference = tiny.logits(image)[4] - tiny.logits(black)[4]
    found = methods.integrated_gradients(tiny, image, 4, steps=300)
    assert found.sum() == pytest.approx(difference, rel=0.02)


def test_smoothgrad_is_the_mean_gradient_over_the_noise_of_its_seed(tiny, image, close):
    x = tiny.preprocess(image)
    generator = torch.Generator().manual_seed(5)
    total = torch.zeros_like(x)
    tiny.module.eval()
    for _ in range(7):
        noisy = x + 0.2 * float(x.max() - x.min()) * torch.randn(x.shape[1:], generator=generator)
        noisy.requires_grad_()
        total += torch.autograd.grad(tiny.module(noisy)[0, 2], noisy)[0]
    expected = (total / 7)[0].abs().amax(0).numpy()
    close(methods.smoothgrad(tiny, image, 2, samples=7, noise=0.2, seed=5), expected)
    close(methods.saliency(tiny, image, 2, "smoothgrad", samples=7, noise=0.2, seed=5), expected)


def test_smoothgrad_repeats_with_its_seed_and_differs_with_another(tiny, image):
    first, second = (methods.saliency(tiny, image, 1, "smoothgrad", samples=3, seed=11) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, methods.saliency(tiny, image, 1, "smoothgrad", samples=3, seed=12))


def test_smoothgrad_without_noise_is_the_saliency(tiny, image, close):
    close(methods.smoothgrad(tiny, image, 1, samples=2, noise=0.0), methods.saliency(tiny, image, 1))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"target": 10}, ValueError, "classes 0 to 9"),
        ({"target": -1}, ValueError, "classes 0 to 9"),
        ({"target": "label 77"}, KeyError, "label 7"),
        ({"method": "smoothgard"}, ValueError, "smoothgrad"),
        ({"method": "smoothgrad", "samples": 0}, ValueError, "at least 1"),
        ({"method": "smoothgrad", "noise": -0.1}, ValueError, "0 to 10"),
        ({"method": "integrated_gradients", "steps": 0}, ValueError, "at least 1"),
        ({"method": "integrated_gradients", "baseline": "white"}, ValueError, "'black' or 'grey'"),
    ],
)
def test_what_is_out_of_range_is_named_with_the_range(options, error, said, tiny, image):
    with pytest.raises(error, match=said):
        methods.saliency(tiny, image, **options)


@pytest.mark.parametrize(
    "picture", [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5, 3)), "cat.png", torch.zeros(3, 8, 8)]
)
def test_what_is_no_picture_is_refused(picture, tiny):
    with pytest.raises(ValueError, match=r"image|input"):
        methods.saliency(tiny, picture)
