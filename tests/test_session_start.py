"""What is asked of the engine while it starts."""

from __future__ import annotations

from typing import Any

import pytest

from deepvis.backend import engine as engine_module
from deepvis.session import Session


class _Engine:
    def __init__(self, results: Any, emit: Any) -> None:
        self.heard: list[str] = []

    def run(self) -> None:
        pass


def test_nothing_overtakes_what_was_asked_for_before_the_engine_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "Engine", _Engine)
    session = Session()
    heard: list[str] = []

    def first(_engine: Any) -> None:
        # Somebody asks while those who waited are being served.
        session._with_engine(lambda _: heard.append("asked meanwhile"))
        heard.append("waited")

    session._with_engine(first)
    session._with_engine(lambda _: heard.append("waited too"))
    session._run_engine()
    session._with_engine(lambda _: heard.append("asked afterwards"))
    assert heard == ["waited", "waited too", "asked meanwhile", "asked afterwards"]
