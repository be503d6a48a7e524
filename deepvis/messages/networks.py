"""What is known of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepvis.messages.vocabulary import Precision, Size


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Which input pixels a unit of a layer can see, from the geometry of the layers below it.

    Attributes
    ----------
    size : (height, width) of the field in input pixels.
    stride : distance in input pixels between the fields of neighbouring positions, (rows, columns).
    start : first input (row, column) of the field of position (0, 0); negative where it begins in the padding.
    """

    size: Size
    stride: Size
    start: Size

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """The field of one position as (top, left, bottom, right), half open; it may reach beyond the picture."""
        top = self.start[0] + row * self.stride[0]
        left = self.start[1] + column * self.stride[1]
        return top, left, top + self.size[0], left + self.size[1]


@dataclass(frozen=True, slots=True)
class Layer:
    """One output in the network's forward pass that can be looked at.

    Attributes
    ----------
    name : the module's path (``features.3``), with ``_1``, ``_2`` … for later calls of a reused module; the output of
        a function has the path of the module that calls it and the function's name (``layer1.0.add``).
    kind : ``conv``, ``relu``, ``activation``, ``pool``, ``norm``, ``linear``, ``add``, ``cat``, ``mul``, ``flatten``,
        ``dropout``, ``softmax``, ``attention``, ``token`` (one token of many), ``block`` (a module made of modules) or
        ``other``.
    type : the class or function that computes it, such as ``Conv2d``.
    channels : number of units (feature maps, or entries of a vector).
    size : (h, w) of each feature map at the network's own input size, or None for a vector.
    receptive_field : None where every unit sees the whole picture (or it is not known).
    arrangement : how the raw output is read: ``NCHW``, ``NC``, ``NHWC`` (channels last) or ``NLC`` (tokens).
    main : whether the window's layer strip shows it; the others are found through search.
    prefix : tokens that stand before those of the map (class token, registers); 0 for other arrangements.
    """

    name: str
    kind: str
    type: str
    channels: int
    size: Size | None
    receptive_field: ReceptiveField | None
    arrangement: Literal["NCHW", "NC", "NHWC", "NLC"] = "NCHW"
    main: bool = True
    prefix: int = 0

    @property
    def text(self) -> str:
        """Short description for a person, such as ``160 · 16²``."""
        if self.size is None:
            return f"{self.channels}"
        height, width = self.size
        return f"{self.channels} · {height}²" if height == width else f"{self.channels} · {height}×{width}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a network before it is loaded.

    Attributes
    ----------
    name : what ``deepvis.load`` takes.
    family : ``bundled``, ``torchvision``, ``timm`` or ``own``.
    input_size : (h, w) or None where it is not known before loading.
    parameters : number of weights, or None.
    on_disk : whether it loads without a network connection.
    """

    name: str
    family: str
    title: str
    input_size: Size | None = None
    parameters: int | None = None
    on_disk: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A person's wish which network to load; every field but ``name`` may be left at its default.

    Attributes
    ----------
    name : a card's name, ``timm/NAME``, ``package.module:factory`` or the path of a ``.pt2`` file.
    weights : ``default`` (the network's own), ``random``, or the path of a ``.safetensors`` or ``.pt`` file.
    labels : path of a text (one label a line) or JSON file, or None.
    device : ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    name: str
    weights: str = "default"
    labels: str | None = None
    input_size: Size | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    device: str = "auto"
    precision: Precision = "auto"


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """A network that is loaded and ready, as the window needs to know it."""

    name: str
    title: str
    family: str
    layers: tuple[Layer, ...]
    left_out: tuple[tuple[str, str], ...]
    """(name, reason) of outputs that cannot be shown."""
    labels: tuple[str, ...]
    input_size: Size
    channels: int
    flexible: bool
    """Whether the network accepts other input sizes."""
    min_size: int
    device: str
    precision: str
    parameters: int
    rectifiers: int
    """How many rectifier calls one forward pass makes; 0: guided backpropagation and deconvnet equal the gradient."""
    differentiable: bool
    trained: bool
    hash: str
    note: str = ""
    measured: tuple[tuple[str, float], ...] = ()
    """(configuration, milliseconds a frame) that were tried when the network was loaded."""
