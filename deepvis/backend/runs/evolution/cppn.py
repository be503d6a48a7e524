"""The CPPN encoding: a picture is what a small network of functions makes of every pixel's coordinates.

Stanley 2007, "Compositional pattern producing networks"; the rates are those of Nguyen et al. 2014.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from deepvis.backend.runs.evolution.drawing import draw
from deepvis.backend.runs.evolution.variation import polynomial_mutation

INPUTS = ("x", "y", "distance", "bias")
FUNCTIONS = ("sine", "sigmoid", "gaussian", "linear")

ADD_CONNECTION = 0.5
DELETE_CONNECTION = 0.3
CHANGE_CONNECTION = 0.5
ADD_NODE = 0.5
DELETE_NODE = 0.2
WEIGHT_RATE = 0.1
FUNCTION_RATE = 0.1
LARGEST_WEIGHT = 10.0
MOST_HIDDEN = 64
"""Hidden nodes above which none is added, so that the time of drawing stays bounded in long runs."""


@dataclass(frozen=True, slots=True)
class Genome:
    """A directed acyclic graph of functions.

    Nodes are numbered in an order in which every connection leads to a larger number: the four inputs, then hidden
    nodes, then the outputs. That order is part of the genome, so that no mutation can close a circle.

    Attributes
    ----------
    functions : index into ``FUNCTIONS`` of every hidden node and every output.
    outputs : 3 (hue, lightness, saturation) or 1 (lightness).
    connections : (source, target) to weight; weights lie in ±``LARGEST_WEIGHT``.
    """

    functions: tuple[int, ...]
    outputs: int
    connections: Mapping[tuple[int, int], float]

    @property
    def hidden(self) -> int:
        """Number of hidden nodes."""
        return len(self.functions) - self.outputs

    def as_json(self) -> dict[str, Any]:
        """The genome in the types of JSON."""
        return {
            "functions": [FUNCTIONS[number] for number in self.functions],
            "outputs": self.outputs,
            "connections": [[source, target, weight] for (source, target), weight in self.connections.items()],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Genome:
        """What :meth:`as_json` wrote. Raises ValueError for a graph that is none."""
        genome = cls(
            tuple(FUNCTIONS.index(name) for name in values["functions"]),
            int(values["outputs"]),
            {(int(source), int(target)): float(weight) for source, target, weight in values["connections"]},
        )
        nodes, last_source = len(INPUTS) + len(genome.functions), len(INPUTS) + genome.hidden
        for source, target in genome.connections:
            if not 0 <= source < min(target, last_source) or not len(INPUTS) <= target < nodes:
                raise ValueError(f"connection {source} to {target} does not lead forward in a graph of {nodes} nodes")
        return genome


class CppnEncoding:
    """Genomes are :class:`Genome`; pictures are drawn at ``size`` on ``device``."""

    def __init__(self, size: tuple[int, int], channels: int, device: torch.device | str = "cpu") -> None:
        self._size = size
        self._outputs = 3 if channels == 3 else 1
        self._device = torch.device(device)

    def random(self, generator: np.random.Generator) -> Genome:
        """Every input connected to every output, without hidden nodes; functions and weights are random."""
        first = len(INPUTS)
        pairs = [(source, first + output) for output in range(self._outputs) for source in range(first)]
        weights = generator.uniform(-LARGEST_WEIGHT, LARGEST_WEIGHT, len(pairs)).tolist()
        functions = generator.integers(len(FUNCTIONS), size=self._outputs).tolist()
        return Genome(tuple(functions), self._outputs, dict(zip(pairs, weights, strict=True)))

    def child(self, parents: list[Genome], generator: np.random.Generator) -> Genome:
        """A mutated copy of one parent."""
        return mutated(parents[int(generator.integers(len(parents)))], generator)

    def draw(self, genomes: list[Genome]) -> torch.Tensor:
        """uint8 (N, h, w, c) on the encoding's device."""
        return draw(genomes, self._size, self._device)


def mutated(genome: Genome, generator: np.random.Generator) -> Genome:
    """A copy in which weights, functions and the graph are changed at the paper's rates."""
    graph = _Graph(genome, generator)
    graph.vary_weights()
    graph.vary_functions()
    # All at once: a generator's call costs more than its numbers.
    add, delete, change, split, drop = generator.random(5).tolist()
    if add < ADD_CONNECTION:
        graph.add_connection()
    if delete < DELETE_CONNECTION:
        graph.delete_connection()
    if change < CHANGE_CONNECTION:
        graph.change_connection()
    if split < ADD_NODE:
        graph.add_node()
    if drop < DELETE_NODE:
        graph.delete_node()
    return graph.genome()


class _Graph:
    """A genome under change."""

    def __init__(self, genome: Genome, generator: np.random.Generator) -> None:
        self._functions = list(genome.functions)
        self._outputs = genome.outputs
        self._connections = dict(genome.connections)
        self._generator = generator

    @property
    def _first_output(self) -> int:
        return len(INPUTS) + len(self._functions) - self._outputs

    def genome(self) -> Genome:
        return Genome(tuple(self._functions), self._outputs, self._connections)

    def vary_weights(self) -> None:
        pairs = list(self._connections)
        chosen = [pairs[number] for number in np.flatnonzero(self._generator.random(len(pairs)) < WEIGHT_RATE)]
        if chosen:
            old = np.array([self._connections[pair] for pair in chosen], np.float32)
            uniforms = self._generator.random(len(chosen), np.float32)
            new = polynomial_mutation(old, uniforms, -LARGEST_WEIGHT, LARGEST_WEIGHT)
            self._connections.update(zip(chosen, new.tolist(), strict=True))

    def vary_functions(self) -> None:
        for node in np.flatnonzero(self._generator.random(len(self._functions)) < FUNCTION_RATE):
            self._functions[node] = self._below(len(FUNCTIONS))

    def add_connection(self) -> None:
        pair = self._free_pair()
        if pair is not None:
            self._connections[pair] = (2 * self._generator.random() - 1) * LARGEST_WEIGHT

    def delete_connection(self) -> None:
        if self._connections:
            del self._connections[self._some_connection()]

    def change_connection(self) -> None:
        """Let one end of a connection move to another node; it keeps its weight."""
        if not self._connections:
            return
        old = self._some_connection()
        source, target = old
        if self._generator.random() < 0.5:
            source = self._below(min(target, self._first_output))
        else:
            lowest = max(source + 1, len(INPUTS))
            target = lowest + self._below(len(INPUTS) + len(self._functions) - lowest)
        if (source, target) not in self._connections:
            self._connections[source, target] = self._connections.pop(old)

    def add_node(self) -> None:
        """Split a connection: what led to its target leads to a new node, which leads there with the old weight."""
        if not self._connections or self._first_output - len(INPUTS) >= MOST_HIDDEN:
            return
        source, target = self._some_connection()
        weight = self._connections.pop((source, target))
        lowest, highest = max(source + 1, len(INPUTS)), min(target, self._first_output)
        node = lowest + self._below(highest - lowest + 1)
        self._connections = {(a + (a >= node), b + (b >= node)): value for (a, b), value in self._connections.items()}
        self._functions.insert(node - len(INPUTS), self._below(len(FUNCTIONS)))
        self._connections[source, node] = 1.0
        self._connections[node, target + 1] = weight

    def delete_node(self) -> None:
        """Remove a hidden node with all its connections."""
        hidden = self._first_output - len(INPUTS)
        if hidden == 0:
            return
        node = len(INPUTS) + self._below(hidden)
        del self._functions[node - len(INPUTS)]
        self._connections = {
            (a - (a > node), b - (b > node)): value for (a, b), value in self._connections.items() if node not in (a, b)
        }

    def _free_pair(self) -> tuple[int, int] | None:
        """Two nodes that are not connected yet, or None where a few tries find none."""
        nodes = len(INPUTS) + len(self._functions)
        for _ in range(8):
            target = len(INPUTS) + self._below(nodes - len(INPUTS))
            source = self._below(min(target, self._first_output))
            if (source, target) not in self._connections:
                return source, target
        return None

    def _some_connection(self) -> tuple[int, int]:
        return list(self._connections)[self._below(len(self._connections))]

    def _below(self, bound: int) -> int:
        # Generator.integers takes several times as long for a single number.
        return int(self._generator.random() * bound)
