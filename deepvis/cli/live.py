"""``deepvis live``: the window."""

from __future__ import annotations

import argparse
from typing import Any

from deepvis.cli.common import add_network_options, network_spec


def register(commands: Any) -> None:
    """Add ``live``."""
    parser = commands.add_parser(
        "live",
        help="open the window (the same as deepvis alone)",
        description="Open the window, live on a source. What is not said here is as it was when it was last closed.",
    )
    parser.add_argument(
        "--source", metavar="SOURCE", help="camera:0, a picture, video or folder, a URL, sample:cat or pattern"
    )
    add_network_options(parser)
    parser.set_defaults(model=None, device=None)
    parser.add_argument("--layer", metavar="NAME", help="the layer that is shown first")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), help="auto takes the fastest that agrees")
    parser.add_argument("--theme", choices=("dark", "light"))
    parser.add_argument("--presentation", action="store_true", help="full screen, large type")
    parser.set_defaults(run=_live)


def _live(options: argparse.Namespace) -> int:
    # Not a network's own option, but said of one: then it is the default network that is meant.
    said = (options.weights, options.labels, options.input_size, options.mean, options.std)
    device, precision = options.device, options.precision
    spec = None
    if options.model is not None or any(value is not None for value in said):
        options.model = options.model or "tinynet"
        options.device = options.device or "auto"
        spec = network_spec(options)
    from deepvis.app import LiveOptions, run

    return run(
        LiveOptions(
            source=options.source,
            model=spec,
            layer=options.layer,
            device=device,
            precision=precision,
            theme=options.theme,
            presentation=options.presentation,
        )
    )
