"""Networks of your own: ``package.module:factory``, ``path/to/file.py:factory``, and exported programs (``.pt2``)."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from deepvis.backend.zoo.built import UNTRAINED, Built
from deepvis.backend.zoo.errors import ModelError, first_line
from deepvis.backend.zoo.weights import fit, read_exported, read_state_dict

_REMEDY = "name a torch.nn.Module, a class of one, or a function without arguments that returns one"


def is_own(name: str) -> bool:
    """Whether a name means a network of the user's own: it has a colon, or is the path of an exported program."""
    return ":" in name or name.casefold().endswith(".pt2")


def build(name: str, weights: str = "default", *, seed: int = 0) -> Built:
    """A network from ``package.module:attribute``, ``file.py:attribute`` or a ``.pt2`` file.

    The attribute is an ``nn.Module``, or is called without arguments and returns one. **The code that is named is
    run**, as ``python -m`` would; the current directory is searched as well. ``weights``: ``default`` (those that the
    factory put in), ``random`` (the factory's, drawn with a seed, marked untrained), or the path of a file.

    Raises ModelError.
    """
    if name.casefold().endswith(".pt2"):
        return _build_exported(name, weights)
    with torch.random.fork_rng(devices=[]):
        found = _find(name)  # the import may draw numbers, but only the first time
        torch.manual_seed(seed)
        module = _make(name, found)
    if weights not in ("default", "random"):
        fit(module, read_state_dict(weights), weights)
    note = UNTRAINED if weights == "random" else ""
    return Built(module, name, "own", trained=weights != "random", note=note)


def _build_exported(name: str, weights: str) -> Built:
    if weights != "default":
        raise ModelError(
            f"the exported program {name} keeps its own weights",
            f"weights {weights!r} were asked for",
            "leave the weights at their default, or give the network as package.module:factory",
        )
    return Built(read_exported(name), Path(name).stem, "own")


def _find(name: str) -> Any:
    place, _, path = name.rpartition(":")
    if not place or not path:
        raise ModelError(f"{name!r} names no network", "one side of the colon is empty", "write package.module:factory")
    found: Any = _import_file(name, Path(place)) if place.endswith(".py") else _import(name, place)
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            public = [known for known in dir(found) if not known.startswith("_")]
            near = difflib.get_close_matches(attribute, public, n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}?" if near else _REMEDY
            raise ModelError(f"network {name!r} was not found", f"{place} has no attribute {attribute!r}", hint)
        found = getattr(found, attribute)
    return found


def _import(name: str, place: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        missing = error.name or place
        if place == missing or place.startswith(f"{missing}."):
            raise ModelError(
                f"network {name!r} was not found",
                f"there is no Python module {missing!r} in this environment or in {here}",
                "start deepvis in the folder that holds it, or install it, or name its file: path/to/file.py:factory",
            ) from error
        raise _import_failed(name, place, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(name, place, error) from error


def _import_file(name: str, path: Path) -> ModuleType:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ModelError(f"network {name!r} was not found", f"there is no file {path}", "check the path")
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"{path.stem}_{digest}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise _import_failed(name, path.name, error) from error
    return module


def _import_failed(name: str, place: str, error: BaseException) -> ModelError:
    return ModelError(
        f"network {name!r} cannot be loaded",
        f"importing {place} raised {first_line(error)}",
        f"mend the module: python -c 'import {place}' shows where, with the same Python"
        if not place.endswith(".py")
        else f"mend the file: python {place} shows where",
    )


def _make(name: str, found: Any) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise ModelError(f"{name!r} is no network", f"it is a {type(found).__name__}", _REMEDY)
    try:
        made = found()
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"network {name!r} cannot be made",
            f"calling it without arguments raised {first_line(error)}",
            "write a function without arguments that returns the network, and name that",
        ) from error
    if isinstance(made, torch.jit.ScriptModule):
        raise ModelError(
            f"{name!r} is a TorchScript program", "its layers cannot be looked into", "return the original nn.Module"
        )
    if not isinstance(made, nn.Module):
        raise ModelError(f"{name!r} is no network", f"calling it returned a {type(made).__name__}", _REMEDY)
    return made
