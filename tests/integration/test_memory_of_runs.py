"""A run for which memory does not suffice, in a real session: kept as far as it got, and the view goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from deepvis.messages import RunUpdate, ViewRequest
from deepvis.options import option
from tests.integration.test_kept_runs import Listener, folder, listener

__all__ = ["folder", "listener"]


@dataclass(frozen=True)
class Greedy:
    """A run that finds no memory for its third step."""

    amount: float = option(2.0, help="Memory that it wants", unit="GiB")
    title: ClassVar[str] = "Greedy"
    needs: ClassVar[str] = "nothing"
    presets: ClassVar[dict[str, Any]] = {}

    def steps(self, _net: object) -> Iterator[RunUpdate]:
        for step in range(1, 6):
            if step == 3:
                raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {self.amount:.2f} GiB. GPU 0 has")
            yield RunUpdate(step, 5, np.full((8, 8, 3), step, np.uint8), {"loss": 1 / step})


def test_runs_that_lack_memory_are_kept_as_far_as_they_got_with_what_to_do(
    listener: Listener, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepvis.backend.runs.registry", lambda: {"greedy": Greedy})
    session = listener.session
    for count, amount in enumerate((2.0, 3.0), 1):
        session.start_run("greedy", {"amount": amount})
        listener.until(lambda count=count: len(session.gallery_entries()) == count)
        entry = session.gallery_entries()[0]
        assert (entry.state, entry.steps) == ("failed", 2)
        assert f"no room for another {amount:.2f} GiB" in entry.note
        assert "Choose a smaller picture" in entry.note
        listener.frame = None
        session.request(ViewRequest(1 + count))
        listener.until(lambda: listener.frame is not None)
    content = listener.open(session.gallery_entries()[0].id)
    assert content is not None
    assert content.image[0, 0, 0] == 2
    assert listener.problems() == []
