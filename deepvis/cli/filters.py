"""``deepvis filters``: the weights of a layer as one picture."""

from __future__ import annotations

import argparse
import json
from typing import Any

from deepvis.cli.common import add_network_options, check_output, load, size


def register(commands: Any) -> None:
    """Add ``filters``."""
    parser = commands.add_parser(
        "filters",
        help="the weights of a layer as one picture",
        description="The weights of a layer as one picture: a tile a unit, in colour where they act on the picture, "
        "else its strongest slices around zero (blue below, red above), each on one channel of the layer before. A "
        "layer without weights shows those of the nearest layer before it.",
    )
    parser.add_argument("model", metavar="MODEL", help="as --model of the other commands")
    parser.add_argument("layer", metavar="LAYER", help="a layer from deepvis layers MODEL")
    parser.add_argument("-o", "--output", required=True, metavar="PNG", help="the .png to write")
    parser.add_argument(
        "--unit", type=int, metavar="N", help="one unit alone, with as many slices as there is room for"
    )
    parser.add_argument("--sort", choices=("number", "norm"), default="number", help="order of the units (number)")
    scale = "what takes the full colour: each unit's largest weight, or the layer's (unit)"
    parser.add_argument("--range", choices=("unit", "layer"), default="unit", help=scale)
    parser.add_argument("--size", type=size, default=(1200, 1200), metavar="HxW", help="room in pixels (1200)")
    parser.add_argument("--npz", action="store_true", help="write the weights as well, as .npz beside the picture")
    add_network_options(parser, name=False)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    import deepvis
    from deepvis.backend.export import write_npz, write_png
    from deepvis.backend.methods.filter_bank import filter_bank, nearest_filters
    from deepvis.backend.methods.filters import filters
    from deepvis.backend.render.filter_grid import render_filters
    from deepvis.messages import GridRequest

    target = check_output(options.output, ".png")
    net = load(options)
    # A layer without any before it is refused by name, with some that have filters.
    name = nearest_filters(net, options.layer) or options.layer
    bank = filter_bank(net, name)
    if options.unit is not None:
        net.check_unit(name, options.unit)
    sort: Any = "activity" if options.sort == "norm" else "number"
    request = GridRequest(name, options.size, show="filters", range=options.range, sort=sort, unit=options.unit)
    result = render_filters(bank, request)
    picture = result.picture.copy()
    picture[picture[:, :, 3] == 0] = 255
    assert result.filters is not None
    facts = {
        "command": "filters",
        "model": net.name,
        "trained": net.trained,
        "weights_hash": net.hash,
        "layer": name,
        "source": bank.source,
        "unit": options.unit,
        "sort": options.sort,
        "range": options.range,
        "scale": result.high,
        "hidden": result.filters.hidden,
    }
    provenance = {"Software": f"deepvis {deepvis.__version__}", "deepvis": json.dumps(facts)}
    write_png(target, picture, provenance)
    if options.npz:
        arrays = {"weights": filters(net, name), "norms": bank.norms, "order": result.order, "channels": bank.channels}
        write_npz(target.with_suffix(".npz"), {**arrays, "provenance": np.array(json.dumps(facts))})
    units, shown = len(bank.weights), bank.weights.shape[1] - result.filters.hidden
    told = f"filters of {name}, {units} units" if options.unit is None else f"filter of {name} {options.unit}"
    if name != options.layer:
        told += f" ({options.layer} has no weights)"
    if result.filters.hidden:
        told += f"; of each the {shown} strongest of {bank.weights.shape[1]} slices"
    print(f"{target}: {told}", flush=True)
    return 0
