"""Problems as toasts that do not steal the focus, and a log that keeps them. Also the end of the line for
exceptions that nobody caught. UI thread only, except :meth:`ExceptionHooks`' threading hook."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from deepvis.messages import Problem
from deepvis.ui import theme

_log = logging.getLogger("deepvis")

MAXIMUM_ENTRIES = 200
VISIBLE_MS = {"info": 4_000, "warning": 8_000, "error": 12_000}
ICONS = {"info": "info", "warning": "warning", "error": "warning-circle"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: a problem, when it came last, how often, and whether it is over."""

    problem: Problem
    when: datetime
    count: int = 1
    solved: bool = False


def as_text(problem: Problem) -> str:
    """Everything that is known of a problem, for the clipboard."""
    lines = [problem.title, problem.cause, problem.remedy, problem.details]
    return "\n".join(line for line in lines if line)


class ProblemLog(QObject):
    """Every problem that was reported, newest last; one entry a key. ``changed`` carries the key."""

    changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: dict[str, Entry] = {}

    def entries(self) -> list[Entry]:
        """Oldest first."""
        return list(self._entries.values())

    def find(self, key: str) -> Entry | None:
        """The entry of this key, or None."""
        return self._entries.get(key)

    def report(self, problem: Problem) -> Entry:
        """Add a problem; one with the same key takes the place of the one before."""
        before = self._entries.pop(problem.key, None)
        count = before.count + 1 if before is not None and not before.solved else 1
        entry = Entry(problem, datetime.now(), count)
        self._entries[problem.key] = entry
        while len(self._entries) > MAXIMUM_ENTRIES:
            del self._entries[next(iter(self._entries))]
        self.changed.emit(problem.key)
        return entry

    def solve(self, key: str) -> None:
        """Mark the problem as over."""
        entry = self._entries.get(key)
        if entry is not None and not entry.solved:
            self._entries[key] = replace(entry, solved=True)
            self.changed.emit(key)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.changed.emit("")


class Toast(QFrame):
    """One problem in the corner of the window. ``details`` and ``closed`` carry the key."""

    details = Signal(str)
    closed = Signal(str)

    def __init__(self, entry: Entry, parent: QWidget) -> None:
        super().__init__(parent)
        self.key = entry.problem.key
        self.setProperty("role", "toast")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._mark = QLabel(self)
        self._title = QLabel(self)
        self._title.setProperty("role", "title")
        self._title.setWordWrap(True)
        self._text = QLabel(self)
        self._text.setProperty("role", "quiet")
        self._text.setWordWrap(True)
        for label in (self._title, self._text):
            label.setTextFormat(Qt.TextFormat.PlainText)
            policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            policy.setHeightForWidth(True)
            label.setSizePolicy(policy)
        self._more = QPushButton("Details", self)
        self._more.setProperty("role", "link")
        # The link's own padding would push it out of line with the text above.
        self._more.setStyleSheet("padding-left: 0; padding-right: 0;")
        close = QToolButton(self)
        close.setIcon(theme.icon("x"))
        close.setProperty("role", "flat")
        close.setToolTip("Close")
        for button in (self._more, close):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._more.clicked.connect(lambda: self.details.emit(self.key))
        close.clicked.connect(lambda: self.closed.emit(self.key))
        column = QVBoxLayout()
        column.setSpacing(theme.TIGHT)
        column.addWidget(self._title)
        column.addWidget(self._text)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.MEDIUM, theme.MEDIUM, theme.SMALL, theme.SMALL)
        row.setSpacing(theme.MEDIUM)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(lambda: self.closed.emit(self.key))
        self.show_entry(entry)

    def show_entry(self, entry: Entry) -> None:
        """Set the text from an entry, and start its time anew."""
        problem = entry.problem
        severity = problem.severity
        self._mark.setPixmap(theme.icon(ICONS[severity]).pixmap(theme.scaled(20)))
        self._title.setText(problem.title + (f" (×{entry.count})" if entry.count > 1 else ""))
        self._text.setText(" ".join(part for part in (problem.cause, problem.remedy) if part))
        self._text.setVisible(bool(self._text.text()))
        self._more.setVisible(severity != "info" or bool(problem.details))
        color = {"info": "accent", "warning": "warning", "error": "error"}[severity]
        self.setStyleSheet(f"Toast {{ border-left: 3px solid {theme.current().color(color).name()}; }}")
        self._timer.start(VISIBLE_MS[severity])

    def enterEvent(self, event: QEvent) -> None:
        """Stay while the pointer is on it."""
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """Go some seconds after the pointer left."""
        self._timer.start(VISIBLE_MS["info"])


class Toasts(QObject):
    """Stacks toasts in the lower right corner of a window, the newest at the bottom, four at most."""

    details = Signal(str)
    WIDTH, LIMIT = 380, 4

    def __init__(self, log: ProblemLog, host: QWidget, margin_below: Callable[[], int]) -> None:
        super().__init__(host)
        self._log = log
        self._host = host
        self._margin_below = margin_below
        self._toasts: dict[str, Toast] = {}
        log.changed.connect(self._follow)
        host.installEventFilter(self)

    def visible(self) -> list[Toast]:
        """The toasts on the screen, oldest first."""
        return list(self._toasts.values())

    def close(self, key: str) -> None:
        """Take one away."""
        toast = self._toasts.pop(key, None)
        if toast is not None:
            toast.hide()
            toast.deleteLater()
            self._arrange()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        return False

    def _follow(self, key: str) -> None:
        entry = self._log.find(key)
        if entry is None or entry.solved:
            for gone in [key] if key else list(self._toasts):
                self.close(gone)
            return
        toast = self._toasts.get(key)
        if toast is not None:
            toast.show_entry(entry)
        else:
            toast = Toast(entry, self._host)
            toast.details.connect(self._open)
            toast.closed.connect(self.close)
            self._toasts[key] = toast
            for oldest in list(self._toasts)[: -self.LIMIT]:
                self.close(oldest)
        self._arrange()

    def _open(self, key: str) -> None:
        self.details.emit(key)
        self.close(key)

    def _arrange(self) -> None:
        width = min(theme.scaled(self.WIDTH), self._host.width() - 2 * theme.LARGE)
        bottom = self._host.height() - self._margin_below() - theme.LARGE
        for toast in reversed(self._toasts.values()):
            height = toast.heightForWidth(width)
            bottom -= height
            toast.setFixedSize(width, height)
            toast.move(QPoint(self._host.width() - width - theme.LARGE, bottom))
            toast.show()
            toast.raise_()
            bottom -= theme.SMALL


class ExceptionHooks(QObject):
    """Sends exceptions that nobody caught, of any thread, to ``report`` on the UI thread and to stderr.

    Call :meth:`install` once, and :meth:`remove` at the end.
    """

    _caught = Signal(object)

    def __init__(self, report: Callable[[Problem], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._caught.connect(report, Qt.ConnectionType.QueuedConnection)
        self._before = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        """Take the hooks over."""
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._main
        threading.excepthook = self._thread

    def remove(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._before

    def _main(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, trace)
            return
        self._send(kind, error, trace, "the window")

    def _thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and not issubclass(arguments.exc_type, SystemExit):
            name = arguments.thread.name if arguments.thread else "a thread"
            self._send(arguments.exc_type, arguments.exc_value, arguments.exc_traceback, name)

    def _send(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None, where: str) -> None:
        details = "".join(traceback.format_exception(kind, error, trace))
        _log.error("uncaught exception in %s\n%s", where, details)
        last = traceback.extract_tb(trace)[-1:] if trace else []
        place = f"{last[0].filename}:{last[0].lineno}" if last else ""
        problem = Problem(
            key=f"exception:{kind.__name__}:{place}",
            title="Something unexpected went wrong",
            cause=f"{kind.__name__} in {where}: {error}".rstrip(": "),
            remedy="The window goes on. Copy the details from Messages if you report it.",
            details=details,
        )
        try:
            self._caught.emit(problem)
        except RuntimeError:  # the window is gone already; the log above has it
            return


def copy_to_clipboard(text: str) -> None:
    """Put a text into the clipboard."""
    QGuiApplication.clipboard().setText(text)
