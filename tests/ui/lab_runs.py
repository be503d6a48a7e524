"""Runs without a network, one of each kind: options of every sort, and updates with what their views show.

The pictures are photographs that are changed by plain arithmetic from step to step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from skimage import data
from skimage.transform import resize

from deepvis.messages import Prediction, RunResult, RunStatus, RunUpdate
from deepvis.options import option, options_of
from tests.ui import occlusion_run
from tests.ui.map_contents import MAP_OPTIONS

CLASSES = 10
SIDE = 48


@dataclass(frozen=True)
class ClassImageOptions:
    """A class or a unit; what counts depends on the recipe."""

    target: int | str | None = option(None, help="Class index or label; none: a layer says it", role="class")
    layer: str | None = option(None, help="Layer in the place of a class", role="layer")
    unit: int | None = option(None, help="Unit of the layer; none: the whole layer", minimum=0, role="unit")
    recipe: Literal["fourier", "maco", "l2"] = option("fourier", help="How the picture is changed")
    iterations: int | None = option(None, help="Steps; none: 512", minimum=1, maximum=1000, label="Steps")
    seed: int = option(0, help="Start of the noise", minimum=0)
    folder: str | None = option(None, help="Photographs; none: samples", role="folder", when=("recipe", ("maco",)))
    decay: float = option(
        0.1, help="Share lost at each step", minimum=0, maximum=1, advanced=True, when=("recipe", ("l2",))
    )
    learning_rate: float | None = option(None, help="Rate; none: the recipe's", minimum=0, advanced=True)


@dataclass(frozen=True)
class DreamOptions:
    """A layer or several, and a second picture."""

    layer: str | None = option(None, help="Layer that dreams; none: one in the middle", role="layer")
    layers: str | tuple[str, ...] | None = option(
        None, help="Several layers and their weights", role="layers", advanced=True
    )
    unit: int | None = option(None, help="One unit of the layer; none: all", minimum=0, role="unit")
    guide: str | None = option(None, help="A picture whose things are dreamt of; none: free", role="picture")
    octaves: int = option(4, help="Sizes of the picture", minimum=1, maximum=12)


@dataclass(frozen=True)
class InversionOptions:
    """A layer that must be named."""

    layer: str = option(help="Layer that is inverted", role="layer")
    iterations: int = option(200, help="Steps", minimum=1, label="Steps")


@dataclass(frozen=True)
class FoolingOptions:
    """A class that need not be named."""

    method: Literal["pgd", "fgsm"] = option("pgd", help="How the change is found")
    target: int | str | None = option(None, help="Class that the network shall say; none: any other", role="class")
    epsilon: float = option(8 / 255, help="Largest change of a value", minimum=1 / 255, maximum=1)


@dataclass(frozen=True)
class EvolutionOptions:
    """Nothing that the network knows."""

    encoding: Literal["cppn", "direct"] = option("cppn", help="Patterns or noise")
    generations: int = option(200, help="Rounds of children", minimum=1)


@dataclass(frozen=True)
class ScanOptions:
    """Layers, and where the library goes."""

    layers: tuple[str, ...] = option((), help="Layers to record; none: the usual", role="layers")
    top: int = option(9, help="Strongest patches a unit", minimum=1, maximum=100)
    folder: str | None = option(None, help="Where the library is written; none: the usual place", role="folder")


RUN_OPTIONS = {
    "class_image": options_of(ClassImageOptions),
    "deepdream": options_of(DreamOptions),
    "inversion": options_of(InversionOptions),
    "fooling": options_of(FoolingOptions),
    "evolved_fooling": options_of(EvolutionOptions),
    **occlusion_run.RUN_OPTIONS,
    "embedding": MAP_OPTIONS,
    "patch_scan": options_of(ScanOptions),
}
RUN_PRESETS: dict[str, Mapping[str, Mapping[str, Any]]] = {
    "class_image": {"Fast preview": {"iterations": 96}, "Plain": {"recipe": "l2", "decay": 0.25}},
    "occlusion": {"Fine": {"patch": 24, "stride": 6}, "Blurred": {"fill": "blur"}},
}
RUN_NEEDS = {"class_image": "nothing", "evolved_fooling": "nothing", "patch_scan": "pictures", "embedding": "pictures"}


@lru_cache(maxsize=4)
def photograph(name: str = "chelsea") -> npt.NDArray[np.uint8]:
    """uint8 (48, 48, 3) RGB."""
    return np.round(resize(getattr(data, name)()[:300, :300], (SIDE, SIDE)) * 255).astype(np.uint8)


def blended(share: float) -> npt.NDArray[np.uint8]:
    """One photograph turning into another."""
    one, other = photograph().astype(float), photograph("coffee").astype(float)
    return np.round(one + share * (other - one)).astype(np.uint8)


def update(name: str, step: int, total: int = 4, *, more: int = 0, note: str = "") -> RunUpdate:
    """A run of this kind after a step; the last has a result."""
    share = step / total
    metrics, detail = _METRICS[name](share), _DETAILS[name](share)
    result = None
    if step == total:
        result = RunResult(name, "tractor", {}, "tinynet", "0" * 16, blended(share), arrays={"own": np.arange(3)})
    return RunUpdate(step, total, blended(share), metrics, result, detail, more if step == total else 0, note)


def statuses(name: str, run_id: int = 1, total: int = 4, more: int = 0) -> list[RunStatus]:
    """What the engine would send, from the queue to the end."""
    made = [RunStatus(run_id, name, "queued")]
    for step in range(1, total + 1):
        ended = step == total
        left = None if ended else 0.5 * (total - step)
        told = update(name, step, total, more=more)
        made.append(RunStatus(run_id, name, "done" if ended else "running", told, 0.5 * step, left))
    return made


def archive(share: float) -> dict[str, Any]:
    """A picture a class, and how sure of each a network would be: the later a class, the later it comes."""
    confidence = np.clip(share * 1.5 - np.arange(CLASSES) / CLASSES, 0, 1).astype(np.float32)
    pictures = np.stack([np.roll(photograph(), 4 * cell, 1) for cell in range(CLASSES)])
    return {"archive": pictures, "confidence": confidence, "labels": tuple(f"class {i}" for i in range(CLASSES))}


def answers(share: float) -> dict[str, tuple[Prediction, ...]]:
    """Both answers as the difference grows."""
    before = (Prediction(1, "Egyptian cat", 0.8), Prediction(0, "tabby", 0.15), Prediction(6, "tractor", 0.01))
    after = (Prediction(6, "tractor", share), Prediction(1, "Egyptian cat", 1 - share))
    return {"before": before, "after": after}


def _difference(share: float) -> npt.NDArray[np.uint8]:
    change = blended(share).astype(float) - blended(0)
    return np.clip(np.round(127.5 + 0.5 * change), 0, 255).astype(np.uint8)


_METRICS: dict[str, Any] = {
    "class_image": lambda share: {"objective": 20 * share, "probability": share},
    "deepdream": lambda share: {"objective": 3 + share, "octave": 1.0 + 3 * share},
    "inversion": lambda share: {"loss": 1 - share, "feature_error": 1 - 0.9 * share, "psnr": 10 + 9 * share},
    "fooling": lambda share: {"probability": share, "original_probability": 1 - share, "l2": share, "linf": share / 32},
    "evolved_fooling": lambda share: {"median_confidence": share, "evaluations": 4000 * share},
}
_DETAILS: dict[str, Any] = {
    "class_image": lambda share: {},
    "deepdream": lambda share: {"pictures": {"Before": photograph()}},
    "inversion": lambda share: {"pictures": {"Original": photograph(), "conv1": blended(share / 2)}},
    "fooling": lambda share: {
        "pictures": {"before": blended(0), "after": blended(share), "difference": _difference(share)},
        "magnification": 12.0,
        "bars": answers(share),
    },
    "evolved_fooling": archive,
}
