"""The page of classic figures: what it says can be done."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from deepvis.backend.runs import registry
from deepvis.cli import make_parser, run_options

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "figures.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^deepvis (.+)$", PAGE, re.MULTILINE)
RUNS = {"maximise": "class_image", "invert": "inversion", "dream": "deepdream", "fool": "fooling"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_on_the_page_is_understood(command: str) -> None:
    options = make_parser().parse_args(shlex.split(command))
    assert options.output.endswith(".png")
    if options.command in RUNS:
        run: Any = registry()[RUNS[options.command]]
        values = {} if options.preset is None else run_options.preset(run.presets, options.preset)
        run_options.make_run(run, values | run_options.given_options(options))


def test_every_picture_and_page_that_is_named_is_there() -> None:
    named = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert len(named) > 6
    for path in named:
        assert (DOCS / path).exists(), path


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in (DOCS / "images" / "figures").iterdir()) < 3_000_000
