"""``deepvis map``: pictures of a set, laid out by what the network finds alike, as picture, drawing and table."""

from __future__ import annotations

import argparse
import json
import math
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.cli.common import CommandParser, add_network_options, check_output, load

if TYPE_CHECKING:
    from deepvis.messages import MapContent, RunUpdate
    from deepvis.progress import ProgressDisplay

_DESCRIPTION = """\
Lay the pictures of a set out on a plane by t-SNE (van der Maaten & Hinton 2008), so that those which the network finds
alike lie together. A set that was not scanned yet is scanned first (as deepvis scan does it), which leaves a library;
the map is kept in it, and the window shows it with the live picture in it.
"""
_SET = """\
a library that deepvis scan wrote, a folder (folders in it name the classes), a zip, a video,
torchvision:NAME:ROOT[:SPLIT], or samples: (crops of the sample photographs)
"""
_SMALLEST, _LARGEST = 200, 20_000


def register(commands: Any) -> None:
    """Add ``map``; its options are imported when it is used."""
    parser = commands.add_parser(
        "map",
        help="lay a set of pictures out by what the network finds alike",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        complete=_complete,
    )
    parser.set_defaults(run=_run)


def _complete(parser: CommandParser) -> None:
    from deepvis.backend.runs import registry
    from deepvis.cli.run_options import add_presets, add_run_options
    from deepvis.map_layout import COLORINGS

    run = registry()["embedding"]
    parser.add_argument("set", metavar="SET|LIBRARY", help=" ".join(_SET.split()))
    parser.add_argument(
        "-o", "--output", metavar="PNG", default="map.png", help="the picture to write: thumbnails and dots (map.png)"
    )
    parser.add_argument("--svg", metavar="FILE", help="write a drawing, with the title of every picture")
    parser.add_argument("--csv", metavar="FILE", help="write a table: title, label, prediction, probability, x, y")
    parser.add_argument("--color", choices=COLORINGS, default="class", help="what the colours mean (class)")
    parser.add_argument("--size", type=_size, default=2400, metavar="N", help="side of the picture in pixels (2400)")
    parser.add_argument("--json", action="store_true", help="print figures and folders as JSON")
    add_presets(parser, run.presets)
    add_run_options(parser, run)
    add_network_options(parser)
    # Whether a network was named decides if a library may name it.
    parser.set_defaults(model=None)


def _size(text: str) -> int:
    try:
        side = int(text)
    except ValueError:
        side = 0
    if not _SMALLEST <= side <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: it is {_SMALLEST} to {_LARGEST} pixels")
    return side


def _run(options: argparse.Namespace) -> int:
    from deepvis.backend.maps.opening import open_map
    from deepvis.backend.runs import registry
    from deepvis.cli.run_options import given_options, make_run, preset
    from deepvis.progress import ProgressDisplay

    cls = registry()["embedding"]
    values = preset(cls.presets, options.preset) if getattr(options, "preset", None) is not None else {}
    run = make_run(cls, values | given_options(options))
    targets = _targets(options)
    pictures = _pictures(options)
    net = load(options)
    last: RunUpdate | None = None
    told: set[str] = set()
    with ProgressDisplay() as display:
        try:
            with closing(run.steps(net, pictures)) as steps:
                for update in steps:
                    last = update
                    _show(display, update, told)
        except KeyboardInterrupt as stop:
            where = f"at step {last.step} of {last.total}" if last is not None else "before the first step"
            raise KeyboardInterrupt(f"{where}; what was scanned is kept, and the same command goes on") from stop
        assert last is not None
        display.update("Map", "writing", None)
        opened = open_map(last.result.facts["map"])
        content, skipped = opened.content, len(opened.library.skipped)
        _write(content, targets, options)
    _tell(content, last, targets, as_json=options.json)
    if skipped:
        print(
            f"deepvis: {skipped} picture{'s' if skipped > 1 else ''} could not be read; deepvis scan names them",
            file=sys.stderr,
        )
    return 0


def _targets(options: argparse.Namespace) -> tuple[Path, ...]:
    """The files to write. Raises UsageError."""
    named = [(options.output, ".png"), (options.svg, ".svg"), (options.csv, ".csv")]
    return tuple(check_output(path, ending) for path, ending in named if path is not None)


def _pictures(options: argparse.Namespace) -> Any:
    """A library, which names its network, or the set. Raises LibraryError and SourceError."""
    from deepvis.backend.library import Library
    from deepvis.backend.library.manifest import is_library
    from deepvis.backend.picture_sets import open_set

    folder = Path(options.set).expanduser()
    if not is_library(folder):
        options.model = options.model or "tinynet"
        return open_set(options.set)
    library = Library(folder)
    spec = library.network_spec
    if options.model is None and spec is None:
        # Made from Python: the name is all that is known, and whether its weights are those is seen by their hash.
        options.model = library.network_name
    elif options.model is None and spec is not None:
        options.model = spec.name
        for name in ("weights", "labels", "mean", "std"):
            given = getattr(spec, name)
            if getattr(options, name) is None and given not in (None, "default"):
                setattr(options, name, given)
        options.input_size = options.input_size or spec.input_size
    return library


def _show(display: ProgressDisplay, update: RunUpdate, told: set[str]) -> None:
    iteration = round(update.metrics["iteration"])
    share = update.step / max(update.total, 1)
    if iteration:
        divergence = update.metrics["divergence"]
        told_of = f", divergence {divergence:.3f}" if math.isfinite(divergence) else ""
        display.update("Map", f"iteration {iteration}{told_of}", share)
    else:
        display.update("Map", update.note or "looking for neighbours", share)
    if (iteration or update.result is not None) and update.note and update.note not in told:
        told.add(update.note)
        display.close()
        from deepvis.cli.run_work import say

        say(update.note)


def _write(content: MapContent, targets: tuple[Path, ...], options: argparse.Namespace) -> None:
    from deepvis.backend.maps.export import export_map

    coloring = options.color
    if coloring == "class" and not bool((content.pictures.labels >= 0).any()):
        coloring = "prediction"
    for target in targets:
        export_map(content, target, coloring, side=options.size)


def _tell(content: MapContent, last: RunUpdate, targets: tuple[Path, ...], *, as_json: bool) -> None:
    result = last.result
    if as_json:
        facts = dict(result.facts) | {"files": [str(target) for target in targets], "figures": dict(result.figures)}
        print(json.dumps(facts | {"options": dict(result.options)}, indent=2))
        return
    parts = [f"{content.info.count} pictures", f"{content.info.layer} of {content.info.network_name}"]
    if "divergence" in result.figures:
        parts.append(f"divergence {result.figures['divergence']:.3f}")
    if "purity_of_map" in result.figures:
        parts.append(
            f"10 nearest of one class: {result.figures['purity_of_map']:.1%} in the map, "
            f"{result.figures['purity_of_features']:.1%} in feature space"
        )
    print(f"{', '.join(map(str, targets))}: {'; '.join(parts)}")
    print(f"kept in {result.facts['map']}")
