"""``deepvis snapshot``: the real window, the real engine, no display."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.programs import Program, Programs

pytest.importorskip("skimage")
RANDOM = ("--model", "tinynet", "--weights", "random", "--device", "cpu", "--precision", "fp32")

WRONG = {
    "no-such-picture.png": ["no-such-picture.png"],
    "Did you mean conv3": ["sample:cat", "--layer", "conv33"],
    "units 0 to 127": ["sample:cat", "--layer", "conv3", "--unit", "4000"],
}
"""What the program says, and the words that it says it to."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("snapshots")


@pytest.fixture(scope="module")
def refusals(programs: Programs, out: Path) -> dict[str, Program]:
    """Programs that cannot do what they are asked for, by what they say, begun at the same time."""
    return {
        said: programs.start("-m", "deepvis", "snapshot", *words, "-o", str(out / f"wrong{number}.png"), *RANDOM)
        for number, (said, words) in enumerate(WRONG.items())
    }


def test_the_whole_window_becomes_one_picture(programs: Programs, out: Path) -> None:
    words = ("sample:cat", "-o", str(out / "view.png"), "--layer", "conv3", "--unit", "37", "--size", "800x1200")
    done = programs.start("-m", "deepvis", "snapshot", *words, *RANDOM).ended()
    assert done.returncode == 0, done.stderr
    with Image.open(out / "view.png") as image:
        assert image.size == (1200, 800)
        facts = json.loads(image.text["deepvis"])  # type: ignore[attr-defined]
        pixels = np.asarray(image.convert("RGB"))
    assert (facts["layer"], facts["unit"], facts["model"]) == ("conv3", 37, "tinynet")
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 5000, "a photograph and its activations are in it"
    assert pixels.mean() < 100, "the theme is dark"


@pytest.mark.parametrize(("number", "said"), list(enumerate(WRONG)))
def test_what_cannot_be_shown_is_one_line(refusals: dict[str, Program], out: Path, number: int, said: str) -> None:
    done = refusals[said].ended()
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / f"wrong{number}.png").exists()
