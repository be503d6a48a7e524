"""Work on a thread of its own: a run's steps stay short, and hear of its result or its error."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvis.backend.picture_sets import PictureSet
from deepvis.backend.runs import beside as module
from deepvis.backend.runs import opening
from deepvis.backend.runs.beside import beside
from deepvis.backend.runs.opening import opened


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST", 0.001)
    monkeypatch.setattr(module, "_LATER", 0.001)


def result_of(steps: Generator[object, None, PictureSet | int]) -> PictureSet | int:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: PictureSet | int = end.value
            return found


def test_steps_go_on_while_the_work_does_and_its_result_ends_them() -> None:
    go = threading.Event()

    def work() -> int:
        assert go.wait(120)
        return 7

    steps = beside(work, "test")
    for _ in range(3):
        next(steps)
    go.set()
    assert result_of(steps) == 7


def test_what_the_work_raises_is_raised_by_the_step() -> None:
    def work() -> int:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        result_of(beside(work, "test"))


def folder_of_pictures(folder: Path, count: int) -> Path:
    for number in range(count):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


def test_a_set_is_opened_beside_the_steps(tmp_path: Path) -> None:
    found = result_of(opened(str(folder_of_pictures(tmp_path, 3))))
    assert isinstance(found, PictureSet)
    assert len(found) == 3


def test_a_list_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="is empty"):
        result_of(opened([]))


def test_closing_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, closed = threading.Event(), threading.Event()

    def endless(_spec: object, progress: object) -> PictureSet:
        assert callable(progress)
        count = 0
        try:
            while True:
                count += 1
                progress(count)
                closed.wait(0.001)
        finally:
            ended.set()

    monkeypatch.setattr(opening, "open_set", endless)
    steps = opened(str(tmp_path))
    counts = [next(steps) for _ in range(20)]
    assert counts == sorted(counts)
    steps.close()
    assert ended.wait(120)
