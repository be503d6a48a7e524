"""A small map: crops of a photograph, laid out in three groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage import data

from deepvis.map_layout import spread
from deepvis.messages import MapContent, MapInfo, MapPictures
from deepvis.options import option, options_of

CLASSES = ("tabby", "tractor", "cliff")
COUNT = 150
FOLDER = "/maps/small"


@dataclass(frozen=True)
class EmbeddingOptions:
    """A layer and a number."""

    layer: str | None = option(None, help="Layer of the features; none: the last", role="layer")
    perplexity: float = option(30, help="Neighbours", minimum=1, maximum=500)


MAP_OPTIONS = options_of(EmbeddingOptions)


def map_pictures(count: int = COUNT) -> MapPictures:
    """Every fifth picture is taken for the next class."""
    photo = data.astronaut()
    rng = np.random.default_rng(2)
    corners = rng.integers(0, 512 - 96, (count, 2))
    thumbnails = np.stack([photo[top : top + 96 : 2, left : left + 96 : 2] for top, left in corners])
    labels = (np.arange(count) % 3).astype(np.int32)
    wrong = np.arange(count) % 5 == 4
    return MapPictures(
        titles=tuple(f"{CLASSES[label]}/{number:04d}.jpg" for number, label in enumerate(labels)),
        labels=labels,
        classes=CLASSES,
        predicted=np.where(wrong, (labels + 1) % 3, labels).astype(np.int32),
        network_labels=CLASSES,
        probability=rng.uniform(0.3, 1, count).astype(np.float32),
        correct=(~wrong).astype(np.int8),
        thumbnails=thumbnails,
    )


def map_content(count: int = COUNT, folder: str = FOLDER, network_hash: str = "0" * 16) -> MapContent:
    """Three round groups far from each other."""
    pictures = map_pictures(count)
    rng = np.random.default_rng(3)
    hearts = np.array([[-30, 0], [30, 0], [0, 40]], np.float32)
    points = (hearts[pictures.labels] + rng.normal(0, 6, (count, 2))).astype(np.float32)
    info = MapInfo(folder, "/library", "small", "tinynet", network_hash, "fc", count, {"perplexity": 30.0}, 1.5, 1000.0)
    return MapContent(info, pictures, points, spread(points))
