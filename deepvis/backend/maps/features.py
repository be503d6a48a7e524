"""The features that a map is made of: those of a library, or of any layer of the network."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from deepvis.backend.network import Network
from deepvis.messages import FloatArray, MapPictures

if TYPE_CHECKING:
    from deepvis.backend.library import Library

Indices = npt.NDArray[np.int32]


def pooled(activation: torch.Tensor) -> torch.Tensor:
    """An activation, (N, C, H, W) or (N, C), as one vector a picture: the mean over the map, float32 (N, C)."""
    activation = activation.to(torch.float32)
    return activation.mean((2, 3)) if activation.dim() == 4 else activation


def layer_features(net: Network, library: Library, layer: str, indices: Indices) -> Generator[float, None, FloatArray]:
    """Features of a layer, float32 (n, C), of the pictures at ``indices`` (ascending) as the library's scan saw them.

    Yields the share that is done, in [0, 1], after each block of pictures; the value of the generator are the features.

    Raises
    ------
    LibraryError : the pictures are others now, or one cannot be read any more. SourceError : their set does not open.
    """
    from deepvis.backend.library import LibraryError
    from deepvis.backend.picture_sets import BLOCK, decode_blocks

    channels = net.layer(layer).channels
    found: FloatArray = np.empty((len(indices), channels), np.float32)
    blocks = np.unique(indices // BLOCK).tolist()
    preprocessing = library.manifest.preprocessing
    done = 0
    pictures = library.source(indices)
    for block in decode_blocks(pictures, preprocessing, library.fit, blocks):
        here = indices[(indices >= block.first) & (indices < block.first + len(block.pixels))] - block.first
        lost = dict(block.errors)
        for index in (block.first + here).tolist():
            if index in lost:
                raise LibraryError(
                    f"{library.titles[index]} was read by the scan and cannot be read now",
                    lost[index].rstrip("."),
                    "put it back, or scan again with --restart",
                )
        with torch.inference_mode():
            x = preprocessing.normalise(torch.from_numpy(block.pixels).to(net.device))
            _, captured = net.run(x, [layer], stop=True)
            rows = pooled(net.arrange(captured[layer], layer)).cpu().numpy()
        found[done : done + len(here)] = rows[here]
        done += len(here)
        yield done / len(indices)
    return found


def check_features(features: FloatArray, titles: tuple[str, ...]) -> None:
    """Refuse features that cannot be laid out. Raises ValueError with what to do."""
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        first = titles[int(bad.argmax())]
        raise ValueError(
            f"the features of {int(bad.sum())} of {len(features)} pictures are not finite (the first is {first}); "
            "choose another layer, or a network whose answers are finite"
        )
    if len(features) > 1 and not np.ptp(features, axis=0).any():
        raise ValueError(
            f"the features of all {len(features)} pictures are equal, so there is nothing to lay out; choose another "
            "layer"
        )


def map_pictures(library: Library, indices: Indices) -> MapPictures:
    """What a library knows of the pictures at ``indices``."""
    labels = np.asarray(library.labels)[indices].astype(np.int32)
    predicted = np.asarray(library.predicted)[indices].astype(np.int32)
    network_labels = library.network_labels
    meanings = class_meanings(library.classes, network_labels)
    correct = np.full(len(indices), -1, np.int8)
    classes = library.classes
    if meanings is not None:
        meant = np.where(labels >= 0, meanings[np.maximum(labels, 0)], -1)
        known = (meant >= 0) & (predicted >= 0)
        correct[known] = (meant == predicted)[known]
        classes = tuple(
            network_labels[meaning] if meaning >= 0 else name for name, meaning in zip(classes, meanings, strict=True)
        )
    return MapPictures(
        titles=tuple(library.titles[index] for index in indices.tolist()),
        labels=labels,
        classes=classes,
        predicted=predicted,
        network_labels=network_labels,
        probability=np.asarray(library.probability)[indices].astype(np.float32),
        correct=correct,
        thumbnails=np.ascontiguousarray(np.asarray(library.thumbnails)[indices]),
    )


def class_meanings(classes: tuple[str, ...], labels: tuple[str, ...]) -> npt.NDArray[np.int32] | None:
    """Which of a network's classes each class of a set is, int32 (classes,), -1: none of them; None: that is not known.

    Classes that are called as the network calls them are those. Where none is, and there are as many as the network
    has, they are taken in order: data sets sort their classes by folder, and networks trained on them keep that order.
    """
    if not classes or not labels:
        return None
    known = {_word(label): index for index, label in reversed(list(enumerate(labels)))}
    meanings = np.array([known.get(_word(name), -1) for name in classes], np.int32)
    if (meanings >= 0).any():
        return meanings
    return np.arange(len(classes), dtype=np.int32) if len(classes) == len(labels) else None


def _word(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()
