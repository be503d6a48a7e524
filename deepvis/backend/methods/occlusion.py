"""Occlusion as one call; the work is the run's (:mod:`deepvis.backend.runs.occlusion`)."""

from __future__ import annotations

from deepvis.backend.network import Image, Network, Target
from deepvis.backend.runs.occlusion import Occlusion, OcclusionMap
from deepvis.messages import Precision


def occlusion(
    net: Network,
    image: Image,
    target: Target = None,
    patch: int | None = None,
    stride: int | None = None,
    fill: str | float = 0,
    *,
    precision: Precision = "fp32",
    batch: int | None = None,
) -> OcclusionMap:
    """What happens to a class when each part of the picture is covered in turn.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    target : class index, label, or None for the network's own top class.
    patch : side of the square window in input pixels; None: a seventh of the input's shorter side (32 of 224).
    stride : distance between windows, at most ``patch``; None: half of it. The last windows are cut off at the edge.
    fill : what covers: a pixel value from 0 (black) to 255, ``black``, ``grey`` (the network's mean colour) or
        ``blur``.
    precision : ``fp32``, ``bf16``, or ``auto``: bf16 where the device is fast at it and the network answers the same.
    batch : windows that go through the network at once; None: chosen by measurement. The map does not depend on it.

    Returns
    -------
    OcclusionMap : ``probability`` and ``logit`` (rows, columns) of the target with the window there, ``drop`` (h, w) of
        the logit at input size, ``patch``, ``stride``, and what else is needed to draw it.

    Raises
    ------
    ValueError, KeyError : a window larger than the picture, another option or target out of range, or not a picture.
    NetworkError : the network fails.

    Notes
    -----
    Paper: Zeiler & Fergus 2013. No gradients are needed. Call it from the thread that uses the network.
    """
    index = int(target) if target is not None and not isinstance(target, str) else target
    run = Occlusion(target=index, patch=patch, stride=stride, fill=fill, precision=precision, batch=batch)
    result: OcclusionMap | None = None
    for update in run.steps(net, image):
        result = update.result
    assert result is not None, "a run ends with its result"
    return result
