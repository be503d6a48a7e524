"""``deepvis saliency``, ``backproject`` and ``occlude``: what a network makes of pictures, as files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.cli.common import CommandError, add_network_options, load
from deepvis.cli.picture_files import concerns_the_picture, picture_jobs, read

if TYPE_CHECKING:
    from deepvis.backend.network import Network
    from deepvis.messages import FloatArray, UInt8Array

_VIEWS = ("raw", "gray", "norm", "norm_blur", "positive")
_COLORMAPS = ("inferno", "viridis", "magma", "cividis", "gray")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method said of one picture.

    Attributes
    ----------
    picture : uint8 (h, w, 3) RGB or (h, w, 4) BGRX.
    arrays : the figures behind it, by name.
    facts : what it is about, for a person and for the file.
    note : why it shows nothing, where it does not.
    """

    picture: UInt8Array
    arrays: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    note: str = ""


Report = Callable[[str, float], object]
"""Is told what is going on and which share of it is done."""

Method = Callable[["Network", "UInt8Array", argparse.Namespace, Report], Answer]


def register(commands: Any) -> None:
    """Add the three commands."""
    saliency = _command(
        commands,
        "saliency",
        _saliency,
        "which pixels a class's score depends on",
        "Which pixels the score of a class depends on most (Simonyan et al. 2013).",
    )
    _add_target(saliency)
    saliency.add_argument(
        "--method",
        choices=("gradient", "smoothgrad", "integrated_gradients"),
        default="gradient",
        help="plain gradient, or the mean of 25 noisy ones, or integrated from black (gradient)",
    )
    saliency.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise of smoothgrad (0)")
    _add_heat(saliency)

    back = _command(
        commands,
        "backproject",
        _backproject,
        "what in a picture made a unit fire",
        "What in a picture made one unit fire, back-projected to the input.",
    )
    back.add_argument("--layer", required=True, metavar="NAME", help="a layer from deepvis layers MODEL")
    back.add_argument("--unit", type=int, metavar="N", help="the unit; left out: the layer's most active one")
    back.add_argument("--rule", choices=("gradient", "deconvnet", "guided"), default="guided", help="(guided)")
    back.add_argument("--seed", choices=("activation", "one"), default="activation", help="(activation)")
    back.add_argument("--view", choices=_VIEWS, default="raw", help="how it is drawn (raw)")
    back.add_argument("--position", type=_position, metavar="ROW,COLUMN", help="one place of the unit's map")

    occlude = _command(
        commands,
        "occlude",
        _occlude,
        "where a picture may not be covered",
        "How far a class's score falls when a window covers a part of the picture (Zeiler & Fergus 2013).",
    )
    _add_target(occlude)
    occlude.add_argument("--patch", type=int, metavar="PX", help="side of the window in input pixels")
    occlude.add_argument("--stride", type=int, metavar="PX", help="distance between windows in input pixels")
    occlude.add_argument("--fill", default="0", metavar="F", help="what covers: 0 (black) to 255, grey or blur (0)")
    _add_heat(occlude)


def _command(commands: Any, name: str, method: Method, help: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=description)
    parser.add_argument("image", metavar="IMAGE|FOLDER", help="a picture, a folder of pictures, or sample:cat")
    parser.add_argument("-o", "--output", required=True, metavar="PNG|FOLDER", help="a .png, or a folder for a folder")
    parser.add_argument("--npz", action="store_true", help="write the figures as well, as .npz beside the picture")
    add_network_options(parser)
    parser.set_defaults(run=lambda options: _run(options, method))
    return parser


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", metavar="CLASS", help="a label or a class number; left out: what the network says")


def _add_heat(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--colormap", choices=_COLORMAPS, default="inferno", help="(inferno)")
    parser.add_argument("--overlay", action="store_true", help="lay the map over the picture")


def _position(text: str) -> tuple[int, int]:
    row, _, column = text.partition(",")
    if not (row.strip().isdigit() and column.strip().isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no position: write ROW,COLUMN, such as 3,5")
    return int(row), int(column)


# ------------------------------------------------------------------------------------------------------- one by one


def _run(options: argparse.Namespace, method: Method) -> int:
    import sys

    from deepvis.progress import ProgressDisplay

    work = list(picture_jobs(options.image, options.output))
    net = load(options)
    failed = 0
    with ProgressDisplay() as display:
        for number, (source, title, target) in enumerate(work):
            report: Report = partial(display.update, options.command)
            if len(work) > 1:
                report(f"{number} of {len(work)} pictures", number / len(work))
                report = _quiet
            try:
                answer = method(net, read(source), options, report)
            except Exception as error:
                if len(work) == 1 or not concerns_the_picture(error):
                    raise
                failed += 1
                display.close()
                print(f"deepvis: {title} left out: {' '.join(str(error).split())}", file=sys.stderr)
                continue
            _write(target, answer, net, options, title)
            display.close()
            print(f"{target}: {_told(answer)}", flush=True)
    if failed == len(work):
        raise CommandError(f"none of the {len(work)} pictures could be read")
    return 0


def _quiet(_stage: str, _share: float) -> None:
    """Of many pictures each one's own progress is not shown."""


def _write(target: Path, answer: Answer, net: Network, options: argparse.Namespace, title: str) -> None:
    import deepvis
    from deepvis.backend.export import write_npz, write_png

    facts = {
        "command": options.command,
        "picture": title,
        "model": net.name,
        "trained": net.trained,
        "weights_hash": net.hash,
        "input_size": net.input_size,
        **answer.facts,
    }
    provenance = {"Software": f"deepvis {deepvis.__version__}", "deepvis": json.dumps(facts)}
    write_png(target, answer.picture, provenance)
    if options.npz:
        write_npz(target.with_suffix(".npz"), {**answer.arrays, "provenance": json.dumps(facts)})


def _told(answer: Answer) -> str:
    facts = answer.facts
    what = f"{facts['label']}, {facts['probability']:.1%}" if "label" in facts else f"{facts['layer']} {facts['unit']}"
    return what + (f"; {answer.note}" if answer.note else "")


# ------------------------------------------------------------------------------------------------------ the methods


def _target(net: Network, image: UInt8Array, options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """The class that is meant, and what the network thinks of it."""
    import numpy as np

    logits = net.logits(image)
    wanted = options.target
    if wanted is not None and wanted.lstrip("-").isdigit():
        wanted = int(wanted)
    index = net.target_index(wanted, logits)
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    probability = float(shifted[index] / shifted.sum())
    return index, {"target": index, "label": net.labels[index], "probability": probability}


def _saliency(net: Network, image: UInt8Array, options: argparse.Namespace, _report: Report) -> Answer:
    from deepvis.backend.methods import saliency

    index, facts = _target(net, image, options)
    values = saliency(net, image, index, options.method, seed=options.seed)
    facts |= {"method": options.method, "largest": float(values.max())}
    if options.method == "smoothgrad":
        facts["seed"] = options.seed
    return Answer(_heat(net, image, values, options), {"saliency": values}, facts, _why_flat(values))


def _backproject(net: Network, image: UInt8Array, options: argparse.Namespace, _report: Report) -> Answer:
    import torch

    from deepvis.backend.methods import activations, backproject
    from deepvis.backend.methods.views import back_view, rule_note, why_zero
    from deepvis.backend.render.pictures import draw_view

    layer = net.layer(options.layer)
    acts = activations(net, image, layer.name)
    unit = options.unit
    if unit is None:
        unit = int(acts.reshape(acts.shape[0], -1).max(axis=1).argmax())
    net.check_unit(layer.name, unit)
    gradient = backproject(net, image, layer.name, unit, options.rule, options.position, options.seed)
    view = back_view(torch.from_numpy(gradient), options.view)
    activation = torch.from_numpy(acts)[None]
    note = why_zero(torch.from_numpy(gradient), activation, unit, options.rule, options.seed, options.position)
    note = note or rule_note(net.catalogue.rectifiers, options.rule)
    facts = {
        "layer": layer.name,
        "unit": unit,
        "rule": options.rule,
        "seed": options.seed,
        "view": options.view,
        "position": options.position,
        "scale": view.scale,
    }
    return Answer(draw_view(view), {"gradient": gradient, "activation": acts[unit]}, facts, note)


def _occlude(net: Network, image: UInt8Array, options: argparse.Namespace, report: Report) -> Answer:
    from deepvis.backend.runs import Occlusion

    index, facts = _target(net, image, options)
    fill: Any = options.fill
    if options.fill.replace(".", "", 1).isdigit():
        fill = float(options.fill) if "." in options.fill else int(options.fill)
    run = Occlusion(target=index, patch=options.patch, stride=options.stride, fill=fill)
    found = None
    for update in run.steps(net, image):
        report(f"{update.step} of {update.total} windows", update.step / max(update.total, 1))
        found = update.result
    assert found is not None
    facts |= {"patch": found.patch, "stride": found.stride, "fill": fill}
    arrays = {"probability": found.probability, "logit": found.logit, "drop": found.drop}
    return Answer(_heat(net, image, found.drop, options), arrays, facts, _why_flat(found.drop))


def _heat(net: Network, image: UInt8Array, values: FloatArray, options: argparse.Namespace) -> UInt8Array:
    """A map in colours; with --overlay over what the network saw."""
    from deepvis.backend.export import to_rgb
    from deepvis.backend.render.pictures import heat

    low = min(0.0, float(values.min()))
    coloured = heat(values, options.colormap, low)
    if not options.overlay:
        return coloured
    seen = net.preprocessing.pixels(image).permute(1, 2, 0).numpy()
    mixed: UInt8Array = (0.4 * seen + 0.6 * to_rgb(coloured) + 0.5).astype("uint8")
    return mixed


def _why_flat(values: FloatArray) -> str:
    return "the map is zero everywhere: no pixel changes this score" if not values.any() else ""
