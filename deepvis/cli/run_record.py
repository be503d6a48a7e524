"""What a run from the command line leaves in writing, and how it is repeated from that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.cli.common import UsageError

if TYPE_CHECKING:
    from deepvis.backend.network import Network
    from deepvis.messages import NetworkSpec, RunResult

_WHERE_RUNS_ARE = "name a .json that --json wrote, or the .png that a run made"
_NETWORK_OPTIONS = ("weights", "labels", "input_size", "mean", "std")


@dataclass(frozen=True, slots=True)
class Record:
    """What is needed to repeat a run.

    Attributes
    ----------
    run : the name under which it is registered.
    options : of the run, by name.
    network : what :func:`~deepvis.cli.common.network_spec` needs, by name: ``model``, ``weights`` …
    network_hash : of the weights that it ran with; empty where it is not known.
    picture : what it was made from, as it was named; None: from nothing.
    """

    run: str
    options: Mapping[str, Any]
    network: Mapping[str, Any] = field(default_factory=dict)
    network_hash: str = ""
    picture: str | None = None


def describe(
    result: RunResult, net: Network, spec: NetworkSpec, command: str, picture: str | None, seconds: float
) -> dict[str, Any]:
    """Everything that is known of a finished run, in the types of JSON."""
    import torch

    import deepvis

    return {
        "command": command,
        "run": result.run,
        "title": result.title,
        "picture": picture,
        "options": dict(result.options),
        "network": result.network,
        "network_hash": result.network_hash,
        "network_options": {"model": spec.name} | {name: getattr(spec, name) for name in _NETWORK_OPTIONS},
        "trained": net.trained,
        "input_size": list(net.input_size),
        "device": str(net.device),
        "seconds": round(seconds, 3),
        "figures": dict(result.figures),
        "facts": dict(result.facts),
        "deepvis": deepvis.__version__,
        "torch": torch.__version__,
    }


def read_record(path: str) -> Record:
    """The record in a .json that a run wrote, or in a .png that it made.

    Raises UsageError where there is none.
    """
    file = Path(path).expanduser()
    try:
        text = _text_of_png(file) if file.suffix.lower() == ".png" else file.read_text(encoding="utf-8")
        content = json.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path} holds no run: {_WHERE_RUNS_ARE}") from error
    if not isinstance(content, dict) or not isinstance(content.get("run"), str):
        raise UsageError(f"{path} holds no run: {_WHERE_RUNS_ARE}")
    options = content.get("options") or {}
    if not isinstance(options, dict):
        raise UsageError(f"{path} holds no run: its options are damaged; {_WHERE_RUNS_ARE}")
    network = content.get("network_options") or _of_gallery(content.get("network_spec")) or {}
    network = network or {"model": content.get("network")}
    return Record(
        run=content["run"],
        options={str(name): _frozen(value) for name, value in options.items()},
        network={name: _frozen(value) for name, value in network.items()},
        network_hash=str(content.get("network_hash") or ""),
        picture=content.get("picture"),
    )


def _of_gallery(spec: Any) -> dict[str, Any]:
    """The network of a record that the window's gallery wrote."""
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        return {}
    return {"model": spec["name"]} | {name: spec[name] for name in _NETWORK_OPTIONS if name in spec}


def _text_of_png(file: Path) -> str:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            image.load()
            text = getattr(image, "text", {}).get("deepvis", "")
    except UnidentifiedImageError as error:
        raise ValueError("it is no picture") from error
    if not text:
        raise ValueError("deepvis wrote nothing into this picture")
    return str(text)


def _frozen(value: Any) -> Any:
    """JSON's lists as the tuples that options are."""
    return tuple(_frozen(entry) for entry in value) if isinstance(value, list) else value
