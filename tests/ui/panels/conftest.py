"""A state with a network, and what it takes to show a panel a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.messages import ViewResult
from deepvis.ui.look import build_request
from deepvis.ui.view_state import ViewState
from tests.ui.dressing import dark
from tests.ui.fixtures import network_info, view_result


@pytest.fixture
def state(qtbot: QtBot, qapp: QApplication) -> ViewState:
    """A small network is loaded, unit 5 of ``conv3`` is chosen."""
    dark(qapp)
    made = ViewState()
    made.set_network(network_info())
    made.update(layer="conv3", unit=5)
    return made


@pytest.fixture
def answer(state: ViewState) -> Callable[..., ViewResult]:
    """Makes the result for what the state shows now."""

    def make(frame_id: int = 1, **changes: Any) -> ViewResult:
        request = build_request(state.look, frame_id, (600, 800), probe=changes.pop("probe", None))
        assert state.info is not None
        return view_result(request, state.info, frame_id=frame_id, **changes)

    return make
