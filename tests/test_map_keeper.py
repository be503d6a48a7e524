"""The session's side of maps: read, placed and exported on threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from deepvis import Network
from deepvis.backend.library import Library
from deepvis.backend.maps.unfinished import Unfinished
from deepvis.backend.runs import Embedding, PatchScan
from deepvis.map_keeper import MapKeeper
from deepvis.messages import (
    Event,
    MapOpened,
    MapPicture,
    MapPictureFile,
    MapPlaced,
    MapsChanged,
    Problem,
    RunStatus,
)
from tests.backend.maps.conftest import colours, picture_folder

__all__ = ["colours", "picture_folder"]

Kind = TypeVar("Kind")


class Events:
    """What a keeper tells, in order; a test waits for what it needs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.all: list[Event] = []

    def put(self, event: Event) -> None:
        with self._changed:
            self.all.append(event)
            self._changed.notify_all()

    def wait(self, kind: type[Kind], holds: Callable[[Kind], bool] = lambda _event: True) -> Kind:
        """The first event of this kind that holds, taken out with all before it."""
        with self._changed:

            def find() -> Any:
                return next((each for each in self.all if isinstance(each, kind) and holds(each)), None)

            assert self._changed.wait_for(lambda: find() is not None, 120), f"no {kind.__name__} came: {self.all}"
            found = find()
            del self.all[: self.all.index(found) + 1]
            return found  # type: ignore[no-any-return]


@pytest.fixture
def map_folder(colours: Network, picture_folder: Path, tmp_path: Path) -> str:
    """A small map in a library below ``libraries``."""
    scan = PatchScan(folder=str(tmp_path / "libraries" / "shades"), workers=0)
    library = Library(list(scan.steps(colours, picture_folder))[-1].result.facts["library"])
    return str(list(Embedding(perplexity=8, iterations=40).steps(colours, library))[-1].result.facts["map"])


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def keeper(events: Events, map_folder: str, tmp_path: Path) -> Iterator[MapKeeper]:
    """It has read the list."""
    made = MapKeeper(events.put, tmp_path / "libraries")
    made.load()
    events.wait(MapsChanged)
    yield made
    made.close()
    for thread in made.threads:
        thread.join(60)


def test_maps_on_the_disk_are_listed_and_opened(keeper: MapKeeper, events: Events, map_folder: str) -> None:
    assert [info.folder for info in keeper.maps()] == [map_folder]
    keeper.open(map_folder)
    content = events.wait(MapOpened).content
    assert content is not None
    assert len(content.points) == 150
    keeper.open(map_folder + "-gone")
    opened = events.wait(MapOpened)
    assert opened.content is None
    assert "make one" in opened.problem


def test_the_list_clears_what_a_killed_process_was_writing(keeper: MapKeeper, events: Events, map_folder: str) -> None:
    left = Unfinished(Path(map_folder).with_name("conv-p5"))
    left._lock.release()  # as the system does it
    keeper.refresh()
    events.wait(MapsChanged)
    assert not left.part.exists()
    assert [info.folder for info in keeper.maps()] == [map_folder]


def test_frames_are_placed_and_the_newest_is_never_left_out(
    keeper: MapKeeper, events: Events, map_folder: str, tmp_path: Path
) -> None:
    keeper.open(map_folder)
    content = events.wait(MapOpened).content
    assert content is not None
    features = np.array(Library(content.info.library).features)
    for frame in range(40):
        keeper.place(map_folder, frame, features[frame])
    placed = events.wait(MapPlaced, lambda event: event.frame == 39)
    assert placed.point is not None
    assert placed.nearest[0] == 39
    keeper.place(map_folder, 41, np.zeros(3, np.float32))
    refused = events.wait(MapPlaced, lambda event: event.frame == 41)
    assert refused.point is None
    assert "load the network" in refused.problem
    keeper.place(map_folder, 42, features[5])
    assert events.wait(MapPlaced, lambda event: event.frame == 42).nearest[0] == 5


def test_a_map_that_was_made_anew_is_placed_in_as_it_is_now(keeper: MapKeeper, events: Events, map_folder: str) -> None:
    keeper.open(map_folder)
    content = events.wait(MapOpened).content
    assert content is not None
    features = np.array(Library(content.info.library).features)
    keeper.place(map_folder, 1, features[7])
    before = events.wait(MapPlaced).point
    assert before is not None
    path = Path(map_folder) / "points.npy"
    np.save(path, np.load(path) + np.float32(500))
    keeper.open(map_folder)
    events.wait(MapOpened)
    keeper.place(map_folder, 2, features[7])
    after = events.wait(MapPlaced).point
    assert after is not None
    np.testing.assert_allclose(np.array(after) - np.array(before), 500, atol=5)


def test_pictures_come_whole_as_the_network_saw_them_and_as_files(
    keeper: MapKeeper, events: Events, map_folder: str, picture_folder: Path
) -> None:
    keeper.open(map_folder)
    events.wait(MapOpened)
    keeper.picture(map_folder, 3, True)
    whole = events.wait(MapPicture)
    assert whole.pixels is not None
    assert (whole.index, whole.whole, whole.pixels.shape) == (3, True, (16, 16, 3))
    keeper.picture(map_folder, 3, False)
    assert events.wait(MapPicture).whole is False
    keeper.picture_file(map_folder, 3)
    path = Path(events.wait(MapPictureFile).path)
    assert path == picture_folder / "blue" / "03.png"
    (picture_folder / "blue" / "04.png").unlink()
    keeper.picture_file(map_folder, 4)
    assert events.wait(MapPictureFile).path == ""
    assert events.wait(Problem).remedy
    keeper.picture(map_folder, 10_000, True)
    assert events.wait(MapPicture).problem


def test_a_map_is_exported_or_the_reason_is_told(
    keeper: MapKeeper, events: Events, map_folder: str, tmp_path: Path
) -> None:
    keeper.export(map_folder, str(tmp_path / "map.csv"), "class")
    keeper.export(map_folder, str(tmp_path / "map.svg"), "prediction")
    told = [events.wait(Problem), events.wait(Problem)]
    assert [problem.severity for problem in told] == ["info", "info"]
    assert (tmp_path / "map.csv").read_text().count("\n") == 151
    assert (tmp_path / "map.svg").exists()
    keeper.export(map_folder, str(tmp_path / "nowhere" / "map.csv"), "class")
    problem = events.wait(Problem)
    assert problem.severity == "error"
    assert "nowhere" in problem.cause


def test_a_finished_run_brings_its_map_into_the_list(
    keeper: MapKeeper, events: Events, map_folder: str, colours: Network
) -> None:
    library = Library(Path(map_folder).parent.parent)
    list(Embedding(perplexity=4, iterations=5).steps(colours, library))
    keeper.note(RunStatus(1, "fooling", "done"))
    keeper.note(RunStatus(2, "embedding", "running"))
    assert len(keeper.maps()) == 1
    keeper.note(RunStatus(2, "embedding", "done"))
    events.wait(MapsChanged)
    assert len(keeper.maps()) == 2
