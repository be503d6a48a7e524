"""Problems are seen, kept, and over when they are over; no exception is silent."""

from __future__ import annotations

import sys
import threading

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.messages import Problem, ProblemSolved
from deepvis.ui.main_window import MainWindow
from deepvis.ui.notifications import ExceptionHooks, ProblemLog
from tests.ui.fixtures import FakeBackend

UNPLUGGED = Problem("camera", "Camera 0 was unplugged", "It stopped sending.", "Plug it in again.", "warning", "trace")


def show(window: MainWindow, backend: FakeBackend, *events: object) -> None:
    for event in events:
        backend.send(event)  # type: ignore[arg-type]
    QApplication.processEvents()


@pytest.mark.usefixtures("dressed_first")
def test_a_problem_is_a_toast_that_leaves_the_focus_alone(window: MainWindow, backend: FakeBackend) -> None:
    focus = QApplication.focusWidget()
    show(window, backend, UNPLUGGED)
    (toast,) = window.toasts.visible()
    assert toast.isVisible()
    assert QApplication.focusWidget() is focus
    assert window.rect().contains(toast.geometry())


def test_the_same_problem_again_updates_its_toast(window: MainWindow, backend: FakeBackend) -> None:
    show(window, backend, UNPLUGGED, UNPLUGGED, UNPLUGGED)
    assert len(window.toasts.visible()) == 1
    (entry,) = window.log.entries()
    assert entry.count == 3


def test_a_problem_that_is_over_closes_its_toast_and_stays_in_the_log(window: MainWindow, backend: FakeBackend) -> None:
    show(window, backend, UNPLUGGED, ProblemSolved("camera", "Camera 0 is back"))
    assert window.toasts.visible() == []
    (entry,) = window.log.entries()
    assert entry.solved


def test_details_open_the_log_at_the_problem_and_copy_takes_everything(
    window: MainWindow, backend: FakeBackend
) -> None:
    show(window, backend, UNPLUGGED, Problem("other", "Other", "c", "r"))
    window.toasts.visible()[0].details.emit("camera")
    assert not window.docks.messages.isHidden()
    window.message_panel.copy()
    text = QApplication.clipboard().text()
    for part in (UNPLUGGED.title, UNPLUGGED.cause, UNPLUGGED.remedy, "trace"):
        assert part in text


def test_at_most_four_toasts_are_on_the_screen(window: MainWindow, backend: FakeBackend) -> None:
    show(window, backend, *(Problem(str(i), f"Problem {i}", "c", "r") for i in range(7)))
    assert [toast.key for toast in window.toasts.visible()] == ["3", "4", "5", "6"]
    assert len(window.log.entries()) == 7


def test_the_log_forgets_the_oldest_at_last() -> None:
    log = ProblemLog()
    for number in range(300):
        log.report(Problem(str(number), "t", "c", "r"))
    assert next(entry.problem.key for entry in log.entries()) == "100"


@pytest.fixture
def hooks(window: MainWindow) -> object:
    hooks = ExceptionHooks(window.log.report)
    hooks.install()
    yield hooks
    hooks.remove()


@pytest.mark.usefixtures("hooks")
def test_an_exception_of_a_thread_reaches_the_log(window: MainWindow, qtbot: QtBot) -> None:
    def fail() -> None:
        raise ValueError("a thread failed")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(window.log.entries()) == 1)
    problem = window.log.entries()[0].problem
    assert "a thread failed" in problem.cause
    assert "worker" in problem.cause
    assert "Traceback" in problem.details


@pytest.mark.usefixtures("hooks")
def test_an_exception_of_the_window_reaches_the_log(window: MainWindow, qtbot: QtBot) -> None:
    try:
        raise RuntimeError("a slot failed")
    except RuntimeError:
        sys.excepthook(*sys.exc_info())
    qtbot.waitUntil(lambda: len(window.log.entries()) == 1)
    assert "a slot failed" in window.log.entries()[0].problem.cause
