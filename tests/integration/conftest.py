"""What every test with a real engine needs."""

from __future__ import annotations

import pytest

from deepvis.backend import device


@pytest.fixture(autouse=True)
def short_races(monkeypatch: pytest.MonkeyPatch) -> None:
    """Precision and layout are measured as ever when a network opens, but no longer than telling them apart takes."""
    monkeypatch.setattr(device, "_RACE", 0.02)
