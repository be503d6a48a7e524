"""The application's one style sheet, generated from a palette's tokens.

Widgets ask for a look through the dynamic property ``role`` (``widget.setProperty("role", "title")``):

- labels: ``title``, ``quiet``, ``figure`` (tabular), ``figure-quiet``, ``warning``, ``error``, ``good``
- frames and plain widgets: ``panel``, ``window``, ``raised``, ``hairline``, ``toast``
- lists: ``clear`` (no ground and no frame of their own)
- buttons: ``primary`` (the one thing to do), ``flat`` (no ground until hovered), ``link``
"""

from __future__ import annotations

from string import Template

_TEMPLATE = Template(
    """
* { outline: none; }
QWidget { color: $text; selection-background-color: $accent; selection-color: $on_accent; }
QMainWindow, QDialog, QWidget[role="window"] { background: $window; }
QWidget[role="panel"], QDockWidget > QWidget { background: $panel; }
QWidget[role="raised"], QFrame[role="toast"] { background: $raised; border-radius: ${px6}px; }
QFrame[role="toast"] { border: 1px solid $line; }
QFrame[role="hairline"] { background: $line; border: none; }
QScrollArea, QScrollArea > QWidget > QWidget[role="clear"] { background: transparent; border: none; }

QLabel { background: transparent; }
QLabel[role="title"] { font-size: ${f13}px; font-weight: 600; }
QLabel[role="quiet"] { color: $quiet; }
QLabel[role="figure"] { font-size: ${f11}px; $figures }
QLabel[role="figure-quiet"] { font-size: ${f11}px; color: $quiet; $figures }
QLabel[role="warning"] { color: $warning; }
QLabel[role="error"] { color: $error; }
QLabel[role="good"] { color: $good; }
QLabel:disabled { color: $disabled; }

QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: ${px4}px ${px8}px; }

QPushButton, QToolButton, QComboBox, QLineEdit, QAbstractSpinBox {
    background: $raised; color: $text; border: 1px solid transparent; border-radius: ${px6}px;
    padding: ${px3}px ${px8}px; min-height: ${px20}px;
}
QToolButton { padding: ${px3}px ${px6}px; }
QPushButton:hover, QToolButton:hover, QComboBox:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed { background: $pressed; }
QPushButton:checked, QToolButton:checked { background: $accent_ground; color: $accent_text; border-color: $accent; }
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus, QAbstractSpinBox:focus {
    border: 1px solid $accent;
}
QPushButton:disabled, QToolButton:disabled, QComboBox:disabled, QLineEdit:disabled, QAbstractSpinBox:disabled {
    color: $disabled;
}
QPushButton[role="primary"] { background: $accent; color: $on_accent; font-weight: 600; }
QPushButton[role="primary"]:hover { background: $accent_text; color: $panel; }
QPushButton[role="primary"]:focus { border: 2px solid $text; }
QPushButton[role="primary"]:disabled { background: $raised; color: $disabled; }
QPushButton[role="flat"], QToolButton[role="flat"] { background: transparent; }
QPushButton[role="flat"]:hover, QToolButton[role="flat"]:hover { background: $hover; }
QPushButton[role="flat"]:checked, QToolButton[role="flat"]:checked { background: $accent_ground; }
QPushButton[role="caption"] { background: transparent; color: $quiet; font-size: ${f11}px; text-align: left;
    padding: 0; min-height: 0; border: 1px solid transparent; }
QPushButton[role="caption"]:hover { color: $accent_text; }
QPushButton[role="caption"]:focus { border-color: $accent; }
QPushButton[role="section"] { background: transparent; font-size: ${f13}px; font-weight: 600; text-align: left;
    padding: 0; min-height: ${px20}px; border: 1px solid transparent; }
QPushButton[role="section"]:checked { background: transparent; color: $text; border-color: transparent; }
QPushButton[role="section"]:hover { color: $accent_text; }
QPushButton[role="section"]:focus { border-color: $accent; }
QPushButton[role="link"] { background: transparent; color: $accent_text; text-align: left; }
QPushButton::menu-indicator, QToolButton::menu-indicator {
    image: url($arrow_down); width: ${px12}px; height: ${px12}px; subcontrol-position: right center;
    subcontrol-origin: padding; right: ${px4}px;
}
QToolButton[popupMode="2"], QToolButton[popupMode="InstantPopup"] { padding-right: ${px20}px; }

QComboBox { padding-right: ${px4}px; }
QComboBox::drop-down { border: none; width: ${px18}px; }
QComboBox::down-arrow { image: url($arrow_down); width: ${px12}px; height: ${px12}px; }
QComboBox::down-arrow:disabled { image: url($arrow_off); }
QComboBox QAbstractItemView {
    background: $raised; border: 1px solid $line; padding: ${px4}px; outline: none;
    selection-background-color: $accent_ground; selection-color: $accent_text;
}
QComboBox QAbstractItemView::item { min-height: ${px24}px; padding: 0 ${px8}px; border-radius: ${px4}px; }

QLineEdit { selection-background-color: $accent; }
QLineEdit QToolButton, QLineEdit QToolButton:hover { background: transparent; border: none; padding: 0; min-height: 0; }
QAbstractSpinBox { padding: ${px3}px ${px16}px ${px3}px ${px2}px; $figures }
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus {
    background: transparent; border: none; padding: 0 0 0 ${px4}px; min-height: 0;
}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
    background: transparent; border: none; width: ${px16}px; subcontrol-origin: border;
}
QAbstractSpinBox::up-button { subcontrol-position: top right; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover { background: $hover; }
QAbstractSpinBox::up-arrow { image: url($arrow_up); width: ${px9}px; height: ${px9}px; }
QAbstractSpinBox::down-arrow { image: url($arrow_down); width: ${px9}px; height: ${px9}px; }

QCheckBox, QRadioButton { spacing: ${px8}px; min-height: ${px24}px; background: transparent; }
QCheckBox::indicator, QRadioButton::indicator {
    width: ${px14}px; height: ${px14}px; background: $raised; border: 1px solid $quiet; border-radius: ${px4}px;
}
QRadioButton::indicator { border-radius: ${px8}px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { background: $hover; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url($check); }
QRadioButton::indicator:checked { background: $accent; border: ${px4}px solid $raised; }
QCheckBox:focus, QRadioButton:focus { color: $accent_text; }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border: 2px solid $accent; }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { border-color: $disabled; }

QSlider { min-height: ${px20}px; background: transparent; }
QSlider::groove:horizontal { height: ${px4}px; background: $track; border-radius: ${px2}px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: ${px2}px; }
QSlider::sub-page:horizontal:disabled { background: $disabled; }
QSlider::handle:horizontal {
    width: ${px12}px; margin: -${px4}px 0; background: $text; border: none; border-radius: ${px6}px;
}
QSlider::handle:horizontal:hover { background: $accent_text; }
QSlider::handle:horizontal:focus { background: $accent; border: 2px solid $text; }
QSlider::handle:horizontal:disabled { background: $disabled; }

QProgressBar {
    background: $track; border: none; border-radius: ${px3}px; max-height: ${px6}px; min-height: ${px6}px;
    color: transparent;
}
QProgressBar::chunk { background: $accent; border-radius: ${px3}px; }

QScrollBar:vertical { background: transparent; width: ${px10}px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: ${px10}px; margin: 0; }
QScrollBar::handle { background: $pressed; border-radius: ${px3}px; margin: ${px2}px; }
QScrollBar::handle:vertical { min-height: ${px24}px; }
QScrollBar::handle:horizontal { min-width: ${px24}px; }
QScrollBar::handle:hover { background: $quiet; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QMenuBar { background: $panel; }
QMenuBar::item { padding: ${px4}px ${px8}px; background: transparent; border-radius: ${px4}px; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $raised; border: 1px solid $line; padding: ${px4}px; }
QMenu::item { padding: ${px5}px ${px24}px ${px5}px ${px12}px; border-radius: ${px4}px; }
QMenu::item:selected { background: $accent_ground; color: $accent_text; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $line; margin: ${px4}px ${px8}px; }
QMenu::icon { padding-left: ${px8}px; }
QMenu::indicator { width: ${px12}px; height: ${px12}px; left: ${px8}px; }
QMenu::indicator:checked { image: url($check_menu); }
QMenu::right-arrow { image: url($arrow_right); width: ${px12}px; height: ${px12}px; }

QToolBar {
    background: $panel; border: none; border-bottom: 1px solid $line; spacing: ${px8}px; padding: ${px6}px ${px12}px;
}
QToolBar::separator { background: $line; width: 1px; margin: ${px4}px; }
QStatusBar { background: $window; border-top: 1px solid $line; }
QStatusBar::item { border: none; }

QDockWidget { titlebar-close-icon: url($close); titlebar-normal-icon: url($float); }
QDockWidget::title { background: $panel; padding: ${px8}px ${px12}px; text-align: left; }
QDockWidget::close-button, QDockWidget::float-button { background: transparent; border: none; padding: ${px2}px; }
QDockWidget::close-button:hover, QDockWidget::float-button:hover { background: $hover; border-radius: ${px4}px; }
QMainWindow::separator { background: $line; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $accent; }
QSplitter::handle { background: $line; }
QSplitter::handle:hover { background: $accent; }

QTabWidget::pane { border: none; border-top: 1px solid $line; }
QTabBar { background: transparent; qproperty-drawBase: 0; }
QTabBar::tab {
    background: transparent; color: $quiet; padding: ${px6}px ${px4}px; margin-right: ${px12}px;
    border-bottom: 2px solid transparent;
}
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $accent_text; }

QListView, QTreeView, QTableView, QPlainTextEdit, QTextEdit, QTextBrowser {
    background: $panel; border: 1px solid $line; border-radius: ${px6}px; alternate-background-color: $raised;
}
QListView:focus, QTreeView:focus, QTableView:focus, QPlainTextEdit:focus, QTextEdit:focus { border-color: $accent; }
QListView[role="clear"], QListView[role="clear"]:focus { background: transparent; border: none; }
QListView::item, QTreeView::item { min-height: ${px24}px; padding: 0 ${px8}px; border-radius: ${px4}px; }
QListView::item:hover, QTreeView::item:hover, QTableView::item:hover { background: $hover; }
QListView::item:selected, QTreeView::item:selected, QTableView::item:selected {
    background: $accent_ground; color: $accent_text;
}
QHeaderView::section {
    background: $panel; color: $quiet; border: none; border-bottom: 1px solid $line; padding: ${px4}px ${px8}px;
}
QTableView { gridline-color: $line; }
"""
)


def style_sheet(tokens: dict[str, str], scale: float, marks: dict[str, str], figure_family: str) -> str:
    """The style sheet text.

    Parameters
    ----------
    tokens : colours by token of the palette.
    scale : factor on every size.
    marks : path by mark, as :func:`deepvis.ui.icons.mark_files` wrote them.
    figure_family : a font family for figures, or empty where the body font's own digits are equally wide.
    """
    sizes = {f"px{size}": str(max(1, round(size * scale))) for size in range(1, 33)}
    fonts = {f"f{size}": str(round(size * scale)) for size in (11, 12, 13)}
    urls = {mark.replace("-", "_"): url for mark, url in marks.items()}
    figures = f'font-family: "{figure_family}";' if figure_family else ""
    return _TEMPLATE.substitute(tokens, **sizes, **fonts, **urls, figures=figures)
