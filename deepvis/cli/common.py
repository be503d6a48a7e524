"""What several commands share: their parser, the options that choose a network, files to write, tables of text."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from deepvis.near_names import near_names

if TYPE_CHECKING:
    from deepvis.backend.network import Network
    from deepvis.messages import NetworkSpec, Size

DEVICE_HELP = "auto, cpu, cuda, cuda:1 or mps (auto)"


class UsageError(Exception):
    """The words of the command do not go together: exit status 2."""


class CommandError(Exception):
    """The command cannot do what it was asked for: exit status 1."""


class CommandParser(argparse.ArgumentParser):
    """A parser that says what is wrong in its last line, after one line on how it is used, not after a page of options.

    That of one command may leave some of its arguments until the command is used.

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
            self.error(self._said_of(unknown))
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        """End with status 2: a line on how it is used, then what is wrong."""
        self.exit(2, f"{self.short_usage()}\n{self.prog}: {_plain_words(message)}\n")

    def short_usage(self) -> str:
        """What must be given, in one line, and where to read of the rest."""
        self.complete()
        needed: list[str] = []
        for action in self._actions:
            metavar = action.metavar if isinstance(action.metavar, str) else action.dest
            if not action.option_strings:
                needed.append(f"[{metavar}]" if action.nargs == "?" else metavar)
            elif action.required:
                needed.append(f"{action.option_strings[0]} {metavar}")
        return f"usage: {' '.join([self.prog, *needed])} [options] ({self.prog} --help lists them)"

    def _said_of(self, unknown: Sequence[str]) -> str:
        """What is said of words that nothing here takes."""
        word = next((each for each in unknown if each.startswith("-")), None)
        if word is None:
            return f"{unknown[0]!r} is too much: put its option's name before it, or what belongs together in quotes"
        known = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        near = near_names(word.partition("=")[0], known, 1)
        return f"there is no option {word}{f'; did you mean {near[0]}?' if near else ''}"

    def complete(self) -> None:
        """Add the arguments that were left."""
        complete, self._complete = self._complete, None
        if complete is not None:
            complete(self)


def _plain_words(message: str) -> str:
    """What argparse says, as this program speaks."""
    message = re.sub(r"^argument (?:-\w/)?(\S+): expected one argument$", r"\1 needs a value", message)
    message = re.sub(r"^argument (?:-\w/)?(\S+): ", r"\1: ", message)
    message = re.sub(r"invalid int value: ('.*')$", r"\1 is no whole number", message)
    message = re.sub(r"invalid float value: ('.*')$", r"\1 is no number", message)
    missing = re.match(r"^the following arguments are required: (.*)$", message)
    if missing:
        names = [name.rpartition("/")[2] for name in missing[1].split(", ")]
        return f"{' and '.join(names)} must be given"
    choice = re.match(r"^(COMMAND|BENCHMARK): invalid choice: '(.*)' \(choose from (.*)\)$", message)
    if choice:
        near = near_names(choice[2], re.findall(r"'([^']+)'", choice[3]), 1)
        listing = "deepvis --help" if choice[1] == "COMMAND" else "deepvis bench --help"
        hint = f"did you mean {near[0]}?" if near else f"{listing} lists those that there are"
        return f"there is no {choice[1].lower()} {choice[2]!r}; {hint}"
    return message


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
