"""``deepvis scan``: the strongest patches and statistics of every unit over a set of pictures, as a library."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.cli.common import CommandError, CommandParser, UsageError, add_network_options, load

if TYPE_CHECKING:
    from deepvis.backend.library import Library
    from deepvis.backend.library.processes import Processes
    from deepvis.backend.network import Network
    from deepvis.messages import RunUpdate
    from deepvis.progress import ProgressDisplay

_DESCRIPTION = """\
Go through a set of pictures once and keep of every unit the pictures, cropped by its receptive field, that excite it
most, and how it behaves: maximum, mean, histogram, dead share, classes, correlations; besides what goes into the
classifier and the prediction for each picture. All of it lies in one folder, a library, which the window, deepvis map
and notebooks read.

Interrupted or killed, the same command goes on where it was. Under torchrun --nproc-per-node=N -m deepvis scan …
several processes share the work, and the library is the same.
"""
_SET = """\
a folder (folders in it name the classes), a zip, a video, torchvision:NAME:ROOT[:SPLIT], or samples: (crops of the
sample photographs)
"""
_TOLD = 10
"""Unreadable pictures that are named."""


def register(commands: Any) -> None:
    """Add ``scan``; its options are imported when it is used."""
    parser = commands.add_parser(
        "scan",
        help="what excites each unit most in a set of pictures",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        complete=_complete,
    )
    parser.set_defaults(run=_run)


def _complete(parser: CommandParser) -> None:
    from deepvis.backend.runs import registry
    from deepvis.cli.run_options import add_presets, add_run_options

    run = registry()["patch_scan"]
    parser.add_argument("set", metavar="SET", help=" ".join(_SET.split()))
    parser.add_argument("-o", "--output", metavar="FOLDER", help="the library's folder, as --folder")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument(
        "--export",
        metavar="FOLDER",
        help="afterwards write a sheet of the strongest patches (.png) and a table of statistics (.csv) of each layer",
    )
    parser.add_argument(
        "--unit",
        metavar="LAYER:N",
        action="append",
        default=[],
        type=_unit,
        help="with --export: write this unit's patches one by one, at their own size, instead of sheets and tables; "
        "may be given several times",
    )
    add_presets(parser, run.presets)
    add_run_options(parser, run)
    add_network_options(parser)


def _unit(text: str) -> tuple[str, int]:
    layer, colon, number = text.rpartition(":")
    if not colon or not layer or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no unit: write its layer and number, such as conv4:37")
    return layer, int(number)


def _run(options: argparse.Namespace) -> int:
    from deepvis.backend.library.processes import FirstProcessError

    run = _scan_options(options)
    processes = _join(options)
    try:
        return _scan(options, run, processes)
    except FirstProcessError:
        # It says itself what is wrong.
        return 1
    finally:
        _leave(processes)


def _scan_options(options: argparse.Namespace) -> Any:
    from deepvis.backend.runs import registry
    from deepvis.cli.run_options import given_options, make_run, preset

    cls = registry()["patch_scan"]
    values = preset(cls.presets, options.preset) if getattr(options, "preset", None) is not None else {}
    values |= given_options(options)
    if options.output is not None:
        if values.get("folder") not in (None, options.output):
            raise UsageError("-o and --folder are the same thing: give one of them")
        values["folder"] = options.output
    if options.unit and options.export is None:
        raise UsageError("--unit is of what is exported: name a folder with --export")
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")):
        # torchrun has begun all processes again after the death of one: what they wrote is gone on with.
        values["restart"] = False
    return make_run(cls, values)


def _scan(options: argparse.Namespace, run: Any, processes: Processes) -> int:
    from deepvis.backend.library import Library
    from deepvis.backend.picture_sets import open_set
    from deepvis.progress import ProgressDisplay

    source = open_set(options.set)
    net = _load(options, processes)
    _check_units(options.unit, net, run.layers)
    last = None
    with ProgressDisplay() if processes.first else nullcontext() as display:
        try:
            with closing(run.steps(net, source)) as steps:
                for update in steps:
                    last = update
                    if display is not None:
                        _show(display, source.title, update)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(_so_far(last)) from stop
        if not processes.first:
            return 0
        assert last is not None
        library = Library(last.result.facts["library"], source)
        if options.export is not None and display is not None:
            _export(library, Path(options.export).expanduser(), options.unit, display)
    return _tell(library, last, as_json=options.json)


def _check_units(units: list[tuple[str, int]], net: Network, layers: tuple[str, ...]) -> None:
    """Refuse what could not be exported, before hours are spent on it. Raises KeyError, ValueError or UsageError."""
    from deepvis.backend.library.plan import chosen_layers

    scanned = chosen_layers(net, layers)
    for layer, unit in units:
        net.check_unit(layer, unit)
        if layer not in scanned:
            raise UsageError(f"--unit {layer}:{unit} is of a layer that is not scanned; name it in --layers as well")


def _load(options: argparse.Namespace, processes: Processes) -> Network:
    """The network; where several processes load it the first goes ahead, so that weights are downloaded once."""
    loaded: list[Network] = []

    def load_it() -> None:
        from deepvis.backend.library.plan import rearrange

        loaded.append(load(options))
        rearrange(loaded[0])

    processes.from_first(load_it)
    if not loaded:
        load_it()
    return loaded[0]


def _show(display: ProgressDisplay, title: str, update: RunUpdate) -> None:
    pictures, rate = update.metrics["pictures"], update.metrics["pictures_per_second"]
    skipped = f", {update.metrics['skipped']:.0f} skipped" if update.metrics["skipped"] else ""
    speed = f", {rate:.0f} a second" if rate else ""
    share = update.step / max(update.total, 1)
    total = update.total
    left = (total - pictures) / rate if rate else None
    display.update(title, f"picture {pictures:.0f} of {total}{skipped}{speed}", share, left)


def _so_far(last: RunUpdate | None) -> str:
    if last is None:
        return "before the first pictures; the same command begins again"
    return f"at picture {last.metrics['pictures']:.0f} of {last.total}; the same command goes on there"


# ------------------------------------------------------------------------------------------------------------ torchrun


def _join(options: argparse.Namespace) -> Processes:
    """This process among those that torchrun started; alone where it did not."""
    from deepvis.backend.library.processes import Processes

    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ:
        from datetime import timedelta

        import torch.distributed as dist

        # Only small messages pass, and the first to be done may wait for the others for hours.
        dist.init_process_group("gloo", timeout=timedelta(days=30))
        options.device = _own_device(options.device)
    return Processes.current()


def _own_device(device: str) -> str:
    """One accelerator for each process of a machine."""
    import torch

    if device in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    return device


def _leave(processes: Processes) -> None:
    if processes.count > 1:
        import torch.distributed as dist

        dist.destroy_process_group()


# ---------------------------------------------------------------------------------------------------------- afterwards


def _export(library: Library, folder: Path, units: list[tuple[str, int]], display: ProgressDisplay) -> None:
    from deepvis.backend.library.export import write_layer, write_unit

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{folder} cannot be made: {error.strerror}; export elsewhere") from error
    for layer, unit in units:
        write_unit(library, layer, unit, folder)
    for place, layer in enumerate(library.layers if not units else ()):
        for share in write_layer(library, layer, folder):
            display.update("export", layer, (place + share) / len(library.layers))


def _tell(library: Library, last: RunUpdate, *, as_json: bool) -> int:
    figures = last.result.figures
    read = int(library.valid.sum())
    if as_json:
        facts = {
            "library": str(library.folder),
            "network": library.network_name,
            "network_hash": library.network_hash,
            "set": library.set_spec or library.title,
            "layers": list(library.layers),
            "pictures": library.count,
            "read": read,
            "skipped": [{"picture": title, "reason": reason} for title, reason in library.skipped],
            "units": int(figures["units"]),
            "dead_units": int(figures["dead_units"]),
            "units_not_finite": int(last.result.facts["not_finite"]),
        }
        print(json.dumps(facts, indent=1))
    else:
        pictures, layers = (
            f"{number} {what}{'' if number == 1 else 's'}"
            for number, what in ((read, "picture"), (len(library.layers), "layer"))
        )
        print(f"{library.folder}: {pictures}, {layers}")
        print(f"{figures['units']:.0f} units, of which {figures['dead_units']:.0f} are above zero in no picture")
        if last.note:
            print(last.note)
    for title, reason in library.skipped[:_TOLD]:
        print(f"deepvis: skipped {title}: {reason}", file=sys.stderr)
    if len(library.skipped) > _TOLD:
        print(f"deepvis: skipped {len(library.skipped) - _TOLD} more; --json names all", file=sys.stderr)
    if not read:
        raise CommandError(f"none of the {library.count} pictures could be read")
    return 0
