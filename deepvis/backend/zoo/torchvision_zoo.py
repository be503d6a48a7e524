"""torchvision's classification networks, with their own weights, transforms and labels."""

from __future__ import annotations

import math
import threading
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepvis.backend.zoo.built import UNTRAINED, Built
from deepvis.backend.zoo.download import Progress, download, hash_prefix
from deepvis.backend.zoo.errors import ModelError, first_line
from deepvis.backend.zoo.torchvision_table import checkpoint_directory, table
from deepvis.backend.zoo.weights import StateDict, fit, read_state_dict

_AUXILIARY = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}
"""Networks with classifiers for training only, whose weights are in the files."""


def build(
    name: str,
    weights: str = "default",
    *,
    seed: int = 0,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Built:
    """A classification network of torchvision by name.

    Parameters
    ----------
    weights : ``default`` (torchvision's own, downloaded on first use), ``random``, or the path of a file. A file that
        was trained on other classes is taken as well: their number is read from its last layer.

    Raises
    ------
    ModelError : offline, damaged or unfitting weights, a network that the installed torchvision does not have.
    LoadCancelledError : ``cancel`` was set.
    """
    card = default_weights(name)
    if weights == "random":
        size = int(card.transforms().crop_size[0])
        return _described(name, _new(name, size, None, seed), card, size, trained=False, labels=False, note=UNTRAINED)
    if weights == "default":
        path = checkpoint_directory() / card.url.rsplit("/", 1)[1]
        if not path.is_file():
            entry = table().get(name)
            expected = entry.download if entry else None
            download(
                card.url, path, name, sha256=hash_prefix(path.name), size=expected, progress=progress, cancel=cancel
            )
        try:
            tensors = read_state_dict(path)
        except ModelError as error:
            raise ModelError(error.title, error.cause, f"delete {path}: it is downloaded again") from error
    else:
        path = Path(weights).expanduser()
        tensors = read_state_dict(path)
    classes = _classes_of(tensors)
    size = _trained_size(tensors) or int(card.transforms().crop_size[0])
    module = _new(name, size, classes, seed, with_auxiliary=_has_auxiliary(name, tensors))
    fit(module, tensors, path)
    for auxiliary in _AUXILIARY.get(name, ()):
        setattr(module, auxiliary, None)
    if name in _AUXILIARY:
        module.aux_logits = False  # type: ignore[assignment]
    return _described(name, module, card, size, trained=True, labels=classes == len(card.meta["categories"]))


def default_weights(name: str) -> Any:
    """torchvision's entry of a network's default weights: ``url``, ``transforms()`` and ``meta``. Raises ModelError."""
    from torchvision import models

    try:
        return models.get_model_weights(name).DEFAULT
    except ValueError as error:
        raise ModelError(
            f"there is no network {name!r}",
            "the installed torchvision does not have it",
            "update torchvision with pip install --upgrade torchvision, or choose another: deepvis models",
        ) from error


def _new(name: str, size: int, classes: int | None, seed: int, with_auxiliary: bool = False) -> nn.Module:
    """The network with random weights, the same for the same seed; the global random state stays as it was."""
    from torchvision import models

    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    if name.startswith("vit_"):
        options["image_size"] = size
    if name in _AUXILIARY:
        # The files were trained on inputs normalised in another way, which the networks convert to themselves.
        options |= {
            "aux_logits": with_auxiliary,
            "transform_input": classes is not None,
            "init_weights": classes is None,
        }
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        try:
            module: nn.Module = models.get_model(name, weights=None, **options)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"network {name!r} cannot be made", first_line(error), "update torchvision, or choose another network"
            ) from error
    return module


def _classes_of(tensors: StateDict) -> int:
    last = list(tensors.values())[-1]
    return int(last.shape[0]) if last.dim() else 1


def _trained_size(tensors: StateDict) -> int | None:
    """The input size of a vision transformer, whose positions are weights; None for other networks."""
    named = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    positions, patches = named.get("encoder.pos_embedding"), named.get("conv_proj.weight")
    if positions is None or patches is None or positions.dim() != 3:
        return None
    return math.isqrt(positions.shape[1] - 1) * int(patches.shape[-1])


def _has_auxiliary(name: str, tensors: StateDict) -> bool:
    return any(key.removeprefix("module.").startswith(_AUXILIARY.get(name, ("\0",))) for key in tensors)


def _described(
    name: str, module: nn.Module, card: Any, size: int, *, trained: bool, labels: bool, note: str = ""
) -> Built:
    transforms = card.transforms()
    return Built(
        module=module,
        name=name,
        family="torchvision",
        input_size=(size, size),
        mean=tuple(float(value) for value in transforms.mean),
        std=tuple(float(value) for value in transforms.std),
        resize_to=round(int(transforms.resize_size[0]) * size / int(transforms.crop_size[0])),
        interpolation=transforms.interpolation.value,
        labels=tuple(card.meta["categories"]) if labels else None,
        trained=trained,
        note=note,
    )
