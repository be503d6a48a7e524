"""One entry of the gallery, large: its pictures, its course, its figures, and how it was made. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from deepvis.messages import GalleryContent, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels import gallery_text
from deepvis.ui.panels.controls import ElidedLabel, IconButton, label, row, scrolled
from deepvis.ui.panels.course_bar import CourseBar
from deepvis.ui.panels.course_pictures import CoursePictures
from deepvis.ui.panels.text_table import TextTable
from deepvis.ui.views.course import Course
from deepvis.ui.views.course_view import CourseView
from deepvis.ui.views.image_view import ImageView
from deepvis.ui.views.resample import bgrx
from deepvis.ui.views.tiles_view import Tile, TilesView

_SIDE = 300
_BUTTONS = (
    ("gallery.compare", "columns", "Compare with its input", "Lay it over the picture that it was made from (C)"),
    ("gallery.repeat", "arrow-clockwise", "Repeat", "Start the same run with the same options again (R)"),
    ("gallery.use", "arrow-square-in", "Use as input", "Show the picture to the network (I)"),
    ("gallery.export", "export", "Export…", "Save picture, film, options or values (Ctrl+E)"),
    ("gallery.delete", "trash", "Delete", "Take it out of the gallery (Delete); Ctrl+Z brings it back"),
)
_KEYS = {
    Qt.Key.Key_C: "gallery.compare",
    Qt.Key.Key_R: "gallery.repeat",
    Qt.Key.Key_I: "gallery.use",
    Qt.Key.Key_Delete: "gallery.delete",
}


class GalleryViewer(QDialog):
    """A window of its own beside the main one; it stays open while other entries are looked at.

    Signals
    -------
    wanted : id of an action on the shown entry.
    turned : +1 for the next entry, −1 for the one before.
    """

    wanted = Signal(str)
    turned = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content: GalleryContent | None = None
        self._pictures: list[tuple[str, UInt8Array]] = []
        self._course_pictures = CoursePictures(self)
        self.setWindowTitle("Gallery")
        self.setModal(False)
        self.picture = ImageView(placeholder="The picture is being read", ground="window", smooth=True)
        self.picture.setAccessibleName("Picture")
        self.others = TilesView(columns=8, largest=72)
        self.others.setAccessibleName("Pictures of this run")
        self.others.setToolTip("The pictures that belong to this run")
        self.course_bar = CourseBar()
        self.title = label("", "title", wrap=True)
        self.caption = label("", "quiet", wrap=True)
        self.note = label("", "warning", wrap=True)
        self.figures = CourseView(placeholder="")
        self.figures.setMinimumHeight(theme.scaled(150))
        self.table = TextTable("Options and figures")
        self.buttons: dict[str, IconButton] = {}
        for action, icon, text, tip in _BUTTONS:
            button = IconButton(icon, text.rstrip("…"), tip, text=text)
            button.clicked.connect(lambda _checked=False, wanted=action: self.wanted.emit(wanted))
            button.setAutoDefault(False)
            self.buttons[action] = button
        self.before = IconButton("caret-left", "Newer entry", "The entry before it in the gallery (Page up)")
        self.after = IconButton("caret-right", "Older entry", "The next entry in the gallery (Page down)")
        for button, step in ((self.before, -1), (self.after, 1)):
            button.setProperty("role", "flat")
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, by=step: self.turned.emit(by))
        self.place = ElidedLabel("", "figure-quiet")
        self.course_bar.play.setAutoDefault(False)
        self._lay_out()
        self.course_bar.moved.connect(self._show_step)
        self._course_pictures.decoded.connect(lambda _picture, pixels: self.picture.set_picture(pixels))
        self.others.tile_clicked.connect(self.show_picture)
        self.resize(theme.scaled(1080), theme.scaled(720))

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(theme.SMALL)
        left.addWidget(self.picture, 1)
        left.addWidget(self.others)
        left.addWidget(self.course_bar)
        details = QWidget()
        details.setProperty("role", "clear")
        inside = QVBoxLayout(details)
        inside.setContentsMargins(0, 0, theme.SMALL, 0)
        inside.setSpacing(theme.MEDIUM)
        inside.addWidget(self.figures)
        inside.addWidget(self.table)
        inside.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(theme.SMALL)
        right.addLayout(row(self.place, 1, self.before, self.after, spacing=theme.TIGHT))
        right.addWidget(self.title)
        right.addWidget(self.caption)
        right.addWidget(self.note)
        right.addWidget(scrolled(details, "Details"), 1)
        names = list(self.buttons)
        right.addWidget(self.buttons[names[0]])
        for first, second in ((names[1], names[2]), (names[3], names[4])):
            line = row(self.buttons[first], self.buttons[second])
            line.setStretch(0, 1)
            line.setStretch(1, 1)
            right.addLayout(line)
        side = QWidget()
        side.setLayout(right)
        right.setContentsMargins(0, 0, 0, 0)
        side.setFixedWidth(theme.scaled(_SIDE))
        outer = QHBoxLayout(self)
        outer.setContentsMargins(theme.LARGE, theme.LARGE, theme.LARGE, theme.LARGE)
        outer.setSpacing(theme.LARGE)
        outer.addLayout(left, 1)
        outer.addWidget(side)

    # -------------------------------------------------------------------------------------------------------- content

    def show_content(self, content: GalleryContent, now: float, place: str) -> None:
        """Show an entry.

        Parameters
        ----------
        now : seconds since 1970.
        place : which of how many it is, such as ``3 of 14``.
        """
        entry = content.entry
        self.content = content
        self.setWindowTitle(f"{gallery_text.title(entry)} · Gallery")
        self.place.setText(place)
        self.title.setText(gallery_text.title(entry))
        self.caption.setText(gallery_text.caption(entry, now))
        end = gallery_text.end_text(entry)
        notes = [f"{end.capitalize()}." if end else ""]
        notes.append("" if entry.saved else "Not on the disk: it stays until the window closes.")
        notes.append(entry.note[:1].upper() + entry.note[1:])
        self.note.setText(" ".join(note for note in notes if note))
        self.note.setVisible(bool(self.note.text()))
        self._pictures = [("result", content.image), *content.images.items()]
        if content.input is not None:
            self._pictures.append(("input", content.input))
        tiles = [Tile(bgrx(pixels), title, key) for key, (title, pixels) in enumerate(self._pictures)]
        self.others.set_tiles(tiles if len(tiles) > 1 else ())
        self.others.setVisible(len(tiles) > 1)
        self.course_bar.set_course([each.step for each in content.course] or [entry.steps], entry.total)
        self.course_bar.setVisible(len(content.course) > 1)
        self._show_figures(content)
        rows: list[tuple[str, ...]] = [("Options",), *gallery_text.option_rows(entry.options)]
        if not entry.options:
            rows = []
        if entry.figures:
            rows += [("Figures",), *gallery_text.figure_rows(entry.figures)]
        facts = gallery_text.other_rows(entry.facts)
        if facts:
            rows += [("Facts",), *facts]
        rows += [("Made with",), *gallery_text.fact_rows(entry)]
        self.table.set_rows(rows)
        self.buttons["gallery.compare"].setEnabled(content.input is not None)
        self.buttons["gallery.use"].setEnabled(entry.saved)
        self.show_picture(0)
        if not self.isVisible():
            (self.course_bar.slider if len(content.course) > 1 else self.after).setFocus()

    def show_picture(self, key: int) -> None:
        """Show one of the run's pictures: 0 is what it made."""
        if key < len(self._pictures):
            self.course_bar.stop()
            self._course_pictures.forget()
            self.others.set_chosen(key)
            self.picture.set_picture(self._pictures[key][1])

    def _show_figures(self, content: GalleryContent) -> None:
        course = Course()
        for place, step in enumerate(content.steps.tolist()):
            course.append(step, content.entry.total, {n: float(v[place]) for n, v in content.course_figures.items()})
        known = len(content.steps) > 1 and bool(content.course_figures)
        self.figures.show_course(course if known else None)
        self.figures.setVisible(known)

    def _show_step(self, place: int) -> None:
        if self.content is None or not self.content.course:
            return
        self.others.set_chosen(0)
        if place == len(self.content.course) - 1:
            self._course_pictures.forget()
            self.picture.set_picture(self.content.image)
        else:
            self._course_pictures.ask(self.content.course[place])

    # ----------------------------------------------------------------------------------------------------------- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn the pages, play, and the keys that the gallery has as well."""
        key = Qt.Key(event.key())
        command = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self.turned.emit(-1 if key == Qt.Key.Key_PageUp else 1)
        elif key == Qt.Key.Key_Space:
            self.course_bar.toggle()
        elif command and key == Qt.Key.Key_E:
            self.wanted.emit("gallery.export")
        elif command and key == Qt.Key.Key_Z:
            self.wanted.emit("gallery.undo")
        elif not command and key in _KEYS:
            action = _KEYS[key]
            if self.buttons[action].isEnabled():
                self.wanted.emit(action)
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102
        self.course_bar.stop()
