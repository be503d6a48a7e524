"""``deepvis snapshot``: the whole window as one picture, without a display."""

from __future__ import annotations

import argparse
import json
from typing import Any

from deepvis.cli.common import UsageError, add_network_options, check_output, network_spec, size


def register(commands: Any) -> None:
    """Add ``snapshot``."""
    parser = commands.add_parser(
        "snapshot",
        help="the whole window's content as one picture, without a display",
        description="Draw the whole window with a picture in it, without a display, and write it as PNG.",
    )
    parser.add_argument("image", metavar="IMAGE", help="a picture, sample:cat or pattern")
    parser.add_argument("-o", "--output", required=True, metavar="PNG", help="the file to write")
    add_network_options(parser)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="(auto)")
    parser.add_argument("--layer", metavar="NAME", help="a layer from deepvis layers MODEL; left out: a middle one")
    parser.add_argument("--unit", type=int, metavar="N", help="left out: the most active one")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="(dark)")
    parser.add_argument("--size", type=size, default=(1000, 1600), metavar="HxW", help="of the window (1000x1600)")
    parser.set_defaults(run=_snapshot)


def _snapshot(options: argparse.Namespace) -> int:
    target = check_output(options.output, ".png")
    if min(options.size) < 480:
        raise UsageError("--size is at least 480x720: the window does not get smaller")
    spec = network_spec(options)

    import deepvis
    from deepvis.progress import ProgressDisplay
    from deepvis.snapshot import take

    with ProgressDisplay() as display:
        shot = take(
            options.image,
            spec,
            layer=options.layer,
            unit=options.unit,
            theme=options.theme,
            size=options.size,
            report=lambda progress: display.update(progress.name, progress.stage, progress.share, progress.left),
        )
    from deepvis.backend.export import write_png

    facts = {
        "command": "snapshot",
        "picture": options.image,
        "model": shot.model,
        "weights_hash": shot.hash,
        "layer": shot.layer,
        "unit": shot.unit,
    }
    provenance = {"Software": f"deepvis {deepvis.__version__}", "deepvis": json.dumps(facts)}
    write_png(target, shot.picture, provenance)
    print(f"{target}: {shot.model}, {shot.layer} {shot.unit}")
    return 0
