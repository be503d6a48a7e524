"""A run as the window knows it, and what a widget must offer to show one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from deepvis.messages import RunUpdate, UInt8Array


class RunView(Protocol):
    """What shows a run's pictures: a widget with these."""

    def show_update(self, update: RunUpdate) -> None:
        """Show the state after a step."""

    def set_hint(self, text: str) -> None:
        """What is written while nothing was run."""

    def export_picture(self) -> UInt8Array | None:
        """The picture as it is shown, uint8 (H, W, 4) BGRX, or None."""

    def export_arrays(self) -> Mapping[str, Any]:
        """The figures behind the picture, for an npz file."""

    @property
    def export_name(self) -> str:
        """What an exported file is called."""


@dataclass(frozen=True, slots=True)
class RunKind:
    """A run as the window knows it: the name under which the backend knows it, its title, and what shows it.

    Attributes
    ----------
    hint : what it is good for, for those who have not run it yet.
    make_view : makes a widget that is a :class:`RunView`.
    plots : the figure whose course is shown at first, where the run has it.
    freezes : whether starting it on the present frame holds that frame, because its result lies over it.
    live : whether it can go on on the live view as well.
    pictures : whether it goes through a set of pictures, instead of working on one.
    """

    name: str
    title: str
    hint: str
    make_view: Callable[[], Any]
    plots: str = ""
    freezes: bool = False
    live: bool = False
    pictures: bool = False
