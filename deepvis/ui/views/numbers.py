"""How figures are written in the window."""

from __future__ import annotations

import math


def format_value(value: float) -> str:
    """A value in three significant figures, with a true minus sign: ``3.41``, ``−0.02``, ``1.2e−05``."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    far = value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3)
    return (f"{value:.1e}" if far else f"{value:.3g}").replace("-", "−")


def format_percent(share: float) -> str:
    """A share in [0, 1] as ``61.8 %``, always with one decimal, so that it keeps its width."""
    return f"{100 * share:.1f} %" if math.isfinite(share) else "–"


def format_size(height: int, width: int) -> str:
    """A picture's size as people say it, width first: ``451 × 300``."""
    return f"{width} × {height}"
