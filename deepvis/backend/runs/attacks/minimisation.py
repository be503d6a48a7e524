"""scipy's L-BFGS-B turned inside out: it asks for values instead of calling a function, so that a run is a generator.

scipy has no public reverse communication. It therefore runs on a thread of its own that computes nothing while the
caller does: exactly one of the two is ever at work, and the network is only ever used by the caller.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

Vector = npt.NDArray[np.float64]


class _Blas:
    """How many threads the linear algebra of numpy and scipy may use, kept at one while anybody wants it so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted_by = 0
        self._limit: Any = None

    @contextmanager
    def on_one_thread(self) -> Iterator[None]:
        """Its threads go on spinning after each call, and would take the cores from the network's next pass; at vectors
        as short as pictures are they gain nothing."""
        import scipy.optimize  # noqa: F401 - brings its own, which is to be among them

        with self._lock:
            self._wanted_by += 1
            if self._wanted_by == 1:
                self._limit = threadpool_limits(limits=1, user_api="blas")
        try:
            yield
        finally:
            with self._lock:
                self._wanted_by -= 1
                if self._wanted_by == 0:
                    self._limit.restore_original_limits()


blas = _Blas()


class _StoppedError(Exception):
    """Unwinds scipy when nobody wants to know the minimum any longer."""


class Minimisation:
    """Minimise a function of a vector within a box.

    Call :meth:`ask` for the next point, :meth:`tell` its value and gradient, until ``ask`` gives None; then
    :attr:`minimum` is there. :meth:`close` in any case.

    Parameters
    ----------
    start : float64 (n,), where to begin.
    low, high : float64 (n,), the box.
    iterations : of L-BFGS-B, at most.
    tolerance : relative gain of an iteration below which it ends.
    """

    def __init__(self, start: Vector, low: Vector, high: Vector, iterations: int, tolerance: float) -> None:
        self.minimum: Vector | None = None
        self._problem = (start, low, high, iterations, tolerance)
        self._asked: SimpleQueue[Vector | Exception | None] = SimpleQueue()
        self._told: SimpleQueue[tuple[float, Vector] | None] = SimpleQueue()
        # A daemon, so that a run that was never closed cannot keep the program from ending.
        self._thread = threading.Thread(target=self._minimise, name="deepvis-minimisation", daemon=True)
        self._thread.start()

    def ask(self) -> Vector | None:
        """The next point, float64 (n,), or None at the end. Raises what scipy raised."""
        asked = self._asked.get()
        if isinstance(asked, Exception):
            raise asked
        return asked

    def tell(self, value: float, gradient: Vector) -> None:
        """Value and gradient at the point last asked for."""
        self._told.put((value, gradient))

    def close(self) -> None:
        """End the thread, wherever it stands."""
        self._told.put(None)
        self._thread.join()

    def _minimise(self) -> None:
        start, low, high, iterations, tolerance = self._problem
        try:
            from scipy.optimize import Bounds, minimize

            found: Any = minimize(
                self._value,
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=Bounds(low, high),
                options={"maxiter": iterations, "ftol": tolerance, "maxcor": 5},
            )
            self.minimum = np.asarray(found.x, np.float64)
            self._asked.put(None)
        except _StoppedError:
            pass
        except Exception as error:
            self._asked.put(error)

    def _value(self, point: Vector) -> tuple[float, Vector]:
        self._asked.put(point.copy())
        told = self._told.get()
        if told is None:
            raise _StoppedError
        return told
