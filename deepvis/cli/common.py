"""What several commands share: their parser, the options that choose a network, files to write, tables of text."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepvis.backend.network import Network
    from deepvis.messages import NetworkSpec, Size

DEVICE_HELP = "auto, cpu, cuda, cuda:1 or mps (auto)"


class UsageError(Exception):
    """The words of the command do not go together: exit status 2."""


class CommandError(Exception):
    """The command cannot do what it was asked for: exit status 1."""


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, which may leave some of its arguments until the command is used.

    Parameters
    ----------
    complete : adds arguments that cannot be known without an import of seconds; called once, before words are parsed.
    **options : as :class:`argparse.ArgumentParser` has them.
    """

    def __init__(self, *, complete: Callable[[CommandParser], None] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._complete = complete

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As :class:`argparse.ArgumentParser` does it, with every argument known: words that are none of this command's
        end it here, where its own usage can be shown."""
        self.complete()
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def complete(self) -> None:
        """Add the arguments that were left."""
        complete, self._complete = self._complete, None
        if complete is not None:
            complete(self)


def size(text: str) -> Size:
    """``224`` or ``240x320`` (height x width) as (h, w); for argparse."""
    parts = text.lower().replace("×", "x").split("x")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or any(not 1 <= number <= 8192 for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write 224 or 240x320 (height x width, in pixels)")
    return numbers[0], numbers[-1]


def numbers(text: str) -> tuple[float, ...]:
    """``0.5`` or ``0.485,0.456,0.406`` as floats; for argparse."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, 3):
        raise argparse.ArgumentTypeError(
            f"{text!r}: write one number (grey-scale network) or three with commas between"
        )
    return values


def add_network_options(parser: argparse.ArgumentParser, *, name: bool = True) -> None:
    """Options that choose a network, its weights, labels, preprocessing and device."""
    group = parser.add_argument_group("network")
    if name:
        group.add_argument(
            "--model",
            metavar="NAME",
            default="tinynet",
            help="a name from deepvis models, timm/NAME, package.module:factory, file.py:factory or a .pt2 (tinynet)",
        )
    group.add_argument(
        "--weights", metavar="FILE", default=None, help="a .safetensors, .pt or .pth file, or the word random"
    )
    group.add_argument("--labels", metavar="FILE", help="text with one label a line, or JSON")
    group.add_argument("--input-size", metavar="HxW", type=size, help="size of the network's input in pixels")
    group.add_argument("--mean", type=numbers, metavar="M", help="mean by channel, pixels in 0 to 1; one: grey-scale")
    group.add_argument("--std", type=numbers, metavar="S", help="standard deviation by channel")
    group.add_argument("--device", default="auto", help=DEVICE_HELP)


def network_spec(options: argparse.Namespace, weights: str = "default") -> NetworkSpec:
    """The wish that :func:`add_network_options` parsed; ``weights`` is what holds where none were named."""
    from deepvis.messages import NetworkSpec

    if (options.mean is None) != (options.std is None):
        raise UsageError("--mean and --std belong together: give both, or neither")
    return NetworkSpec(
        name=options.model,
        weights=options.weights or weights,
        labels=options.labels,
        input_size=options.input_size,
        mean=options.mean,
        std=options.std,
        device=options.device,
        precision=getattr(options, "precision", None) or "auto",
    )


def load(options: argparse.Namespace, weights: str = "default") -> Network:
    """Load the network that was asked for, with progress on stderr."""
    import torch

    from deepvis.backend.device import choose_threads
    from deepvis.backend.zoo import load_spec
    from deepvis.progress import ProgressDisplay

    spec = network_spec(options, weights)
    torch.set_num_threads(choose_threads())
    with ProgressDisplay() as display:

        def show(progress: Any) -> None:
            if progress.share is not None or progress.stage.startswith("Loading,"):
                display.update(progress.name, progress.stage, progress.share, progress.left)

        return load_spec(spec, show, None)


def print_table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Rows of text in columns, the first row their names; the columns in ``right`` are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def check_output(path: str, *endings: str) -> Path:
    """The path of a file to write.

    Raises UsageError, before any work is done, where its folder does not exist, or it has none of the ``endings``
    (``.png``; none given: any will do).
    """
    target = Path(path).expanduser()
    if endings and target.suffix.lower() not in endings:
        written = "the format that is written" if len(endings) == 1 else "the formats that are written"
        raise UsageError(f"{path} does not end in {' or '.join(endings)}, {written}")
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} does not exist: make it first, or write elsewhere")
    if target.is_dir():
        raise UsageError(f"{target} is a folder: name a file in it")
    return target
