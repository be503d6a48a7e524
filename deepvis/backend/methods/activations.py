"""Activations: what a layer answers to one picture."""

from __future__ import annotations

import torch

from deepvis.backend.network import Image, Network
from deepvis.messages import FloatArray


def activations(net: Network, image: Image, layer: str) -> FloatArray:
    """The output of one layer.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    layer : a name of ``net.layers``.

    Returns
    -------
    float32 (C, H, W); (C,) for a layer without maps. A layer that a later in-place operation overwrites is given as it
    was before. In the units of the network, any sign.

    Raises
    ------
    KeyError : no such layer. ValueError : not a picture. NetworkError : the network fails.

    Notes
    -----
    Call it from the thread that uses the network.
    """
    net.layer(layer)
    x = net.preprocess(image)
    with torch.inference_mode():
        _, captured = net.run(x.clone(), (layer,), stop=True)
        result: FloatArray = net.arrange(captured[layer], layer)[0].to(torch.float32).cpu().numpy()
    return result
