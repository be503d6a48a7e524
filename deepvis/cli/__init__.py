"""The command line: one module a group of commands. Building the parser imports neither torch, Qt nor numpy.

Exit status: 0 done, 1 failed (one line on stderr; a traceback with ``--debug``), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

import deepvis
from deepvis.cli import bench, filters, live, networks, pictures, runs, scan, snapshot
from deepvis.cli import map as maps
from deepvis.cli.common import CommandParser, UsageError

__all__ = ["main", "make_parser"]

_EPILOG = """\
examples:
  deepvis                                     the window, live on the camera or on a sample
  deepvis live --source holiday.mp4 --model resnet18 --layer layer2
  deepvis snapshot cat.jpg -o view.png        the whole window as one picture, without a display
  deepvis layers alexnet                      what there is to look at in a network
  deepvis saliency cat.jpg -o saliency.png --model vgg16
  deepvis maximise -o tractor.png --target tractor
  deepvis dream cat.jpg -o dream.png --video dream.mp4
  deepvis fool cat.jpg -o fooled.png --target cliff --all
  deepvis scan holiday/ --model alexnet       what excites each unit most in a folder of pictures
  deepvis map holiday/ -o map.png             the pictures, laid out by what the network finds alike
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = CommandParser(
        prog="deepvis",
        description="See what a convolutional network sees, live.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"deepvis {deepvis.__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=CommandParser)
    for group in (live, networks, snapshot, pictures, filters, runs, scan, maps, bench):
        group.register(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    argv : the words after ``deepvis``.

    Returns
    -------
    The exit status. ``--help``, ``--version`` and wrong usage return theirs, too.
    """
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a character shows another in its place; it must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    # Pillow warns of large pictures; what is too large is refused by name, and the rest is reduced as it is decoded.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    words = list(argv)
    try:
        return _run(words)
    except BrokenPipeError:
        # Whoever read our output has had enough (``deepvis models | head``); nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(words: list[str]) -> int:
    parser = make_parser()
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version", "--debug")):
        words = ["live", *words]
    try:
        if words[0] == "bench":
            # Its words are the benchmarks' own; argparse would take those that begin with a dash for its own.
            arguments = [word for word in words[1:] if word != "--debug"]
            options = argparse.Namespace(command="bench", debug="--debug" in words, arguments=arguments, run=bench.run)
        else:
            options = parser.parse_args(words)
    except SystemExit as stopped:
        sys.stdout.flush()
        return int(stopped.code or 0)
    if options.command is None:
        options = parser.parse_args([*words, "live"])
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as stop:
        print(": ".join(["deepvis: interrupted", *(str(each) for each in stop.args)]), file=sys.stderr)
        return 130
    except UsageError as error:
        print(f"deepvis {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except Exception as error:
        if options.debug:
            import traceback

            traceback.print_exc()
        print(f"deepvis: {_one_line(error)}", file=sys.stderr)
        return 1


def _one_line(error: Exception) -> str:
    """The message of an error as one line for a person."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = " ".join(text.split())
    ours = type(error).__module__.startswith("deepvis.")
    known = ours or hasattr(error, "remedy") or isinstance(error, ValueError | LookupError | OSError)
    if not text or not known:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
        text += " (--debug shows where)"
    return text
