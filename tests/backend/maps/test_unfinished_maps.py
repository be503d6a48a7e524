"""Maps that were being written when their process ended are cleared away, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from deepvis.backend.atomic_file import ExportError
from deepvis.backend.maps import unfinished as module
from deepvis.backend.maps.spaces import FeatureSpace
from deepvis.backend.maps.store import map_folder, maps_of, read_info, write_map
from deepvis.backend.maps.unfinished import Unfinished, clear_unfinished
from deepvis.messages import MapInfo


def write(library: Path, created: float = 1.0) -> MapInfo:
    folder = map_folder(library, "conv", {})
    info = MapInfo(str(folder), str(library), "set", "net", "hash", "conv", 3, {}, 0.5, created)
    points = np.zeros((3, 2), np.float32)
    write_map(info, points, points[:, 0], np.arange(3, dtype=np.int32), None, FeatureSpace("cosine"))
    return info


def hidden(library: Path) -> list[str]:
    return sorted(path.name for path in (library / "maps").iterdir() if path.name.startswith("."))


WRITER = """
import sys, time
from pathlib import Path
from deepvis.backend.maps.unfinished import Unfinished
unfinished = Unfinished(Path(sys.argv[1]))
(unfinished.part / "points.npy").write_bytes(bytes(10))
print("writing", flush=True)
time.sleep(600)
"""


def test_what_a_killed_process_was_writing_is_cleared_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(maps / "conv-p30")], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        clear_unfinished(maps)
        assert [name.rpartition(".")[2] for name in hidden(tmp_path)] == ["lock", "part"]
    finally:
        writer.kill()
        writer.communicate()
    clear_unfinished(maps)
    assert hidden(tmp_path) == []


def test_a_map_leaves_nothing_beside_itself_however_often_it_is_made(tmp_path: Path) -> None:
    write(tmp_path, 1.0)
    info = write(tmp_path, 2.0)
    assert hidden(tmp_path) == []
    assert [found.created for found in maps_of([tmp_path])] == [2.0]
    assert read_info(Path(info.folder)).created == 2.0


def test_writing_a_map_clears_what_was_left_of_others(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    left = Unfinished(maps / "conv-p5")
    left._lock.release()  # as the system does it when a process is killed
    write(tmp_path)
    assert hidden(tmp_path) == []


def test_what_has_no_lock_is_left_alone_for_a_day(tmp_path: Path) -> None:
    """As older versions wrote it, and as it is where the file system knows no locks."""
    write(tmp_path)
    part = tmp_path / "maps" / ".conv-p30.0123abcd.part"
    part.mkdir()
    (part / "points.npy").write_bytes(bytes(10))
    clear_unfinished(tmp_path / "maps")
    assert part.exists()
    yesterday = time.time() - 25 * 3600
    for path in (part, part / "points.npy"):
        os.utime(path, (yesterday, yesterday))
    clear_unfinished(tmp_path / "maps")
    assert hidden(tmp_path) == []


def test_without_locks_nothing_that_is_being_written_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.FileLock, "take", lambda _self: None)
    maps = tmp_path / "maps"
    maps.mkdir()
    going_on = Unfinished(maps / "conv-p30")
    clear_unfinished(maps)
    assert going_on.part.exists()


def test_the_earlier_map_comes_back_where_the_process_ended_before_the_new_one_was_in_its_place(tmp_path: Path) -> None:
    info = write(tmp_path, 1.0)
    under_way = Unfinished(Path(info.folder))
    os.replace(info.folder, under_way.old)
    assert maps_of([tmp_path]) == ()
    under_way._lock.release()
    clear_unfinished(tmp_path / "maps")
    assert [found.created for found in maps_of([tmp_path])] == [1.0]
    assert hidden(tmp_path) == []


def test_a_map_that_cannot_be_put_in_its_place_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1.0)
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if str(source).endswith(".part"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ExportError):
        write(tmp_path, 2.0)
    monkeypatch.undo()
    assert [found.created for found in maps_of([tmp_path])] == [1.0]
    assert hidden(tmp_path) == []
