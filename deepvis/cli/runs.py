"""``deepvis maximise``, ``invert``, ``dream``, ``fool`` and ``evolve``: runs of many steps, written as files."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.cli.common import (
    CommandError,
    CommandParser,
    UsageError,
    add_network_options,
    check_output,
    load,
    network_spec,
)
from deepvis.cli.picture_files import concerns_the_picture, picture_jobs
from deepvis.cli.run_work import Course, Job, make_steps, say, so_far, told, write

if TYPE_CHECKING:
    from deepvis.cli.run_record import Record

_NETWORK_NAMES = ("weights", "labels", "input_size", "mean", "std")


@dataclass(frozen=True, slots=True)
class _Command:
    """A command, the registered name of its run, and what it says of itself before the run is imported."""

    name: str
    run: str
    help: str
    description: str


_COMMANDS = (
    _Command(
        "maximise",
        "class_image",
        "grow the picture that a class or a unit wants most",
        "Grow a picture from noise that maximises a class, a unit or a layer (Simonyan et al. 2013; Yosinski et al. "
        "2015; Olah et al. 2017).",
    ),
    _Command(
        "invert",
        "inversion",
        "what a layer still knows of a picture",
        "Find a picture that a layer cannot tell from the given one (Mahendran & Vedaldi 2014).",
    ),
    _Command(
        "dream",
        "deepdream",
        "strengthen what a layer sees in a picture",
        "Change a picture so that a layer answers more strongly, at several scales (Mordvintsev et al. 2015).",
    ),
    _Command(
        "fool",
        "fooling",
        "change a picture a little so that it is taken for something else",
        "Change a picture, hardly visibly, until the network sees another class in it (Szegedy et al. 2013; Goodfellow "
        "et al. 2014; Brown et al. 2017).",
    ),
    _Command(
        "evolve",
        "evolved_fooling",
        "evolve pictures that mean nothing and are taken for every class",
        "Evolve pictures that nobody recognises and the network is sure of, one a class (Nguyen et al. 2014).",
    ),
)


def register(commands: Any) -> None:
    """Add the five commands; their options are imported when one of them is used."""
    for command in _COMMANDS:
        parser = commands.add_parser(
            command.name, help=command.help, description=command.description, complete=partial(_complete, command)
        )
        parser.set_defaults(run=partial(_run, command))


def _run_class(command: _Command) -> Any:
    from deepvis.backend.runs import registry

    return registry()[command.run]


def _complete(command: _Command, parser: CommandParser) -> None:
    """Add the arguments of a command, most of which come from its run's options."""
    from deepvis.cli.run_options import add_presets, add_run_options

    run = _run_class(command)
    if run.needs == "picture":
        parser.add_argument(
            "image",
            nargs="?",
            metavar="IMAGE|FOLDER",
            help="a picture, a folder of pictures, or sample:cat; may be left out with --repeat",
        )
    elif run.needs == "pictures":
        parser.add_argument("image", nargs="?", metavar="FOLDER", help="a folder of pictures, a picture, or sample:cat")
    folder = run.needs == "picture"
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="PNG|FOLDER" if folder else "PNG",
        help="a .png, or a folder for a folder" if folder else "the .png to write",
    )
    parser.add_argument("--video", metavar="MP4|GIF", help="write the course of the run as a film, a picture a step")
    parser.add_argument(
        "--fps", type=_rate, metavar="X", help="steps a second in the film; left out: 4 to 30, for about 10 s"
    )
    parser.add_argument("--json", metavar="FILE", help="write every option, figure and fact, and the course of figures")
    parser.add_argument("--all", action="store_true", help="write the further pictures as well, beside the output")
    parser.add_argument("--npz", action="store_true", help="write the values behind the pictures, as .npz beside it")
    parser.add_argument(
        "--repeat",
        metavar="FILE",
        help="do again what --json wrote, or what a picture that was made so holds; options given beside it win",
    )
    add_presets(parser, run.presets)
    add_run_options(parser, run)
    add_network_options(parser)
    # Whether a network was named decides if --repeat may name it.
    parser.set_defaults(model=None)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.1 <= rate <= 60:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate: it is 0.1 to 60 steps a second")
    return rate


# ------------------------------------------------------------------------------------------------------ what was asked


def _run(command: _Command, options: argparse.Namespace) -> int:
    from deepvis.cli.run_options import given_options, make_run, preset
    from deepvis.progress import ProgressDisplay

    cls = _run_class(command)
    record = _record(command, options)
    values = dict(record.options) if record is not None else {}
    if getattr(options, "preset", None) is not None:
        values |= preset(cls.presets, options.preset)
    run = make_run(cls, values | given_options(options))
    lacks = getattr(run, "lacks", "")
    if lacks:
        raise UsageError(lacks)
    image = getattr(options, "image", None)
    jobs = _jobs(cls.needs, image or (record.picture if record is not None else None), options)
    _check_files(jobs, options)
    _choose_network(options, record)

    net = load(options)
    if record is not None and record.network_hash and record.network_hash != net.hash and record.network:
        say(f"{options.repeat} was made with other weights than {net.name!r} has here: the result will differ")
    failed = 0
    with ProgressDisplay() as display:
        for number, job in enumerate(jobs):
            course = Course()
            try:
                result, seconds = make_steps(run, net, job, options, course, display)
                write(job, result, net, command.name, options, course, seconds)
            except KeyboardInterrupt as stop:
                raise KeyboardInterrupt(so_far(course, number, len(jobs))) from stop
            except Exception as error:
                if len(jobs) == 1 or not concerns_the_picture(error):
                    raise
                failed += 1
                display.close()
                say(f"{job.title} left out: {' '.join(str(error).split())}")
                continue
            display.close()
            print(f"{job.target}: {told(result, course, seconds)}", flush=True)
    if failed == len(jobs):
        raise CommandError(f"none of the {len(jobs)} pictures could be read")
    return 0


def _record(command: _Command, options: argparse.Namespace) -> Record | None:
    if options.repeat is None:
        return None
    from deepvis.cli.run_record import read_record

    record = read_record(options.repeat)
    if record.run != command.run:
        other = next((known.name for known in _COMMANDS if known.run == record.run), None)
        hint = f"repeat it with deepvis {other}" if other else f"no command makes {record.run!r} again"
        raise UsageError(f"{options.repeat} is of another run; {hint}")
    return record


def _choose_network(options: argparse.Namespace, record: Record | None) -> None:
    """Where no network was named, the one that a record names holds, otherwise the usual one.

    Raises UsageError where that is a person's own code: a file that somebody sent must not have any code run.
    """
    if options.model is None and record is not None and record.network.get("model"):
        from deepvis.backend.zoo.own import is_own

        model = str(record.network["model"])
        if is_own(model):
            raise UsageError(
                f"{options.repeat} names the network {model}, which is code: to have it run, name it with --model"
            )
        options.model = model
        for name in _NETWORK_NAMES:
            if getattr(options, name) is None:
                setattr(options, name, record.network.get(name))
    options.model = options.model or "tinynet"
    network_spec(options)


def _jobs(needs: str, image: str | None, options: argparse.Namespace) -> list[Job]:
    """What is to be made, one after the other. Raises UsageError and SourceError."""
    if needs == "nothing":
        target = check_output(options.output, ".png")
        return [Job(None, target.name, target, None)]
    if image is None:
        raise UsageError("name a picture to work on, such as cat.jpg or sample:cat")
    if needs == "pictures":
        from deepvis.backend.sources.album import pictures_in

        target = check_output(options.output, ".png")
        folder = Path(image).expanduser()
        if folder.is_dir():
            paths = [folder / entry.title for entry in pictures_in(folder)]
        else:
            paths = [path for path, _, _ in picture_jobs(image, options.output)]
        if not paths:
            raise UsageError(f"{folder} holds no pictures")
        return [Job(paths, target.name, target, image)]
    several = Path(image).expanduser().is_dir()
    if several and (options.json or options.video):
        raise UsageError("--json and --video are for one picture; every .png of a folder holds its options and figures")
    return [
        Job(path, title, target, str(path) if several else image)
        for path, title, target in picture_jobs(image, options.output)
    ]


def _check_files(jobs: list[Job], options: argparse.Namespace) -> None:
    """Refuse further files that could not be written. Raises UsageError."""
    from deepvis.cli.run_film import ENDINGS

    if options.json:
        check_output(options.json, ".json")
    if options.video:
        check_output(options.video, *ENDINGS)
    elif options.fps is not None:
        raise UsageError("--fps is of the film: name it with --video")
    for job in jobs:
        there = isinstance(job.picture, Path) and job.picture.exists() and job.target.exists()
        if there and job.picture.samefile(job.target):
            raise UsageError(f"{job.target} is the picture itself: write elsewhere")
