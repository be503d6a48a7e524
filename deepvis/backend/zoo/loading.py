"""From a name to a checked network: the one place that knows which family a name belongs to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from deepvis.backend.device import choose_device, is_out_of_memory
from deepvis.backend.network import Network, NetworkError
from deepvis.backend.zoo import own, timm_zoo, torchvision_zoo
from deepvis.backend.zoo.built import UNTRAINED, Built
from deepvis.backend.zoo.bundled import BundledNetworkError, bundled_card, bundled_names, load_bundled
from deepvis.backend.zoo.download import Progress
from deepvis.backend.zoo.errors import LoadCancelledError, ModelError, first_line
from deepvis.backend.zoo.labels import read_labels
from deepvis.backend.zoo.tinynet import TinyNet
from deepvis.backend.zoo.torchvision_table import table
from deepvis.backend.zoo.weights import fit, read_state_dict
from deepvis.messages import LoadProgress, Size

BUNDLED = ("tinynet", "tinynet-robust")
_WIDTHS = (64, 64, 128, 192, 256, 384, 512)
_TINY_INPUT = 96
_CLASSES = 200


def load_network(
    name: str,
    device: str,
    *,
    weights: str,
    labels: Sequence[str] | str | Path | None,
    input_size: Size | int | None,
    mean: Sequence[float] | float | None,
    std: Sequence[float] | float | None,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> Network:
    """See :func:`deepvis.load`."""

    def report(stage: str) -> None:
        if cancel is not None and cancel.is_set():
            raise LoadCancelledError(name)
        if progress is not None:
            progress(LoadProgress(name, stage))

    try:
        target = choose_device(device)
    except ValueError as error:
        raise ModelError(f"network {name} was not loaded", str(error), "choose one of them, or auto") from error
    if (mean is None) != (std is None):
        raise ModelError(f"network {name} was not loaded", "mean and std belong together", "give both, or neither")
    report("Loading")
    channels = None if mean is None else 1 if isinstance(mean, int | float) else len(mean)
    built = _build(name, weights, channels, progress, cancel)
    report("Checking")
    changes: dict[str, Any] = {}
    if labels is not None:
        changes["labels"] = tuple(labels) if not isinstance(labels, str | Path) else read_labels(labels)
    if mean is not None and std is not None:
        changes["mean"] = (float(mean),) if isinstance(mean, int | float) else tuple(mean)
        changes["std"] = (float(std),) if isinstance(std, int | float) else tuple(std)
    if input_size is not None:
        size = (input_size, input_size) if isinstance(input_size, int) else (input_size[0], input_size[1])
        changes["input_size"] = size
        if built.resize_to is not None:
            changes["resize_to"] = round(built.resize_to * min(size) / min(built.input_size))
    network = _checked(replace(built, **changes), target)
    report("Ready")
    return network


def _build(
    name: str, weights: str, channels: int | None, progress: Progress | None, cancel: threading.Event | None
) -> Built:
    if name in BUNDLED or name in bundled_names():
        return _build_bundled(name, weights)
    if name.startswith("timm/"):
        return timm_zoo.build(name.removeprefix("timm/"), weights, channels=channels, progress=progress, cancel=cancel)
    if own.is_own(name):
        return own.build(name, weights)
    if name in table():
        return torchvision_zoo.build(name, weights, progress=progress, cancel=cancel)
    from deepvis.backend.zoo import nearest

    near = nearest(name)
    hint = f"did you mean {', '.join(near)}?" if near else "deepvis models lists those that there are"
    raise ModelError(
        f"there is no network {name!r}",
        "it is none of the bundled ones or of torchvision's, and names no timm/NAME and no package.module:factory",
        hint,
    )


def _build_bundled(name: str, weights: str) -> Built:
    card: dict[str, Any] = {}
    try:
        if weights == "default":
            module, card = load_bundled(name)
            return _from_card(name, module, card, trained=True)
        if name in bundled_names():
            card = bundled_card(name)
    except KeyError as error:
        raise ModelError(
            f"the bundled network {name} is not there",
            "this copy of deepvis was packed without its weights",
            'install deepvis again, or look at it untrained with weights="random" (--weights random)',
        ) from error
    except BundledNetworkError as error:
        raise ModelError(f"the bundled network {name} cannot be loaded", str(error), "install deepvis again") from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        widths = card["architecture"]["widths"] if card else _WIDTHS
        if weights == "random":
            module = TinyNet(widths, len(card["labels"]) if card else _CLASSES)
            return _from_card(name, module, card, trained=False)
        tensors = read_state_dict(weights)
        module = TinyNet(widths, int(list(tensors.values())[-1].shape[0]))
    fit(module, tensors, weights)
    return _from_card(name, module, card, trained=True, labels=None)


def _from_card(name: str, module: nn.Module, card: dict[str, Any], *, trained: bool, **changes: Any) -> Built:
    height, width = card.get("input_size", (_TINY_INPUT, _TINY_INPUT))
    fields: dict[str, Any] = {
        "input_size": (int(height), int(width)),
        "resize_to": card.get("resize_to"),
        "interpolation": card.get("interpolation", "bilinear"),
        "labels": tuple(card["labels"]) if card and trained else None,
        "note": str(card.get("note", "")) if trained else UNTRAINED,
        "title": str(card.get("title", "")),
    }
    if card:
        fields |= {"mean": tuple(card["mean"]), "std": tuple(card["std"])}
    return Built(module, name, "bundled", trained=trained, **(fields | changes))


def _checked(built: Built, device: torch.device) -> Network:
    """The network on its device, after one forward pass that shows that it works and has as many classes as labels."""
    title = f"network {built.name} cannot be used"
    try:
        network = Network(
            _prepared(built.module),
            built.input_size,
            built.mean,
            built.std,
            built.labels,
            built.name,
            device=device,
            resize_to=built.resize_to,
            interpolation=built.interpolation,
            title=built.title,
            family=built.family,
            trained=built.trained,
            note=built.note,
        )
        network.labels  # noqa: B018 - counts the classes, by a forward pass
    except NetworkError as error:
        raise ModelError(title, str(error), "give its input size, mean and std, or wrap it") from error
    except ValueError as error:
        raise ModelError(title, str(error), "correct the options that were given for it") from error
    except Exception as error:
        if is_out_of_memory(error):
            raise ModelError(
                title, f"the memory of {device} does not suffice for it", "choose a smaller network, or device cpu"
            ) from error
        raise ModelError(title, first_line(error), "choose another device, or another network") from error
    return network


def _prepared(module: nn.Module) -> nn.Module:
    """In evaluation mode and float32. Exported programs keep the mode in which they were exported."""
    if isinstance(module, fx.GraphModule):
        return module
    return module.eval().float()
