"""Weights from files: read without running anything that is in them, and fitted to a module with a clear answer."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from deepvis.backend.zoo.errors import ModelError, first_line

StateDict = dict[str, torch.Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "ema", "module", "params")
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")
_SHOWN = 4


def read_state_dict(path: str | Path) -> StateDict:
    """The named tensors in a ``.safetensors``, ``.pt`` or ``.pth`` file, on the CPU.

    Pickles are read with ``weights_only=True``: a file that asks for anything but tensors and plain containers is
    refused and nothing of it is run. Checkpoints that hold the weights under ``state_dict``, ``model`` and the like are
    unwrapped.

    Raises ModelError, with the cause and a remedy, for every file that cannot be read so.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        kind = "it is a folder" if path.is_dir() else "there is no such file"
        raise _refused(path, kind, "give the path of a .safetensors, .pt or .pth file")
    if path.suffix.casefold() == ".safetensors":
        return _read_safetensors(path)
    archive = _archive_kind(path)
    if archive == "torchscript":
        raise _refused(
            path,
            "it is a TorchScript file, a compiled program whose layers cannot be looked into",
            "load it where it was made and save model.state_dict(), or export the original model with "
            "torch.export.save and give the .pt2 file as the network",
        )
    if archive == "export":
        raise _refused(
            path,
            "it is a program of torch.export, not a file of weights",
            f"give it as the network: --model {path.name}",
        )
    if archive is None and _is_binary_of_another_kind(path):
        raise _refused(path, "it is no file of weights", "give a .safetensors file, or one of torch.save")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, AttributeError, ImportError, TypeError) as error:
        raise _refused(path, _why_refused(error), _SAVE_AGAIN) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError) as error:
        raise _refused(
            path,
            f"it is damaged, or no file of PyTorch's ({first_line(error, 160)})",
            "fetch it again, or save it anew with torch.save(model.state_dict(), path)",
        ) from error
    tensors = _unwrap(content)
    if not tensors:
        found = f"a {type(content).__name__}"
        if isinstance(content, Mapping):
            found = "an object with the entries " + (", ".join(map(repr, list(content)[:_SHOWN])) or "none")
        raise _refused(path, f"it holds {found} and no named weights", _SAVE_AGAIN)
    return tensors


def fit(module: nn.Module, tensors: StateDict, path: str | Path) -> None:
    """Put weights into a module: names and shapes must be the same. Training's prefixes (``module.``) are dropped.

    Raises ModelError that lists what is missing, what is too much and which shapes differ; the module stays as it was.
    """
    own = module.state_dict()
    tensors = _best_prefix(_modern_names(tensors), own)
    missing = [name for name in own if name not in tensors and not name.endswith("num_batches_tracked")]
    extra = [name for name in tensors if name not in own and not name.endswith(("total_ops", "total_params"))]
    shapes = [
        f"{name} is {tuple(tensors[name].shape)} in the file and {tuple(own[name].shape)} in the network"
        for name in own
        if name in tensors and isinstance(own[name], torch.Tensor) and tensors[name].shape != own[name].shape
    ]
    if missing or extra or shapes:
        parts = []
        if shapes:
            parts.append(f"{len(shapes)} of other shape: {_some(shapes, '; ')}")
        if missing:
            parts.append(f"{len(missing)} missing: {_some(missing)}")
        if extra:
            parts.append(f"{len(extra)} that the network does not have: {_some(extra)}")
        matched = sum(name in tensors and tensors[name].shape == own[name].shape for name in own)
        raise ModelError(
            f"the weights in {path} do not fit the network",
            f"{matched} of its {len(own)} weights are there; " + "; ".join(parts),
            "check that the network has the same layers and number of classes as the one that was saved",
        )
    module.load_state_dict({name: tensors[name] for name in own if name in tensors}, strict=False)


def check_archive(path: Path) -> None:
    """Refuse a torch.export archive with pickled parts that name anything but tensors (see :func:`read_exported`)."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            data = None
            if re.search(r"(\.pt|/(custom_obj|pickle)[^/]*)$", entry) or "custom_obj" in entry:
                data = archive.open(entry)
            elif "/weights/" in entry or "/constants/" in entry:
                data = archive.open(entry)
                if data.read(2) not in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
                    continue
                data.seek(0)
            if data is not None and archive.getinfo(entry).file_size:
                torch.load(data, map_location="cpu", weights_only=True)


def read_exported(path: str | Path) -> nn.Module:
    """The module of a ``.pt2`` file that ``torch.export.save`` wrote.

    Its pickled parts are read with ``weights_only=True`` first and refused if they name code. **That does not make the
    format safe**: the graph's symbolic expressions are evaluated by sympy, so that a file made to do harm can run code.
    A ``.pt2`` file is a program, as ``package.module:factory`` is: load only what you trust.

    Raises ModelError.
    """
    path = Path(path).expanduser()
    title = f"the exported program {path} cannot be loaded"
    if not path.is_file():
        raise ModelError(title, "there is no such file", "give the path of a file that torch.export.save wrote")
    kind = _archive_kind(path)
    if kind == "torchscript":
        raise ModelError(
            title,
            "it is a TorchScript file, a compiled program whose layers cannot be looked into",
            "export the original model with torch.export.save instead",
        )
    remedy = f"export the model again with the installed PyTorch {torch.__version__.split('+')[0]}"
    if kind != "export":
        raise ModelError(title, "it is no archive of torch.export", remedy)
    try:
        check_archive(path)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        AttributeError,
        ImportError,
        TypeError,
        EOFError,
        ValueError,
    ) as error:
        raise ModelError(
            title,
            f"its pickled parts hold more than tensors ({_why_refused(error)})",
            "export a model of tensors alone",
        ) from error
    try:
        module: nn.Module = torch.export.load(path).module()
    except Exception as error:
        raise ModelError(title, first_line(error), remedy) from error
    return module


_SAVE_AGAIN = "save the weights alone, with torch.save(model.state_dict(), path) or as .safetensors"


def _read_safetensors(path: Path) -> StateDict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: StateDict = load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise _refused(path, f"it is no whole safetensors file ({first_line(error, 160)})", "fetch it again") from error
    if not tensors:
        raise _refused(path, "it holds no tensors", _SAVE_AGAIN)
    return tensors


def _is_binary_of_another_kind(path: Path) -> bool:
    """Whether a file begins as neither a pickle (the oldest are text) nor a zip does: a picture, say."""
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError:
        return False
    return bool(first) and first[0] > 0x80


def _archive_kind(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.split("/", 1)[-1] for name in archive.namelist()]
            whole = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return None
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return "torchscript"
    if any(name.startswith("models/") and name.endswith(".json") for name in names):
        return "export"
    return "export" if "serialized_exported_program.json" in {name.rsplit("/", 1)[-1] for name in whole} else None


def _unwrap(content: object, depth: int = 0) -> StateDict:
    """The mapping of names to tensors in a checkpoint, however training scripts wrap it; empty if there is none."""
    if not isinstance(content, Mapping) or depth > 3:
        return {}
    tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    for wrapper in _WRAPPERS:
        inner = _unwrap(content.get(wrapper), depth + 1)
        if len(inner) > len(tensors):
            return inner
    return tensors


def _modern_names(tensors: StateDict) -> StateDict:
    """torchvision's DenseNet files are from a time when names could hold dots (``norm.1`` for ``norm1``)."""
    pattern = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
    return {pattern.sub(r"\1\2", name): tensor for name, tensor in tensors.items()}


def _best_prefix(tensors: StateDict, own: Iterable[str]) -> StateDict:
    """The same tensors without the prefix that a wrapper gave them, where that makes more names fit."""
    names = set(own)
    best, best_hits = tensors, len(names & tensors.keys())
    queue, seen = [tensors], 0
    while queue and seen < 16:
        candidate = queue.pop(0)
        seen += 1
        for prefix in _PREFIXES:
            if any(name.startswith(prefix) for name in candidate):
                stripped = {name.removeprefix(prefix): t for name, t in candidate.items() if name.startswith(prefix)}
                queue.append(stripped)
                hits = len(names & stripped.keys())
                if hits > best_hits:
                    best, best_hits = stripped, hits
    return best


def _why_refused(error: BaseException) -> str:
    """What a refused pickle asked for, from PyTorch's long message."""
    text = str(error)
    named = re.search(r"(?:GLOBAL|global)\s+[`']?([\w.]+)[`']?", text)
    if named:
        return f"it asks to run or build {named.group(1)}, and deepvis reads weights only: nothing of it was run"
    return f"it holds more than weights, and nothing of it was run ({first_line(error, 120)})"


def _refused(path: Path, cause: str, remedy: str) -> ModelError:
    return ModelError(f"the weights in {path} cannot be loaded", cause, remedy)


def _some(items: list[str], separator: str = ", ") -> str:
    more = len(items) - _SHOWN
    return separator.join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
