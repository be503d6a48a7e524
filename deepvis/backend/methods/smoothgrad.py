"""SmoothGrad: the mean gradient over noisy copies of a picture (Smilkov et al. 2017).

"SmoothGrad: removing noise by adding noise".
"""

from __future__ import annotations

import torch

from deepvis.backend.methods.differentiation import differentiable_pass, input_gradient
from deepvis.backend.network import Image, Network, Target
from deepvis.messages import FloatArray

BATCH = 5
"""Noisy copies that go through the network at once."""


def smoothgrad(
    net: Network, image: Image, target: Target = None, *, samples: int = 25, noise: float = 0.15, seed: int = 0
) -> FloatArray:
    """Max over channels of the magnitude of the mean gradient over noisy copies of the picture.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    target : class index, label, or None for the top class of the picture without noise.
    samples : number of noisy copies, at least 1.
    noise : standard deviation of the Gaussian noise as a share of the input's range (the paper: 0.1 to 0.2).
    seed : the same seed gives the same map; the noise does not depend on the device.

    Returns
    -------
    float32 (h, w) >= 0 at the network's input size, in logit per unit of normalised input.

    Raises
    ------
    ValueError, KeyError : a target or an option out of range. NetworkError : the network fails or gives no gradients.

    Notes
    -----
    Paper: Smilkov et al. 2017. Call it from the thread that uses the network.
    """
    if samples < 1:
        raise ValueError(f"samples {samples} is out of range: it is at least 1")
    if not 0 <= noise <= 10:
        raise ValueError(f"noise {noise} is out of range: it is 0 to 10 times the input's range")
    x = net.preprocess(image)
    index = net.target_index(target, net.forward(x)[0] if target is None else None)
    deviation = noise * float(x.max() - x.min())
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(x[0])
    for first in range(0, samples, BATCH):
        count = min(BATCH, samples - first)
        # Drawn copy by copy, so that the map does not depend on the batch size.
        drawn = [torch.randn(x.shape[1:], generator=generator) for _ in range(count)]
        done = differentiable_pass(net, x + deviation * torch.stack(drawn).to(x.device))
        assert done.logits is not None
        start = torch.zeros_like(done.logits)
        start[:, index] = 1
        total += input_gradient(done, done.logits, start, f"the score of class {index}").sum(0)
    result: FloatArray = (total / samples).abs().amax(0).cpu().numpy()
    return result
