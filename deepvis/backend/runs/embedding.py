"""A map of an image set: features laid out so that pictures which the network finds alike lie together (t-SNE).

Paper: van der Maaten & Hinton 2008, "Visualizing data using t-SNE"; as maps of pictures: Karpathy 2014.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from deepvis.backend.maps.drawing import draw_dots, draw_thumbnails, point_colors
from deepvis.backend.maps.features import check_features, layer_features, map_pictures
from deepvis.backend.maps.neighbours import Neighbours, purity
from deepvis.backend.maps.spaces import FeatureSpace, unit_length
from deepvis.backend.maps.store import map_folder, write_map
from deepvis.backend.maps.tsne import EARLY_ITERATIONS, FEWEST, Tsne, few_points, perplexity_for
from deepvis.backend.network import Network
from deepvis.backend.runs.base import Needs
from deepvis.backend.runs.beside import Found, beside, telling
from deepvis.backend.runs.opening import opened
from deepvis.map_layout import spread
from deepvis.messages import FloatArray, MapInfo, MapPictures, RunResult, RunUpdate, UInt8Array
from deepvis.options import check_options, option, option_values

if TYPE_CHECKING:
    from deepvis.backend.library import Library

_PURITY_OF = 10
_FEATURE_STEPS = 150
_NEIGHBOUR_STEPS = 40
"""Steps by which these stages count, so that the steps of a run take about equally long."""

_SIDE = 512
_NAN = float("nan")


@dataclass(frozen=True)
class Embedding:
    """Lay the pictures of a set out on a plane, near to each other where the network's features are alike.

    ``steps(net, pictures)`` takes a :class:`~deepvis.backend.library.Library`, the folder of one, or anything
    :func:`~deepvis.backend.picture_sets.open_set` takes; of a set that was not scanned yet the features are computed
    first, which leaves a library. ``update.detail`` holds ``points`` float32 (N, 2) once there are any,
    ``pictures_of_map`` (:class:`~deepvis.messages.MapPictures`, the same object at every step), ``library`` and, at the
    end, ``map``: the folders as text. ``update.metrics``: ``iteration``, and ``divergence`` (Kullback-Leibler) from the
    first iteration on, not a number before it. ``update.image`` is a scatter in the colours of the classes. The map is
    kept in its library; the result's ``facts`` name both.

    Fewer than four pictures are laid out by their distances: the result then has no ``divergence`` among its figures,
    0 iterations, and ``facts["note"]`` says so, as it does where so few pictures allow a smaller perplexity only.

    Paper: van der Maaten & Hinton 2008. Computed by openTSNE (Policar, Strazar & Zupan 2024), from exact neighbours.
    """

    title: ClassVar[str] = "Map"
    needs: ClassVar[Needs] = "pictures"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Fine groups": {"perplexity": 12},
        "Large groups": {"perplexity": 80},
        "Tight groups": {"exaggeration": 2.0},
    }

    layer: str | None = option(
        None, help="Layer of the features, averaged over its maps; none: what goes into the classifier", role="layer"
    )
    perplexity: float = option(30, help="How many neighbours a picture has, about", minimum=1, maximum=500)
    seed: int = option(0, help="The same seed gives the same map", minimum=0, maximum=2**31 - 1)
    metric: Literal["whitened", "cosine", "euclidean"] = option(
        "whitened", help="How features are compared; whitened: after taking out what is common to all", advanced=True
    )
    iterations: int = option(
        500, help="Steps of the descent after the first 250", minimum=1, maximum=10_000, advanced=True
    )
    exaggeration: float = option(1.0, help="More attraction, tighter groups", minimum=0.5, maximum=12, advanced=True)
    most: int = option(
        50_000, help="Most pictures in the map; of more, an evenly spread part is taken", minimum=10, maximum=2_000_000,
        advanced=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_options(self)

    def steps(self, net: Network, pictures: Any) -> Iterator[RunUpdate]:
        """Compute the features where there are none yet, then the map; see the class.

        Raises
        ------
        ValueError : no pictures, features that are not finite or all equal, or a library of another network.
        KeyError : no such layer. SourceError, LibraryError : the pictures or the library cannot be read.
        """
        if self.layer is not None:
            net.layer(self.layer)
        told = _Told(self)
        library = yield from self._library(net, pictures, told)
        if library.network_hash != net.hash:
            raise ValueError(
                f"this library was made with {library.network_name} (weights {library.network_hash}), and {net.name} "
                f"({net.hash}) is loaded; load that network, or make the map from the pictures"
            )
        indices = self._indices(library)
        told.pictures = map_pictures(library, indices)
        told.library = str(library.folder)
        layer = self.layer or library.feature_layer
        own: FloatArray | None = None
        if layer == library.feature_layer:
            features = np.asarray(library.features)[indices].astype(np.float32)
        else:
            work = layer_features(net, library, layer, indices)
            features = yield from telling(work, lambda share: told.features(share, f"the features of {layer}"))
            own = features
        check_features(features, told.pictures.titles)
        space = yield from told.meanwhile(_FEATURE_STEPS, lambda: FeatureSpace.fit(features, self.metric))
        points, divergence = yield from self._lay_out(space.prepare(features), told)
        folder = map_folder(library.folder, layer, option_values(self))
        info = MapInfo(
            folder=str(folder),
            library=str(library.folder),
            title=library.title,
            network_name=library.network_name,
            network_hash=library.network_hash,
            layer=layer,
            count=len(indices),
            options=option_values(self),
            divergence=divergence,
            created=time.time(),
        )
        apart = spread(points)
        write_map(info, points, apart, indices, own, space)
        yield told.end(info, points, apart, features)

    def _library(self, net: Network, pictures: Any, told: _Told) -> Generator[RunUpdate, None, Library]:
        """The library of the pictures, scanned now where there is none yet."""
        from deepvis.backend.library import Library
        from deepvis.backend.library.manifest import is_library

        if isinstance(pictures, Library):
            return pictures
        if isinstance(pictures, str | Path) and is_library(Path(pictures)):
            return Library(pictures)
        from deepvis.backend.runs.patch_scan import PatchScan

        source = yield from telling(opened(pictures), told.looking)
        folder = ""
        for update in PatchScan().steps(net, source):
            if update.result is not None:
                folder = str(update.result.facts["library"])
            yield told.scan(update)
        return Library(folder, source)

    def _indices(self, library: Library) -> npt.NDArray[np.int32]:
        found = np.flatnonzero(library.valid).astype(np.int32)
        if not len(found):
            raise ValueError(
                f"none of the {library.total} pictures of {library.title} could be read; choose other pictures"
                if library.total
                else f"{library.title or 'the set'} holds no pictures; choose another folder, zip or video"
            )
        if len(found) > self.most:
            found = found[np.linspace(0, len(found) - 1, self.most).astype(np.int64)]
        return found

    def _lay_out(self, prepared: FloatArray, told: _Told) -> Generator[RunUpdate, None, tuple[FloatArray, float]]:
        """Points float32 (N, 2), and their divergence."""
        count = len(prepared)
        if count < FEWEST:
            told.note = "One picture is no map yet"
            if count > 1:
                told.note = f"{count} pictures are too few for t-SNE: they are laid out by their distances"
            return few_points(prepared), _NAN
        perplexity = perplexity_for(count, self.perplexity)
        if perplexity < self.perplexity:
            told.note = f"perplexity {perplexity:g}: {count} pictures allow no more"
        neighbours = Neighbours(prepared, min(count - 1, max(2, int(3 * perplexity))))
        for share in neighbours.find():
            yield told.neighbours(share)
        tsne = Tsne(
            prepared,
            neighbours,
            perplexity=perplexity,
            iterations=self.iterations,
            exaggeration=self.exaggeration,
            seed=self.seed,
            threads=torch.get_num_threads(),
        )
        yield from told.meanwhile(_FEATURE_STEPS + _NEIGHBOUR_STEPS, tsne.prepare)
        divergence = _NAN
        for state in tsne.optimise():
            divergence = state.divergence
            yield told.forming(state.iteration, state.points, divergence)
        return tsne.points, divergence


class _Told:
    """What a map's updates say, from the features to the end."""

    def __init__(self, run: Embedding) -> None:
        self._run = run
        self._iterations = EARLY_ITERATIONS + run.iterations
        self._total = _FEATURE_STEPS + _NEIGHBOUR_STEPS + self._iterations + 1
        self._image: UInt8Array = draw_dots(np.zeros((0, 2), np.float32), np.zeros((0, 3), np.uint8), (_SIDE, _SIDE))
        self._colors: UInt8Array | None = None
        self._scanned = 0.0
        self.pictures: MapPictures | None = None
        self.library = ""
        self.note = ""
        self._made = 0

    def looking(self, found: int) -> RunUpdate:
        """A step of the search for the pictures."""
        return self._update(0, note=f"Looking for pictures: {found:,} so far" if found else "Looking for pictures")

    def scan(self, update: RunUpdate) -> RunUpdate:
        """A step of the scan that computes the features."""
        share = update.step / max(1, update.total)
        self._image = update.image
        return self._update(round(share * _FEATURE_STEPS), note=f"Reading picture {update.step} of {update.total}")

    def features(self, share: float, what: str) -> RunUpdate:
        """A step of the features of a layer."""
        return self._update(round(share * _FEATURE_STEPS), note=f"Computing {what}")

    def meanwhile(self, step: int, work: Callable[[], Found]) -> Generator[RunUpdate, None, Found]:
        """Steps that wait for work that takes seconds where there are many pictures; its result."""
        return (yield from telling(beside(work, "map"), lambda _: self._update(step)))

    def neighbours(self, share: float) -> RunUpdate:
        """A step of the search for neighbours."""
        return self._update(_FEATURE_STEPS + round(share * _NEIGHBOUR_STEPS))

    def forming(self, iteration: int, points: FloatArray, divergence: float) -> RunUpdate:
        """A step of the descent."""
        self._image = draw_dots(points, self._dot_colors(), (_SIDE, _SIDE))
        self._made = iteration
        step = _FEATURE_STEPS + _NEIGHBOUR_STEPS + iteration
        return self._update(step, iteration, divergence, points)

    def end(self, info: MapInfo, points: FloatArray, apart: FloatArray, features: FloatArray) -> RunUpdate:
        """The last step."""
        pictures = self.pictures
        assert pictures is not None
        figures: dict[str, float] = {"pictures": float(len(points))}
        if np.isfinite(info.divergence):
            figures["divergence"] = info.divergence
        labelled = int((pictures.labels >= 0).sum())
        if labelled > _PURITY_OF:
            figures["purity_of_map"] = purity(points, pictures.labels, _PURITY_OF)
            figures["purity_of_features"] = purity(unit_length(features), pictures.labels, _PURITY_OF)
        image = draw_thumbnails(points, pictures, size=(1024, 1024), side=32, distances=apart)
        self._image = image
        result = RunResult(
            run="embedding",
            title=info.title,
            options=info.options,
            network=info.network_name,
            network_hash=info.network_hash,
            image=image,
            images={"dots": draw_dots(points, self._dot_colors(), (_SIDE, _SIDE))},
            figures=figures,
            facts={
                "map": info.folder,
                "library": info.library,
                "layer": info.layer,
                "features": features.shape[1],
                **({"note": self.note} if self.note else {}),
            },
            arrays={
                "points": points,
                "labels": pictures.labels,
                "predicted": pictures.predicted,
                "titles": np.array(pictures.titles),
            },
        )
        return self._update(self._total, self._made, info.divergence, points, result, info.folder)

    def _dot_colors(self) -> UInt8Array:
        if self._colors is None:
            assert self.pictures is not None
            labelled = bool((self.pictures.labels >= 0).any())
            self._colors = point_colors(self.pictures, "class" if labelled else "prediction")
        return self._colors

    def _update(
        self,
        step: int,
        iteration: int = 0,
        divergence: float = _NAN,
        points: FloatArray | None = None,
        result: RunResult | None = None,
        folder: str = "",
        note: str = "",
    ) -> RunUpdate:
        detail: dict[str, Any] = {"library": self.library or None}
        if self.pictures is not None:
            detail["pictures_of_map"] = self.pictures
        if points is not None:
            detail["points"] = points
        if folder:
            detail["map"] = folder
        metrics = {"iteration": float(iteration), "divergence": divergence}
        return RunUpdate(step, self._total, self._image, metrics, result, detail, note=note or self.note)
