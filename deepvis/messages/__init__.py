"""The vocabulary that crosses the thread border: frozen dataclasses of numbers, text and numpy arrays.

The window (``deepvis.ui``) and the engine (``deepvis.backend``) know each other through this module alone. It imports
neither torch nor Qt. An array in a message is handed over: whoever made it never writes into it again.

Pictures made for the screen are ``uint8 (H, W, 4)`` in the byte order B, G, R, X: the memory layout of
``QImage.Format_RGB32`` (X is 255), which Qt paints fastest. Pictures that are data are ``uint8 (H, W, 3)`` RGB.
"""

from __future__ import annotations

from deepvis.messages.events import (
    EngineStatus,
    Event,
    LoadProgress,
    NetworkFailed,
    NetworkReady,
    Problem,
    ProblemSolved,
)
from deepvis.messages.frames import CameraCard, Frame, SourceStatus
from deepvis.messages.gallery import (
    CoursePicture,
    GalleryChanged,
    GalleryContent,
    GalleryEntry,
    GalleryExport,
    GalleryOpened,
)
from deepvis.messages.networks import Layer, ModelCard, NetworkInfo, NetworkSpec, ReceptiveField
from deepvis.messages.requests import (
    BackRequest,
    DreamRequest,
    GridRequest,
    OverlayRequest,
    StrongestRequest,
    UnitRequest,
    ViewRequest,
)
from deepvis.messages.results import (
    BackResult,
    FilterPicture,
    GridResult,
    OverlayResult,
    Prediction,
    Timings,
    UnitResult,
    ViewResult,
)
from deepvis.messages.runs import RunResult, RunStatus, RunUpdate
from deepvis.messages.vocabulary import (
    BACK_VIEWS,
    BOOSTS,
    COLORMAPS,
    GAMMAS,
    RANGES,
    RULES,
    STRONGEST,
    BackViewName,
    Fit,
    FloatArray,
    OverlayKind,
    Precision,
    RangeName,
    Rule,
    Seed,
    Size,
    SortName,
    UInt8Array,
)

__all__ = [
    "BACK_VIEWS",
    "BOOSTS",
    "COLORMAPS",
    "GAMMAS",
    "RANGES",
    "RULES",
    "STRONGEST",
    "BackRequest",
    "BackResult",
    "BackViewName",
    "CameraCard",
    "CoursePicture",
    "DreamRequest",
    "EngineStatus",
    "Event",
    "FilterPicture",
    "Fit",
    "FloatArray",
    "Frame",
    "GalleryChanged",
    "GalleryContent",
    "GalleryEntry",
    "GalleryExport",
    "GalleryOpened",
    "GridRequest",
    "GridResult",
    "Layer",
    "LoadProgress",
    "ModelCard",
    "NetworkFailed",
    "NetworkInfo",
    "NetworkReady",
    "NetworkSpec",
    "OverlayKind",
    "OverlayRequest",
    "OverlayResult",
    "Precision",
    "Prediction",
    "Problem",
    "ProblemSolved",
    "RangeName",
    "ReceptiveField",
    "Rule",
    "RunResult",
    "RunStatus",
    "RunUpdate",
    "Seed",
    "Size",
    "SortName",
    "SourceStatus",
    "StrongestRequest",
    "Timings",
    "UInt8Array",
    "UnitRequest",
    "UnitResult",
    "ViewRequest",
    "ViewResult",
]
