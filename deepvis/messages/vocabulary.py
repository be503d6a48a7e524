"""Names of types and of choices."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

Size = tuple[int, int]
"""Height and width in pixels, in this order everywhere."""

Rule = Literal["gradient", "deconvnet", "guided"]
Seed = Literal["activation", "one"]
BackViewName = Literal["raw", "gray", "norm", "norm_blur", "positive", "histogram"]
RangeName = Literal["unit", "layer", "fixed", "smooth"]
SortName = Literal["number", "activity"]
OverlayKind = Literal["saliency", "grad_cam", "guided_grad_cam", "unit"]
Fit = Literal["crop", "stretch"]
Precision = Literal["auto", "fp32", "bf16"]

RULES: tuple[Rule, ...] = ("gradient", "deconvnet", "guided")
BACK_VIEWS: tuple[BackViewName, ...] = ("raw", "gray", "norm", "norm_blur", "positive", "histogram")
RANGES: tuple[RangeName, ...] = ("unit", "layer", "fixed", "smooth")
BOOSTS: tuple[float, ...] = (0.0, 0.3, 0.5, 0.8, 1.0)
GAMMAS: tuple[float, ...] = (1.0, 0.7, 0.5, 0.3)
COLORMAPS: tuple[str, ...] = ("viridis", "inferno", "magma", "cividis", "gray")
STRONGEST: tuple[int, ...] = (9, 16, 25)
