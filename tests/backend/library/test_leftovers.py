"""What ended scans left half-written goes, once nobody can be writing it any more."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from deepvis import runs
from deepvis.backend.file_lock import FileLock
from deepvis.backend.library import Library, libraries
from deepvis.backend.library.leftovers import clear_leftovers
from deepvis.backend.library.lock import LOCK
from deepvis.backend.library.manifest import MANIFEST
from tests.backend.library.pictures import colour_network, coloured_noise

FILES = (".features.npy.part", ".manifest.json.0123abcd.part")
STATES = (".state-000002-0123abcd.part", ".state-000001-0123abcd.old")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A whole library with what killed processes may leave in one."""
    folder = tmp_path / "shelf" / "noise"
    list(runs.PatchScan(folder=str(folder), workers=0).steps(colour_network(), coloured_noise(4)))
    for name in STATES:
        (folder / name).mkdir()
    for name in (*FILES, *(f"{state}/done.npy" for state in STATES)):
        (folder / name).write_bytes(bytes(8))
    return folder


def leave_for_a_day(folder: Path) -> None:
    yesterday = time.time() - 25 * 3600
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (yesterday, yesterday))


def test_half_written_parts_of_a_library_go_and_the_library_stays(library: Path) -> None:
    leave_for_a_day(library)
    before = {path.name for path in library.iterdir()}
    clear_leftovers(library.parent)
    assert before - {path.name for path in library.iterdir()} == {*FILES, *STATES}
    assert Library(library).complete


@pytest.mark.parametrize("living", ["lock", "touched"])
def test_what_somebody_may_be_writing_stays(library: Path, living: str) -> None:
    leave_for_a_day(library)
    lock = FileLock(library / LOCK)
    if living == "lock":
        assert lock.take()
    else:
        os.utime(library / STATES[0] / "done.npy")
    clear_leftovers(library.parent)
    lock.release()
    assert (library / STATES[0]).exists()


def test_a_library_that_never_began_goes_as_a_whole(library: Path) -> None:
    (library / MANIFEST).unlink()
    clear_leftovers(library.parent)
    assert library.exists(), "a scan may just be making it"
    leave_for_a_day(library)
    clear_leftovers(library.parent)
    assert not library.exists()
    assert libraries(library.parent) == ()


def test_folders_that_hold_anything_else_stay_as_they_are(library: Path) -> None:
    (library / MANIFEST).unlink()
    (library / "notes.txt").write_text("mine")
    other = library.parent / "other"
    other.mkdir()
    (other / "titles.json").write_text("[]")
    leave_for_a_day(library.parent)
    before = sorted(library.parent.rglob("*"))
    clear_leftovers(library.parent)
    assert sorted(library.parent.rglob("*")) == before
