"""The one table of what a person can do; menus, shortcuts, tooltips, palette and help sheet are made from it.

The single keys are those of the Deep Visualization Toolbox, so that its users feel at home.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

Group = Literal["Source", "Network", "Mosaic", "Unit", "Looking back", "Lab", "Map", "Gallery", "Capture", "Window"]
GROUPS: tuple[Group, ...] = (
    "Source", "Network", "Mosaic", "Unit", "Looking back", "Lab", "Map", "Gallery", "Capture", "Window",
)  # fmt: skip

Need = Literal[
    "network", "unit", "vector_free", "flexible", "frame", "pause", "seek", "speed", "loop", "step", "slideshow",
    "mirror", "motion", "loading", "pinned", "labels", "run", "more", "entry", "entries", "pair",
    "kept", "unsaved", "deleted",
]  # fmt: skip

REASONS: dict[Need, str] = {
    "network": "No network is loaded yet",
    "unit": "No unit is chosen",
    "vector_free": "This layer has no maps",
    "flexible": "This network takes one input size only",
    "frame": "No picture has arrived yet",
    "pause": "This source cannot be paused",
    "seek": "This source has no timeline",
    "speed": "This source has no speed",
    "loop": "This source does not end",
    "step": "This source has no further pictures",
    "slideshow": "This source has no further pictures",
    "mirror": "This source cannot be mirrored",
    "motion": "Only a still picture can be moved",
    "loading": "No network is being loaded",
    "pinned": "No class is pinned",
    "labels": "No network is loaded yet",
    "run": "No run of the shown tab goes on",
    "more": "No run of the shown tab has ended that could go on",
    "entry": "Choose one picture of the gallery",
    "entries": "No picture of the gallery is chosen",
    "pair": "Choose two pictures of the gallery, or one that was made from a picture",
    "kept": "Choose one picture of the gallery that is on the disk",
    "unsaved": "Every chosen picture is on the disk",
    "deleted": "Nothing was deleted from the gallery",
}


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing that a person can do.

    Attributes
    ----------
    id : ``group.verb``, stable (settings and tests refer to it).
    text : what menus and the palette call it, in sentence case.
    help : one line for the tooltip and the help sheet.
    shortcuts : key sequences in Qt's portable text; the first is the one that is shown.
    checkable : whether it is a switch; the window keeps its mark up to date.
    needs : what there must be for it to be enabled; :data:`REASONS` says why it is not.
    icon : name in the theme's icon set, or empty.
    focus_keys : key sequences that it has only while the focus is in its group's own panel.
    """

    id: str
    text: str
    help: str
    group: Group
    shortcuts: tuple[str, ...] = ()
    checkable: bool = False
    needs: tuple[Need, ...] = ()
    icon: str = ""
    focus_keys: tuple[str, ...] = ()


# fmt: off
ACTIONS: tuple[ActionSpec, ...] = (
    # Source
    ActionSpec("source.menu", "Choose source", "Cameras, files, samples and streams", "Source", ("F2",)),
    ActionSpec("source.toggle", "Camera or files", "Switch between the camera and the last file or sample", "Source",
               ("C",)),
    ActionSpec("source.open", "Open picture or video…", "Show a picture or a video file", "Source", ("Ctrl+O",)),
    ActionSpec("source.open_folder", "Open folder…", "Go through the pictures of a folder", "Source",
               ("Ctrl+Shift+O",)),
    ActionSpec("source.stream", "Open network stream…", "Show a camera or video by its address", "Source"),
    ActionSpec("source.pattern", "Test pattern", "Show a moving test pattern", "Source"),
    ActionSpec("source.freeze", "Freeze", "Hold this frame; views of it still change", "Source",
               ("F",), checkable=True, needs=("frame",)),
    ActionSpec("source.pause", "Pause", "Pause the video; other sources freeze", "Source",
               ("Space",), needs=("frame",)),
    ActionSpec("source.next", "Next picture", "Go to the next file", "Source", ("E", "PgDown"), needs=("step",)),
    ActionSpec("source.previous", "Previous picture", "Go to the file before", "Source",
               ("W", "PgUp"), needs=("step",)),
    ActionSpec("source.forward", "Five seconds on", "Jump ahead in the video", "Source",
               ("Ctrl+Right",), needs=("seek",)),
    ActionSpec("source.back", "Five seconds back", "Jump back in the video", "Source", ("Ctrl+Left",), needs=("seek",)),
    ActionSpec("source.faster", "Faster", "Play the video faster", "Source", (">",), needs=("speed",)),
    ActionSpec("source.slower", "Slower", "Play the video slower", "Source", ("<",), needs=("speed",)),
    ActionSpec("source.loop", "Loop", "Begin again at the end", "Source",
               ("Ctrl+Shift+L",), checkable=True, needs=("loop",)),
    ActionSpec("source.slideshow", "Slideshow", "Go on to the next picture by itself", "Source",
               ("Ctrl+Shift+P",), checkable=True, needs=("slideshow",)),
    ActionSpec("source.mirror", "Mirror", "Show the picture as in a mirror", "Source",
               ("Ctrl+M",), checkable=True, needs=("mirror",)),
    ActionSpec("source.motion", "Move still pictures", "Pan and zoom slowly over a still picture", "Source",
               ("Ctrl+Shift+M",), checkable=True, needs=("motion",)),
    ActionSpec("source.fit", "Crop or stretch", "How the picture is brought to the network's input", "Source", ("0",)),
    # Network
    ActionSpec("network.menu", "Choose network", "Bundled, torchvision, timm and your own", "Network", ("F3",)),
    ActionSpec("network.search", "Search networks", "All networks by name", "Network", ("Ctrl+N",)),
    ActionSpec("network.own", "Open your own network…",
               "A Python factory or a .pt2 file, with weights and labels", "Network", ("Ctrl+Shift+N",)),
    ActionSpec("network.cancel", "Cancel loading", "Keep the network that is there", "Network",
               ("Ctrl+.",), needs=("loading",)),
    ActionSpec("network.size", "Choose input size", "A larger input gives finer maps", "Network",
               ("F4",), needs=("network",)),
    ActionSpec("network.device", "Choose device and precision", "Where and in which precision to compute", "Network",
               ("F6",), needs=("network",)),
    ActionSpec("layer.previous", "Previous layer", "One layer down, same unit", "Network", ("U",), needs=("network",)),
    ActionSpec("layer.next", "Next layer", "One layer up, same unit", "Network", ("O",), needs=("network",)),
    ActionSpec("layer.search", "Search layers", "Any layer of the network by name", "Network",
               ("Ctrl+G",), needs=("network",)),
    ActionSpec("class.search", "Pin a class…", "Keep a class's probability in sight", "Network",
               ("Ctrl+P",), needs=("labels",)),
    ActionSpec("class.unpin", "Unpin all classes", "Show the first five classes alone", "Network",
               ("Ctrl+Shift+U",), needs=("pinned",)),
    # Mosaic
    ActionSpec("mosaic.boost", "Boost", "Lift weak values in steps", "Mosaic", ("Shift+T",), needs=("network",)),
    ActionSpec("mosaic.gamma", "Gamma", "Brighten middle values in steps", "Mosaic", ("T",), needs=("network",)),
    ActionSpec("mosaic.range", "Range", "Each unit, whole layer, fixed or smoothed", "Mosaic",
               ("G",), needs=("network",)),
    ActionSpec("mosaic.sort", "Sort by activity", "Most active units first, or by number", "Mosaic",
               ("Shift+S",), checkable=True, needs=("network",)),
    ActionSpec("mosaic.colormap", "Colour map", "The next colour map", "Mosaic", ("Shift+C",), needs=("network",)),
    ActionSpec("mosaic.gradient", "Show back in the mosaic", "The origin's gradient at each unit, signed", "Mosaic",
               ("A",), checkable=True, needs=("unit",)),
    ActionSpec("mosaic.filters", "Filters in the mosaic", "Each unit's weights, in place of its activation", "Mosaic",
               ("Shift+W",), checkable=True, needs=("network",)),
    ActionSpec("mosaic.patches", "Strongest patches in the mosaic",
               "What each unit answers to most in a set of pictures, in place of its activation", "Mosaic",
               ("S",), checkable=True, needs=("network",)),
    ActionSpec("mosaic.patch_count", "Patches in a tile", "One, four or nine of a unit's strongest patches", "Mosaic",
               ("Shift+P",), needs=("network",)),
    ActionSpec("mosaic.correlation", "Correlation of the units",
               "How much the layer's units go together over a set of pictures", "Mosaic",
               ("Shift+R",), checkable=True, needs=("network",)),
    ActionSpec("mosaic.zoom", "Zoom to the unit", "The chosen unit alone, as large as it fits", "Mosaic",
               ("Z",), checkable=True, needs=("unit",)),
    # Unit
    ActionSpec("unit.left", "Unit to the left", "Move the choice", "Unit", ("Left", "J"), needs=("unit",)),
    ActionSpec("unit.right", "Unit to the right", "Move the choice", "Unit", ("Right", "L"), needs=("unit",)),
    ActionSpec("unit.up", "Unit above", "Move the choice", "Unit", ("Up", "I"), needs=("unit",)),
    ActionSpec("unit.down", "Unit below", "Move the choice", "Unit", ("Down", "K"), needs=("unit",)),
    ActionSpec("unit.left3", "Three units to the left", "Move the choice further", "Unit",
               ("Shift+J", "Shift+Left"), needs=("unit",)),
    ActionSpec("unit.right3", "Three units to the right", "Move the choice further", "Unit",
               ("Shift+L", "Shift+Right"), needs=("unit",)),
    ActionSpec("unit.up3", "Three units up", "Move the choice further", "Unit",
               ("Shift+I", "Shift+Up"), needs=("unit",)),
    ActionSpec("unit.down3", "Three units down", "Move the choice further", "Unit",
               ("Shift+K", "Shift+Down"), needs=("unit",)),
    ActionSpec("unit.first", "First unit", "The first place of the mosaic", "Unit", ("Home",), needs=("unit",)),
    ActionSpec("unit.last", "Last unit", "The last place of the mosaic", "Unit", ("End",), needs=("unit",)),
    ActionSpec("unit.most_active", "Most active unit", "The unit with the largest value in this frame", "Unit",
               ("X",), needs=("unit",)),
    ActionSpec("unit.maximise", "Maximise this unit", "Grow a picture that the unit answers to most", "Unit",
               ("Shift+M",), needs=("unit",)),
    ActionSpec("unit.patches", "Go to the strongest patches",
               "To the unit's patches in its panel; arrows go through them, Return opens a picture", "Unit",
               ("Ctrl+Shift+G",), needs=("unit",)),
    ActionSpec("unit.search", "Go to unit…", "Any unit of the layer by number", "Unit", ("Ctrl+U",), needs=("unit",)),
    # Looking back
    ActionSpec("back.toggle", "Back-projection", "Off, gradient, deconvolution, guided", "Looking back",
               ("B",), needs=("unit",)),
    ActionSpec("back.rule", "Next rule", "Gradient, deconvolution or guided backpropagation", "Looking back",
               ("N",), needs=("unit",)),
    ActionSpec("back.view", "Next view", "Raw, grey, norm, blurred norm, positive, histogram", "Looking back",
               ("M",), needs=("unit",)),
    ActionSpec("back.seed", "Seed with ones", "Look back from ones instead of the unit's own values", "Looking back",
               ("Shift+N",), checkable=True, needs=("unit",)),
    ActionSpec("back.origin", "Freeze the origin",
               "Keep looking back from this unit while other layers are shown", "Looking back",
               ("D",), checkable=True, needs=("unit",)),
    ActionSpec("back.strongest", "Strongest units, looked back",
               "Off, 9, 16 or 25 of the most active units", "Looking back", ("9",), needs=("network",)),
    ActionSpec("overlay.cycle", "Next overlay",
               "Off, saliency, Grad-CAM, guided Grad-CAM, the unit's map", "Looking back", ("V",), needs=("network",)),
    ActionSpec("overlay.target", "Overlay of the next target", "Top class, the unit, or a pinned class", "Looking back",
               ("Shift+V",), needs=("network",)),
    # Lab
    ActionSpec("lab.start", "Start the run", "Start the run whose tab is shown; opens the lab first", "Lab",
               ("Ctrl+Return",), needs=("network",)),
    ActionSpec("lab.pause", "Pause or continue the run", "Pause the run that is shown, or go on with it", "Lab",
               ("Ctrl+Shift+Return",), needs=("run",)),
    ActionSpec("lab.cancel", "Cancel the run", "End the run that is shown; what it has computed stays", "Lab",
               ("Ctrl+Shift+X",), needs=("run",)),
    ActionSpec("lab.more", "More steps", "Let the run that has ended go on", "Lab",
               ("Ctrl+Shift+E",), needs=("more",)),
    ActionSpec("lab.enlarge", "Enlarge the run's pictures", "In the mosaic's place; Esc brings them back", "Lab",
               ("Ctrl+E",), checkable=True),
    ActionSpec("lab.scan", "Scan a set of pictures…",
               "Find the patches of a folder, a zip, a video or a data set that each unit answers to most", "Lab",
               ("Ctrl+Shift+F",), needs=("network",)),
    ActionSpec("lab.scan_samples", "Scan the sample photographs",
               "Patches of every unit in seconds, from crops of the sample photographs", "Lab", needs=("network",)),
    ActionSpec("lab.dream", "Dream on the live view", "Each frame begins from the last dream blended with it", "Lab",
               ("Shift+D",), checkable=True, needs=("network",)),
    # Map
    ActionSpec("map.show", "Map", "A whole set of pictures, laid out by what the network finds alike", "Map",
               ("Ctrl+6",), checkable=True),
    ActionSpec("map.new", "New map…", "Make a map of a folder, a zip, a video or the sample photographs", "Map"),
    ActionSpec("map.search", "Search the map", "Pictures by class, prediction or title", "Map", ("Ctrl+F",)),
    ActionSpec("map.choose", "Choose what is in sight", "List the pictures of the map that are in sight", "Map",
               focus_keys=("Ctrl+A",)),
    # Gallery
    ActionSpec("gallery.show", "Gallery", "Go to the runs that have ended, in the lab", "Gallery", ("Ctrl+5",)),
    ActionSpec("gallery.open", "Open the picture", "Show it large, with its options, figures and course", "Gallery",
               needs=("entry",), focus_keys=("Return",)),
    ActionSpec("gallery.compare", "Compare", "Lay two pictures over each other, or one over what it was made from",
               "Gallery", needs=("pair",), focus_keys=("C",)),
    ActionSpec("gallery.repeat", "Repeat the run", "The same run with the same options on the same picture", "Gallery",
               needs=("entry",), focus_keys=("R",)),
    ActionSpec("gallery.use", "Use as input", "Show the picture to the network", "Gallery",
               needs=("kept",), focus_keys=("I",)),
    ActionSpec("gallery.export", "Export…", "Save picture, film, options or values", "Gallery",
               needs=("entry",), focus_keys=("Ctrl+E",)),
    ActionSpec("gallery.save", "Save again", "Try again to keep on the disk what could not be written", "Gallery",
               needs=("unsaved",)),
    ActionSpec("gallery.delete", "Delete from the gallery", "Take the chosen pictures out; it can be undone", "Gallery",
               needs=("entries",), focus_keys=("Del",)),
    ActionSpec("gallery.undo", "Undo the deletion", "Bring back what was deleted last", "Gallery",
               needs=("deleted",), focus_keys=("Ctrl+Z",)),
    # Capture
    ActionSpec("capture.window", "Snapshot of the window…",
               "Save the window as PNG", "Capture", ("Ctrl+S",)),
    ActionSpec("capture.mosaic", "Snapshot of the mosaic…", "Save the mosaic alone as PNG", "Capture",
               ("Ctrl+Shift+S",), needs=("network", "frame")),
    ActionSpec("capture.arrays", "Save the raw activations…", "Save the layer's values as npz, for numpy", "Capture",
               ("Ctrl+Alt+S",), needs=("network", "frame")),
    ActionSpec("capture.record", "Record", "Record the window as MP4", "Capture", ("R",), checkable=True),
    # Window
    ActionSpec("window.palette", "Search commands", "Everything by name", "Window", ("Ctrl+K", "/")),
    ActionSpec("window.menu", "Menu", "All commands as a menu", "Window", ("F10",)),
    ActionSpec("window.help", "Keys and help", "This sheet", "Window", ("H", "F1", "?"), checkable=True),
    ActionSpec("window.presentation", "Presentation", "Full screen with large type; Esc leaves", "Window",
               ("P", "F11"), checkable=True),
    ActionSpec("window.theme", "Light or dark", "Switch the theme", "Window", ("Ctrl+L",)),
    ActionSpec("window.input", "Input panel", "Show or hide the input and the predictions", "Window",
               ("Ctrl+1",), checkable=True),
    ActionSpec("window.unit", "Unit panel", "Show or hide the unit and the strongest units", "Window",
               ("Ctrl+2",), checkable=True),
    ActionSpec("window.messages", "Messages", "Everything that was reported, with details", "Window",
               ("Ctrl+3",), checkable=True),
    ActionSpec("window.lab", "Lab", "Show or hide what takes many steps: class images, dreams and more", "Window",
               ("Y", "Ctrl+4"), checkable=True),
    ActionSpec("window.timings", "Timings", "Time spent in each stage of a frame", "Window", ("5",), checkable=True),
    ActionSpec("window.reset", "Reset layout", "Put every panel back in its place", "Window", ("Ctrl+0",)),
    ActionSpec("window.escape", "Reset the view", "Leave presentation, zoom and frozen origin", "Window", ("Esc",)),
    ActionSpec("window.quit", "Quit", "Close the window", "Window", ("Q", "Ctrl+Q")),
)
# fmt: on


def shortcut_text(spec: ActionSpec) -> str:
    """The first shortcut as this platform writes it, or an empty text."""
    if not spec.shortcuts:
        return ""
    return QKeySequence(spec.shortcuts[0]).toString(QKeySequence.SequenceFormat.NativeText)


def focus_key_text(spec: ActionSpec) -> str:
    """The key that it has while the focus is in its group's panel, as this platform writes it, or an empty text."""
    if not spec.focus_keys:
        return ""
    return QKeySequence(spec.focus_keys[0]).toString(QKeySequence.SequenceFormat.NativeText)


def tooltip(spec: ActionSpec, missing: Iterable[Need] = ()) -> str:
    """What the action does, its shortcut, and why it is not available, if it is not."""
    key = shortcut_text(spec) or focus_key_text(spec)
    text = f"{spec.help} ({key})" if key else spec.help
    reasons = [REASONS[need] for need in missing]
    return f"{text}\n{reasons[0]}" if reasons else text


class Actions(QObject):
    """The table as QActions. UI thread only.

    Parameters
    ----------
    handlers : what to call for each id; the checked state is passed to the handlers of switches.
    """

    def __init__(self, handlers: Mapping[str, Callable[..., object]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        missing = {spec.id for spec in ACTIONS} ^ set(handlers)
        if missing:
            raise KeyError(f"The table of actions and the handlers differ in {', '.join(sorted(missing))}")
        self.specs = {spec.id: spec for spec in ACTIONS}
        self._actions: dict[str, QAction] = {}
        for spec in ACTIONS:
            action = QAction(spec.text, self)
            action.setObjectName(spec.id)
            action.setCheckable(spec.checkable)
            action.setShortcuts([QKeySequence(key) for key in spec.shortcuts])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            # macOS would move "Quit" and others by their text; the table alone decides where they stand.
            action.setMenuRole(QAction.MenuRole.NoRole)
            action.setToolTip(tooltip(spec))
            handler = handlers[spec.id]
            if spec.checkable:
                action.triggered.connect(handler)
            else:
                action.triggered.connect(lambda _checked=False, call=handler: call())
            self._actions[spec.id] = action

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def all(self) -> list[QAction]:
        """Every action, in the order of the table."""
        return list(self._actions.values())

    def group(self, group: Group) -> list[QAction]:
        """The actions of one group, in the order of the table."""
        return [self._actions[spec.id] for spec in ACTIONS if spec.group == group]

    def set_available(self, available: frozenset[Need]) -> None:
        """Enable the actions whose needs are all in ``available``; the tooltips of the others say why not."""
        for spec in ACTIONS:
            missing = [need for need in spec.needs if need not in available]
            action = self._actions[spec.id]
            if action.isEnabled() == bool(missing):
                action.setEnabled(not missing)
                action.setToolTip(tooltip(spec, missing))

    def set_checked(self, marks: Mapping[str, bool]) -> None:
        """Set the marks of switches without triggering them."""
        for action_id, checked in marks.items():
            self._actions[action_id].setChecked(checked)
