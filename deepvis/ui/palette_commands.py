"""What the palette offers besides the actions: layers, units, classes, networks, sources and direct choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from deepvis.messages import BACK_VIEWS, COLORMAPS, RANGES, RULES, CameraCard, NetworkInfo
from deepvis.ui.actions import ACTIONS, Actions, shortcut_text
from deepvis.ui.command_palette import Command
from deepvis.ui.source_menu import SAMPLES, moving, source_title
from deepvis.ui.view_commands import OVERLAYS, ViewCommands
from deepvis.ui.view_state import ViewState

RULE_TEXTS = {"gradient": "gradient", "deconvnet": "deconvolution", "guided": "guided backpropagation"}
OVERLAY_TEXTS = {
    None: "off", "saliency": "saliency", "grad_cam": "Grad-CAM", "guided_grad_cam": "guided Grad-CAM",
    "unit": "the unit's map",
}  # fmt: skip
RANGE_TEXTS = {"unit": "each unit", "layer": "whole layer", "fixed": "fixed", "smooth": "smoothed over time"}


def action_commands(actions: Actions) -> list[Command]:
    """Every action that is available now."""
    made = []
    for spec in ACTIONS:
        action = actions[spec.id]
        if action.isEnabled() and spec.id != "window.palette":
            mark = " (on)" if action.isCheckable() and action.isChecked() else ""
            text = spec.text + mark
            made.append(Command(spec.id, text, action.trigger, note=shortcut_text(spec), help=spec.help))
    return made


def choice_commands(state: ViewState) -> list[Command]:
    """Every choice of the look by its own name, where the keys only go round."""
    groups: tuple[tuple[str, str, Iterable[tuple[Any, str]]], ...] = (
        ("rule", "Rule", ((rule, RULE_TEXTS[rule]) for rule in RULES)),
        ("back_view", "Back-projection as", ((view, view.replace("_", " ")) for view in BACK_VIEWS)),
        ("overlay", "Overlay", ((kind, OVERLAY_TEXTS[kind]) for kind in OVERLAYS)),
        ("colormap", "Colour map", ((name, name) for name in COLORMAPS)),
        ("range", "Range", ((name, RANGE_TEXTS[name]) for name in RANGES)),
    )

    def command(field: str, value: object, text: str) -> Command:
        changes = {field: value} | ({"back": True} if field in ("rule", "back_view") else {})
        return Command(f"{field}:{value}", text, lambda: state.update(**changes), quiet=True)

    return [command(field, value, f"{title} {text}") for field, title, values in groups for value, text in values]


def layer_commands(info: NetworkInfo, view: ViewCommands) -> list[Command]:
    """Every layer, those of the strip first."""
    layers = sorted(info.layers, key=lambda layer: not layer.main)
    return [
        Command(
            f"layer:{layer.name}", f"Layer {layer.name}", partial(view.choose_layer, layer.name), "Layer",
            f"{layer.type} · {layer.text}", quiet=not layer.main,
        )
        for layer in layers
    ]  # fmt: skip


def unit_commands(channels: int, view: ViewCommands, labels: tuple[str, ...] = ()) -> list[Command]:
    """Every unit of the layer; a class's unit also by its label."""
    named = labels if len(labels) == channels else ()
    return [
        Command(
            f"unit:{unit}", f"Unit {unit}" + (f" {named[unit]}" if named else ""),
            partial(view.choose_unit, unit), "Unit", quiet=True,
        )
        for unit in range(channels)
    ]  # fmt: skip


def class_commands(labels: tuple[str, ...], pinned: tuple[int, ...], view: ViewCommands) -> list[Command]:
    """Every class, to pin or unpin."""
    return [
        Command(
            f"class:{index}", f"{'Unpin' if index in pinned else 'Pin'} class {label}",
            partial(view.pin, index), "Class", quiet=index not in pinned,
        )
        for index, label in enumerate(labels)
    ]  # fmt: skip


def source_commands(
    cameras: Iterable[CameraCard], recent: Iterable[str], open_source: Callable[[str], object]
) -> list[Command]:
    """Cameras, samples and what was open before."""
    entries = [(f"camera:{camera.index}", camera.name or f"Camera {camera.index}") for camera in cameras]
    entries += [(moving(spec), title) for spec, title in SAMPLES]
    known = {spec for spec, _ in entries}
    entries += [(spec, source_title(spec)) for spec in recent if spec not in known and spec != "pattern"]
    return [
        Command(f"source:{spec}", f"Source {title}", partial(open_source, spec), "Source", help=spec)
        for spec, title in entries
    ]
