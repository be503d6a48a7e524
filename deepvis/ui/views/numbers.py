"""How figures are written in the window."""

from __future__ import annotations

import math


def format_value(value: float) -> str:
    """A value in three significant figures, with a true minus sign: ``3.41``, ``−0.02``, ``1234``, ``1.2e−05``."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    far = value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3)
    text = f"{value:.1e}" if far else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def format_short(value: float) -> str:
    """A value in at most six characters, for columns: ``3.41``, ``−0.012``, ``5.1e−3``, ``−1e−12``."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else format_value(value)
    if value == 0 or 0.0995 <= abs(value) < 1e5:
        return format_value(value)
    if 0.01 <= abs(value) < 0.0995:
        return f"{value:.3f}".replace("-", "−")
    for digits in (1, 0):
        mantissa, exponent = f"{value:.{digits}e}".split("e")
        text = f"{mantissa}e{int(exponent)}".replace("-", "−")
        if len(text) <= 6:
            break
    return text


def format_milliseconds(milliseconds: float) -> str:
    """A delay in at most seven characters: ``34 ms``, ``9999 ms``, ``12.3 s``, ``345 s``."""
    if milliseconds < 9999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 99.95 else f"{seconds:.0f} s"


def format_percent(share: float) -> str:
    """A share in [0, 1] as ``61.8 %``, always with one decimal, so that it keeps its width."""
    return f"{100 * share:.1f} %" if math.isfinite(share) else "–"


def format_size(height: int, width: int) -> str:
    """A picture's size as people say it, width first: ``451 × 300``."""
    return f"{width} × {height}"


SPELLED = {"psnr": "PSNR", "ssim": "SSIM", "linf": "L∞", "l2": "L2", "l0": "L0"}
"""Names that are written in their own way."""


def format_name(name: str) -> str:
    """A figure's or an option's name for a person: ``feature_error`` as ``Feature error``, ``psnr`` as ``PSNR``."""
    if name in SPELLED:
        return SPELLED[name]
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
