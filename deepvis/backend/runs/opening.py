"""A set of pictures, opened without holding up what a run's steps share a thread with."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from typing import Any

from deepvis.backend.picture_sets import PictureSet, open_set
from deepvis.backend.runs.beside import beside, telling


class _GivenUpError(Exception):
    """Ends a search whose result nobody waits for any more."""


def opened(pictures: Any) -> Generator[int, None, PictureSet]:
    """The set that ``pictures`` names, as :func:`~deepvis.backend.picture_sets.open_set` finds it, which takes seconds
    for a large folder; yields the number of pictures found so far. Closing it ends the search.

    Raises as ``open_set``, and ValueError for a set without pictures.
    """
    source = (yield from _searched(pictures)) if isinstance(pictures, str | os.PathLike) else open_set(pictures)
    if not len(source):
        raise ValueError(f"{source.title or 'the set'} holds no pictures; choose another folder, zip or video")
    return source


def _searched(spec: str | os.PathLike[str]) -> Generator[int, None, PictureSet]:
    found = 0
    over = threading.Event()

    def progress(count: int) -> None:
        nonlocal found
        found = count
        if over.is_set():
            raise _GivenUpError

    try:
        return (yield from telling(beside(lambda: open_set(spec, progress), "open-set"), lambda _: found))
    finally:
        over.set()
