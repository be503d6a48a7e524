"""What every run is: options that are checked when they are given, and a generator of short steps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, ClassVar, Literal, Protocol

from deepvis.messages import RunUpdate

Needs = Literal["nothing", "picture", "pictures"]

Steps = Generator[RunUpdate, int | None, None]
"""The steps of a run that can be continued: its last update has ``more`` above 0, and where that update is answered by
``send(n)`` instead of ``next``, the run makes ``n`` more steps from where it stands: its ``total`` grows by ``n``, and
a new result ends it."""


class Run(Protocol):
    """A frozen dataclass of options (see :mod:`deepvis.options`) whose ``steps`` do the work.

    Each ``next`` of the generator is one short step that ends with a :class:`~deepvis.messages.RunUpdate`; the last
    update carries the result. Pausing is a matter of not calling ``next``, cancelling of closing the generator. A run
    holds no hook, mode or lock from one step to the next.

    Attributes
    ----------
    title : what a person calls it.
    needs : what ``steps`` takes after the network: nothing, one picture, or an iterable of pictures.
    presets : named sets of options that differ from the defaults.
    """

    title: ClassVar[str]
    needs: ClassVar[Needs]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    @property
    def steps(self) -> Callable[..., Iterator[RunUpdate]]:
        """``steps(net)``, ``steps(net, image)`` or ``steps(net, images)``, as ``needs`` says."""
        ...
