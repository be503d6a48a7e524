"""Lines through many points."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF
from PySide6.QtGui import QPainter

Numbers = npt.NDArray[np.floating[Any]]


def draw_line(painter: QPainter, x: Numbers, y: Numbers) -> None:
    """Draw a line through points, (n,) each, with the painter's pen, which is opaque.

    It goes piece by piece: where a line is ragged, Qt takes ten times as long to stroke the whole of it, since it looks
    for the places where the stroke crosses itself.
    """
    ends = (x[:-1].tolist(), y[:-1].tolist(), x[1:].tolist(), y[1:].tolist())
    painter.drawLines(list(map(QLineF, *ends)))
