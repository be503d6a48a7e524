"""``deepvis bench``: the figures of the README, measured on this machine.

Machines are noisy, so contestants take turns in one run and what counts is the median of their ratios, turn by turn.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from deepvis.cli.common import CommandParser


def main(argv: Sequence[str]) -> int:
    """Run one benchmark: ``live``, ``window``, ``startup`` or ``memory``. Returns the exit status."""
    parser = CommandParser(prog="deepvis bench", description="Measure deepvis on this machine.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    commands = parser.add_subparsers(dest="what", required=True, metavar="BENCHMARK", title="benchmarks")
    live = commands.add_parser("live", help="the engine beside bare forward passes and a plain loop")
    live.add_argument("--models", nargs="+", default=["tinynet", "alexnet", "resnet18", "googlenet", "vgg16"])
    live.add_argument("--rounds", type=int, default=7, help="turns of every contestant (7)")
    live.add_argument("--seconds", type=float, default=0.8, help="length of a turn (0.8)")
    window = commands.add_parser("window", help="time that the window's thread needs for a frame of 512 channels")
    window.add_argument("--model", default="resnet18")
    window.add_argument("--layer", default="layer4.1")
    window.add_argument("--seconds", type=float, default=10.0)
    startup = commands.add_parser("startup", help="seconds from the command to the window and to the first activations")
    startup.add_argument("--model", default="tinynet")
    startup.add_argument("--repeat", type=int, default=5)
    memory = commands.add_parser("memory", help="growth of the resident memory over a long live run")
    memory.add_argument("--model", default="tinynet")
    memory.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args(list(argv))
    if options.what == "live":
        from deepvis.bench.live import bench_live as bench

        rows = bench(options.models, options.rounds, options.seconds)
    elif options.what == "window":
        from deepvis.bench.window import bench_window

        rows = bench_window(options.model, options.layer, options.seconds)
    elif options.what == "startup":
        from deepvis.bench.startup import bench_startup

        rows = bench_startup(options.model, options.repeat)
    else:
        from deepvis.bench.window import bench_memory

        rows = bench_memory(options.model, options.minutes)
    _print(rows, as_json=options.json)
    return 0


def _print(rows: list[dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        json.dump(rows, sys.stdout, indent=2)
        print()
        return
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    for line in [columns, *cells]:
        print(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
        )


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
