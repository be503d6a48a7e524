from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvis.backend.sources import Source, SourceError, open_source
from deepvis.backend.sources.pattern import Pattern
from deepvis.messages import SourceStatus

from .conftest import PATIENCE, Watched
from .fake_camera import FakeCamera

Watch = Callable[..., Watched]


@pytest.fixture
def camera() -> Iterator[FakeCamera]:
    fake = FakeCamera()
    yield fake
    fake.let_go.set()


def test_a_camera_goes_live_and_its_frames_follow_each_other(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    status = watched.wait_for_state("live")
    assert set(status.controls) == {"pause", "mirror", "resolution"}
    first, second = watched.frame(), watched.frame()
    assert second.id > first.id
    assert second.captured > first.captured
    assert not first.still
    assert tuple(first.image[5, 20]) == (200, 0, 0), "red first"


def test_a_failing_camera_is_reported_once_and_comes_back_by_itself(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    watched.frame()
    camera.mode = "fails"
    status = watched.wait_for_state("stalled")
    assert status.remedy
    camera.wait_for_attempts(3)
    camera.mode = "works"
    watched.wait_until_solved()
    watched.wait_for_state("live")
    watched.frame()
    assert len(watched.problems) == 1
    assert watched.solved[0].key == watched.problems[0].key
    assert watched.problems[0].remedy


def test_an_unplugged_camera_comes_back_when_it_is_plugged_in(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    watched.frame()
    camera.mode = "absent"
    watched.wait_for_problems()
    assert watched.wait_for_state("stalled").spec == "camera:0"
    camera.mode = "works"
    watched.wait_until_solved()
    watched.frame()


def test_a_camera_whose_read_never_returns_is_noticed_and_replaced(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture, patience=replace(PATIENCE, camera=0.3))
    watched.player.open("camera:0")
    watched.frame()
    camera.mode = "hangs"
    assert "stalled" in watched.wait_for_problems().title
    camera.mode = "works"
    # Some systems never return from the read, but give the device to whoever opens it next.
    camera.give_to_the_next()
    watched.wait_until_solved()
    watched.frame()
    assert not camera.let_go.is_set(), "the first read still hangs"


def test_a_camera_that_repeats_one_picture_is_called_frozen_until_it_changes(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    watched.frame()
    camera.mode = "repeats"
    problem = watched.wait_for_problems()
    assert "frozen" in problem.title
    assert problem.severity == "warning"
    assert watched.wait_for_state("stalled")
    camera.wait_for_attempts(1)
    watched.frame()
    watched.wait_for_looks(3)
    assert not watched.solved, "opening it again is no cure while the picture stays the same"
    camera.mode = "works"
    watched.wait_until_solved()
    watched.wait_for_state("live")


def test_a_busy_camera_fails_with_a_remedy_and_opens_when_it_is_free(watch: Watch, camera: FakeCamera) -> None:
    other = camera.capture(0)
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    status = watched.wait_for_state("failed")
    assert "another program" in status.detail
    assert status.remedy
    other.release()
    watched.wait_until_solved()
    watched.wait_for_state("live")
    watched.frame()
    assert len(watched.problems) == 1


def test_opening_the_same_camera_again_waits_until_it_is_free(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture, patience=replace(PATIENCE, hand_over=60))
    for width in range(320, 330):
        watched.player.open(f"camera:0?size={width}x240")
        watched.wait_for_state("live", f"camera:0?size={width}x240")
    assert not watched.problems


def test_another_source_opens_while_the_camera_hangs(watch: Watch, camera: FakeCamera) -> None:
    camera.mode = "hangs"
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    assert camera.hanging.wait(120)
    watched.player.open("sample:cat")
    assert watched.waiting_frame().title == "Chelsea the cat"


def test_another_source_opens_while_the_camera_hangs_at_opening(watch: Watch, camera: FakeCamera) -> None:
    camera.mode = "hangs at opening"
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    assert camera.hanging.wait(120)
    watched.player.open("pattern")
    watched.wait_for_state("live", "pattern")


def test_an_abandoned_camera_delivers_nothing_when_it_wakes_up(watch: Watch) -> None:
    class Sleeper(Pattern):
        asleep, wake, done = threading.Event(), threading.Event(), threading.Event()

        def read(self) -> object:  # type: ignore[override]
            self.asleep.set()
            self.wake.wait()
            return super().read()

        def close(self) -> None:
            self.done.set()

    watched = watch(opener=lambda spec: Sleeper(spec) if spec == "sleeper" else open_source(spec))
    watched.player.open("sleeper")
    assert Sleeper.asleep.wait(120)
    watched.player.open("sample:cat")
    assert watched.waiting_frame().title == "Chelsea the cat"
    Sleeper.wake.set()
    assert Sleeper.done.wait(120)
    assert not watched.frames.full


def test_close_does_not_wait_for_a_camera_that_hangs(watch: Watch, camera: FakeCamera) -> None:
    camera.mode = "hangs"
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    assert camera.hanging.wait(120)
    watched.player.close(120)
    assert watched.status.state == "closed"
    assert not camera.let_go.is_set()
    assert "deepvis-source" not in [thread.name for thread in threading.enumerate()]


def test_close_gives_the_camera_back(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    watched.frame()
    watched.player.close(120)
    watched.player.close(120)
    # It is given back by the thread that reads it, for which closing waits no longer than people do.
    camera.wait_until_free()


def test_threads_stay_few_while_a_camera_never_opens(watch: Watch, camera: FakeCamera) -> None:
    camera.mode = "hangs at opening"
    watched = watch(camera.capture, patience=replace(PATIENCE, opening=0.01, first_retry=0.001, last_retry=0.005))
    watched.player.open("camera:0")
    # After the third one it waits until one of them comes back.
    camera.wait_for_attempts(3, since=0)
    watched.wait_for_looks(20)
    reading = [thread for thread in threading.enumerate() if thread.name.startswith("deepvis-read")]
    assert len(reading) <= 4
    assert len(watched.problems) == 1


@pytest.mark.parametrize("closing", ["player.close()", "pass"])
def test_the_process_ends_whatever_hangs(closing: str) -> None:
    program = f"""
        import threading, time
        from deepvis.backend.mailbox import Mailbox
        from deepvis.backend.sources import Source, SourcePlayer
        hangs = threading.Event()
        class Dead(Source):
            kind = "camera"
            def open(self):
                hangs.set()
                threading.Event().wait()
            def read(self):
                return None
        player = SourcePlayer(Mailbox(), lambda event: None, lambda spec: Dead(spec, spec))
        player.open("dead")
        assert hangs.wait(120)
        {closing}
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], timeout=240, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_mirror_and_pause_outlive_a_reopening(watch: Watch, camera: FakeCamera) -> None:
    watched = watch(camera.capture)
    watched.player.open("camera:0")
    assert watched.frame().image[0, 0, 0] == 255
    watched.player.control("mirror", True)
    camera.mode = "fails"
    watched.wait_for_problems()
    camera.mode = "works"
    watched.wait_until_solved()
    image = watched.frame().image
    assert image[0, -1, 1] == 255
    assert image[0, 0, 1] == 0


def test_a_source_that_fails_says_what_to_do_and_is_forgotten_with_the_next(watch: Watch) -> None:
    watched = watch()
    watched.player.open("sample:caat")
    status = watched.wait_for_state("failed")
    assert "sample:cat?" in status.detail
    assert "coffee" in status.remedy
    watched.player.open("sample:cat")
    watched.wait_for_state("live")
    assert [solved.key for solved in watched.solved] == [watched.problems[0].key]


def test_an_unforeseen_exception_becomes_a_problem_with_its_traceback(watch: Watch) -> None:
    def broken(spec: str) -> Source:
        raise RuntimeError("the lens fell off")

    watched = watch(opener=broken)
    watched.player.open("anything")
    problem = watched.wait_for_problems()
    assert "the lens fell off" in problem.cause
    assert "in broken" in problem.details
    watched.wait_for_state("failed")


def test_a_control_that_the_source_lacks_is_said_once_and_nothing_stops(watch: Watch) -> None:
    watched = watch()
    watched.player.open("pattern")
    watched.frame()
    watched.player.control("seek", 3.0)
    watched.player.control("seek", 3.0)
    problem = watched.wait_for_problems()
    assert problem.severity == "warning"
    assert "'seek'" in problem.cause
    watched.frame()
    assert len(watched.problems) == 1
    assert watched.status.state == "live"


def test_a_control_that_no_source_knows_is_refused_at_once(watch: Watch) -> None:
    with pytest.raises(ValueError, match="explode"):
        watch().player.control("explode")


def test_controls_sent_right_after_opening_are_not_lost(watch: Watch) -> None:
    watched = watch()
    watched.player.open("sample:cat")
    watched.player.control("mirror", True)
    plain = open_source("sample:cat")
    plain.open()
    expected = plain.read()
    assert expected is not None
    frame = watched.waiting_frame()
    np.testing.assert_array_equal(frame.image, expected.image[:, ::-1])


def test_pausing_and_going_on_is_told(watch: Watch) -> None:
    watched = watch()
    watched.player.open("pattern")
    watched.frame()
    watched.player.control("pause", True)
    watched.wait_for_state("paused")
    watched.player.control("pause", False)
    watched.wait_for_state("live")
    watched.frame()


def test_a_broken_picture_in_a_folder_is_a_warning_and_the_next_is_shown(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    watched = watch()
    watched.player.open(str(tmp_path))
    problem = watched.wait_for_problems()
    assert problem.title.startswith("a.png")
    assert problem.severity == "warning"
    assert watched.waiting_frame().title == "b.png"
    assert watched.status.state == "live"


def test_a_receiver_of_events_that_raises_does_not_stop_the_player(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = watch()
    note = watched.player._on_event

    def raising(event: object) -> None:
        note(event)  # type: ignore[arg-type]
        raise RuntimeError("the window is gone")

    watched.player._on_event = raising
    watched.player.open("pattern")
    watched.wait_for_state("live")
    watched.frame()
    assert "receiver" in caplog.text


def test_a_slow_file_is_left_in_peace(watch: Watch) -> None:
    release = threading.Event()

    class Slow(Pattern):
        def open(self) -> None:
            release.wait()
            super().open()

    made: list[Slow] = []

    def opener(spec: str) -> Source:
        made.append(Slow(spec))
        return made[-1]

    watched = watch(opener=opener, patience=replace(PATIENCE, opening=0.01))
    watched.player.open("slow")
    watched.wait_for_state("opening")
    watched.wait_for_looks(3)
    release.set()
    watched.wait_for_state("live")
    assert len(made) == 1
    assert not watched.problems


def test_a_missing_file_that_takes_long_to_miss_is_not_called_stalled(watch: Watch) -> None:
    release = threading.Event()

    def opener(spec: str) -> Source:
        release.wait()
        return open_source(spec)

    watched = watch(opener=opener, patience=replace(PATIENCE, opening=0.01))
    watched.player.open("missing.png")
    watched.wait_for_looks(3)
    assert watched.status.state == "opening"
    release.set()
    assert "cable" not in watched.wait_for_state("failed").remedy


def test_the_last_word_is_closed(watch: Watch) -> None:
    watched = watch()
    watched.player.open("pattern")
    watched.frame()
    watched.player.close(120)
    assert watched.status == SourceStatus("pattern", "Test pattern", "closed")


def test_errors_name_title_cause_and_remedy() -> None:
    error = SourceError("It broke", "It fell.", "Pick it up.")
    assert str(error) == "It broke: It fell. Pick it up."
