"""Integrated Gradients: the score shared out among the pixels (Sundararajan, Taly & Yan 2017).

"Axiomatic attribution for deep networks".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from deepvis.backend.methods.differentiation import differentiable_pass, input_gradient
from deepvis.backend.network import Image, Network, Target
from deepvis.messages import FloatArray

BATCH = 5
"""Points of the path that go through the network at once."""

Baseline = Literal["black", "grey"]


def integrated_gradients(
    net: Network, image: Image, target: Target = None, *, steps: int = 50, baseline: Baseline = "black"
) -> FloatArray:
    """What each value of the input adds to the score, against a picture without content.

    The gradient is integrated along the straight line from the baseline to the picture (Gauss-Legendre, ``steps``
    points) and multiplied with their difference. The attributions add up to the difference of the scores, but for the
    error of the quadrature.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    target : class index, label, or None for the picture's own top class.
    steps : number of points on the path, at least 1.
    baseline : ``black`` (pixels of 0, the paper's) or ``grey`` (the network's mean colour: 0 in normalised space).

    Returns
    -------
    float32 (c, h, w), signed, in logits.

    Raises
    ------
    ValueError, KeyError : a target or an option out of range. NetworkError : the network fails or gives no gradients.

    Notes
    -----
    Paper: Sundararajan et al. 2017. Call it from the thread that uses the network.
    """
    if steps < 1:
        raise ValueError(f"steps {steps} is out of range: it is at least 1")
    x = net.preprocess(image)
    index = net.target_index(target, net.forward(x)[0] if target is None else None)
    if baseline == "black":
        start = net.preprocessing.normalise(torch.zeros_like(x))
    elif baseline == "grey":
        start = torch.zeros_like(x)
    else:
        raise ValueError(f"baseline {baseline!r} is unknown: it is 'black' or 'grey'")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    shares = torch.tensor((nodes + 1) / 2, dtype=torch.float32, device=x.device)[:, None, None, None]
    parts = torch.tensor(weights / 2, dtype=torch.float32, device=x.device)[:, None, None, None]
    total = torch.zeros_like(x[0])
    for first in range(0, steps, BATCH):
        chunk = slice(first, first + BATCH)
        done = differentiable_pass(net, start + shares[chunk] * (x - start))
        assert done.logits is not None
        seed = torch.zeros_like(done.logits)
        seed[:, index] = 1
        total += (input_gradient(done, done.logits, seed, f"the score of class {index}") * parts[chunk]).sum(0)
    result: FloatArray = (total * (x - start)[0]).cpu().numpy()
    return result
