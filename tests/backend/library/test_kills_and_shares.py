"""Scans that are killed and go on, or are shared by processes, leave the same library to the bit."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepvis.backend.library import Library
from tests.backend.library.pictures import coloured_noise, write_pictures
from tests.programs import Program, Programs

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, which this system cannot")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 pictures of three classes, two of which cannot be read."""
    folder = write_pictures(tmp_path_factory.mktemp("set"), coloured_noise(150), ("bird", "cat", "dog"))
    for place in ("bird/0010.png", "dog/0140.png"):
        (folder / place).write_bytes(b"broken")
    return folder


@pytest.fixture(scope="module")
def scans(
    programs: Programs, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Program, Path]]:
    """The programs that kill and that share scans, begun at the same time, and the folders of their libraries."""
    started = {}
    for kind in ("kills", "shares"):
        folder = tmp_path_factory.mktemp(kind)
        words = ("-m", "tests.backend.library.forked_scans", kind, str(pictures), str(folder))
        started[kind] = (programs.start(*words, cwd=ROOT, OMP_NUM_THREADS="1"), folder)
    return started


def told(program: Program) -> Any:
    done = program.ended()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """Every array of a library that is complete."""
    (state,) = folder.glob("state-*")
    return {path.name: np.load(path) for path in (*folder.glob("*.npy"), *state.glob("*.npy"))}


def check_same(folder: Path, other: Path) -> None:
    library = Library(folder)
    assert library.complete
    assert (library.count, int(library.valid.sum())) == (150, 148)
    assert [title for title, _ in library.skipped] == ["bird/0010.png", "dog/0140.png"]
    mine, expected = arrays(folder), arrays(other)
    assert len(expected) >= 17
    assert mine.keys() == expected.keys()
    for name, array in mine.items():
        assert array.tobytes() == expected[name].tobytes(), name
    left = [path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".writer.lock"]
    assert left == [], "something half-written stays behind"


def test_a_scan_killed_at_ten_random_moments_leaves_the_same_library(scans: dict[str, tuple[Program, Path]]) -> None:
    program, folder = scans["kills"]
    found = told(program)
    assert found["kills"] == 10
    for name in found["libraries"]:
        check_same(folder / name, folder / "whole")


def test_one_two_and_four_processes_leave_the_same_library(scans: dict[str, tuple[Program, Path]]) -> None:
    program, folder = scans["shares"]
    ends = told(program)
    assert ends["1"] + ends["2"] + ends["4"] + ends["went on"] == [0] * 9
    assert ends["died"][1] == -9
    for name in ("2", "4", "died"):
        check_same(folder / name, folder / "1")
