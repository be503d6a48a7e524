"""Pictures that a run's options name, beside those that it makes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from deepvis.messages import RunResult, RunUpdate
from deepvis.options import option, options_of
from deepvis.run_pictures import LONGEST, named_pictures, with_pictures


@dataclass(frozen=True)
class Guided:
    """A run with pictures among its options."""

    guide: str | None = option(None, help="What is dreamt of", role="picture")
    mask: str | None = option(None, help="Where", role="picture", label="Mask")
    layer: str | None = option(None, help="Where in the network", role="layer")


IMAGE = np.zeros((4, 4, 3), np.uint8)
GUIDE = np.ones((2, 2, 3), np.uint8)


def test_pictures_are_read_that_the_options_name_and_can_be_read(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 3000, 3), 7, np.uint8)).save(tmp_path / "wide.png")
    values = {"guide": str(tmp_path / "wide.png"), "mask": str(tmp_path / "gone.png"), "layer": "conv1"}
    found = named_pictures(options_of(Guided), values)
    assert list(found) == ["Guide"]
    assert max(found["Guide"].shape) == LONGEST
    assert named_pictures(options_of(Guided), {"guide": None}) == {}
    assert named_pictures(options_of(Guided), {"guide": "sample:nothing"}) == {}
    assert named_pictures(options_of(Guided), {"mask": "sample:cat"})["Mask"].ndim == 3


def test_they_stand_beside_every_step_s_pictures_and_among_the_result_s() -> None:
    result = RunResult("guided", "", {}, "n", "", IMAGE, {"before": IMAGE})
    steps = (
        RunUpdate(step, 2, IMAGE, result=result if step == 2 else None, detail={"pictures": {"Before": IMAGE}, "a": 1})
        for step in (1, 2)
    )
    first, last = with_pictures(steps, {"Guide": GUIDE})
    assert list(first.detail["pictures"]) == ["Before", "Guide"]
    assert first.detail["a"] == 1
    assert list(last.result.images) == ["before", "guide"]
    assert last.result.images["guide"] is GUIDE
    (alone,) = with_pictures(iter([RunUpdate(1, 1, IMAGE)]), {"Guide": GUIDE})
    assert list(alone.detail["pictures"]) == ["Guide"]


def test_a_run_is_continued_and_closed_as_if_nothing_stood_beside_it() -> None:
    heard: list[object] = []

    def steps() -> Generator[RunUpdate, int | None, None]:
        try:
            for step in range(1, 4):
                heard.append((yield RunUpdate(step, 3, IMAGE)))
        finally:
            heard.append("closed")

    run = with_pictures(steps(), {"Guide": GUIDE})
    assert next(run).step == 1
    assert run.send(25).step == 2
    run.close()
    assert heard == [25, "closed"]
