"""Grad-CAM and guided Grad-CAM: which places of a layer speak for a class (Selvaraju et al. 2017).

"Grad-CAM: visual explanations from deep networks via gradient-based localization".
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from deepvis.backend.methods.differentiation import DifferentiablePass, differentiable_pass, gradient_between
from deepvis.backend.methods.saliency import target_gradient
from deepvis.backend.network import Image, Network, Target
from deepvis.backend.rules import RuleSwitch
from deepvis.messages import FloatArray, Layer


def grad_cam(net: Network, image: Image, target: Target = None, layer: str | None = None) -> FloatArray:
    """Where in the picture a layer sees what speaks for a class.

    ReLU of the sum over channels of mean(d logit / d channel) · channel, enlarged bilinearly.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    target : class index, label, or None for the network's own top class. The score is its logit.
    layer : a layer with maps, or None for the last convolutional one (:func:`last_convolutional`).

    Returns
    -------
    float32 (h, w) >= 0 at the input's size. All zero: nothing in this layer speaks for the class.

    Raises
    ------
    KeyError : no such layer or label. ValueError : a layer without maps, a target out of range, not a picture.
    NetworkError : the network fails, gives no gradients, or the score does not depend on the layer.

    Notes
    -----
    Paper: Selvaraju et al. 2017. Call it from the thread that uses the network.
    """
    found = check_maps(net, layer)
    done = differentiable_pass(net, net.preprocess(image), (found.name,))
    assert done.logits is not None
    index = net.target_index(target, done.logits[0].detach().float())
    result: FloatArray = grad_cam_tensor(done, found.name, index)[0].cpu().numpy()
    return result


def guided_grad_cam(net: Network, image: Image, target: Target = None, layer: str | None = None) -> FloatArray:
    """Grad-CAM times guided back-projection of the class's logit: fine detail where the class is seen.

    Parameters and errors as :func:`grad_cam`. One forward pass serves both factors.

    Returns
    -------
    float32 (c, h, w) in the network's input space, signed.
    """
    found = check_maps(net, layer)
    done = differentiable_pass(net, net.preprocess(image), (found.name,), RuleSwitch("gradient"))
    assert done.logits is not None
    index = net.target_index(target, done.logits[0].detach().float())
    result: FloatArray = guided_grad_cam_tensor(done, found.name, index)[0].cpu().numpy()
    return result


def grad_cam_tensor(done: DifferentiablePass, layer: str, target: int, *, keep: bool = False) -> torch.Tensor:
    """Grad-CAM from a pass that captured ``layer``: float32 (N, h, w) >= 0 at the input's size."""
    assert done.logits is not None, "the pass was stopped before its logits"
    seed = torch.zeros_like(done.logits)
    seed[:, target] = 1
    gradient = gradient_between(done, done.logits, done.raw[layer], seed, f"the score of class {target}", keep=keep)
    if gradient is None:
        # Distinct from a gradient of zero: there is no way at all from this layer to the scores.
        raise ValueError(
            f"the scores of network {done.net.name!r} do not depend on layer {layer!r}; choose a layer on the way to "
            "the class scores for Grad-CAM"
        )
    gradient = done.net.arrange(gradient, layer).to(torch.float32)
    activation = done.activations[layer].detach().to(torch.float32)
    weights = gradient.mean((2, 3), keepdim=True)
    coarse = (weights * activation).sum(1, keepdim=True).relu()
    return F.interpolate(coarse, done.x.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def guided_grad_cam_tensor(done: DifferentiablePass, layer: str, target: int, *, keep: bool = False) -> torch.Tensor:
    """Guided Grad-CAM, float32 (N, c, h, w), from a pass that was made under a RuleSwitch and captured ``layer``.

    The switch is back in its position afterwards.
    """
    before = done.switch.rule
    try:
        done.switch.rule = "gradient"
        places = grad_cam_tensor(done, layer, target, keep=True)
        done.switch.rule = "guided"
        return target_gradient(done, target, keep=keep) * places[:, None]
    finally:
        done.switch.rule = before


def last_convolutional(net: Network) -> Layer:
    """The last layer whose maps are made by convolution.

    That is the last convolution, or the sum or concatenation that comes after it in a network of residual or dense
    blocks (the last convolution of a residual block alone would leave the skip path out).

    Raises ValueError for a network without such a layer.
    """
    for layer in reversed(net.layers):
        if layer.kind in ("conv", "add", "cat") and layer.size is not None:
            return layer
    raise ValueError(f"network {net.name!r} has no convolution with maps, so there is no layer for Grad-CAM")


def check_maps(net: Network, layer: str | None) -> Layer:
    """The layer to use for Grad-CAM. Raises ValueError for one without maps."""
    if layer is None:
        return last_convolutional(net)
    found = net.layer(layer)
    if found.size is None:
        raise ValueError(
            f"Grad-CAM needs a layer with maps, but layer {layer!r} is a vector of {found.channels}; "
            f"the last convolutional layer is {last_convolutional(net).name!r}"
        )
    return found
