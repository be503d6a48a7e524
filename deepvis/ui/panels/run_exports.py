"""What is saved of a run's update, as pictures and arrays. No Qt in here."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from deepvis.messages import RunResult, RunUpdate, UInt8Array


def bgrx_picture(rgb: UInt8Array) -> UInt8Array:
    """An RGB picture (H, W, 3) as the backend saves it: uint8 (H, W, 4) BGRX."""
    picture = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    picture[:, :, :3] = rgb[:, :, ::-1]
    return picture


def update_arrays(update: RunUpdate) -> dict[str, Any]:
    """Everything that an update shows, by names for an npz file: ``image``, ``picture_…``, ``metric_…``, ``labels_…``,
    ``probabilities_…``, and the result's own arrays."""
    found: dict[str, Any] = {"image": update.image, "step": np.int64(update.step), "total": np.int64(update.total)}
    for title, picture in update.detail.get("pictures", {}).items():
        found[f"picture_{_plain(title)}"] = picture
    for name, value in update.metrics.items():
        found[f"metric_{_plain(name)}"] = np.float64(value)
    for title, predictions in update.detail.get("bars", {}).items():
        found[f"labels_{_plain(title)}"] = np.array([each.label for each in predictions])
        found[f"probabilities_{_plain(title)}"] = np.array([each.probability for each in predictions], np.float32)
    if isinstance(update.result, RunResult):
        found |= {_plain(name): array for name, array in update.result.arrays.items()}
    return found


def export_name(run: str, update: RunUpdate | None) -> str:
    """What an exported file is called: the run, and what it shows once it is known."""
    if update is not None and isinstance(update.result, RunResult) and update.result.title:
        return f"{run} {update.result.title}"
    return run


def _plain(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower()).strip("_")
