"""The gallery on the disk: what is kept of a run, and what happens when the disk does not play along."""

from __future__ import annotations

import errno
import json
import math
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

from deepvis.backend.atomic_file import ExportError
from deepvis.gallery import folder as folder_module
from deepvis.gallery.entry_file import NotAnEntry
from deepvis.gallery.export import ExportCancelled, export_record
from deepvis.gallery.record import Record, file_name, make_record, read_jpeg
from deepvis.gallery.recorder import RunBeginning, RunRecorder, Sampled
from deepvis.gallery.store import FOLDER_VARIABLE, Gallery, default_folder
from deepvis.messages import NetworkSpec, RunResult, RunStatus, RunUpdate

Pixels = npt.NDArray[np.uint8]

CREATED = 1_750_000_000.0


PHOTO = data.chelsea()


def picture(step: int, side: int = 48) -> Pixels:
    """A photograph that fades in with the steps."""
    photo = PHOTO[:side, 100 : 100 + side]
    return np.asarray(photo * (step / 10), np.uint8)


def result_of(**changes: Any) -> RunResult:
    fields: dict[str, Any] = {
        "run": "class_image",
        "title": "tractor · é",
        "options": {"target": "tractor", "steps": 10, "seed": 7, "sizes": [1, 2]},
        "network": "tinynet",
        "network_hash": "ab" * 8,
        "images": {"before / after": changes["image"][::2, ::2]},
        "figures": {"probability": 0.97, "loss": float("nan")},
        "facts": {"class": "tractor", "reached": True},
        "arrays": {"pixels": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)},
    }
    return RunResult(**(fields | changes))


def record(steps: int = 10, *, state: Any = "done", created: float = CREATED, **changes: Any) -> Record:
    """What a run of so many steps leaves."""
    beginning = RunBeginning(
        "class_image", "Class image", {"target": "tractor", "steps": 10, "seed": 7}, "tinynet", "ab" * 8, "cpu",
        NetworkSpec("tinynet", input_size=(96, 96)), picture(5), "Chelsea",
    )  # fmt: skip
    recorder = RunRecorder(beginning)
    update = None
    for step in range(1, steps + 1):
        last = step == steps and state == "done"
        image = picture(step)
        made = result_of(**({"image": image} | changes)) if last else None
        update = RunUpdate(step, max(steps, 10), image, {"probability": step / 10}, made, note="said" if last else "")
        recorder.note(update)
    return make_record(recorder.end(RunStatus(1, "class_image", state, update, 2.5), created))


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "gallery")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Whether the disk is full when arrays are written: late, when much of the folder is there already."""
    real = folder_module.write_npz
    full = [True]

    def write(path: Path, arrays: Any) -> None:
        if full[0]:
            raise ExportError("arrays.npz was not saved", "The disk is full.", "Free some room.")
        real(path, arrays)

    monkeypatch.setattr(folder_module, "write_npz", write)
    return lambda is_full: full.__setitem__(0, is_full)


# ------------------------------------------------------------------------------------------------------- recording


@pytest.mark.parametrize("count", [1, 2, 119, 120, 121, 240, 241, 1000, 4096])
def test_a_course_keeps_every_2_to_the_k_th_and_is_at_least_half_full(count: int) -> None:
    sampled: Sampled[int] = Sampled(120)
    for number in range(count):
        sampled.offer(number)
    kept = sampled.items
    assert kept == tuple(range(0, count, sampled.every))
    assert sampled.every & (sampled.every - 1) == 0
    assert len(kept) <= 120
    assert count <= 120 or len(kept) >= 60


def test_large_pictures_are_fewer() -> None:
    sampled: Sampled[int] = Sampled(120, 1000)
    for number in range(100):
        sampled.offer(number, 50)
    assert len(sampled.items) * 50 <= 1000
    assert len(sampled.items) >= 10
    huge: Sampled[int] = Sampled(120, 10)
    for number in range(64):
        huge.offer(number, 50)
    assert 4 <= len(huge.items) <= 8


def test_recording_keeps_the_arrays_themselves_and_a_pause_adds_nothing() -> None:
    recorder = RunRecorder(RunBeginning("dream", "Dream", {}, "n", "h"))
    images = [np.full((4, 4, 3), step, np.uint8) for step in range(3)]
    for step, image in enumerate(images, 1):
        update = RunUpdate(step, 3, image, {"loss": float(step)})
        recorder.note(update)
        recorder.note(update)
    end = recorder.end(RunStatus(1, "dream", "cancelled", update), CREATED)
    assert [step for step, _ in end.course] == [1, 2, 3]
    assert all(kept is image for (_, kept), image in zip(end.course, images, strict=True))


def test_very_large_pictures_are_reduced_at_once_and_the_last_one_stays_whole() -> None:
    recorder = RunRecorder(RunBeginning("deepdream", "DeepDream", {}, "n", "h"))
    for step in range(1, 4):
        recorder.note(RunUpdate(step, 3, np.full((2000, 1000, 3), 10 * step, np.uint8)))
    last = RunUpdate(4, 4, np.full((2000, 1000, 3), 40, np.uint8))
    end = recorder.end(RunStatus(1, "deepdream", "done", last), 0.0)
    assert [image.shape for _, image in end.course] == [(720, 360, 3)] * 3 + [(2000, 1000, 3)]
    assert [int(image[0, 0, 0]) for _, image in end.course] == [10, 20, 30, 40]


def test_the_last_step_is_in_the_course_even_when_it_was_not_its_turn() -> None:
    kept = record(1001)
    assert kept.content.course[-1].step == 1001
    assert kept.entry.course == len(kept.content.course) <= 121
    assert kept.content.steps[-1] == 1001
    end = RunRecorder(RunBeginning("r", "R", {}, "n", "h"))
    for step in range(1, 101):
        end.note(RunUpdate(step, 100, picture(1, 8)))
    hurried = end.end(RunStatus(1, "r", "cancelled", RunUpdate(100, 100, picture(1, 8))), CREATED).thinned(24)
    assert len(hurried.course) <= 24
    assert hurried.course[-1][0] == 100


def test_steps_that_are_told_of_more_than_once_are_all_kept(gallery: Gallery) -> None:
    recorder = RunRecorder(RunBeginning("evolved_fooling", "Evolved fooling images", {}, "n", "h"))
    for place in range(6):
        update = RunUpdate(place // 3, 1, np.full((8, 8, 3), 40 * place, np.uint8), {"best": place / 10})
        recorder.note(update)
    gallery.add(make_record(recorder.end(RunStatus(1, "evolved_fooling", "cancelled", update), CREATED)))
    content = gallery.content(gallery.entries[0].id)
    assert [each.step for each in content.course] == [0, 0, 0, 1, 1, 1]
    levels = [int(read_jpeg(each.jpeg).mean()) for each in content.course]
    assert levels == pytest.approx([0, 40, 80, 120, 160, 200], abs=4)
    assert content.steps.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_result_of_its_own_type_is_kept_field_by_field() -> None:
    @dataclass(frozen=True)
    class Map:
        drop: Any
        window: Any
        label: str
        patch: int

    drop = np.ones((3, 3), np.float32)
    recorder = RunRecorder(RunBeginning("occlusion", "Occlusion", {"patch": None}, "n", "h"))
    update = RunUpdate(9, 9, picture(3), {"lowest": 0.1}, Map(drop, picture(2), "tabby", 4))
    made = make_record(recorder.end(RunStatus(1, "occlusion", "done", update), CREATED))
    assert made.entry.title == "tabby"
    assert made.entry.facts == {"label": "tabby", "patch": 4}
    assert made.arrays["drop"] is drop
    assert np.array_equal(made.content.images["window"], picture(2))
    assert made.entry.figures == {"lowest": 0.1}


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({"target": 12}, "12"),
        ({"target": None, "layer": "conv4", "unit": 0}, "conv4 · 0"),
        ({"layer": "conv4", "unit": None}, "conv4"),
        ({"seed": 3}, ""),
    ],
)
def test_a_cancelled_run_is_named_after_its_options(options: dict[str, Any], title: str) -> None:
    recorder = RunRecorder(RunBeginning("class_image", "Class image", options, "n", "h"))
    update = RunUpdate(1, 9, picture(3))
    assert make_record(recorder.end(RunStatus(1, "class_image", "cancelled", update), CREATED)).entry.title == title


# ---------------------------------------------------------------------------------------------------------- folders


def test_what_is_written_is_read_back(gallery: Gallery) -> None:
    before = record()
    assert gallery.add(before) is None
    again = Gallery(gallery.folder)
    loaded = again.load()
    assert (loaded.entries, loaded.skipped) == (1, ())
    (entry,) = again.entries
    for name in ("id", "run", "kind", "title", "state", "created", "duration", "steps", "total", "network"):
        assert getattr(entry, name) == getattr(before.entry, name), name
    for name in ("network_hash", "network_spec", "size", "version", "options", "facts", "source", "note", "device"):
        assert getattr(entry, name) == getattr(before.entry, name), name
    assert entry.figures["probability"] == 0.97
    assert np.isnan(entry.figures["loss"])
    assert entry.options["seed"] == 7
    assert entry.saved
    content = again.content(entry.id)
    assert np.array_equal(content.image, picture(10))
    assert content.input is not None
    assert np.array_equal(content.input, picture(5))
    assert np.array_equal(content.images["before / after"], picture(10)[::2, ::2])
    assert [each.step for each in content.course] == list(range(1, 11))
    # JPEG is not exact, but this is the picture of that step and of no other.
    shown = read_jpeg(content.course[3].jpeg).astype(int)
    differences = [np.abs(shown - picture(step)).mean() for step in range(1, 11)]
    assert int(np.argmin(differences)) == 3
    assert content.steps.tolist() == list(range(1, 11))
    assert content.course_figures["probability"] == pytest.approx(np.arange(1, 11) / 10, rel=1e-6)
    assert content.arrays == ("pixels",)
    assert np.array_equal(again.record(entry.id).arrays["pixels"], before.arrays["pixels"])


def test_what_is_too_long_for_the_list_is_kept_beside_it(gallery: Gallery, tmp_path: Path) -> None:
    genomes = {str(number): list(range(100)) for number in range(50)}
    gallery.add(record(facts={"reached": True, "genomes": genomes}))
    (entry,) = gallery.entries
    assert entry.facts == {"reached": True}
    assert (Path(entry.folder) / "entry.json").stat().st_size < 3000
    assert gallery.content(entry.id).more_facts == {"genomes": genomes}
    export_record(gallery.record(entry.id), tmp_path / "a.json", lambda _share: None)
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["facts"] == {"reached": True, "genomes": genomes}


def test_the_picture_says_how_it_was_made(gallery: Gallery) -> None:
    gallery.add(record())
    with Image.open(gallery.entries[0].path) as image:
        text = image.text  # type: ignore[attr-defined]
    told = json.loads(text["deepvis"])
    assert told["options"] == {"target": "tractor", "steps": 10, "seed": 7, "sizes": [1, 2]}
    assert told["network_hash"] == "ab" * 8
    assert "tractor" in text["Title"]
    assert text["Source"] == "Chelsea"


def test_large_pictures_have_small_thumbnails_and_small_ones_stay_as_they_are(gallery: Gallery) -> None:
    gallery.add(record(image=np.zeros((300, 900, 3), np.uint8)))
    gallery.add(record(image=picture(9)))
    sizes = []
    for entry in gallery.entries:
        with Image.open(entry.thumbnail_path) as image:
            sizes.append(image.size)
    assert sorted(sizes) == [(48, 48), (256, 85)]


@pytest.mark.parametrize("file", ["../../elsewhere.png", "/etc/passwd", "entry.json", ""])
def test_an_entry_names_no_file_outside_its_folder(gallery: Gallery, file: str) -> None:
    gallery.add(record())
    path = Path(gallery.entries[0].folder) / "entry.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"file": file}))
    assert Gallery(gallery.folder).load().entries == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [("Class image tractor", "Class image tractor.png"), ("a/b\\c:d*?", "a b c d.png"), ("...", "result.png"),
     ("Dream " + 99 * "x", "Dream " + 74 * "x" + ".png")],
)  # fmt: skip
def test_files_have_names_that_every_system_takes(text: str, name: str) -> None:
    assert file_name(text) == name


def test_the_newest_is_first_and_runs_of_the_same_second_stay_apart(gallery: Gallery) -> None:
    for created in (CREATED, CREATED + 60, CREATED, CREATED + 30):
        gallery.add(record(created=created))
    assert [entry.created - CREATED for entry in gallery.entries] == [60, 30, 0, 0]
    assert len({entry.id for entry in gallery.entries}) == 4


def test_corrupt_and_foreign_folders_are_passed_over(gallery: Gallery) -> None:
    gallery.add(record())
    spoilt = []
    for number, text in enumerate(("{", "[]", '{"deepvis_gallery": 99}', "\x00", '{"deepvis_gallery": 1, "size": 3}')):
        made = gallery.folder / f"broken {number}"
        made.mkdir()
        (made / "entry.json").write_text(text)
        spoilt.append(made.name)
    (gallery.folder / "holiday").mkdir()
    (gallery.folder / "notes.txt").write_text("mine")
    loaded = Gallery(gallery.folder).load()
    assert loaded.entries == 1
    assert sorted(name for name, _ in loaded.skipped) == [*spoilt, "holiday"]
    assert all(reason for _, reason in loaded.skipped)


@pytest.mark.parametrize("field", ["run", "created", "steps", "options", "state", "size", "has_input"])
def test_an_entry_with_one_wrong_field_is_passed_over(gallery: Gallery, field: str) -> None:
    gallery.add(record())
    path = Path(gallery.entries[0].folder) / "entry.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | {field: None}))
    loaded = Gallery(gallery.folder).load()
    assert loaded.entries == 0
    assert field.replace("_", " ") in loaded.skipped[0][1]


HOSTILE: dict[str, Any] = {
    "a year that no calendar has": {"created": 1e300},
    "a time that is no number": {"created": float("nan")},
    "a time before 1970": {"created": -1e18},
    "an endless run": {"duration": float("inf")},
    "a number of 400 digits": {"steps": 10**400},
    "fewer than no steps": {"total": -1},
    "a picture of 10^400 pixels": {"size": [10**400, 1]},
}


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE)
def test_an_entry_with_figures_that_cannot_be_is_passed_over_and_the_others_are_shown(
    gallery: Gallery, changes: dict[str, Any]
) -> None:
    gallery.add(record())
    gallery.add(record(created=CREATED + 1))
    newest = gallery.entries[0]
    file = Path(newest.folder) / "entry.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changes), "utf-8")
    again = Gallery(gallery.folder)
    loaded = again.load()
    assert (loaded.entries, [name for name, _ in loaded.skipped]) == (1, [newest.id])


def test_figures_of_a_hostile_entry_become_no_numbers_and_its_texts_one_line(gallery: Gallery) -> None:
    gallery.add(record())
    file = Path(gallery.entries[0].folder) / "entry.json"
    content = json.loads(file.read_text("utf-8"))
    wrong = {"figures": {"loss": 10**400}, "title": "a\n\tb  c", "network_spec": {"name": 5}}
    file.write_text(json.dumps(content | wrong), "utf-8")
    again = Gallery(gallery.folder)
    assert again.load().entries == 1
    (entry,) = again.entries
    assert math.isnan(entry.figures["loss"])
    assert entry.title == "a b c"
    assert entry.network_spec is None


@pytest.mark.parametrize("text", ["[" * 100_000, " " * (5 << 20) + "{}"], ids=["nested", "large"])
def test_an_entry_file_that_would_hurt_to_read_is_passed_over(gallery: Gallery, text: str) -> None:
    gallery.add(record())
    (Path(gallery.entries[0].folder) / "entry.json").write_text(text, "utf-8")
    loaded = Gallery(gallery.folder).load()
    assert (loaded.entries, len(loaded.skipped)) == (0, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("name", ["entry.json", "parts/input.png"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(gallery: Gallery, name: str) -> None:
    gallery.add(record())
    (entry,) = gallery.entries
    file = Path(entry.folder) / name
    file.unlink()
    os.mkfifo(file)
    again = Gallery(gallery.folder)
    if name == "entry.json":
        assert again.load().entries == 0
    else:
        again.load()
        with pytest.raises(NotAnEntry, match="missing"):
            again.content(entry.id)


def test_a_course_that_was_tampered_with_is_said(gallery: Gallery, tmp_path: Path) -> None:
    gallery.add(record())
    (entry,) = gallery.entries
    course = Path(entry.folder) / "course.zip"
    with zipfile.ZipFile(course, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0000 step 1.jpg", b"")
        archive.writestr("0001 step 2.jpg", b"\xff\xd8 this is no picture")
    again = Gallery(gallery.folder)
    again.load()
    assert len(again.content(entry.id).course) == 2
    with pytest.raises(NotAnEntry, match="step 1 is damaged"):
        export_record(again.record(entry.id), tmp_path / "film.gif", lambda _share: None)
    assert list(tmp_path.glob("*.gif")) == []
    broken = bytearray(course.read_bytes())
    at = broken.index(b"step 2.jpg") + 12
    broken[at : at + 8] = b"\xff" * 8
    course.write_bytes(bytes(broken))
    with pytest.raises(NotAnEntry, match="damaged"):
        again.content(entry.id)


@pytest.mark.parametrize(
    "name", ["Class image tractor é.png", "course.zip", "figures.csv", "parts/input.png", "entry.json"]
)
def test_a_damaged_file_is_said_when_the_entry_is_opened(gallery: Gallery, name: str) -> None:
    gallery.add(record())
    entry = gallery.entries[0]
    (Path(entry.folder) / name).write_bytes(b"\x89PNG\r\nnothing that makes sense, 1, 2")
    with pytest.raises(NotAnEntry, match=entry.id):
        gallery.content(entry.id)


def test_what_was_left_half_written_is_cleared_away_when_it_is_old(gallery: Gallery) -> None:
    gallery.add(record())
    old, young = gallery.folder / ".a.part", gallery.folder / ".b.part"
    for made in (old, young):
        made.mkdir()
    os.utime(old, (time.time() - 7200,) * 2)
    Gallery(gallery.folder).load()
    assert not old.exists()
    assert young.exists()


def test_the_folder_is_the_persons_own_or_a_named_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_folder().name == "gallery"
    assert str(default_folder()).startswith(os.environ["XDG_DATA_HOME"])
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert default_folder() == tmp_path


# ----------------------------------------------------------------------------------------------------------- trouble


def test_a_full_disk_leaves_nothing_half_written_and_loses_nothing(
    gallery: Gallery, full_disk: Callable[[bool], None], tmp_path: Path
) -> None:
    problem = gallery.add(record())
    assert problem is not None
    assert "full" in problem.cause
    assert list(gallery.folder.iterdir()) == []
    (entry,) = gallery.entries
    assert not entry.saved
    assert entry.thumbnail is not None
    assert np.array_equal(gallery.content(entry.id).image, picture(10))
    elsewhere = tmp_path / "elsewhere.png"
    export_record(gallery.record(entry.id), elsewhere, lambda _share: None)
    with Image.open(elsewhere) as image:
        assert np.array_equal(np.asarray(image), picture(10))
    assert gallery.save_again(entry.id) is not None
    full_disk(False)
    assert gallery.save_again(entry.id) is None
    assert [each.saved for each in gallery.entries] == [True]
    assert Gallery(gallery.folder).load().entries == 1


def test_a_folder_that_cannot_be_made_is_one_clear_problem(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    gallery = Gallery(blocked / "gallery")
    problem = gallery.add(record())
    assert problem is not None
    assert problem.remedy
    assert [entry.saved for entry in gallery.entries] == [False]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(gallery: Gallery) -> None:
    gallery.folder.mkdir()
    gallery.folder.chmod(0o500)
    try:
        problem = gallery.add(record())
    finally:
        gallery.folder.chmod(0o700)
    assert problem is not None
    assert "not allowed" in problem.cause


def test_deleting_can_be_undone_and_then_done_for_good(gallery: Gallery) -> None:
    for created in (CREATED, CREATED + 1, CREATED + 2):
        gallery.add(record(created=created))
    first, second, third = (entry.id for entry in gallery.entries)
    assert gallery.discard(gallery.take_out([first, second, "unknown"])) is None
    assert [entry.id for entry in gallery.entries] == [third]
    assert Gallery(gallery.folder).load().entries == 1
    assert {entry.id for entry in gallery.bring_back()} == {first, second}
    assert [entry.id for entry in gallery.entries] == [first, second, third]
    assert np.array_equal(gallery.content(first).image, picture(10))
    assert gallery.bring_back() == ()
    gallery.discard(gallery.take_out([first]))
    trashed = gallery.folder / ".trash" / first
    assert trashed.is_dir()
    os.utime(trashed, (time.time() - 100_000,) * 2)
    assert Gallery(gallery.folder).load().entries == 2
    assert not trashed.exists()


def test_an_unsaved_picture_comes_back_after_it_was_deleted(
    gallery: Gallery, full_disk: Callable[[bool], None]
) -> None:
    gallery.add(record())
    (entry,) = gallery.entries
    gallery.discard(gallery.take_out([entry.id]))
    assert gallery.entries == ()
    with pytest.raises(KeyError):
        gallery.content(entry.id)
    gallery.bring_back()
    assert np.array_equal(gallery.content(entry.id).image, picture(10))


def test_what_cannot_be_moved_to_the_trash_is_in_the_list_again(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.add(record())
    (entry,) = gallery.entries

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(os, "replace", refuse)
    problem = gallery.discard(gallery.take_out([entry.id]))
    assert problem is not None
    assert [each.id for each in gallery.entries] == [entry.id]


def test_an_entry_that_somebody_else_removed_is_said(gallery: Gallery) -> None:
    gallery.add(record())
    (entry,) = gallery.entries
    Path(entry.folder).rename(gallery.folder.parent / "moved")
    with pytest.raises(NotAnEntry):
        gallery.content(entry.id)
    assert gallery.discard(gallery.take_out([entry.id])) is None


# ---------------------------------------------------------------------------------------------------- units' images


def test_the_pictures_of_a_unit_are_those_of_this_unit_in_this_network(gallery: Gallery) -> None:
    def add(created: float, network: str = "ab" * 8, unit: int = 3, state: Any = "done") -> str:
        options = {"layer": "conv4", "unit": unit, "target": None}
        made = record(state=state, options=options) if state == "done" else record(state=state)
        entry = replace(
            made.entry, created=CREATED + created, network_hash=network, options=options, id=f"entry {created}"
        )
        gallery.add(Record(replace(made.content, entry=entry), made.arrays))
        return entry.id

    wanted = [add(1), add(5)]
    add(2, network="cd" * 8)
    add(3, unit=4)
    add(4, state="cancelled")
    found = gallery.unit_entries("ab" * 8, "conv4", 3)
    assert [entry.id for entry in found] == wanted[::-1]
    assert gallery.known_thumbnail(found[0]) == (False, None)
    gallery.fetch_thumbnail(found[0])
    known, thumbnail = gallery.known_thumbnail(found[0])
    assert known
    assert np.array_equal(thumbnail, picture(10))


# ------------------------------------------------------------------------------------------------------------ export


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_the_course_becomes_a_film_that_ends_with_the_result(tmp_path: Path, ending: str) -> None:
    import av

    path = tmp_path / f"film.{ending}"
    shares: list[float] = []
    export_record(record(), path, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) >= 10
    assert np.abs(frames[-1].astype(int) - picture(10)).mean() < 12
    assert frames[0].mean() < frames[4].mean() < frames[-1].mean()


def test_small_early_pictures_are_shown_as_large_as_the_last(tmp_path: Path) -> None:
    import av

    made = record()
    small = make_record_of_octaves()
    assert made.entry.size == small.entry.size
    export_record(small, tmp_path / "film.mp4", lambda _share: None)
    with av.open(str(tmp_path / "film.mp4")) as film:
        first = next(film.decode(video=0)).to_ndarray(format="rgb24")
    # Letterboxed, its edges would be black.
    assert first.shape[:2] == (48, 48)
    assert first[0].mean() > 20


def make_record_of_octaves() -> Record:
    recorder = RunRecorder(RunBeginning("deepdream", "DeepDream", {}, "n", "h"))
    for step, side in enumerate((12, 24, 48), 1):
        update = RunUpdate(step, 3, np.full((side, side, 3), 200, np.uint8))
        recorder.note(update)
    return make_record(recorder.end(RunStatus(1, "deepdream", "cancelled", update), CREATED))


def test_options_and_figures_become_json_and_values_an_npz(tmp_path: Path) -> None:
    made = record()
    export_record(made, tmp_path / "a.json", lambda _share: None)
    told = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert told["options"]["seed"] == 7
    assert told["figures"]["loss"] is None
    assert told["figures_by_step"]["step"] == list(range(1, 11))
    assert told["figures_by_step"]["probability"] == pytest.approx(np.arange(1, 11) / 10)
    export_record(made, tmp_path / "a.npz", lambda _share: None)
    with np.load(tmp_path / "a.npz") as arrays:
        assert np.array_equal(arrays["pixels"], made.arrays["pixels"])
        assert np.array_equal(arrays["image"], picture(10))
        assert np.array_equal(arrays["input"], picture(5))
        assert int(arrays["option_seed"]) == 7
        assert arrays["course_probability"] == pytest.approx(np.arange(1, 11) / 10)


def test_an_unknown_ending_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.mp4"):
        export_record(record(), tmp_path / "a.bmp", lambda _share: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_a_film_that_is_given_up_leaves_nothing(tmp_path: Path, ending: str) -> None:
    def stop(share: float) -> None:
        if share > 0.3:
            raise ExportCancelled

    with pytest.raises(ExportCancelled):
        export_record(record(), tmp_path / f"film.{ending}", stop)
    assert list(tmp_path.iterdir()) == []
