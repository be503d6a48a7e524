"""Saliency: how much each pixel would change the score of a class (Simonyan, Vedaldi & Zisserman 2013).

"Deep inside convolutional networks: visualising image classification models and saliency maps".
"""

from __future__ import annotations

from typing import Literal, get_args

import torch

from deepvis.backend.methods.differentiation import DifferentiablePass, differentiable_pass, input_gradient
from deepvis.backend.methods.integrated_gradients import Baseline, integrated_gradients
from deepvis.backend.methods.smoothgrad import smoothgrad
from deepvis.backend.network import Image, Network, Target
from deepvis.messages import FloatArray

SaliencyMethod = Literal["gradient", "smoothgrad", "integrated_gradients"]
SALIENCY_METHODS: tuple[SaliencyMethod, ...] = get_args(SaliencyMethod)


def saliency(
    net: Network,
    image: Image,
    target: Target = None,
    method: SaliencyMethod = "gradient",
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    steps: int = 50,
    baseline: Baseline = "black",
) -> FloatArray:
    """How much each pixel matters to the score of one class.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    target : class index, label, or None for the network's own top class. The score is its logit.
    method : ``gradient``: max over channels of |d logit / d input|. ``smoothgrad``: the same of the mean gradient over
        ``samples`` noisy copies (see :func:`smoothgrad`; ``samples``, ``noise``, ``seed``). ``integrated_gradients``:
        the magnitude of the attribution of each pixel (see :func:`integrated_gradients`; ``steps``, ``baseline``),
        summed over channels.

    Returns
    -------
    float32 (h, w) >= 0 at the network's input size, in logit per unit of normalised input (``integrated_gradients``: in
    logits).

    Raises
    ------
    ValueError, KeyError : a target or an option out of range, or not a picture.
    NetworkError : the network fails or gives no gradients.

    Notes
    -----
    Papers: Simonyan et al. 2013; Smilkov et al. 2017; Sundararajan et al. 2017. Call it from the thread that uses the
    network.
    """
    result: FloatArray
    if method == "smoothgrad":
        return smoothgrad(net, image, target, samples=samples, noise=noise, seed=seed)
    if method == "integrated_gradients":
        result = abs(integrated_gradients(net, image, target, steps=steps, baseline=baseline).sum(0))
        return result
    if method != "gradient":
        raise ValueError(f"method {method!r} is unknown: it is one of {', '.join(map(repr, SALIENCY_METHODS))}")
    done = differentiable_pass(net, net.preprocess(image))
    assert done.logits is not None
    index = net.target_index(target, done.logits[0].detach().float())
    result = saliency_tensor(done, index)[0].cpu().numpy()
    return result


def target_gradient(done: DifferentiablePass, target: int, *, keep: bool = False) -> torch.Tensor:
    """d logit / d input of one class, float32 (N, c, h, w), by the rule of the pass's switch."""
    assert done.logits is not None, "the pass was stopped before its logits"
    seed = torch.zeros_like(done.logits)
    seed[:, target] = 1
    return input_gradient(done, done.logits, seed, f"the score of class {target}", keep=keep)


def saliency_tensor(done: DifferentiablePass, target: int, *, keep: bool = False) -> torch.Tensor:
    """Saliency from a pass: float32 (N, h, w) >= 0. ``keep`` keeps the graph for another backward pass."""
    return target_gradient(done, target, keep=keep).abs().amax(1)
