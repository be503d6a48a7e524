"""A run from the command line: its steps, with progress and film, and the files that it leaves."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.cli.common import CommandError, network_spec
from deepvis.cli.picture_files import read

if TYPE_CHECKING:
    from deepvis.backend.network import Network
    from deepvis.cli.run_film import CourseFilm
    from deepvis.messages import RunResult, RunUpdate, UInt8Array
    from deepvis.progress import ProgressDisplay

_TOLD = 4
"""Figures that are printed; all of them are in the file."""
_TELLING = "feature_error"
"""Of the figures that every part of a run has, the one that is printed."""
_LONGEST_FACT = 10_000
"""Characters."""


@dataclass(slots=True)
class Job:
    """One run: what it is made from and what is to be written."""

    picture: Any
    """The path of a picture, a list of them, or None where the run needs none."""
    title: str
    target: Path
    told: str | None
    """The picture as it was named, for the record."""


@dataclass(slots=True)
class Course:
    """How far a run is, and what it told on the way."""

    step: int = 0
    total: int = 0
    told: set[str] = field(default_factory=set)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)

    def add(self, update: RunUpdate) -> None:
        """Keep the figures of one step."""
        self.step, self.total = update.step, update.total
        self.steps.append(update.step)
        for name, value in update.metrics.items():
            self.metrics.setdefault(name, []).append(float(value))


def say(text: str) -> None:
    """A line for a person, on stderr."""
    print(f"deepvis: {text}", file=sys.stderr, flush=True)


def make_steps(
    run: Any, net: Network, job: Job, options: argparse.Namespace, course: Course, display: ProgressDisplay
) -> tuple[RunResult, float]:
    """Make every step of a run; its result, and the seconds that it took."""
    began = time.perf_counter()
    result = None
    with ExitStack() as stack:
        film = stack.enter_context(_film(options)) if options.video else None
        steps = stack.enter_context(closing(_begin(run, net, job.picture)))
        for update in steps:
            course.add(update)
            if film is not None:
                film.add(update)
            # A step may have several notes, of which some were told before; what belongs together stays so.
            new = [note for note in filter(None, update.note.split("; ")) if note not in course.told]
            if new:
                course.told.update(new)
                display.close()
                say("; ".join(new))
            share = update.step / max(update.total, 1)
            display.update(job.title, _stage(update), share)
            result = update.result if update.result is not None else result
    if result is None:
        raise CommandError("the run ended without a result")
    return result, time.perf_counter() - began


def _begin(run: Any, net: Network, picture: Any) -> Any:
    if picture is None:
        return run.steps(net)
    if isinstance(picture, list):
        return run.steps(net, _each(picture))
    return run.steps(net, read(picture))


def _each(paths: list[Path]) -> Iterator[UInt8Array]:
    for path in paths:
        yield read(path)


def _film(options: argparse.Namespace) -> CourseFilm:
    from deepvis.cli.run_film import CourseFilm

    return CourseFilm(Path(options.video).expanduser(), options.fps)


def _stage(update: RunUpdate) -> str:
    name, value = next(iter(update.metrics.items()), ("", 0.0))
    figure = f", {_words(name)} {_number(value)}" if name else ""
    return f"step {update.step} of {update.total}{figure}"


def so_far(course: Course, number: int, jobs: int) -> str:
    """Where an interruption came."""
    where = f"at step {course.step} of {course.total}" if course.total else "before the first step"
    if jobs == 1:
        return f"{where}; nothing was written"
    return f"{where} of picture {number + 1} of {jobs}; those before it are written"


def write(
    job: Job,
    result: RunResult,
    net: Network,
    command: str,
    options: argparse.Namespace,
    course: Course,
    seconds: float,
) -> None:
    """Write the output and whatever else was asked for, each file whole or not at all. Raises ExportError."""
    import deepvis
    from deepvis.backend.export import write_json, write_npz, write_png
    from deepvis.cli.run_record import describe

    facts = describe(result, net, network_spec(options), command, job.told, seconds)
    provenance = {"Software": f"deepvis {deepvis.__version__}", "deepvis": _short(facts)}
    write_png(job.target, result.image, provenance)
    if options.all:
        for title, picture in result.images.items():
            write_png(_beside(job.target, title), picture, provenance)
    if options.npz:
        write_npz(job.target.with_suffix(".npz"), {**result.arrays, "provenance": _short(facts)})
    if options.json:
        figures: Mapping[str, Any] = {"step": course.steps, **course.metrics}
        write_json(Path(options.json).expanduser(), facts | {"course": figures})


def _short(facts: Mapping[str, Any]) -> str:
    """As JSON that is small enough to lie in a picture.

    The evolved genomes of all classes, say, are left to --json, and so is how long it took: so the same run writes the
    same picture, byte for byte.
    """
    told = {name: fact for name, fact in facts["facts"].items() if len(json.dumps(fact)) <= _LONGEST_FACT}
    return json.dumps({name: fact for name, fact in facts.items() if name != "seconds"} | {"facts": told})


def _beside(target: Path, title: str) -> Path:
    """``cat-difference.png`` for the picture ``difference`` that belongs to ``cat.png``."""
    word = re.sub(r"[^\w.]+", "-", title.casefold()).strip("-.") or "more"
    return target.with_name(f"{target.stem}-{word}{target.suffix}")


def told(result: RunResult, course: Course, seconds: float) -> str:
    """A line about a finished run."""
    from deepvis.progress import duration

    parts = ["without success"] if result.facts.get("success") is False else []
    parts += _of_every_part(result, list(course.metrics)) or [
        f"{_words(name)} {_number(value)}" for name, value in list(result.figures.items())[:_TOLD]
    ]
    steps = "1 step" if course.step == 1 else f"{course.step} steps"
    return ", ".join([result.title, *parts, f"{steps} in {duration(seconds)}"])


def _of_every_part(result: RunResult, metrics: Sequence[str]) -> list[str]:
    """Of a run with several parts (the layers of a strip), whose figures are each named ``metric part``: one metric of
    every part; empty where there are no parts."""
    for metric in (_TELLING, *metrics):
        parts = [name.removeprefix(f"{metric} ") for name in result.figures if name.startswith(f"{metric} ")]
        if len(parts) > 1:
            told = ", ".join(f"{part} {_number(result.figures[f'{metric} {part}'])}" for part in parts)
            return [f"{_words(metric)}: {told}"]
    return []


def _number(value: float) -> str:
    """Counts in full, other figures to four digits."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def _words(name: str) -> str:
    return name.replace("_", " ")
