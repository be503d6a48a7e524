"""``deepvis snapshot``: the real window, the real engine, no display."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")
RANDOM = ("--model", "tinynet", "--weights", "random", "--device", "cpu", "--precision", "fp32")


def snapshot(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deepvis", "snapshot", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=280)


def test_the_whole_window_becomes_one_picture(tmp_path: Path) -> None:
    out = tmp_path / "view.png"
    done = snapshot("sample:cat", "-o", str(out), *RANDOM, "--layer", "conv3", "--unit", "37", "--size", "800x1200")
    assert done.returncode == 0, done.stderr
    with Image.open(out) as image:
        assert image.size == (1200, 800)
        facts = json.loads(image.text["deepvis"])  # type: ignore[attr-defined]
        pixels = np.asarray(image.convert("RGB"))
    assert (facts["layer"], facts["unit"], facts["model"]) == ("conv3", 37, "tinynet")
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 5000, "a photograph and its activations are in it"
    assert pixels.mean() < 100, "the theme is dark"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no-such-picture.png"], "no-such-picture.png"),
        (["sample:cat", "--layer", "conv33"], "Did you mean conv3"),
        (["sample:cat", "--layer", "conv3", "--unit", "4000"], "units 0 to 127"),
    ],
)
def test_what_cannot_be_shown_is_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    done = snapshot(*words, "-o", str(tmp_path / "view.png"), *RANDOM)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "view.png").exists()
