"""An occlusion run without a network: the "class" is how bright the middle of a photograph is.

Every value is calculated here window by window and pixel by pixel, in another way than the program does it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from skimage import data
from skimage.transform import resize

from deepvis.messages import RunStatus, RunUpdate
from deepvis.options import option, options_of

HEIGHT, WIDTH, PATCH, STRIDE, CLASSES = 36, 40, 12, 8, 10
ROWS = math.ceil((HEIGHT - PATCH) / STRIDE) + 1
COLUMNS = math.ceil((WIDTH - PATCH) / STRIDE) + 1


@dataclass(frozen=True)
class Options:
    """The options that an occlusion run declares."""

    target: int | str | None = option(
        None, help="Class index or label; none: the network's own top class", role="class"
    )
    patch: int | None = option(None, help="Side of the window; none: a seventh of the picture", minimum=1, unit="px")
    stride: int | None = option(None, help="Distance between windows; none: half the window", minimum=1, unit="px")
    fill: str | float = option(
        "black",
        help="What covers the window, or a pixel value",
        choices=("black", "grey", "blur"),
        minimum=0,
        maximum=255,
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "fp32", help="Number format; auto: bf16 where it is fast and answers the same"
    )
    batch: int | None = option(None, help="Windows at once; none: chosen by measurement", minimum=1, maximum=4096)


RUN_OPTIONS = {"occlusion": options_of(Options)}


@lru_cache(maxsize=1)
def picture() -> npt.NDArray[np.uint8]:
    """uint8 (36, 40, 3) RGB."""
    return np.round(resize(data.chelsea(), (HEIGHT, WIDTH)) * 255).astype(np.uint8)


def box(row: int, column: int) -> tuple[int, int, int, int]:
    top, left = row * STRIDE, column * STRIDE
    return top, left, min(HEIGHT, top + PATCH), min(WIDTH, left + PATCH)


def covered(row: int, column: int) -> npt.NDArray[np.uint8]:
    """The picture with a black window at one place."""
    top, left, bottom, right = box(row, column)
    made = picture().copy()
    for y in range(top, bottom):
        for x in range(left, right):
            made[y, x] = 0
    return made


def logit(image: npt.NDArray[np.uint8]) -> float:
    """Bright in the middle, dark at the lower right."""
    return float(image[10:26, 10:30].mean() / 25 - image[28:, 30:].mean() / 40)


def chance(value: float) -> float:
    return math.exp(value) / (math.exp(value) + CLASSES - 1)


def updates(steps: int = 3) -> list[RunUpdate]:
    """The run in so many steps, row by row; the last has a result."""
    return list(_updates(steps))


def _updates(steps: int) -> Iterator[RunUpdate]:
    logits = np.full((ROWS, COLUMNS), np.nan, np.float32)
    chances = logits.copy()
    places = [(row, column) for row in range(ROWS) for column in range(COLUMNS)]
    whole = logit(picture())
    done = 0
    for step in range(steps):
        upto = len(places) * (step + 1) // steps
        for place in places[done:upto]:
            logits[place] = logit(covered(*place))
            chances[place] = chance(float(logits[place]))
        done = upto
        detail = {
            "probability": chances.copy(),
            "logit": logits.copy(),
            "known": np.isfinite(logits),
            "drop": drop(logits, whole),
            "picture": picture(),
            "cover": np.zeros_like(picture()),
            "patch": PATCH,
            "stride": STRIDE,
            "target": 3,
            "label": "Chihuahua",
        }
        metrics = {
            "probability": chance(whole),
            "logit": whole,
            "lowest_probability": float(np.nanmin(chances)),
            "largest_drop": whole - float(np.nanmin(logits)),
        }
        result: Any = object() if done == len(places) else None
        yield RunUpdate(done, len(places), picture(), metrics, result, detail)


def drop(logits: npt.NDArray[np.float32], whole: float) -> npt.NDArray[np.float32]:
    """Pixel by pixel: the mean fall of the logit over the known windows that cover the pixel."""
    made = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            falls = []
            for row in range(ROWS):
                for column in range(COLUMNS):
                    top, left, bottom, right = box(row, column)
                    if top <= y < bottom and left <= x < right and np.isfinite(logits[row, column]):
                        falls.append(whole - logits[row, column])
            if falls:
                made[y, x] = np.mean(falls)
    return made


def statuses(run_id: int = 1, steps: int = 3) -> list[RunStatus]:
    """What the engine would send, from the queue to the end."""
    made = [RunStatus(run_id, "occlusion", "queued")]
    every = updates(steps)
    for number, update in enumerate(every, 1):
        ended = number == len(every)
        left = None if ended else 0.5 * (len(every) - number)
        made.append(RunStatus(run_id, "occlusion", "done" if ended else "running", update, 0.5 * number, left))
    return made
