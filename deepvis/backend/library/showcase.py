"""The strongest patches so far of a few units, for people who watch a scan."""

from __future__ import annotations

import numpy as np

from deepvis.backend.library.manifest import Manifest, ScannedLayer
from deepvis.backend.library.patch import cut, field_box, mean_colour
from deepvis.backend.library.reduction import Answers
from deepvis.backend.library.sheet import sheet, tile
from deepvis.backend.library.state import State
from deepvis.messages import UInt8Array

_ROWS = 8
_COLUMNS = 9
_SIDE = 64


class Showcase:
    """Cuts the patches of a few units from pictures as they pass, so that none needs to be read again.

    Of up to eight layers, at even distances, the unit is shown whose strongest activation stands out most from its mean
    in the first pictures that come.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        fields = [layer for layer in manifest.layers if layer.receptive_field is not None] or list(manifest.layers)
        chosen = np.unique(np.linspace(0, len(fields) - 1, min(_ROWS, len(fields))).round().astype(int))
        self._layers = [fields[place] for place in chosen]
        self._units: list[tuple[ScannedLayer, int, int]] = []
        self._tiles: dict[tuple[int, int], UInt8Array] = {}
        self._colour = mean_colour(manifest.preprocessing)

    def look(self, state: State, answers: Answers, pixels: UInt8Array, first: int) -> None:
        """Take the patches of a batch that have got a place.

        Parameters
        ----------
        state : to which the batch was added.
        pixels : uint8 (n, c, h, w), what the network saw.
        first : index of the first picture in the set.
        """
        if not self._units:
            self._choose(answers)
        for layer, _, row in self._units:
            for place, index in enumerate(state.strongest.pictures[row].tolist()):
                if not first <= index < first + len(pixels):
                    continue
                position = state.strongest.positions[row, place]
                box = field_box(
                    layer.receptive_field, (int(position[0]), int(position[1])), self._manifest.preprocessing.size
                )
                seen = pixels[index - first].transpose(1, 2, 0)
                seen = np.repeat(seen, 3, axis=2) if seen.shape[2] == 1 else seen
                self._tiles[row, index] = tile(cut(seen, box, self._colour), _SIDE)
        places = {(row, index) for _, _, row in self._units for index in state.strongest.pictures[row].tolist()}
        self._tiles = {key: patch for key, patch in self._tiles.items() if key in places}

    def _choose(self, answers: Answers) -> None:
        slices = self._manifest.slices()
        for layer in self._layers:
            units = slices[layer.name]
            maxima = np.where(np.isfinite(answers.maxima[:, units]), answers.maxima[:, units], 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                contrast = np.nan_to_num(maxima.max(0) / np.abs(maxima).mean(0), nan=0.0, posinf=0.0, neginf=0.0)
            unit = int(contrast.argmax())
            self._units.append((layer, unit, units.start + unit))

    def image(self, state: State) -> UInt8Array:
        """The sheet so far, uint8 (H, W, 3) RGB. A patch that an earlier scan found is an empty place."""
        rows = []
        for layer, unit, row in self._units:
            pictures = state.strongest.pictures[row, :_COLUMNS].tolist()
            rows.append((f"{layer.name} · {unit}", [self._tiles.get((row, index)) for index in pictures]))
        return sheet(rows, _SIDE) if rows else np.full((64, 64, 3), 20, np.uint8)
