"""The gallery of a real session: real threads, the bundled network, a real photograph, a real disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from deepvis.backend.atomic_file import ExportError
from deepvis.gallery import folder as folder_module
from deepvis.gallery.entry_file import read_entry
from deepvis.messages import (
    Event,
    GalleryChanged,
    GalleryContent,
    GalleryExport,
    GalleryOpened,
    NetworkReady,
    NetworkSpec,
    Problem,
    RunStatus,
    RunUpdate,
    ViewRequest,
)
from deepvis.options import option
from deepvis.session import Session


class Listener:
    """Collects what a session says, and waits for it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: list[Event] = []
        self.frame: Any = None
        self._woken = threading.Event()
        session.set_wake(self._woken.set)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while True:
            self._woken.clear()
            self.events += self.session.take_events()
            result = self.session.take_result()
            self.frame = result.frame if result is not None else self.frame
            if condition():
                return
            assert time.monotonic() < end, f"never happened; last events: {self.events[-5:]}"
            self._woken.wait(0.05)

    def problems(self, severity: str = "error") -> list[Problem]:
        return [event for event in self.events if isinstance(event, Problem) and event.severity == severity]

    def ended(self, state: str) -> list[int]:
        return [event.id for event in self.events if isinstance(event, RunStatus) and event.state == state]

    def open(self, entry_id: str) -> GalleryContent | None:
        seen = len(self.events)
        self.session.gallery_open(entry_id)
        found: list[GalleryOpened] = []

        def arrived() -> bool:
            found.extend(event for event in self.events[seen:] if isinstance(event, GalleryOpened))
            return bool(found)

        self.until(arrived)
        return found[0].content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "gallery"


@pytest.fixture
def listener(folder: Path) -> Iterator[Listener]:
    """A session with tinynet that shows a photograph."""
    session = Session(folder)
    made = Listener(session)
    session.start()
    session.open_source("sample:cat")
    session.load_network(NetworkSpec("tinynet", device="cpu", precision="fp32"))
    session.request(ViewRequest(1))
    made.until(lambda: any(isinstance(event, NetworkReady) for event in made.events) and made.frame is not None)
    yield made
    assert session.close(60)


COARSE = {"patch": 48, "stride": 48, "batch": 1}


def test_a_finished_run_is_kept_and_is_there_after_the_next_start(listener: Listener, folder: Path) -> None:
    session = listener.session
    run_id = session.start_run("occlusion", COARSE, listener.frame.image)
    # An entry may be there a little before the window hears that its run is done.
    listener.until(lambda: len(session.gallery_entries()) == 1 and bool(listener.ended("done")))
    assert listener.ended("done") == [run_id]
    (entry,) = session.gallery_entries()
    assert (entry.run, entry.kind, entry.state, entry.network) == ("occlusion", "Occlusion", "done", "tinynet")
    assert entry.options == {"target": None, "fill": "black", "precision": "fp32"} | COARSE
    assert entry.title
    assert entry.source == "Chelsea the cat"
    assert entry.network_spec == NetworkSpec("tinynet")
    assert entry.duration > 0
    content = listener.open(entry.id)
    assert content is not None
    assert content.input is not None
    assert np.array_equal(content.input, listener.frame.image)
    assert [each.step for each in content.course] == list(range(1, entry.steps + 1))
    assert content.course_figures["lowest_probability"][-1] == pytest.approx(entry.figures["lowest_probability"])
    assert {"probability", "logit", "drop"} <= set(content.arrays)

    again = Session(folder)
    later = Listener(again)
    again.start()
    later.until(lambda: len(again.gallery_entries()) == 1)
    assert again.gallery_entries()[0].id == entry.id
    assert again.gallery_entries()[0].options == entry.options
    assert again.close(60)


def test_the_same_run_twice_at_once_leaves_two_entries(listener: Listener) -> None:
    session = listener.session
    ids = [session.start_run("occlusion", COARSE, listener.frame.image) for _ in range(2)]
    listener.until(lambda: len(session.gallery_entries()) == 2 and len(listener.ended("done")) == 2)
    assert sorted(listener.ended("done")) == ids
    first, second = (listener.open(entry.id) for entry in session.gallery_entries())
    assert first is not None
    assert second is not None
    assert np.array_equal(first.image, second.image)


def test_a_repeated_run_has_the_same_options_picture_and_result(listener: Listener) -> None:
    session = listener.session
    image = np.ascontiguousarray(listener.frame.image[:200, :220])
    session.start_run("occlusion", COARSE | {"target": 7, "fill": "blur"}, image)
    listener.until(lambda: len(session.gallery_entries()) == 1)
    session.gallery_repeat(session.gallery_entries()[0].id)
    listener.until(lambda: len(session.gallery_entries()) == 2)
    first, second = session.gallery_entries()
    assert first.options == second.options
    contents = [listener.open(entry.id) for entry in (first, second)]
    assert contents[0] is not None
    assert contents[1] is not None
    assert np.array_equal(contents[0].image, contents[1].image)
    with pytest.raises(KeyError):
        session.gallery_repeat("nothing")


def test_a_run_that_goes_on_takes_the_place_of_what_it_left_before(listener: Listener, folder: Path) -> None:
    session = listener.session
    run_id = session.start_run("fooling", {"target": "cliff", "method": "ascent", "iterations": 6}, "sample:cat")
    listener.until(lambda: len(session.gallery_entries()) == 1)
    first = session.gallery_entries()[0]
    assert first.source == "Chelsea the cat"
    session.control_run(run_id, "more", 5)
    listener.until(lambda: session.gallery_entries()[0].id != first.id and len(listener.ended("done")) == 2)
    listener.until(lambda: len(session.gallery_entries()) == 1)
    second = session.gallery_entries()[0]
    assert second.steps == first.steps + 5
    assert second.course > first.course
    listener.until(lambda: [each.name for each in folder.iterdir() if not each.name.startswith(".")] == [second.id])


def test_a_run_that_is_cancelled_while_it_goes_on_leaves_what_it_had_finished(listener: Listener) -> None:
    session = listener.session
    options = {"layer": "conv2", "unit": 3, "iterations": 3, "size": 32}
    run_id = session.start_run("class_image", options)
    listener.until(lambda: len(session.gallery_entries()) == 1)
    (finished,) = session.gallery_entries()
    session.control_run(run_id, "more", 100_000)
    listener.until(
        lambda: any(isinstance(e, RunStatus) and e.update is not None and e.update.step > 3 for e in listener.events)
    )
    session.control_run(run_id, "cancel")
    listener.until(lambda: len(session.gallery_entries()) == 2)
    states = {entry.id: entry.state for entry in session.gallery_entries()}
    assert states.pop(finished.id) == "done"
    assert list(states.values()) == ["cancelled"]


def test_pictures_of_a_unit_are_found_by_network_layer_and_unit(listener: Listener) -> None:
    session = listener.session
    session.start_run("class_image", {"layer": "conv2", "unit": 3, "iterations": 3, "size": 32})
    listener.until(lambda: len(session.gallery_entries()) == 1)
    (entry,) = session.gallery_entries()
    assert session.unit_images(entry.network_hash, "conv2", 3) == ()
    listener.until(lambda: len(session.unit_images(entry.network_hash, "conv2", 3)) == 1)
    content = listener.open(entry.id)
    assert content is not None
    assert np.array_equal(session.unit_images(entry.network_hash, "conv2", 3)[0], content.image)
    assert session.unit_images(entry.network_hash, "conv2", 4) == ()
    assert session.unit_images("0" * 16, "conv2", 3) == ()


def test_an_option_of_another_version_is_said(listener: Listener) -> None:
    listener.session.start_run("occlusion", COARSE | {"colour": "red"}, listener.frame.image)
    listener.until(lambda: bool(listener.ended("failed")))
    failed = next(e for e in listener.events if isinstance(e, RunStatus) and e.state == "failed")
    assert "no option colour" in failed.error
    assert listener.session.gallery_entries() == ()


def test_a_cancelled_run_is_kept_with_what_it_made(listener: Listener) -> None:
    session = listener.session
    fine = {"patch": 8, "stride": 2, "batch": 1}
    waiting = session.start_run("occlusion", fine, listener.frame.image)
    never = session.start_run("occlusion", fine, listener.frame.image)
    listener.until(
        lambda: any(isinstance(e, RunStatus) and e.id == waiting and e.update is not None for e in listener.events)
    )
    session.control_run(never, "cancel")
    session.control_run(waiting, "cancel")
    listener.until(lambda: len(session.gallery_entries()) == 1)
    (entry,) = session.gallery_entries()
    assert entry.state == "cancelled"
    assert 0 < entry.steps < entry.total
    assert entry.title


def test_closing_in_the_middle_of_a_run_keeps_what_it_made(folder: Path) -> None:
    session = Session(folder)
    listener = Listener(session)
    session.start()
    session.load_network(NetworkSpec("tinynet", device="cpu", precision="fp32"))
    session.start_run("occlusion", {"patch": 8, "stride": 2, "batch": 1}, np.zeros((128, 128, 3), np.uint8))
    listener.until(
        lambda: any(isinstance(e, RunStatus) and e.update is not None and e.update.step > 40 for e in listener.events)
    )
    assert session.close(60)
    (kept,) = [each for each in folder.iterdir() if not each.name.startswith(".")]
    assert (kept / "entry.json").is_file()
    assert list(kept.glob("Occlusion*.png"))


IN_STEP, STEP = threading.Event(), threading.Event()
"""The fourth step of a :class:`LongStep` has begun, and: it may end."""


@dataclass(frozen=True)
class LongStep:
    """A run whose fourth step takes until somebody says so, or fails."""

    fails: bool = option(False, help="Raise in place of the fourth step")
    title: ClassVar[str] = "Long step"
    needs: ClassVar[str] = "nothing"
    presets: ClassVar[dict[str, Any]] = {}

    def steps(self, _net: object) -> Iterator[RunUpdate]:
        for step in range(1, 6):
            if step == 4 and self.fails:
                raise ValueError("the loss is no number; choose fp32")
            if step == 4:
                IN_STEP.set()
                STEP.wait(120)
            yield RunUpdate(step, 5, np.full((8, 8, 3), step, np.uint8), {"loss": 1 / step})


@pytest.fixture
def long_step(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    IN_STEP.clear()
    STEP.clear()
    monkeypatch.setattr("deepvis.backend.runs.registry", lambda: {"long_step": LongStep})
    yield
    STEP.set()


def test_closing_in_a_step_that_does_not_end_keeps_what_was_made_before_it(folder: Path, long_step: None) -> None:
    session = Session(folder)
    listener = Listener(session)
    session.start()
    session.load_network(NetworkSpec("tinynet", device="cpu", precision="fp32"))
    session.start_run("long_step", {})
    listener.until(IN_STEP.is_set)
    assert not session.close(0.3)
    (kept,) = [each for each in folder.iterdir() if not each.name.startswith(".")]
    entry = read_entry(kept)
    assert (entry.state, entry.steps, entry.total) == ("cancelled", 3, 5)
    assert not session.keeping
    STEP.set()
    assert session.close(60)
    assert len([each for each in folder.iterdir() if not each.name.startswith(".")]) == 1


def test_a_run_that_fails_is_kept_as_far_as_it_got_with_the_reason(listener: Listener, long_step: None) -> None:
    session = listener.session
    session.start_run("long_step", {"fails": True})
    listener.until(lambda: len(session.gallery_entries()) == 1)
    (entry,) = session.gallery_entries()
    assert (entry.state, entry.steps, entry.note) == ("failed", 3, "the loss is no number; choose fp32")
    content = listener.open(entry.id)
    assert content is not None
    assert content.image[0, 0, 0] == 3


def test_the_end_of_the_program_waits_for_a_slow_disk(
    folder: Path, long_step: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(folder)
    listener = Listener(session)
    session.start()
    session.load_network(NetworkSpec("tinynet", device="cpu", precision="fp32"))
    session.start_run("long_step", {})
    listener.until(IN_STEP.is_set)
    real, waited = folder_module.write_json, threading.Event()

    def slow(path: Path, content: object) -> None:
        waited.wait(0.5)
        real(path, content)

    monkeypatch.setattr(folder_module, "write_json", slow)
    session.close(0.1)
    assert list(folder.glob("*/entry.json"))
    STEP.set()
    assert session.close(60)


def test_deleting_what_is_being_opened_is_said_and_can_be_undone(listener: Listener) -> None:
    session = listener.session
    session.start_run("occlusion", COARSE, listener.frame.image)
    listener.until(lambda: len(session.gallery_entries()) == 1)
    (entry,) = session.gallery_entries()
    session.gallery_delete([entry.id])
    assert session.gallery_entries() == ()
    assert listener.open(entry.id) is None
    listener.until(lambda: bool(listener.problems()))
    assert "not in the gallery" in listener.problems()[0].cause
    session.gallery_undelete()
    listener.until(lambda: len(session.gallery_entries()) == 1)
    assert listener.open(entry.id) is not None


def test_exports_say_how_far_they_are_and_how_they_ended(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = listener.session
    session.start_run("occlusion", COARSE, listener.frame.image)
    listener.until(lambda: len(session.gallery_entries()) == 1)
    (entry,) = session.gallery_entries()
    for ending in ("png", "mp4", "gif", "json", "npz"):
        path = tmp_path / f"film.{ending}"
        session.gallery_export(entry.id, str(path))
        listener.until(lambda path=path: any(isinstance(e, GalleryExport) and e.path == str(path) and e.over
                                             for e in listener.events))  # fmt: skip
        assert path.stat().st_size > 0
    assert sum(problem.title == "Saved" for problem in listener.problems("info")) == 5
    with Image.open(tmp_path / "film.png") as image:
        assert (image.height, image.width) == entry.size

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deepvis.backend.film.VideoWriter._encode", full)
    session.gallery_export(entry.id, str(tmp_path / "late.mp4"))
    listener.until(lambda: bool(listener.problems()))
    (problem,) = listener.problems()
    assert "full" in problem.cause
    assert problem.remedy
    assert not list(tmp_path.glob("*late*"))
    assert listener.open(entry.id) is not None


def test_the_guide_of_a_dream_stands_beside_it_and_is_kept(listener: Listener) -> None:
    session = listener.session
    options = {"octaves": 1, "steps_per_octave": 1, "size": 64, "guide": "sample:coffee", "precision": "fp32"}
    session.start_run("deepdream", options, listener.frame.image)
    listener.until(lambda: len(session.gallery_entries()) == 1)
    updates = [each.update for each in listener.events if isinstance(each, RunStatus) and each.update is not None]
    assert list(updates[-1].detail["pictures"]) == ["Before", "Guide"]
    content = listener.open(session.gallery_entries()[0].id)
    assert content is not None
    assert list(content.images) == ["before", "guide"]


def test_an_export_waits_for_the_one_before_it_and_neither_is_lost(listener: Listener, tmp_path: Path) -> None:
    session = listener.session
    session.start_run("occlusion", COARSE, listener.frame.image)
    listener.until(lambda: len(session.gallery_entries()) == 1)
    (entry,) = session.gallery_entries()
    paths = [tmp_path / name for name in ("film.gif", "film.mp4", "figures.json")]
    for path in paths:
        session.gallery_export(entry.id, str(path))
    listener.until(lambda: sum(problem.title == "Saved" for problem in listener.problems("info")) == 3)
    assert all(path.stat().st_size > 0 for path in paths)
    told = [event.path for event in listener.events if isinstance(event, GalleryExport)]
    assert list(dict.fromkeys(told)) == [str(path) for path in paths]


def test_a_full_disk_keeps_the_run_in_memory_until_there_is_room(
    listener: Listener, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = listener.session
    real = folder_module.write_json

    def full(path: Path, _content: object) -> None:
        raise ExportError(f"{path.name} was not saved", "The disk is full.", "Free some room.")

    monkeypatch.setattr(folder_module, "write_json", full)
    session.start_run("occlusion", COARSE, listener.frame.image)
    listener.until(lambda: bool(listener.problems()))
    (problem,) = listener.problems()
    assert problem.cause == "The disk is full."
    (entry,) = session.gallery_entries()
    assert not entry.saved
    assert listener.open(entry.id) is not None
    monkeypatch.setattr(folder_module, "write_json", real)
    session.gallery_save(entry.id)
    listener.until(lambda: session.gallery_entries()[0].saved)
    assert len([each for each in folder.iterdir() if not each.name.startswith(".")]) == 1


def test_folders_that_are_no_entries_are_one_notice(folder: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (folder / name).mkdir(parents=True)
    session = Session(folder)
    listener = Listener(session)
    session.start()
    listener.until(lambda: bool(listener.problems("warning")))
    assert session.close(60)
    (notice,) = listener.problems("warning")
    assert "4 folders" in notice.title
    assert "d:" in notice.details
    assert not [event for event in listener.events if isinstance(event, GalleryChanged)]
