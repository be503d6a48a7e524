"""A method leaves the network exactly as it was: no hook, no mode, no gradient, also when it raises."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack

from deepvis import methods
from deepvis.backend.network import Network, NetworkError

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

CALLS = {
    "activations": lambda net, image: methods.activations(net, image, "conv3"),
    "backproject": lambda net, image: methods.backproject(net, image, "conv3", 1, "guided"),
    "saliency": lambda net, image: methods.saliency(net, image),
    "smoothgrad": lambda net, image: methods.smoothgrad(net, image, samples=2),
    "integrated_gradients": lambda net, image: methods.integrated_gradients(net, image, steps=2),
    "grad_cam": lambda net, image: methods.grad_cam(net, image),
    "guided_grad_cam": lambda net, image: methods.guided_grad_cam(net, image),
    "occlusion": lambda net, image: methods.occlusion(net, image, patch=24, stride=24),
    "filters": lambda net, image: methods.filters(net, "conv3"),
}


def state(module: nn.Module) -> dict:
    return {
        "training": [part.training for part in module.modules()],
        "hooks": [len(getattr(part, name)) for part in module.modules() for name in HOOKS],
        "requires_grad": [parameter.requires_grad for parameter in module.parameters()],
        "grad": [parameter.grad is None for parameter in module.parameters()],
        "attributes": [sorted(vars(part)) for part in module.modules()],
        "types": [type(part) for part in module.modules()],
        "methods": [type(part).forward for part in module.modules()],
    }


def assert_as_before(module, before, weights):
    assert state(module) == before
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    assert not _get_current_function_mode_stack()
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


@pytest.fixture
def mixed(tiny) -> Network:
    """Partly frozen and partly in evaluation mode, as in the middle of fine-tuning."""
    tiny.module.conv1.eval()
    tiny.module.conv2.weight.requires_grad_(False)
    return tiny


@pytest.mark.parametrize("name", CALLS)
def test_after_success(name, mixed, image):
    before, weights = state(mixed.module), copy.deepcopy(mixed.module.state_dict())
    CALLS[name](mixed, image)
    assert_as_before(mixed.module, before, weights)


class Bomb(nn.Module):
    """Raises once it is armed."""

    armed = False

    def forward(self, x):
        if self.armed:
            raise RuntimeError("the network broke down")
        return x


@pytest.mark.parametrize("name", [name for name in CALLS if name != "filters"])
def test_after_the_network_raised(name, mixed, image):
    if name in ("activations", "backproject"):
        mixed.module.relu2 = Bomb()
    else:
        mixed.module.relu6 = Bomb()
    assert mixed.layers
    before, weights = state(mixed.module), copy.deepcopy(mixed.module.state_dict())
    Bomb.armed = True
    try:
        with pytest.raises(NetworkError, match="the network broke down"):
            CALLS[name](mixed, image)
    finally:
        Bomb.armed = False
    assert_as_before(mixed.module, before, weights)


class BackwardBomb(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("the way back broke down")


class BrokenBackward(nn.Module):
    def forward(self, x):
        return BackwardBomb.apply(x)


@pytest.mark.parametrize("name", ["backproject", "saliency", "grad_cam", "guided_grad_cam", "smoothgrad"])
def test_after_the_backward_pass_raised(name, mixed, image):
    mixed.module.relu2 = BrokenBackward()
    if "grad_cam" in name:
        mixed.module.relu7 = BrokenBackward()
    before, weights = state(mixed.module), copy.deepcopy(mixed.module.state_dict())
    with pytest.raises(NetworkError, match="the way back broke down"):
        CALLS[name](mixed, image)
    assert_as_before(mixed.module, before, weights)


def test_repeated_calls_do_not_slow_the_network_down_with_hooks(mixed, image):
    for _ in range(5):
        methods.backproject(mixed, image, "conv3", 1)
    assert not any(getattr(part, name) for part in mixed.module.modules() for name in HOOKS)


def test_the_gradients_that_training_has_gathered_are_kept(mixed, image):
    mixed.module(mixed.preprocess(image)).sum().backward()
    kept = mixed.module.conv5.weight.grad.clone()
    methods.saliency(mixed, image)
    methods.backproject(mixed, image, "conv6", 1)
    assert torch.equal(mixed.module.conv5.weight.grad, kept)
