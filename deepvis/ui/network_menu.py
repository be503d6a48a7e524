"""Menus of networks, input sizes, devices and precisions. UI thread only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from deepvis.messages import ModelCard, NetworkInfo, NetworkSpec, Precision, Size
from deepvis.ui.actions import Actions
from deepvis.ui.command_palette import Command

PRECISIONS: tuple[tuple[Precision, str], ...] = (
    ("auto", "Fastest precision that agrees"),
    ("fp32", "fp32"),
    ("bf16", "bf16"),
)
SIZES = (64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640)


def size_text(size: Size) -> str:
    """``128 px`` or ``120 × 160 px``."""
    return f"{size[1]} px" if size[0] == size[1] else f"{size[0]} × {size[1]} px"


def card_note(card: ModelCard) -> str:
    """Family, size and whether it has to be downloaded first."""
    parts = [card.family]
    if card.parameters:
        millions = card.parameters / 1e6
        parts.append(f"{millions:.0f} M" if millions >= 10 else f"{millions:.1f} M")
    if not card.on_disk:
        parts.append("download")
    return " · ".join(parts)


def network_commands(cards: Iterable[ModelCard], load: Callable[[NetworkSpec], object]) -> list[Command]:
    """A palette entry for every network."""

    def command(card: ModelCard) -> Command:
        text = card.title if card.name in card.title.lower() else f"{card.title} ({card.name})"
        return Command(
            f"network:{card.name}", f"Network {text}", lambda: load(NetworkSpec(card.name)), "Network", card_note(card),
            card.note, quiet=card.family == "timm",
        )  # fmt: skip

    return [command(card) for card in cards]


class NetworkMenu(QMenu):
    """Bundled networks, recent ones, the usual ones of torchvision, and the way to all others."""

    USUAL = ("alexnet", "vgg16", "resnet18", "resnet50", "googlenet", "mobilenet_v2", "squeezenet1_1", "densenet121")

    def __init__(
        self,
        actions: Actions,
        models: Callable[[], list[ModelCard]],
        load: Callable[[NetworkSpec], object],
        recent: Callable[[], list[NetworkSpec]],
        current: Callable[[], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Network", parent)
        self._actions = actions
        self._models = models
        self._load = load
        self._recent = recent
        self._current = current
        self.setToolTipsVisible(True)
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Put the entries in."""
        self.clear()
        cards = self._models()
        for card in cards:
            if card.family == "bundled":
                self._card(card)
        usual = [card for name in self.USUAL for card in cards if card.name == name]
        if usual:
            self.addSection("torchvision")
            for card in usual:
                self._card(card)
        own = [spec for spec in self._recent() if spec.name not in {card.name for card in cards}]
        if own:
            self.addSection("Your own")
            for spec in own:
                self._entry(spec.name.rsplit("/", 1)[-1], spec, "")
        self.addSeparator()
        count = len(cards)
        self._actions["network.search"].setText(f"Search all {count} networks…" if count else "Search networks")
        self.addAction(self._actions["network.search"])
        self.addAction(self._actions["network.own"])
        if self._actions["network.cancel"].isEnabled():
            self.addAction(self._actions["network.cancel"])

    def _card(self, card: ModelCard) -> None:
        text = f"{card.title}\t{'' if card.on_disk else 'download'}".rstrip("\t")
        self._entry(text, NetworkSpec(card.name), card.note or card_note(card))

    def _entry(self, text: str, spec: NetworkSpec, tip: str) -> None:
        action = QAction(text, self)
        action.setCheckable(True)
        action.setChecked(spec.name == self._current())
        action.setToolTip(tip or text)
        action.triggered.connect(lambda _checked=False: self._load(spec))
        self.addAction(action)


class SizeMenu(QMenu):
    """Input sizes that the network accepts."""

    def __init__(
        self, info: Callable[[], NetworkInfo | None], size: Callable[[], Size | None],
        choose: Callable[[Size | None], object], parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__("Input size", parent)
        self._info = info
        self._size = size
        self._choose = choose
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Put the entries in."""
        self.clear()
        info = self._info()
        if info is None:
            self.addAction("No network is loaded yet").setEnabled(False)
            return
        group = QActionGroup(self)
        own = info.input_size
        self._entry(group, f"{size_text(own)}, the network's own", None)
        if not info.flexible:
            self.addAction("This network takes no other size").setEnabled(False)
            return
        self.addSeparator()
        for side in SIZES:
            if side >= info.min_size and (side, side) != own:
                self._entry(group, size_text((side, side)), (side, side))

    def _entry(self, group: QActionGroup, text: str, size: Size | None) -> None:
        action = QAction(text, group)
        action.setCheckable(True)
        action.setChecked(self._size() == size)
        action.triggered.connect(lambda _checked=False: self._choose(size))
        self.addAction(action)


class DeviceMenu(QMenu):
    """Device and precision; what was measured when the network was loaded."""

    def __init__(
        self, info: Callable[[], NetworkInfo | None], spec: Callable[[], NetworkSpec],
        load: Callable[[NetworkSpec], object], parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__("Device and precision", parent)
        self._info = info
        self._spec = spec
        self._load = load
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Put the entries in."""
        self.clear()
        spec, info = self._spec(), self._info()
        devices = [("auto", "Fastest device"), ("cpu", "CPU")]
        devices.append(("mps", "Apple GPU")) if sys.platform == "darwin" else devices.append(("cuda", "NVIDIA GPU"))
        known = {device for device, _ in devices}
        extra = [device for device in (spec.device, info.device if info else "auto") if device not in known]
        devices += [(device, device) for device in dict.fromkeys(extra)]
        chosen = QActionGroup(self)
        for device, text in devices:
            self._entry(chosen, text, replace(spec, device=device), spec.device == device)
        self.addSeparator()
        precisions = QActionGroup(self)
        for precision, text in PRECISIONS:
            self._entry(precisions, text, replace(spec, precision=precision), spec.precision == precision)
        if info is not None and info.measured:
            self.addSection("Measured when it was loaded")
            for text, milliseconds in info.measured:
                self.addAction(f"{text}\t{milliseconds:.1f} ms").setEnabled(False)

    def _entry(self, group: QActionGroup, text: str, spec: NetworkSpec, checked: bool) -> None:
        action = QAction(text, group)
        action.setCheckable(True)
        action.setChecked(checked)
        action.triggered.connect(lambda _checked=False: self._load(spec))
        self.addAction(action)
