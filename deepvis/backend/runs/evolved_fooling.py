"""Pictures that nobody would recognise and a network is sure of, evolved for all its classes at once.

Nguyen, Yosinski & Clune 2014, "Deep neural networks are easily fooled: High confidence predictions for unrecognizable
images".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from deepvis.backend.device import photograph
from deepvis.backend.network import Network, NetworkError
from deepvis.backend.runs.base import Needs, Steps
from deepvis.backend.runs.evolution.archive_picture import ArchivePicture
from deepvis.backend.runs.evolution.cppn import CppnEncoding, Genome
from deepvis.backend.runs.evolution.direct import DirectEncoding
from deepvis.backend.runs.evolution.drawing import draw
from deepvis.backend.runs.evolution.judge import Judge, pictures_at_once
from deepvis.backend.runs.evolution.map_elites import Archive, Encoding
from deepvis.backend.runs.precision import for_steps, in_precision
from deepvis.messages import FloatArray, RunResult, RunUpdate, Size, UInt8Array
from deepvis.options import check_options, option, option_values

_SMALL = 64
_LIGHT = 32e6
"""Bytes of an archive that may be copied at every step."""


_MANY = 0.5
"""Share of the children that would enter the archive from which the quicker copy of the network saves nothing."""


@dataclass(frozen=True)
class EvolvedFooling:
    """Evolve, for every class of the network, a picture that it takes for that class.

    MAP-Elites with one cell a class: children of elites are tried against every class, and take each cell whose picture
    the network is less sure of. ``cppn`` grows regular patterns, ``direct`` noise.

    ``update.step`` counts generations that are complete, and a generation is several updates long. ``update.image`` is
    the archive as a grid, in the order of the classes. ``update.metrics``: ``generation`` (the one under way, from 1),
    ``evaluations`` (pictures tried so far), ``median_confidence``, ``mean_confidence`` and ``best`` over the classes,
    ``cells_above_0.9`` (how many). ``update.detail``: ``archive`` uint8 (classes, h, w, 3) RGB, the same array until a
    picture changes and never written into; ``confidence`` float32 (classes,) of those pictures; ``labels``. An archive
    of more than 32 MB is renewed at the end of each generation alone, ``image`` and ``metrics`` at every step.

    Confidence is the softmax probability of the 8-bit picture, as the network itself gives it: where a faster copy of
    the network in bf16 does the work, every picture that would enter the archive is judged again by the network.

    The result's arrays hold ``archive`` and ``confidence``; its facts ``labels``, ``size``, ``evaluations`` and, for
    ``cppn``, ``genomes`` by class, from which ``EvolvedFooling.redraw`` draws the pictures at any size.
    """

    title: ClassVar[str] = "Evolved fooling images"
    needs: ClassVar[Needs] = "nothing"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Noise": {"encoding": "direct"},
        "Quick look": {"generations": 40},
        "As in the paper": {"generations": 5000},
    }

    encoding: Literal["cppn", "direct"] = option("cppn", help="cppn: regular patterns; direct: pixel by pixel, noise")
    generations: int = option(200, help="Rounds of children", minimum=1, maximum=1_000_000)
    seed: int = option(0, help="The same seed makes the same pictures", minimum=0)
    size: int | None = option(
        None, help="Shorter side of the pictures; none: 64 px, or what the network needs", minimum=8, unit="px"
    )
    batch: int = option(400, help="Children in a generation", minimum=1, maximum=100_000, advanced=True)
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", help="Number format of the search; auto: bf16 where it is fast and answers the same", advanced=True
    )
    at_once: int | None = option(
        None, help="Pictures in one pass; none: chosen for the network", minimum=1, maximum=4096, advanced=True
    )

    def __post_init__(self) -> None:
        check_options(self)

    def picture_size(self, net: Network) -> Size:
        """(h, w) of the pictures for a network, in its own proportions.

        Raises ValueError if the network does not take the ``size`` that was asked for.
        """
        height, width = net.input_size
        shorter = min(height, width)
        wanted = self.size
        if wanted is None:
            wanted = min(shorter, max(_SMALL, net.min_size)) if net.flexible else shorter
        size = (round(height * wanted / shorter), round(width * wanted / shorter))
        if size != net.input_size:
            try:
                net.forward(torch.zeros(1, net.channels, *size))
            except NetworkError as error:
                raise ValueError(
                    f"size {wanted} px is none that network {net.name!r} takes; leave it out, or give {shorter} px"
                ) from error
        return size

    def steps(self, net: Network) -> Steps:
        """Evolve; see the class. Raises ValueError for a size that the network does not take."""
        size = self.picture_size(net)
        # Any: which of the two is a matter of the options, and their genomes never meet.
        encoding: Encoding[Any]
        if self.encoding == "cppn":
            encoding = CppnEncoding(size, net.channels, net.device if net.device.type == "cuda" else "cpu")
        else:
            encoding = DirectEncoding(size, net.channels)
        evolution = _Evolution(net, size, encoding, self)
        total = self.generations
        done = 0
        while True:
            while done < total:
                for complete in evolution.generation():
                    done += complete
                    if done < total:
                        yield evolution.update(done, total)
            more = yield evolution.update(done, total, self._result(net, evolution, done))
            if not more or more < 1:
                return
            total += more

    def _result(self, net: Network, evolution: _Evolution, generations: int) -> RunResult:
        archive = evolution.archive
        facts: dict[str, Any] = {
            "size": list(evolution.size),
            "generations": generations,
            "evaluations": evolution.evaluations,
            "labels": list(net.labels),
        }
        if self.encoding == "cppn":
            facts["genomes"] = [None if genome is None else genome.as_json() for genome in archive.genomes]
        return RunResult(
            run="evolved_fooling",
            title=f"{net.classes} classes, {'patterns' if self.encoding == 'cppn' else 'noise'}",
            options=option_values(self),
            network=net.name,
            network_hash=net.hash,
            image=evolution.picture.image,
            figures=evolution.metrics(),
            facts=facts,
            arrays={"archive": archive.pictures, "confidence": archive.confidence},
        )

    @staticmethod
    def redraw(result: RunResult, target: int | str, size: Size) -> UInt8Array:
        """One class's picture of an evolution with ``encoding="cppn"``, drawn at another size.

        Parameters
        ----------
        result : of this run.
        target : class index or label.
        size : (h, w) in pixels.

        Returns
        -------
        uint8 (h, w, 3) RGB.

        Raises
        ------
        ValueError : the result has no genomes, or none for this class.
        KeyError : no class has this label.
        """
        genomes = result.facts.get("genomes")
        if genomes is None:
            raise ValueError("only pictures of the encoding 'cppn' can be drawn at another size; this result has none")
        labels = list(result.facts["labels"])
        if isinstance(target, str) and target not in labels:
            raise KeyError(f"no class is called {target!r}")
        index = labels.index(target) if isinstance(target, str) else target
        if not 0 <= index < len(genomes):
            raise ValueError(f"target {target} is out of range: there are classes 0 to {len(genomes) - 1}")
        if genomes[index] is None:
            raise ValueError(f"class {labels[index]!r} has no picture yet; continue the run")
        picture: UInt8Array = _rgb(draw([Genome.from_json(genomes[index])], size).numpy())[0]
        return picture


class _Evolution:
    """The state of a run: archive, generator and counts."""

    def __init__(self, net: Network, size: Size, encoding: Encoding[Any], options: EvolvedFooling) -> None:
        self.size = size
        self.archive: Archive[Any] = Archive(net.classes, size)
        self.picture = ArchivePicture(net.classes, size)
        self.evaluations = 0
        self._labels = net.labels
        self._encoding = encoding
        self._batch = options.batch
        self._generation = 0
        self._generator = np.random.default_rng(options.seed)
        quick = in_precision(net, options.precision, net.preprocess(photograph(), size=size))
        self._at_once = options.at_once or pictures_at_once(net, size)
        self._search = Judge(for_steps(quick, size, self._at_once))
        self._last_word = self._search if quick.dtype == net.dtype else Judge(for_steps(net, size, self._at_once))
        self._contending = 1.0
        self._note = ""
        self._shown: tuple[UInt8Array, FloatArray] | None = None

    def generation(self) -> Iterator[bool]:
        """Breed and judge one batch of children, some at a time; says each time whether the generation is complete."""
        self._generation += 1
        # Parents are those of the generation before, however many pictures are judged at once.
        parents = self.archive.elites
        parts = math.ceil(self._batch / self._at_once)
        for part in range(parts):
            count = self._batch * (part + 1) // parts - self._batch * part // parts
            if parents:
                children = [self._encoding.child(parents, self._generator) for _ in range(count)]
            else:
                children = [self._encoding.random(self._generator) for _ in range(count)]
            self._try(children)
            yield part == parts - 1

    def _try(self, children: list[Any]) -> None:
        pictures = self._encoding.draw(children)
        # Where most children would be judged again, as in the first generations, the network itself judges them all.
        search = self._last_word if self._contending > _MANY else self._search
        confidences = search.confidences(pictures)
        self.evaluations += len(children)
        self._note = "" if np.isfinite(confidences).all() else "the network answers NaN to some pictures"
        winners = self.archive.contenders(confidences)
        self._contending = len(winners) / len(children)
        if not winners:
            return
        pictures = pictures[winners]
        confidences = confidences[winners] if self._last_word is search else self._last_word.confidences(pictures)
        changed = self.archive.enter(confidences, _rgb(pictures.cpu().numpy()), [children[n] for n in winners])
        self.picture.change(changed, self.archive.cells(changed), self.archive.confidence)

    def metrics(self) -> dict[str, float]:
        """The figures of the present archive."""
        confidence = self.archive.confidence
        return {
            "generation": float(self._generation),
            "evaluations": float(self.evaluations),
            "median_confidence": float(np.median(confidence)),
            "mean_confidence": float(confidence.mean()),
            "cells_above_0.9": float((confidence > 0.9).sum()),
            "best": float(confidence.max()),
        }

    def update(self, step: int, total: int, result: RunResult | None = None) -> RunUpdate:
        """The state as an update."""
        pictures, confidence = self._renewed(step)
        detail = {"archive": pictures, "confidence": confidence, "labels": self._labels}
        more = 0 if result is None else total
        return RunUpdate(step, total, self.picture.image, self.metrics(), result, detail, more, self._note)

    def _renewed(self, generations: int) -> tuple[UInt8Array, FloatArray]:
        """Pictures and confidence to show, after ``generations`` complete ones."""
        light = self.archive.nbytes <= _LIGHT or generations == self._generation
        if self._shown is None or light:
            self._shown = self.archive.pictures, self.archive.confidence
        return self._shown


def _rgb(pictures: UInt8Array) -> UInt8Array:
    """uint8 (N, h, w, 3) of pictures with one or three channels."""
    return pictures if pictures.shape[-1] == 3 else np.repeat(pictures, 3, axis=-1)
