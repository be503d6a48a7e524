"""What is kept of each layer while pictures go through the network: its maps are never held together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from deepvis.backend.layers import arrange
from deepvis.backend.library.strongest import Int32Array, Strongest
from deepvis.backend.network import Network
from deepvis.messages import FloatArray, Layer

Places = tuple[FloatArray, npt.NDArray[np.int64]]

_GATHERED = 2**20
"""Numbers of maps that are looked through at once for the place of their maximum."""


@dataclass(slots=True)
class Answers:
    """What a batch of n pictures came to, for the U units of all layers.

    Attributes
    ----------
    maxima : float32 (n, U), of the unit's map, NaN aside; -inf where there is nothing else.
    means : float32 (n, U), of the unit's map, not a number where one of its values is none.
    units, pictures, positions : where the activations lie that get a place among the strongest: intp (m,) in ascending
        order, intp (m,) in the batch, int32 (m, 2).
    logits : float32 (n, classes).
    features : float32 (n, D), or None.
    """

    maxima: FloatArray
    means: FloatArray
    units: npt.NDArray[np.intp]
    pictures: npt.NDArray[np.intp]
    positions: Int32Array
    logits: torch.Tensor
    features: FloatArray | None


@dataclass(slots=True)
class _Found:
    maxima: list[FloatArray] = field(default_factory=list)
    means: list[FloatArray] = field(default_factory=list)
    units: list[npt.NDArray[np.intp]] = field(default_factory=list)
    pictures: list[npt.NDArray[np.intp]] = field(default_factory=list)
    positions: list[Int32Array] = field(default_factory=list)


class Reduction:
    """Sends batches through a network and keeps of each layer one number or two a unit and picture.

    Parameters
    ----------
    net : in the number format of the scan.
    layers : names, in the order of their units, and where the units lie.
    feature_layer : name, or empty.
    strongest : those so far; read, not changed.
    """

    def __init__(self, net: Network, layers: dict[str, slice], feature_layer: str, strongest: Strongest) -> None:
        self._net = net
        self._slices = layers
        self._layers: dict[str, Layer] = {name: net.layer(name) for name in layers}
        self._feature_layer = feature_layer
        self._strongest = strongest

    def answers(self, x: torch.Tensor, pictures: Int32Array, valid: npt.NDArray[np.bool_]) -> Answers:
        """One pass of a preprocessed (n, c, h, w) batch.

        Parameters
        ----------
        pictures : int32 (n,), indices in the set.
        valid : bool (n,), which of them are pictures.

        Raises
        ------
        NetworkError : the network fails, or leaves a layer out.
        """
        found: dict[str, _Found] = {}
        features: list[FloatArray] = []

        def reduce(name: str, tensor: torch.Tensor) -> torch.Tensor:
            if name == self._feature_layer:
                features.append(feature_rows(self._net, name, tensor))
            if name in self._slices:
                found[name] = self._reduced(name, tensor, pictures, valid)
            return tensor.new_empty(0)

        names = [*self._slices, *([self._feature_layer] if self._feature_layer else [])]
        with torch.inference_mode():
            logits, _ = self._net.run(x, dict.fromkeys(names), reduce=reduce)
            assert logits is not None
            logits = logits.to(torch.float32).cpu()
        # A network may call its layers in another order than the manifest names them.
        ordered = [found[name] for name in self._slices]
        return Answers(
            maxima=np.concatenate([each.maxima[0] for each in ordered], 1),
            means=np.concatenate([each.means[0] for each in ordered], 1),
            units=np.concatenate([each.units[0] for each in ordered]),
            pictures=np.concatenate([each.pictures[0] for each in ordered]),
            positions=np.concatenate([each.positions[0] for each in ordered]),
            logits=logits,
            features=features[0] if features else None,
        )

    def _reduced(self, name: str, tensor: torch.Tensor, pictures: Int32Array, valid: npt.NDArray[np.bool_]) -> _Found:
        maps = arrange(tensor, self._layers[name])
        spatial = maps.dim() == 4
        maxima = (maps.amax((2, 3)) if spatial else maps).float().cpu().numpy()
        means = (maps.mean((2, 3), dtype=torch.float32) if spatial else maps).float().cpu().numpy()
        broken = np.isnan(maxima)
        if broken.any():
            maxima = maxima.copy()
            rows, columns = np.nonzero(broken)
            maxima[rows, columns] = (
                _places(maps, rows, columns, nan=True)[0] if spatial else np.full(len(rows), -np.inf, np.float32)
            )
        units = self._slices[name]
        wanted = self._strongest.wanted(np.where(valid[:, None], maxima, np.float32(np.nan)), pictures, units)
        columns, rows = np.nonzero(wanted.T)
        positions = np.zeros((len(rows), 2), np.int32)
        if spatial and len(rows):
            flat = _places(maps, rows, columns, nan=bool(broken.any()))[1]
            positions[:, 0], positions[:, 1] = np.divmod(flat, maps.shape[3])
        return _Found([maxima], [means], [columns + units.start], [rows], [positions])


def _places(maps: torch.Tensor, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], nan: bool) -> Places:
    """Of some maps the largest value that is a number (-inf where there is none), and where it comes first in
    row-major order; ``nan``: there may be values that are none."""
    values, places = [], []
    size = int(np.prod(maps.shape[2:]))
    step = max(1, _GATHERED // max(size, 1))
    for first in range(0, len(rows), step):
        row = torch.from_numpy(rows[first : first + step]).to(maps.device)
        column = torch.from_numpy(columns[first : first + step]).to(maps.device)
        chosen = maps[row, column].reshape(len(row), size).float()
        if nan:
            chosen = torch.where(chosen.isnan(), -torch.inf, chosen)
        if chosen.device.type == "cpu":
            # NumPy looks for a place several times as fast.
            place = chosen.numpy().argmax(1)
            values.append(chosen.numpy()[np.arange(len(place)), place])
            places.append(place)
        else:
            value, found = chosen.max(1)
            values.append(value.cpu().numpy())
            places.append(found.cpu().numpy())
    return np.concatenate(values), np.concatenate(places)


def feature_rows(net: Network, layer: str, tensor: torch.Tensor) -> FloatArray:
    """Features of a captured output, float32 (n, D): the mean over the map where it has one."""
    arranged = net.arrange(tensor, layer)
    rows = arranged.mean((2, 3), dtype=torch.float32) if arranged.dim() == 4 else arranged
    found: FloatArray = rows.float().cpu().numpy()
    return found
