"""timm's networks (optional: ``pip install "deepvis[timm]"``), pretrained as timm has them."""

from __future__ import annotations

import difflib
import fnmatch
import math
import threading
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepvis.backend.zoo.built import UNTRAINED, Built
from deepvis.backend.zoo.download import Progress
from deepvis.backend.zoo.errors import LoadCancelledError, ModelError, first_line
from deepvis.backend.zoo.weights import fit, read_state_dict
from deepvis.messages import LoadProgress, ModelCard


def build(
    name: str,
    weights: str = "default",
    *,
    channels: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Built:
    """A network of timm by its name there (without ``timm/``), such as ``resnet26d`` or ``resnet26d.bt_in1k``.

    Parameters
    ----------
    weights : ``default`` (timm's own, which timm downloads from the Hugging Face hub on first use), ``random``, or the
        path of a file.
    channels : 1 for a grey-scale network (timm sums the weights of the first layer over colours), or None for its own.

    Raises
    ------
    ModelError : timm is not installed, has no such network or no weights for it, cannot download; weights do not fit.
    LoadCancelledError : ``cancel`` was set. A download of timm's cannot be broken off; it is given up after it.
    """
    timm = _timm()
    _check_name(timm, name)
    if weights == "default" and not timm.is_model_pretrained(name):
        raise ModelError(
            f"timm has no weights for {name!r}",
            "it was published without",
            'give a file of weights, or weights="random" (--weights random) to look at it untrained',
        )
    pretrained = weights == "default"
    if pretrained and progress is not None:
        progress(LoadProgress(f"timm/{name}", "Loading, and downloading on first use"))
    options: dict[str, Any] = {} if channels is None else {"in_chans": channels}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _create(timm, name, pretrained, options)
    if cancel is not None and cancel.is_set():
        raise LoadCancelledError(f"timm/{name}")
    if weights not in ("default", "random"):
        tensors = read_state_dict(weights)
        classes = list(tensors.values())[-1].shape[:1]
        if classes and classes[0] != module.num_classes:
            module = _create(timm, name, False, options | {"num_classes": int(classes[0])})
        fit(module, tensors, Path(weights))
    return _described(timm, name, module, trained=weights != "random", labels=pretrained)


def cards(pattern: str = "") -> list[ModelCard]:
    """timm's networks with weights whose name contains ``pattern`` (or matches its wildcards). Imports timm."""
    timm = _timm()
    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    names = fnmatch.filter(timm.list_models(pretrained=True), wanted)
    return [ModelCard(f"timm/{name}", "timm", name) for name in names]


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ModelError(
            "timm's networks are not available", f"timm cannot be imported ({error})", 'pip install "deepvis[timm]"'
        ) from error
    return timm


def _check_name(timm: Any, name: str) -> None:
    if timm.is_model(name):
        tag = name.partition(".")[2]
        tags = list(timm.list_models(f"{name.split('.')[0]}.*", pretrained=True)) if tag else []
        if not tag or name in tags:
            return
        raise ModelError(
            f"timm has no weights {name!r}",
            f"the weights of {name.split('.')[0]} are {', '.join(tags) or 'not published'}",
            "choose one of them, or leave away what follows the dot",
        )
    near = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(f'timm/{one}' for one in near)}?" if near else "see deepvis models --timm PATTERN"
    raise ModelError(f"timm has no network {name!r}", "the installed timm does not know this name", hint)


def _create(timm: Any, name: str, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    try:
        module: nn.Module = timm.create_model(name, pretrained=pretrained, **options)
    except Exception as error:
        if pretrained and _is_network_trouble(error):
            raise ModelError(
                f"the weights of timm/{name} are not on this computer and cannot be downloaded",
                f"the Hugging Face hub cannot be reached ({first_line(error, 160)})",
                "connect to the internet once, or give a file of weights that you have with --weights, or use a "
                "bundled network such as tinynet",
            ) from error
        raise ModelError(
            f"timm could not make {name!r}", first_line(error), "update timm with pip install --upgrade timm"
        ) from error
    return module


def _is_network_trouble(error: BaseException | None) -> bool:
    while error is not None:
        module = type(error).__module__
        if isinstance(error, OSError) or module.startswith(
            ("httpx", "httpcore", "requests", "urllib3", "huggingface_hub")
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _described(timm: Any, name: str, module: nn.Module, *, trained: bool, labels: bool) -> Built:
    config = timm.data.resolve_model_data_config(module)
    channels, height, width = config["input_size"]
    mean, std = tuple(config["mean"]), tuple(config["std"])
    if channels == 1 and len(mean) == 3:
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    share = float(config.get("crop_pct") or 1.0)
    notes = [] if trained else [UNTRAINED]
    if config.get("crop_mode") in ("squash", "border"):
        notes.append(f"timm prepares its pictures by {config['crop_mode']}; here they are cropped")
    return Built(
        module=module,
        name=f"timm/{name}",
        family="timm",
        input_size=(int(height), int(width)),
        mean=tuple(float(value) for value in mean),
        std=tuple(float(value) for value in std),
        resize_to=math.floor(min(height, width) / share),
        interpolation="bilinear" if config.get("interpolation") == "bilinear" else "bicubic",
        labels=_labels(timm, module) if labels else None,
        trained=trained,
        note="; ".join(notes),
    )


def _labels(timm: Any, module: nn.Module) -> tuple[str, ...] | None:
    subset = timm.data.infer_imagenet_subset(module)
    if subset is None:
        return None
    info = timm.data.ImageNetInfo(subset)
    return tuple(info.index_to_description(index).split(",")[0] for index in range(int(info.num_classes())))
