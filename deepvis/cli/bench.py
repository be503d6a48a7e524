"""``deepvis bench``: passed on to the benchmarks."""

from __future__ import annotations

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add ``bench``."""
    parser = commands.add_parser(
        "bench", help="measure deepvis on this machine", add_help=False, description="Measure deepvis on this machine."
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the benchmark that ``options.arguments`` names."""
    from deepvis.bench import main

    try:
        return int(main(options.arguments))
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0
