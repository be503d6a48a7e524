"""CPPNs are drawn as a pixel-by-pixel evaluation would, and mutations keep them graphs without circles."""

from __future__ import annotations

import colorsys
import graphlib
import json
import math
import random

import numpy as np
import pytest
import torch

from deepvis.backend.runs.evolution import drawing
from deepvis.backend.runs.evolution.cppn import FUNCTIONS, INPUTS, CppnEncoding, Genome, mutated
from deepvis.backend.runs.evolution.drawing import coordinates, draw, hls_to_rgb

WRITTEN = {
    "sine": math.sin,
    "sigmoid": lambda z: 2 / (1 + math.exp(-z)) - 1,
    "gaussian": lambda z: math.exp(-z * z),
    "linear": lambda z: min(max(z, -3), 3) / 3,
}


def random_genome(chance: random.Random, hidden: int, outputs: int) -> Genome:
    """Any graph that leads forward, dead ends and unconnected nodes included; weights mild enough for exact sums."""
    nodes = len(INPUTS) + hidden + outputs
    connections = {}
    for target in range(len(INPUTS), nodes):
        for source in range(min(target, len(INPUTS) + hidden)):
            if chance.random() < 0.4:
                connections[source, target] = chance.uniform(-2, 2)
    functions = tuple(chance.randrange(4) for _ in range(hidden + outputs))
    return Genome(functions, outputs, connections)


def written_pixel(genome: Genome, inputs: list[float]) -> list[float]:
    """Outputs by recursion over the graph, in double precision."""

    def value(node: int) -> float:
        if node < len(INPUTS):
            return inputs[node]
        total = sum(weight * value(source) for (source, target), weight in genome.connections.items() if target == node)
        return WRITTEN[FUNCTIONS[genome.functions[node - len(INPUTS)]]](total)

    first = len(INPUTS) + genome.hidden
    return [min(abs(value(first + output)), 1) for output in range(genome.outputs)]


def written_picture(genome: Genome, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    picture = np.zeros((height, width, genome.outputs))
    for row in range(height):
        for column in range(width):
            y, x = 2 * row / (height - 1) - 1, 2 * column / (width - 1) - 1
            outputs = written_pixel(genome, [x, y, math.hypot(x, y) / math.sqrt(2), 1])
            picture[row, column] = colorsys.hls_to_rgb(*outputs) if genome.outputs == 3 else outputs
    return picture * 255


@pytest.mark.parametrize("outputs", [3, 1])
@pytest.mark.parametrize("table", [None, 300])
def test_pictures_equal_an_evaluation_pixel_by_pixel(outputs, table, monkeypatch):
    if table is not None:
        # Tiles smaller than the picture, the last one smaller still.
        monkeypatch.setitem(drawing._TABLE, "cpu", table)
        monkeypatch.setattr(drawing, "_SMALLEST_TILE", 16)
    chance = random.Random(5)
    genomes = [random_genome(chance, hidden, outputs) for hidden in (0, 1, 3, 6, 6, 7)]
    pictures = draw(genomes, (7, 9)).numpy()
    assert pictures.shape == (6, 7, 9, outputs)
    assert pictures.dtype == np.uint8
    for genome, picture in zip(genomes, pictures, strict=True):
        assert np.abs(picture - written_picture(genome, (7, 9))).max() < 0.6


def test_a_picture_does_not_depend_on_its_neighbours_in_the_batch():
    chance = random.Random(6)
    genomes = [random_genome(chance, 5, 3) for _ in range(5)]
    together = draw(genomes, (16, 12))
    for genome, picture in zip(genomes, together, strict=True):
        alone = draw([genome], (16, 12))[0]
        assert (alone.int() - picture.int()).abs().max() <= 1


def test_inputs_are_normalised():
    x, y, distance, bias = coordinates((5, 9)).reshape(4, 5, 9)
    assert (x[:, 0] == -1).all()
    assert (x[:, -1] == 1).all()
    assert (y[0] == -1).all()
    assert (y[-1] == 1).all()
    assert distance[2, 4] == 0
    assert distance[0, 0] == pytest.approx(1)
    assert (bias == 1).all()


def test_colours_equal_the_standard_library():
    hls = torch.rand(2, 3, 500, generator=torch.Generator().manual_seed(0))
    hls[0, :, :8] = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]])
    rgb = hls_to_rgb(hls)
    expected = [[colorsys.hls_to_rgb(*map(float, pixel)) for pixel in picture.T] for picture in hls]
    assert np.allclose(rgb.transpose(1, 2).numpy(), expected, atol=1e-5)


def lineage(generations: int, seed: int, channels: int = 3) -> list[Genome]:
    generator = np.random.default_rng(seed)
    genomes = [CppnEncoding((8, 8), channels).random(generator)]
    for _ in range(generations):
        genomes.append(mutated(genomes[-1], generator))
    return genomes


@pytest.mark.parametrize("seed", range(4))
def test_mutations_keep_the_graph_without_circles(seed):
    genomes = lineage(300, seed)
    for genome in genomes:
        nodes = len(INPUTS) + len(genome.functions)
        graph: dict[int, set[int]] = {}
        for source, target in genome.connections:
            assert 0 <= source < nodes - genome.outputs, "an output leads on"
            assert len(INPUTS) <= target < nodes, "something leads to an input"
            graph.setdefault(target, set()).add(source)
        tuple(graphlib.TopologicalSorter(graph).static_order())
        assert all(abs(weight) <= 10 for weight in genome.connections.values())
    assert max(genome.hidden for genome in genomes) > 10
    assert draw(genomes[-40:], (6, 6)).shape == (40, 6, 6, 3)


def test_a_parent_stays_as_it_is():
    parent = lineage(30, 9)[-1]
    before = json.dumps(parent.as_json())
    generator = np.random.default_rng(0)
    children = [mutated(parent, generator) for _ in range(50)]
    assert json.dumps(parent.as_json()) == before
    assert len({json.dumps(child.as_json()) for child in children}) > 45


def test_nodes_are_added_and_deleted_at_their_rates():
    parent = lineage(30, 9)[-1]
    assert parent.hidden > 2
    generator = np.random.default_rng(1)
    grown = np.array([mutated(parent, generator).hidden - parent.hidden for _ in range(3000)])
    # Added with .5, deleted with .2, each by itself.
    assert (grown == 1).mean() == pytest.approx(0.5 * 0.8, abs=0.04)
    assert (grown == -1).mean() == pytest.approx(0.5 * 0.2, abs=0.025)


def test_connections_are_added_and_deleted_at_their_rates():
    parent = lineage(30, 9)[-1]
    generator = np.random.default_rng(1)
    # With no node added or deleted, a connection is added with .5 and deleted with .3, each by itself.
    grown = [
        len(child.connections) - len(parent.connections)
        for child in (mutated(parent, generator) for _ in range(3000))
        if child.hidden == parent.hidden and len(child.functions) == len(parent.functions)
    ]
    split_and_dropped = 0.5 * 0.2 / (0.5 * 0.2 + 0.5 * 0.8)
    plain = 1 - split_and_dropped
    assert np.mean(np.array(grown) == 1) == pytest.approx(plain * 0.5 * 0.7, abs=0.1)
    assert np.mean(np.array(grown) == 0) > plain * (0.5 * 0.7 + 0.5 * 0.3) - 0.05


def test_a_genome_is_the_same_after_json():
    for genome in lineage(40, 11)[::8]:
        again = Genome.from_json(json.loads(json.dumps(genome.as_json())))
        assert torch.equal(draw([again], (24, 20)), draw([genome], (24, 20)))


def test_a_graph_that_leads_back_is_refused():
    values = lineage(5, 0)[0].as_json()
    values["connections"].append([6, 5, 1.0])
    with pytest.raises(ValueError, match="6 to 5 does not lead forward"):
        Genome.from_json(values)
