"""Turns the look into requests, no more of them than needed, and tells which results may still be painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer

from deepvis.messages import Size, ViewRequest, ViewResult
from deepvis.ui.bridge import Backend
from deepvis.ui.look import build_request
from deepvis.ui.view_state import ViewState

PROBE_MS = 33
ROOM_MS = 60


class RequestSender(QObject):
    """Sends a request whenever the look, the mosaic's room or the probed place changed. UI thread only.

    Changes of one turn of the event loop become one request; the room and the probe, which change with every movement
    of the mouse, are sent at most every 60 and 33 ms.

    Parameters
    ----------
    room : the (height, width) in device pixels that the mosaic may fill now.
    visible : whether the input panel, the unit panel and the live dream can be seen; what cannot be seen is not asked
        for.
    """

    def __init__(
        self,
        state: ViewState,
        backend: Backend,
        room: Callable[[], Size],
        visible: Callable[[], tuple[bool, bool, bool]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._backend = backend
        self._room = room
        self._visible = visible
        self._last: ViewRequest | None = None
        self._id = 0
        self._first_valid = 0
        self._frozen = False
        self._probe: tuple[int, float, float] | None = None
        self._raw: Callable[[ViewResult], object] | None = None
        self.features_layer: Callable[[], str | None] = lambda: None
        """The layer whose features are wanted of every frame, to find it in a map, or None."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.send)
        state.changed.connect(lambda: self._within(0))
        state.network_changed.connect(self._begin_again)

    @property
    def last(self) -> ViewRequest | None:
        """The request that holds now."""
        return self._last

    def room_changed(self) -> None:
        """The mosaic may fill another room."""
        self._within(ROOM_MS)

    def visibility_changed(self) -> None:
        """A panel was shown or hidden."""
        self._within(0)

    def set_probe(self, probe: tuple[int, float, float] | None) -> None:
        """Ask for the value at (unit, y, x) from now on, or no longer."""
        if probe != self._probe:
            self._probe = probe
            self._within(PROBE_MS)

    def ask_raw(self, take: Callable[[ViewResult], object]) -> None:
        """Ask for the layer's raw values once; ``take`` gets the result that has them."""
        self._raw = take
        self._within(0)

    def send(self) -> None:
        """Send the request that the look asks for, if it is another one than before."""
        look = self._state.look
        if look.frozen != self._frozen:
            self._frozen = look.frozen
            self._backend.freeze(look.frozen)
        if self._state.info is None:
            look = replace(look, layer=None, unit=None)
        elif self._state.layer is None:
            return
        request = build_request(look, self._id + 1, self._room(), probe=self._probe, raw=self._raw is not None)
        request = replace(self._without_hidden(request), features=self.features_layer())
        if self._last is not None and replace(request, id=self._last.id) == self._last:
            return
        self._id += 1
        self._last = request
        self._backend.request(request)

    def accepts(self, result: ViewResult) -> bool:
        """Whether a result may be painted: late ones may, but not those of another network or layer."""
        if result.request.id < self._first_valid:
            return False
        grid = result.request.grid
        return grid is None or (self._state.info is not None and grid.layer == self._state.look.layer)

    def answered(self, result: ViewResult) -> None:
        """Hand raw values over, if this result has those that were asked for."""
        if self._raw is not None and result.raw is not None:
            take, self._raw = self._raw, None
            take(result)
            self._within(0)

    def _without_hidden(self, request: ViewRequest) -> ViewRequest:
        input_seen, unit_seen, dream_seen = self._visible()
        if not dream_seen:
            request = replace(request, dream=None)
        if not input_seen:
            request = replace(request, overlay=None)
        if not unit_seen:
            grid = request.grid
            # The zoomed mosaic shows the unit's own map, and the gradient mosaic hangs on the back-projection.
            request = replace(
                request,
                unit=request.unit if self._state.look.zoomed else None,
                back=request.back if grid is not None and grid.show == "gradient" else None,
                strongest=None,
            )
        return request

    def _begin_again(self) -> None:
        self._first_valid = self._id + 1
        self._last = None
        self._within(0)

    def _within(self, milliseconds: int) -> None:
        if not self._timer.isActive() or self._timer.remainingTime() > milliseconds:
            self._timer.start(milliseconds)
