"""A network as deepvis sees it: a module with its preprocessing, labels and layer catalogue."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import nn

from deepvis.backend import recording
from deepvis.backend.layers import Catalogue, arrange, catalogue
from deepvis.backend.packing import Packing, pack
from deepvis.backend.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from deepvis.backend.rules import RuleSwitch
from deepvis.messages import Fit, FloatArray, Layer, NetworkSpec, Rule, Size, UInt8Array
from deepvis.near_names import near_names

Image = UInt8Array | torch.Tensor
Target = int | str | None


class NetworkError(RuntimeError):
    """The network itself failed, or answers in a way that cannot be read. The message says what and what to do."""


class Network:
    """Any ``nn.Module`` that maps (N, c, h, w) to (N, classes), ready to be looked into.

    The module is used as it is and never changed: it runs in evaluation mode while deepvis uses it and is back in its
    own mode afterwards, and no hook stays behind. A network may be used from one thread at a time.

    Parameters
    ----------
    module : the network. Its output may be a (N, classes) tensor, or a tuple, dict or dataclass that holds one.
    input_size : (h, w) in pixels that it was made for.
    mean, std : by channel, on the scale of pixels in [0, 1]; one value each (or a float) for a grey-scale network.
    labels : one a class, or None for ``class 0`` …
    name : how it is called.
    device : where to put it (moves the module); None: where its weights are.
    resize_to : pixels that the shorter side is resized to before the centre crop (256 for most 224-pixel networks);
        None: ``input_size``.
    interpolation : ``bilinear`` or ``bicubic``.

    Attributes
    ----------
    module, input_size, mean, std, labels, device, name : as given.
    spec : what loads this network again, where it was loaded by name; otherwise None.
    preprocessing : how a picture becomes an input.
    """

    def __init__(
        self,
        module: nn.Module,
        input_size: Size = (224, 224),
        mean: Sequence[float] | float = IMAGENET_MEAN,
        std: Sequence[float] | float = IMAGENET_STD,
        labels: Sequence[str] | None = None,
        name: str = "mine",
        *,
        device: torch.device | str | None = None,
        resize_to: int | None = None,
        interpolation: str = "bilinear",
        title: str = "",
        family: str = "own",
        trained: bool = True,
        note: str = "",
    ) -> None:
        if not isinstance(module, nn.Module):
            raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
        if isinstance(input_size, int):
            input_size = (input_size, input_size)
        self.preprocessing = Preprocessing(
            size=(int(input_size[0]), int(input_size[1])),
            mean=(float(mean),) if isinstance(mean, int | float) else tuple(float(v) for v in mean),
            std=(float(std),) if isinstance(std, int | float) else tuple(float(v) for v in std),
            resize_to=resize_to,
            interpolation=interpolation,
        )
        self.module = module if device is None else module.to(device)
        self.name = name
        self.title = title or name
        self.family = family
        self.trained = trained
        self.note = note
        self._labels = None if labels is None else tuple(str(label) for label in labels)
        self.spec: NetworkSpec | None = None
        self._packing: Packing | None = None
        self._unpacked: Network | None = None
        self._evaluated = False
        self._copies: WeakValueDictionary[tuple[object, ...], Network] | None = None

    # ------------------------------------------------------------------------------------------------ what it is

    @property
    def input_size(self) -> Size:
        """(h, w) in pixels that the network was made for."""
        return self.preprocessing.size

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean by channel, pixels in [0, 1]."""
        return self.preprocessing.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation by channel, pixels in [0, 1]."""
        return self.preprocessing.std

    @property
    def channels(self) -> int:
        """Input channels, 1 or 3."""
        return self.preprocessing.channels

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        tensor = self._first_tensor()
        return torch.device("cpu") if tensor is None else tensor.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the weights."""
        tensor = self._first_tensor()
        return torch.float32 if tensor is None else tensor.dtype

    def _first_tensor(self) -> torch.Tensor | None:
        for tensor in self.module.parameters():
            if tensor.is_floating_point():
                return tensor
        return next((tensor for tensor in self.module.buffers() if tensor.is_floating_point()), None)

    @cached_property
    def channels_last(self) -> bool:
        """Whether its convolutions want their input channels last in memory."""
        return any(
            p.dim() == 4 and p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous()
            for p in self.module.parameters()
        )

    @cached_property
    def classes(self) -> int:
        """Number of classes, from one forward pass."""
        return int(self.forward(self._blank()).shape[1])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One a class. Raises ValueError if their number is not the number of classes."""
        if self._labels is None:
            return tuple(f"class {index}" for index in range(self.classes))
        if len(self._labels) != self.classes:
            given = f"{len(self._labels)} label{'s were' if len(self._labels) != 1 else ' was'} given"
            raise ValueError(
                f"{given} for a network of {self.classes} classes; give one label a class, in the order of the outputs"
            )
        return self._labels

    @cached_property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @cached_property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that change with any weight (SHA-256 over names, shapes and values)."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.module.state_dict().items()):
            if not isinstance(tensor, torch.Tensor):
                continue
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            plain = tensor.detach().cpu().contiguous()
            digest.update(plain.flatten().view(torch.uint8).numpy().data if plain.numel() else b"")
        return digest.hexdigest()[:16]

    @cached_property
    def catalogue(self) -> Catalogue:
        """The layer catalogue, with where each layer arises. Made on first use, by one forward pass."""
        try:
            return catalogue(self.module, self._blank().to(self.dtype))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            raise NetworkError(self._failure(error)) from error

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every output that can be looked at, in the order of the forward pass."""
        return self.catalogue.layers

    def layer(self, name: str) -> Layer:
        """The layer of this name. Raises KeyError that names the nearest matches."""
        return self.catalogue.layer(name)

    @cached_property
    def flexible(self) -> bool:
        """Whether the network takes other input sizes than its own (fully convolutional, or adaptive pooling)."""
        h, w = self.input_size
        try:
            self.forward(self._blank((h + 32, w + 32)))
        except NetworkError:
            return False
        return True

    @cached_property
    def min_size(self) -> int:
        """The smallest square input in pixels that the network takes, of a few usual sizes."""
        shorter = min(self.input_size)
        for size in (32, 48, 64, 96, 128, 160, 192) if self.flexible else ():
            if size >= shorter:
                break
            try:
                self.forward(self._blank((size, size)))
            except NetworkError:
                continue
            return size
        return shorter

    @cached_property
    def differentiable(self) -> bool:
        """Whether gradients reach the input (not so for quantised networks, or where a network detaches them)."""
        x = self._blank().requires_grad_()
        try:
            with torch.enable_grad():
                logits, _ = self.run(x)
        except NetworkError:
            return False
        return logits is not None and logits.requires_grad

    def _blank(self, size: Size | None = None) -> torch.Tensor:
        return torch.zeros(1, self.channels, *(size or self.input_size), device=self.device, dtype=torch.float32)

    # ---------------------------------------------------------------------------------------------- using it

    def preprocess(self, image: Image, *, fit: Fit = "crop", size: Size | None = None) -> torch.Tensor:
        """float32 (1, c, h, w) on ``device`` from a uint8 (H, W, 3) RGB picture of any size.

        Resized with antialiasing, centre-cropped (or stretched) and normalised as the network was trained. A tensor
        that was preprocessed already is returned as it is, on ``device``. Raises ValueError for anything else.
        """
        if isinstance(image, torch.Tensor):
            return self._check_tensor(image)
        preprocessing = self.preprocessing if size is None else self.preprocessing.at(size)
        return preprocessing.normalise(preprocessing.pixels(image, fit).to(self.device))[None].contiguous()

    def _check_tensor(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != 4 or x.shape[0] != 1 or x.shape[1] != self.channels or 0 in x.shape:
            raise ValueError(
                f"a preprocessed input is a float32 (1, {self.channels}, h, w) tensor, got {tuple(x.shape)}; "
                "make one with net.preprocess"
            )
        if not x.is_floating_point():
            raise ValueError(f"a preprocessed input is float32, got {x.dtype}; make one with net.preprocess")
        return x.detach().to(self.device, torch.float32)

    def run(
        self,
        x: torch.Tensor,
        layers: Iterable[str] = (),
        rule: Rule | RuleSwitch = "gradient",
        *,
        stop: bool = False,
        reduce: Callable[[str, torch.Tensor], torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor | None, dict[str, torch.Tensor]]:
        """One forward pass of a preprocessed (N, c, h, w) input that captures layers.

        Gradients are as the caller has them. ``rule`` is how the rectifiers of the graph answer a backward pass (a
        RuleSwitch can be turned between backward passes). With ``stop`` the pass ends at the last of ``layers``.
        ``reduce`` is called with the name and the tensor of each layer as soon as it is there, and what it returns is
        captured in its place.

        Returns
        -------
        The logits (N, classes) (None with ``stop``), and by layer name the tensors as the network has them (see
        :meth:`arrange` for one arrangement).

        Raises
        ------
        KeyError : a layer is not in the catalogue.
        NetworkError : the network raised, or its output cannot be read.
        """
        sites = {}
        for name in layers:
            self.layer(name)
            sites[name] = self.catalogue.sites[name]
        packing = self._packing
        # Functions are told apart by how often they were called before, and packed convolutions call others.
        packed = packing is not None and all(site.module for site in sites.values())
        try:
            with packing.used() if packing is not None and packed else nullcontext():
                output, captured = recording.run(
                    self.module, x.to(self.dtype), sites, rule, stop=stop, evaluated=self._evaluated, reduce=reduce
                )
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            raise NetworkError(self._failure(error)) from error
        missing = [name for name in sites if name not in captured]
        if missing:
            raise NetworkError(
                f"network {self.name!r} did not reach layer {missing[0]!r} on this input; it takes another way than on "
                "a blank picture, so this layer cannot be shown for it"
            )
        return (None if output is None else self._logits_of(output)), captured

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """float32 logits (N, classes) of a preprocessed (N, c, h, w) input, without gradients."""
        with torch.inference_mode():
            logits, _ = self.run(x.to(self.device))
        assert logits is not None
        return logits.to(torch.float32)

    def arrange(self, tensor: torch.Tensor, layer: str) -> torch.Tensor:
        """A captured tensor as (N, C, H, W), or (N, C) for a layer without maps."""
        return arrange(tensor, self.layer(layer))

    def logits(self, image: Image) -> FloatArray:
        """The logits of one picture, (classes,) float32."""
        result: FloatArray = self.forward(self.preprocess(image))[0].cpu().numpy()
        return result

    def classify(self, image: Image, k: int = 5) -> list[tuple[str, float]]:
        """The ``k`` most probable classes as (label, probability), best first."""
        probabilities = torch.softmax(torch.from_numpy(self.logits(image)), 0)
        values, indices = probabilities.topk(max(0, min(k, len(probabilities))))
        return [(self.labels[i], float(v)) for v, i in zip(values.tolist(), indices.tolist(), strict=True)]

    def target_index(self, target: Target, logits: torch.Tensor | FloatArray | None = None) -> int:
        """The class that ``target`` means: an index, a label (upper and lower case alike), or None for the top class of
        ``logits``. Raises ValueError or KeyError with the range or the nearest labels."""
        if target is None:
            if logits is None:
                raise ValueError("target=None means the network's top class, which needs a picture")
            return int(torch.as_tensor(logits).argmax())
        if isinstance(target, str):
            return self._label_index(target)
        if isinstance(target, bool) or not isinstance(target, int | np.integer):
            raise ValueError(f"target is a class index, a label or None, got {target!r}")
        if not 0 <= target < self.classes:
            raise ValueError(f"target {target} is out of range: the network has classes 0 to {self.classes - 1}")
        return int(target)

    def _label_index(self, target: str) -> int:
        if target in self.labels:
            return self.labels.index(target)
        folded = [label.casefold() for label in self.labels]
        if target.casefold() in folded:
            return folded.index(target.casefold())
        near = near_names(target, self.labels)
        hint = (
            f"did you mean {', '.join(map(repr, near))}?"
            if near
            else (f"its {self.classes} classes begin with {', '.join(map(repr, self.labels[:3]))}")
        )
        raise KeyError(f"network {self.name!r} has no class {target!r}; {hint}")

    def check_unit(self, layer: str, unit: int) -> Layer:
        """The layer, if it has this unit. Raises KeyError (layer) or ValueError (unit) with the range."""
        found = self.layer(layer)
        if isinstance(unit, bool) or not isinstance(unit, int | np.integer) or not 0 <= unit < found.channels:
            raise ValueError(f"unit {unit!r} is out of range: layer {layer!r} has units 0 to {found.channels - 1}")
        return found

    def converted(self, dtype: torch.dtype, *, channels_last: bool = False, share: bool = False) -> Network:
        """A copy with weights of another floating type and memory layout; this network stays as it is.

        The copy shares this network's catalogue, labels and preprocessing. With ``share`` it also shares the weights
        that the conversion leaves as they are, which saves memory as long as nobody changes them.
        """
        if self._unpacked is not None:
            return self._unpacked.converted(dtype, channels_last=channels_last, share=share)
        key = (dtype, channels_last, self.device)
        if self._copies is not None and (known := self._copies.get(key)) is not None:
            return known
        kept: dict[int, object] = {}
        if share:
            tensors = (*self.module.parameters(), *self.module.buffers())
            kept = {id(t): t for t in tensors if t.dtype == dtype and not (channels_last and t.dim() == 4)}
        module = copy.deepcopy(self.module, kept).to(dtype)
        if channels_last:
            lay_out_weights(module, torch.channels_last)
        twin = self._twin(module)
        if self._copies is not None:
            twin.share_copies()
            self._copies[key] = twin
        return twin

    def share_copies(self) -> None:
        """From now on whoever asks for the same converted copy gets the same one, as long as anybody has it.

        For a network whose weights nobody changes any more: a live view and runs beside it then need memory, and the
        time to convert, once.
        """
        if self._copies is None:
            self._copies = WeakValueDictionary()

    def packed(self, x: torch.Tensor) -> Network:
        """A twin that shares the weights and runs faster, forward and back, with the same results; this network itself
        where there is no such thing (see :mod:`deepvis.backend.packing`). ``x`` is an input as it will be given."""
        if self._unpacked is not None:
            return self._unpacked.packed(x)
        key = ("packed", tuple(x.shape), self.device)
        if self._copies is not None and (known := self._copies.get(key)) is not None:
            return known
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        found = pack(self.module, x.to(self.dtype, memory_format=layout))
        if found is None:
            return self
        twin = self._twin(found[0])
        twin._packing, twin._unpacked = found[1], self
        if self._copies is not None:
            self._copies[key] = twin
        return twin

    def _twin(self, module: nn.Module) -> Network:
        """This network with another module of the same structure."""
        twin = copy.copy(self)
        twin.module = module.eval()
        twin._evaluated = True  # nobody else has this module
        twin._copies = None
        twin.__dict__.pop("channels_last", None)
        for name in ("catalogue", "labels", "classes", "parameters", "flexible"):
            twin.__dict__[name] = getattr(self, name)
        return twin

    def _logits_of(self, output: Any) -> torch.Tensor:
        logits = _find_logits(output)
        if logits is None:
            raise NetworkError(
                f"network {self.name!r} answers with {_describe(output)}; deepvis needs logits of shape (N, classes): "
                "wrap the network so that it returns them"
            )
        return logits

    def _failure(self, error: Exception) -> str:
        first = (str(error).strip().splitlines() or [""])[0]
        size = "×".join(map(str, self.input_size))
        return (
            f"network {self.name!r} failed: {type(error).__name__}: {first[:300]}. It was given "
            f"(1, {self.channels}, h, w) with its own size {size}; check input_size and channels (mean, std)"
        )

    def __repr__(self) -> str:
        h, w = self.input_size
        return f"Network({self.name!r}, {h}×{w}, {self.parameters / 1e6:.1f} M weights, {self.device})"


def lay_out_weights(module: nn.Module, memory_format: torch.memory_format) -> None:
    """Put the weights of four dimensions into a memory layout, in place; others, such as a Conv3d's, stay as they are:
    ``Module.to`` asks channels last of five dimensions too, and raises."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.to(memory_format=memory_format)


def _find_logits(output: Any) -> torch.Tensor | None:
    if isinstance(output, torch.Tensor):
        if output.dim() == 4 and output.shape[2:] == (1, 1):
            output = output.flatten(1)
        return output if output.dim() == 2 and output.is_floating_point() and output.shape[1] > 0 else None
    if isinstance(output, Mapping):
        named = [output[key] for key in ("logits", "out", "output") if key in output]
        values = [*named, *output.values()]
    elif isinstance(output, list | tuple):
        values = list(output)
    elif hasattr(output, "logits"):
        values = [output.logits]
    else:
        return None
    return next((found for value in values if (found := _find_logits(value)) is not None), None)


def _describe(output: Any) -> str:
    if isinstance(output, torch.Tensor):
        return f"a {tuple(output.shape)} tensor of {output.dtype}"
    return f"a {type(output).__name__}"
