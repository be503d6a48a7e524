"""``deepvis models`` and ``deepvis layers``: what there is, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from deepvis.cli.common import CommandError, add_network_options, load, print_table

if TYPE_CHECKING:
    from deepvis.messages import Layer, ModelCard


def register(commands: Any) -> None:
    """Add ``models`` and ``layers``."""
    models = commands.add_parser(
        "models",
        help="list the networks that can be named",
        description="List the networks that can be named. Besides them there are timm's (timm/NAME, see --timm) and "
        "your own (package.module:factory, file.py:factory, a .pt2 file).",
    )
    models.add_argument("pattern", nargs="?", default="", metavar="TEXT", help="only names that contain this")
    models.add_argument("--timm", action="store_true", help="list timm's networks instead (needs timm)")
    models.add_argument("--json", action="store_true", help="print JSON")
    models.set_defaults(run=_models)
    layers = commands.add_parser(
        "layers",
        help="list what can be looked at in a network",
        description="List what can be looked at in a network. Weights are not needed for that and not downloaded.",
    )
    layers.add_argument("model", metavar="MODEL", help="as --model of the other commands")
    layers.add_argument("--all", action="store_true", help="inner layers as well, and what was left out and why")
    layers.add_argument("--json", action="store_true", help="print JSON (of all layers)")
    add_network_options(layers, name=False)
    layers.set_defaults(run=_layers)


def _models(options: argparse.Namespace) -> int:
    if options.timm:
        from deepvis.backend.zoo.timm_zoo import cards

        found = cards(options.pattern)
    else:
        from deepvis.backend.zoo import models

        found = [card for card in models() if options.pattern.casefold() in card.name.casefold()]
    if options.json:
        print(json.dumps([_card(card) for card in found], indent=2))
        return 0
    if not found:
        raise CommandError(f"no network's name contains {options.pattern!r}; deepvis models alone lists all")
    rows = [("name", "family", "input", "weights", "")]
    rows += [
        (
            card.name,
            card.family,
            "" if card.input_size is None else "×".join(map(str, card.input_size)),
            "" if card.parameters is None else f"{card.parameters / 1e6:.1f} M",
            "; ".join(part for part in ("on disk" if card.on_disk else "", card.note) if part),
        )
        for card in found
    ]
    print_table(rows, right=(2, 3))
    return 0


def _card(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "family": card.family,
        "title": card.title,
        "input_size": card.input_size,
        "parameters": card.parameters,
        "on_disk": card.on_disk,
        "note": card.note,
    }


def _layers(options: argparse.Namespace) -> int:
    net = load(options, weights=_architecture_only(options.model))
    catalogue = net.catalogue
    if options.json:
        print(
            json.dumps(
                {
                    "model": net.name,
                    "input_size": net.input_size,
                    "channels": net.channels,
                    "classes": net.classes,
                    "parameters": net.parameters,
                    "layers": [_layer(layer) for layer in catalogue.layers],
                    "left_out": [{"name": name, "reason": reason} for name, reason in catalogue.left_out],
                },
                indent=2,
            )
        )
        return 0
    shown = [layer for layer in catalogue.layers if layer.main or options.all]
    rows = [("name", "kind", "type", "units", "map", "receptive field")]
    rows += [
        (
            layer.name,
            layer.kind,
            layer.type,
            str(layer.channels),
            "" if layer.size is None else "×".join(map(str, layer.size)),
            _field(layer),
        )
        for layer in shown
    ]
    print_table(rows, right=(3, 4))
    if options.all:
        for name, reason in catalogue.left_out:
            print(f"left out: {name}: {reason}")
    elif len(shown) < len(catalogue.layers):
        more = len(catalogue.layers) - len(shown)
        print(f"and {more} inner layer{'s' if more != 1 else ''}, with --all")
    return 0


def _architecture_only(name: str) -> str:
    """Weights for a command that looks at the architecture alone: those that need no download."""
    from deepvis.backend.zoo.bundled import bundled_names
    from deepvis.backend.zoo.own import is_own

    return "default" if is_own(name) or name in bundled_names() else "random"


def _field(layer: Layer) -> str:
    field = layer.receptive_field
    if field is None:
        return ""
    return f"{field.size[0]}×{field.size[1]}, every {field.stride[0]}" + (
        f"×{field.stride[1]}" if field.stride[0] != field.stride[1] else ""
    )


def _layer(layer: Layer) -> dict[str, Any]:
    field = layer.receptive_field
    return {
        "name": layer.name,
        "kind": layer.kind,
        "type": layer.type,
        "units": layer.channels,
        "map": layer.size,
        "receptive_field": None
        if field is None
        else {"size": field.size, "stride": field.stride, "start": field.start},
        "arrangement": layer.arrangement,
        "main": layer.main,
    }
