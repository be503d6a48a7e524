"""What every test with a real engine needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from deepvis.backend import device


@pytest.fixture(autouse=True)
def short_races(monkeypatch: pytest.MonkeyPatch) -> None:
    """Precision and layout are measured as ever when a network opens, but no longer than telling them apart takes."""
    monkeypatch.setattr(device, "_RACE", 0.02)


@pytest.fixture(autouse=True)
def widgets_gone(qapp: QApplication) -> Iterator[None]:
    """What a test deletes is gone before the next, which would dress it anew with its own theme."""
    yield
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
