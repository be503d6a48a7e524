"""The look as text, for the settings: what is remembered of it, and how to take it back if it still makes sense."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from deepvis.messages import BACK_VIEWS, BOOSTS, COLORMAPS, GAMMAS, RANGES, RULES, STRONGEST, NetworkSpec
from deepvis.ui.look import PATCHES, Look
from deepvis.ui.view_commands import OVERLAYS

_CHOICES: dict[str, Collection[object]] = {
    "range": RANGES,
    "boost": BOOSTS,
    "gamma": GAMMAS,
    "sort": ("number", "activity"),
    "colormap": COLORMAPS,
    "back": (True, False),
    "rule": RULES,
    "seed": ("activation", "one"),
    "back_view": BACK_VIEWS,
    "strongest": (0, *STRONGEST),
    "overlay": OVERLAYS,
    "overlay_colormap": COLORMAPS,
    "fit": ("crop", "stretch"),
    "patches": PATCHES,
    "clustered": (True, False),
}


def look_text(look: Look) -> str:
    """What is remembered of a look, as JSON."""
    kept: dict[str, Any] = {name: getattr(look, name) for name in _CHOICES}
    kept |= {"layer": look.layer, "unit": look.unit, "overlay_opacity": look.overlay_opacity}
    return json.dumps(kept)


def look_changes(text: str) -> dict[str, Any]:
    """The fields that a remembered look sets; those that make no sense any more are left out."""
    try:
        kept = json.loads(text) if text else {}
    except ValueError:
        kept = {}
    if not isinstance(kept, dict):
        return {}
    changes = {name: kept[name] for name, allowed in _CHOICES.items() if name in kept and kept[name] in list(allowed)}
    if isinstance(kept.get("layer"), str):
        changes["layer"] = kept["layer"]
        unit = kept.get("unit")
        changes["unit"] = unit if isinstance(unit, int) and unit >= 0 else 0
    opacity = kept.get("overlay_opacity")
    if isinstance(opacity, int | float) and 0 <= opacity <= 1:
        changes["overlay_opacity"] = float(opacity)
    return changes


def spec_text(spec: NetworkSpec) -> str:
    """A network's spec as JSON."""
    return json.dumps(asdict(spec))


def spec_from(text: str) -> NetworkSpec | None:
    """The spec of :func:`spec_text`; None if it makes no sense."""
    try:
        fields = json.loads(text)
        for name in ("input_size", "mean", "std"):
            if fields.get(name) is not None:
                fields[name] = tuple(fields[name])
        spec = NetworkSpec(**fields)
    except (ValueError, TypeError, AttributeError):
        return None
    return spec if isinstance(spec.name, str) and spec.name else None
