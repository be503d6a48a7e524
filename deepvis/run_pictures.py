"""Pictures that a run's options name, shown beside what it makes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepvis.messages import RunResult, RunUpdate, UInt8Array
from deepvis.options import Option

LONGEST = 1024
"""Pixels: longer sides are reduced, since these pictures are looked at and not worked on."""


def named_pictures(options: Sequence[Option], values: Mapping[str, Any]) -> dict[str, UInt8Array]:
    """uint8 (H, W, 3) RGB by the option's label: every picture that these values name, as a path or ``sample:NAME``.

    One that cannot be read is left out: the run itself says what is wrong with it. Imports the backend's readers.
    """
    found: dict[str, UInt8Array] = {}
    for item in options:
        name = values.get(item.name)
        if item.role == "picture" and name:
            from deepvis.backend.sources.pictures import read_picture
            from deepvis.backend.sources.samples import sample_path
            from deepvis.backend.sources.source import SourceError

            with suppress(SourceError, OSError, ValueError):
                path = sample_path(name) if name.startswith("sample:") else Path(name)
                found[item.label] = read_picture(path, longest=LONGEST)
    return found


def with_pictures(
    steps: Iterator[RunUpdate], pictures: Mapping[str, UInt8Array]
) -> Generator[RunUpdate, int | None, None]:
    """The same steps, with these pictures beside those of each step and among those of the result.

    ``send`` and ``close`` reach the steps themselves.
    """
    if not isinstance(steps, Generator):
        for update in steps:
            yield _beside(update, pictures)
        return
    with closing(steps):
        more: int | None = None
        while True:
            try:
                update = steps.send(more)
            except StopIteration:
                return
            more = yield _beside(update, pictures)


def _beside(update: RunUpdate, pictures: Mapping[str, UInt8Array]) -> RunUpdate:
    detail = {**update.detail, "pictures": {**update.detail.get("pictures", {}), **pictures}}
    result = update.result
    if isinstance(result, RunResult):
        lower = {title.casefold(): picture for title, picture in pictures.items()}
        result = replace(result, images={**result.images, **lower})
    return replace(update, detail=detail, result=result)
