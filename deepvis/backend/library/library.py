"""What a scan leaves on the disk, open for reading."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.library.arrays import read_array
from deepvis.backend.library.correlation import correlation
from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.manifest import Manifest, ScannedLayer, read_manifest
from deepvis.backend.library.patch import Patch, box_in_picture, cut, field_box, mean_colour
from deepvis.backend.library.rows import row_shapes
from deepvis.backend.library.sample import SAMPLE
from deepvis.backend.library.scale import edges, from_units
from deepvis.backend.library.state import State, current_states, load_state
from deepvis.backend.library.strongest import Strongest
from deepvis.messages import Fit, FloatArray, NetworkSpec, ReceptiveField, Size, UInt8Array
from deepvis.near_names import near_names

if TYPE_CHECKING:
    from deepvis.backend.picture_sets import PictureSet

_KEPT_BYTES = 128 * 2**20
"""Bytes of the pictures that are kept; one is kept however large it is."""
_ATTEMPTS = 20

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class LayerRecord:
    """What the pictures of a set did to the C units of one layer.

    Attributes
    ----------
    name, kind, size, receptive_field : of the layer.
    values : float32 (C, k), the largest activations, one a picture, the largest first; NaN where there is none.
    pictures : int32 (C, k), indices of their pictures; -1 where there is none.
    positions : int32 (C, k, 2), row and column in the map.
    maximum : float32 (C,), NaN where there is none.
    mean : float32 (C,), of all the unit's values over all pictures.
    mean_maximum : float32 (C,), of the pictures' maxima.
    dead : float64 (C,), share of the pictures in which the unit is nowhere above zero, in [0, 1].
    counted : int64 (C,), pictures of which these statistics are: those in which the unit's values are finite.
    histogram : int64 (C, bins) of the pictures' maxima.
    edges : float32 (bins + 1,), logarithmic on both sides of zero; the outermost bins hold what is beyond as well.
    class_means : float32 (C, classes), mean of the maxima over the pictures of each class; NaN without pictures.
    sample : int32 (S,), indices of the pictures in ``sample_maxima``.
    sample_maxima : float32 (S, C), maxima of a fixed pseudo-random sample of the pictures.
    """

    name: str
    kind: str
    size: Size | None
    receptive_field: ReceptiveField | None
    values: FloatArray
    pictures: Int32Array
    positions: Int32Array
    maximum: FloatArray
    mean: FloatArray
    mean_maximum: FloatArray
    dead: npt.NDArray[np.float64]
    counted: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.int64]
    edges: FloatArray
    class_means: FloatArray
    sample: Int32Array
    sample_maxima: FloatArray


class Library:
    """A library as it is at the moment, also while a scan writes it; open it again to see more.

    Arrays lie on the disk and are read as they are looked at. It may be used from any thread.

    Parameters
    ----------
    folder : where it lies.
    pictures : the set that it was made from, where that was in memory or lies elsewhere now; None: it is opened by
        ``set_spec`` when a picture is asked for.

    Attributes
    ----------
    folder : as given.
    manifest : all that stays as it is while a library is written.
    titles : of the pictures.
    labels : int32 (N,), classes of the pictures, -1 for none.
    valid : bool (N,), whose rows are there: pictures that were scanned and could be read.

    Raises
    ------
    LibraryError : there is none, it is damaged, or of another version.
    """

    def __init__(self, folder: str | Path, pictures: PictureSet | None = None) -> None:
        self.folder = Path(folder)
        self.manifest: Manifest = read_manifest(self.folder)
        self._slices = self.manifest.slices()
        self._state = self._open_state()
        self.titles: tuple[str, ...] = tuple(self._read_titles())
        sample = min(self.manifest.total, SAMPLE)
        self._shapes = {
            **row_shapes(self.manifest, sample),
            "labels": ((self.manifest.total,), np.int32),
            "sample": ((sample,), np.int32),
        }
        self.labels: Int32Array = self._rows("labels")
        self._sizes: Int32Array = self._rows("sizes")
        self._candidates: Int32Array = self._rows("sample")
        self._sample_rows: FloatArray = self._rows("sample_maxima")
        done = np.repeat(self._state.done, self.manifest.block)[: self.total]
        done[list(self._state.skipped)] = False
        self.valid: npt.NDArray[np.bool_] = done
        self._set = pictures
        self._lock = threading.Lock()
        self._pictures: OrderedDict[int, UInt8Array] = OrderedDict()
        self._correlations: OrderedDict[str, FloatArray] = OrderedDict()

    def _open_state(self) -> State:
        """The sum of the states that count; a scan may replace one while they are being opened."""
        for _ in range(_ATTEMPTS):
            paths, _replaced = current_states(self.folder, self.manifest.blocks)
            try:
                states = [load_state(path, self.manifest, mapped=len(paths) == 1) for path in paths]
            except FileNotFoundError:
                continue
            if not states:
                return State.empty(self.manifest)
            for other in states[1:]:
                states[0].merge(other)
            return states[0]
        raise LibraryError(f"{self.folder} cannot be read", "it changes faster than it can be opened", "try again")

    def _read_titles(self) -> list[str]:
        try:
            found = json.loads((self.folder / "titles.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._incomplete("titles.json", error) from error
        if not isinstance(found, list) or len(found) != self.manifest.total:
            raise self._incomplete("titles.json", ValueError(f"it does not hold {self.manifest.total} titles"))
        return [str(title) for title in found]

    def _rows(self, name: str) -> Any:
        try:
            return read_array(self.folder / f"{name}.npy", *self._shapes[name], mapped=True)
        except (OSError, ValueError) as error:
            raise self._incomplete(f"{name}.npy", error) from error

    def _incomplete(self, name: str, error: Exception) -> LibraryError:
        return LibraryError(f"{self.folder} cannot be read", f"{name}: {error}", "scan again with --restart")

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def network_name(self) -> str:
        """Of the network."""
        return self.manifest.network_name

    @property
    def network_hash(self) -> str:
        """Of the network's weights."""
        return self.manifest.network_hash

    @property
    def network_spec(self) -> NetworkSpec | None:
        """What loads the network again; None where it is not known."""
        return self.manifest.network_spec

    @property
    def network_labels(self) -> tuple[str, ...]:
        """Names of the network's own classes, which ``predicted`` counts."""
        return self.manifest.network_labels

    @property
    def input_size(self) -> Size:
        """(h, w) of what the network saw."""
        return self.manifest.preprocessing.size

    @property
    def fit(self) -> Fit:
        """Whether pictures were cropped or stretched."""
        return self.manifest.fit

    @property
    def set_spec(self) -> str:
        """Text that opens the set of pictures again; empty where it was in memory."""
        return self.manifest.set_spec

    @property
    def title(self) -> str:
        """Of the set of pictures."""
        return self.manifest.set_title

    @property
    def layers(self) -> tuple[str, ...]:
        """Names, in the order of the forward pass."""
        return tuple(self._slices)

    @property
    def top(self) -> int:
        """Patches a unit."""
        return self.manifest.top

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the set, where its folders name any."""
        return self.manifest.classes

    @property
    def created(self) -> float:
        """Seconds since 1970 when the scan began."""
        return self.manifest.created

    @property
    def total(self) -> int:
        """Pictures in the set."""
        return self.manifest.total

    @property
    def count(self) -> int:
        """Pictures scanned so far, those that could not be read included."""
        return self.manifest.pictures_in(self._state.done)

    @property
    def complete(self) -> bool:
        """Whether all pictures were scanned."""
        return bool(self._state.done.all())

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """(title, reason) of the pictures that could not be read."""
        return tuple((self.titles[index], reason) for index, reason in sorted(self._state.skipped.items()))

    @property
    def revision(self) -> int:
        """Grows with every checkpoint of a scan that goes on."""
        return self._state.revision

    # ------------------------------------------------------------------------------------------------- by picture

    @property
    def predicted(self) -> Int32Array:
        """int32 (N,), the network's first class of each picture; -1 where a picture is not ``valid``."""
        return np.where(self.valid, self._rows("predicted"), np.int32(-1))

    @property
    def probability(self) -> FloatArray:
        """float32 (N,), softmax probability of that class; NaN where a picture is not ``valid``."""
        return np.where(self.valid, self._rows("probability"), np.float32(np.nan))

    @property
    def feature_layer(self) -> str:
        """The layer whose output (mean over the map, where it has one) the features are; empty: there are none."""
        return self.manifest.feature_layer

    @property
    def features(self) -> FloatArray:
        """float32 (N, D), what goes into the classifier's last linear layer; zeros where a picture is not ``valid``.

        That is one token of a network that classifies by its class token. Of a network whose classifier reads no
        layer's output as it is, the mean over the map of the last layer before it. Lies on the disk. Raises
        LibraryError where the scan was told to leave features out, or the network has none.
        """
        if not self.manifest.feature_size:
            if self.manifest.options.get("features", True):
                cause, remedy = "the network has no layer from which a classifier reads them", "name a layer"
            else:
                cause, remedy = "the scan left them out", "scan with --features"
            raise LibraryError(f"{self.folder} has no features", cause, remedy)
        found: FloatArray = self._rows("features")
        return found

    @property
    def thumbnails(self) -> UInt8Array:
        """uint8 (N, 48, 48, 3) RGB of what the network saw; black where a picture is not ``valid``.

        Lies on the disk. Raises LibraryError where the scan was told to leave thumbnails out.
        """
        if not self.manifest.thumbnails:
            raise LibraryError(f"{self.folder} has no thumbnails", "the scan left them out", "scan with --thumbnails")
        found: UInt8Array = self._rows("thumbnails")
        return found

    @property
    def sizes(self) -> Int32Array:
        """int32 (N, 2), (h, w) of each picture in its own pixels; zeros where it is not ``valid``."""
        return self._sizes

    def picture(self, index: int) -> UInt8Array:
        """One picture, uint8 (H, W, 3) RGB, in full. The latest few are kept.

        Raises IndexError, LibraryError where the set cannot be opened, SourceError where the picture cannot be read.
        """
        index = int(index)
        if not 0 <= index < self.total:
            raise IndexError(f"picture {index} is out of range: the set has pictures 0 to {self.total - 1}")
        with self._lock:
            if index in self._pictures:
                self._pictures.move_to_end(index)
                return self._pictures[index]
            source = self._source()
            self._compare(source, index)
            found = source.read(index)
            self._compare_size(source, index, found)
            self._pictures[index] = found
            while len(self._pictures) > 1 and sum(each.nbytes for each in self._pictures.values()) > _KEPT_BYTES:
                self._pictures.popitem(last=False)
            return found

    def source(self, indices: Iterable[int] = ()) -> PictureSet:
        """The set that the library was made from, opened.

        Parameters
        ----------
        indices : of pictures that are known to be those that were scanned, by their titles, when this returns.

        Raises LibraryError where it is not known, or holds other pictures now; SourceError where it cannot be opened.
        """
        with self._lock:
            source = self._source()
            for index in indices:
                self._compare(source, int(index))
            return source

    def _compare(self, source: PictureSet, index: int) -> None:
        if source.fingerprint != self.manifest.set_fingerprint and source.titles[index] != self.titles[index]:
            raise LibraryError(
                f"the pictures of {self.folder.name} cannot be shown",
                f"picture {index} of {source.title} is {source.titles[index]} now, and was {self.titles[index]} when "
                "it was scanned",
                "scan it again with --restart",
            )

    def _compare_size(self, source: PictureSet, index: int, found: UInt8Array) -> None:
        """Where the set was changed: what tells of an exchanged picture that is called as the one before it."""
        scanned = tuple(self._sizes[index].tolist())
        if self.valid[index] and source.fingerprint != self.manifest.set_fingerprint and scanned != found.shape[:2]:
            was, now = (f"{height} × {width} px" for height, width in (scanned, found.shape[:2]))
            raise LibraryError(
                f"the pictures of {self.folder.name} cannot be shown",
                f"{source.titles[index]} has {now} now, and had {was} when it was scanned",
                "scan it again with --restart",
            )

    def _source(self) -> PictureSet:
        if self._set is None:
            if not self.set_spec:
                raise LibraryError(
                    f"the pictures of {self.folder.name} cannot be shown",
                    "they were in memory",
                    "open the library with the set: Library(folder, pictures=…)",
                )
            from deepvis.backend.picture_sets import open_set

            self._set = open_set(self.set_spec)
        if len(self._set) != self.total:
            raise LibraryError(
                f"the pictures of {self.folder.name} cannot be shown",
                f"{self._set.title} holds {len(self._set)} pictures now, and held {self.total} when it was scanned",
                "scan it again with --restart",
            )
        return self._set

    def seen(self, index: int) -> UInt8Array:
        """What the network saw of a picture, uint8 (h, w, 3) RGB. Raises as :meth:`picture`."""
        pixels = self.manifest.preprocessing.pixels(self.picture(index), self.fit).permute(1, 2, 0).numpy()
        return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)

    # --------------------------------------------------------------------------------------------------- by layer

    def _layer(self, name: str) -> ScannedLayer:
        for layer in self.manifest.layers:
            if layer.name == name:
                return layer
        near = near_names(str(name), self.layers)
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else f"it has {', '.join(self.layers[:8])}"
        raise KeyError(f"layer {name!r} is not in this library; {hint}")

    def strongest(self, name: str) -> Strongest:
        """The strongest activations of a layer's units: ``values`` (NaN where there is none), ``pictures`` and
        ``positions``, as in :class:`LayerRecord`. Raises KeyError with the nearest names."""
        self._layer(name)
        units, found = self._slices[name], self._state.strongest
        values = np.array(found.values[units])
        values[np.isneginf(values)] = np.nan
        return Strongest(values, np.array(found.pictures[units]), np.array(found.positions[units]))

    def sums(self, name: str) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray, npt.NDArray[np.float64]]:
        """``counted``, ``mean``, ``mean_maximum`` and ``dead`` of a layer's units, as in :class:`LayerRecord`.

        Raises KeyError with the nearest names.
        """
        layer, units, state = self._layer(name), self._slices[name], self._state
        counted = np.array(state.counted[units])
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = from_units(state.mean_sums[units], layer.exponent) / counted
            mean_maximum = from_units(state.maximum_sums[units], layer.exponent) / counted
            dead = state.silent[units] / counted
        return counted, mean.astype(np.float32), mean_maximum.astype(np.float32), dead

    def layer(self, name: str) -> LayerRecord:
        """What the pictures did to the units of one layer. Raises KeyError with the nearest names."""
        layer = self._layer(name)
        units = self._slices[name]
        strongest = self.strongest(name)
        counted, mean, mean_maximum, dead = self.sums(name)
        chosen = self.valid[self._candidates]
        return LayerRecord(
            name=layer.name,
            kind=layer.kind,
            size=layer.size,
            receptive_field=layer.receptive_field,
            values=strongest.values,
            pictures=strongest.pictures,
            positions=strongest.positions,
            maximum=strongest.values[:, 0].copy(),
            mean=mean,
            mean_maximum=mean_maximum,
            dead=dead,
            counted=counted,
            histogram=self._state.histogram[units].astype(np.int64),
            edges=edges(layer.exponent),
            class_means=self._class_means(layer, units),
            sample=self._candidates[chosen],
            sample_maxima=np.ascontiguousarray(self._sample_rows[:, units])[chosen],
        )

    def _class_means(self, layer: ScannedLayer, units: slice) -> FloatArray:
        counts = np.broadcast_to(self._state.class_counts[:, None], (len(self.classes), layer.channels))
        if self._state.class_missing is not None:
            counts = counts - self._state.class_missing[:, units]
        with np.errstate(divide="ignore", invalid="ignore"):
            means = from_units(self._state.class_sums[:, units], layer.exponent) / counts
        return np.ascontiguousarray(means.T.astype(np.float32))

    def correlation(self, name: str) -> FloatArray:
        """float32 (C, C), correlation of the units' maxima over the sample; NaN for units that never change.

        Raises KeyError with the nearest names.
        """
        with self._lock:
            if name in self._correlations:
                return self._correlations[name]
        found = correlation(self.layer(name).sample_maxima)
        with self._lock:
            self._correlations[name] = found
            while len(self._correlations) > 2:
                self._correlations.popitem(last=False)
        return found

    def patch(self, layer: str, unit: int, rank: int) -> Patch:
        """One of the strongest patches of a unit; ``rank`` 0 is the strongest.

        Raises KeyError (layer), IndexError (unit, rank, or a place that is empty), and as :meth:`picture`.
        """
        found = self._layer(layer)
        if not 0 <= unit < found.channels:
            raise IndexError(f"unit {unit} is out of range: layer {layer!r} has units 0 to {found.channels - 1}")
        if not 0 <= rank < self.top:
            raise IndexError(f"rank {rank} is out of range: there are 0 to {self.top - 1}")
        strongest = self._state.strongest
        row = self._slices[layer].start + unit
        index = int(strongest.pictures[row, rank])
        if index < 0:
            raise IndexError(f"unit {unit} of layer {layer!r} has no patch of rank {rank}: there were too few pictures")
        position = (int(strongest.positions[row, rank, 0]), int(strongest.positions[row, rank, 1]))
        box = field_box(found.receptive_field, position, self.input_size)
        height, width = self.picture(index).shape[:2]
        return Patch(
            picture=index,
            position=position,
            value=float(strongest.values[row, rank]),
            pixels=cut(self.seen(index), box, mean_colour(self.manifest.preprocessing)),
            box=box_in_picture(box, self.manifest.preprocessing, (height, width), self.fit),
            seen_box=box,
            title=self.titles[index],
            label=int(self.labels[index]),
        )

    def __repr__(self) -> str:
        return f"Library({str(self.folder)!r}, {self.network_name}, {self.count} of {self.total} pictures)"
