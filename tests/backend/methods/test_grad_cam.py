"""Grad-CAM and guided Grad-CAM equal captum's."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from deepvis import methods
from deepvis.backend.methods.grad_cam import last_convolutional
from deepvis.backend.network import Network


@pytest.fixture(scope="module")
def resnet() -> Network:
    torch.manual_seed(0)
    module = torchvision.models.resnet18(num_classes=12).eval()
    return Network(module, input_size=(64, 96), name="resnet18")


def without_in_place(module: nn.Module) -> nn.Module:
    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    return module


@pytest.mark.parametrize("layer", ["layer3", "layer4.0.conv1", "layer4"])
def test_grad_cam_equals_captums(layer, resnet, image, close):
    x = resnet.preprocess(image)
    method = captum.attr.LayerGradCam(resnet.module, resnet.module.get_submodule(layer))
    coarse = {target: method.attribute(x, target=target, relu_attributions=True) for target in range(12)}
    spoken_for = [target for target in coarse if coarse[target].any()]
    assert spoken_for
    for target in spoken_for[:2]:
        expected = captum.attr.LayerAttribution.interpolate(coarse[target], (64, 96), "bilinear")[0, 0].detach()
        close(methods.grad_cam(resnet, image, target, layer), expected.numpy())


def test_guided_grad_cam_equals_captums(image, close):
    torch.manual_seed(1)
    module = torchvision.models.resnet18(num_classes=12).eval()
    net = Network(module, input_size=(64, 64))
    x = net.preprocess(image)
    found = methods.guided_grad_cam(net, image, 5, "layer3")
    without_in_place(module)
    method = captum.attr.GuidedGradCam(module, module.layer3)
    expected = method.attribute(x.requires_grad_(), target=5, interpolate_mode="bilinear")[0].detach()
    close(found, expected.numpy())


def test_a_layer_that_is_overwritten_in_place_still_lies_on_the_way_to_the_class(close):
    torch.manual_seed(2)
    head = [nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
    conv = nn.Conv2d(3, 4, 3)
    x = torch.randn(1, 3, 12, 12)
    maps = [
        methods.grad_cam(Network(nn.Sequential(conv, nn.ReLU(inplace=inplace), *head), input_size=(12, 12)), x, 1, "0")
        for inplace in (True, False)
    ]
    close(*maps)


def test_the_layer_is_the_last_convolutional_one_unless_one_is_named(tiny, resnet, image, close):
    assert last_convolutional(tiny).name == "conv7"
    assert last_convolutional(resnet).name == "layer4.1.add"
    close(methods.grad_cam(tiny, image), methods.grad_cam(tiny, image, None, "conv7"))


def test_the_map_covers_the_input_and_has_no_negative_values(tiny, image):
    found = methods.grad_cam(tiny, image)
    assert found.shape == (48, 64)
    assert found.dtype == np.float32
    assert found.min() >= 0 < found.max()


def test_a_layer_without_maps_is_refused_and_a_better_one_is_named(tiny, image):
    with pytest.raises(ValueError, match=r"needs a layer with maps.*'fc'.*'conv7'"):
        methods.grad_cam(tiny, image, 0, "fc")


def test_a_network_without_convolutions_is_refused(image):
    net = Network(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), input_size=(8, 8), name="flat")
    with pytest.raises(ValueError, match="'flat' has no convolution"):
        methods.grad_cam(net, image)


def test_a_layer_that_the_scores_do_not_depend_on_is_refused(image):
    class Side(nn.Module):
        def __init__(self):
            super().__init__()
            self.main, self.side = nn.Conv2d(3, 2, 3), nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return {"logits": self.main(x).mean((2, 3)), "features": self.side(x)}

    with pytest.raises(ValueError, match="do not depend on layer 'side'"):
        methods.grad_cam(Network(Side(), input_size=(8, 8)), image, 0, "side")


def test_unknown_layers_and_targets_are_named_with_the_nearest(tiny, image):
    with pytest.raises(KeyError, match="conv7"):
        methods.grad_cam(tiny, image, 0, "conv77")
    with pytest.raises(ValueError, match="classes 0 to 9"):
        methods.grad_cam(tiny, image, 10)
