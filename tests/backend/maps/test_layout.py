"""Neighbours, t-SNE in steps, and placing: against plain calculations and openTSNE itself."""

from __future__ import annotations

import numpy as np
import pytest
from openTSNE import TSNEEmbedding, initialization
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from scipy.spatial.distance import cdist

from deepvis.backend.maps import neighbours
from deepvis.backend.maps.neighbours import Neighbours, purity
from deepvis.backend.maps.placing import Placer
from deepvis.backend.maps.spaces import FeatureSpace
from deepvis.backend.maps.tsne import EARLY_ITERATIONS, Tsne, few_points, perplexity_for
from tests.backend.maps.conftest import grouped


def test_neighbours_are_those_of_a_full_table_of_distances() -> None:
    features, _ = grouped(130)
    index = Neighbours(features, 7)
    assert list(index.find())[-1] == 1.0
    found, distances = index.build()
    table = cdist(features, features)
    np.fill_diagonal(table, np.inf)
    np.testing.assert_array_equal(found, np.argsort(table, axis=1)[:, :7])
    np.testing.assert_allclose(distances, np.sort(table, axis=1)[:, :7], rtol=1e-3)
    new = features[:3] + 0.1
    queried, apart = index.query(new, 5)
    np.testing.assert_array_equal(queried, np.argsort(cdist(new, features), axis=1)[:, :5])
    np.testing.assert_allclose(apart, np.sort(cdist(new, features), axis=1)[:, :5], rtol=1e-2)


def test_neighbours_are_exact_where_all_features_have_much_in_common() -> None:
    features = grouped(130)[0] + np.float32(3000)
    index = Neighbours(features, 7)
    found, distances = index.build()
    table = cdist(features.astype(np.float64), features.astype(np.float64))
    np.fill_diagonal(table, np.inf)
    np.testing.assert_array_equal(found, np.argsort(table, axis=1)[:, :7])
    np.testing.assert_allclose(distances, np.sort(table, axis=1)[:, :7], rtol=1e-3)
    assert index.query(features[5:6] + 0.01, 1)[0].item() == 5


def test_neighbours_of_very_many_points_are_looked_for_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    features, _ = grouped(130)
    expected = Neighbours(features, 7).build()
    monkeypatch.setattr(neighbours, "_PAIRS", 10 * 130)
    index = Neighbours(features, 7)
    assert len(list(index.find())) == 13
    np.testing.assert_array_equal(index.build()[0], expected[0])


def test_purity_counts_neighbours_of_the_same_class() -> None:
    line = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]], np.float32)
    assert purity(line, np.array([0, 0, 0, 1, 1, 1], np.int32), 2) == 1.0
    # The nearest of 0 is 1; of 1 it is 0 or 2, of 2 it is 1: two of six have another class beside them.
    assert purity(line, np.array([0, 0, 0, 1, 0, 1], np.int32), 1) == pytest.approx(3 / 6)
    assert purity(line, np.array([0, 0, 0, -1, -1, -1], np.int32), 2) == 1.0
    assert np.isnan(purity(line, np.full(6, -1, np.int32)))
    in_one_place = np.zeros((8, 2), np.float32)
    assert purity(in_one_place, np.zeros(8, np.int32), 3) == 1.0


def direct(features: np.ndarray, index: Neighbours, iterations: int) -> np.ndarray:  # type: ignore[type-arg]
    """openTSNE, called as its documentation has it, with the same neighbours."""
    affinities = PerplexityBasedNN(perplexity=10, knn_index=PrecomputedNeighbors(*index.build()))
    embedding = TSNEEmbedding(initialization.pca(features, random_state=3), affinities, negative_gradient_method="bh")
    embedding = embedding.optimize(EARLY_ITERATIONS, exaggeration=12, momentum=0.8, max_step_norm=5)
    return np.asarray(embedding.optimize(iterations, momentum=0.8, max_step_norm=5))


def test_many_short_steps_lead_where_one_call_of_opentsne_leads() -> None:
    features, _ = grouped(100)
    index = Neighbours(features, 30)
    tsne = Tsne(features, index, perplexity=10, iterations=30, seed=3)
    tsne.prepare()
    states = list(tsne.optimise())
    assert len(states) > 10
    assert states[-1].iteration == states[-1].iterations == EARLY_ITERATIONS + 30
    expected = direct(features, index, 30)
    # openTSNE scales the affinities up and down again between the phases, which is not exact.
    np.testing.assert_allclose(tsne.points, expected, atol=1e-3 * np.ptp(expected))


def test_the_divergence_falls_once_the_exaggeration_is_over() -> None:
    features, _ = grouped(100)
    tsne = Tsne(features, Neighbours(features, 30), perplexity=10, iterations=60)
    tsne.prepare()
    main = [state.divergence for state in tsne.optimise() if state.iteration > EARLY_ITERATIONS]
    assert main[-1] < main[0]


def test_perplexity_never_asks_for_more_neighbours_than_there_are() -> None:
    assert perplexity_for(1000, 30) == 30
    assert perplexity_for(31, 30) == 10
    assert perplexity_for(4, 30) == 1


def test_two_pictures_lie_as_far_apart_as_their_features() -> None:
    features = np.array([[0, 0, 0], [3, 4, 0]], np.float32)
    points = few_points(features)
    assert np.hypot(*(points[1] - points[0])) == pytest.approx(5.0)
    assert few_points(features[:1]).tolist() == [[0.0, 0.0]]


def test_whitening_takes_out_what_is_large_and_common() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 8)).astype(np.float32)
    features[:, 0] = 50 * features[:, 0] + 1000
    space = FeatureSpace.fit(features, "whitened")
    prepared = space.prepare(features)
    assert space.metric == "whitened"
    np.testing.assert_allclose(np.linalg.norm(prepared, axis=1), 1, atol=1e-5)
    # No direction dominates: the covariance of directions is the same in all of them.
    values = np.linalg.eigvalsh(np.cov(prepared.T))
    assert values[-1] < 1.3 * values[0]
    # Half of the features are of other data: they are brought into the same space.
    np.testing.assert_allclose(space.prepare(features[:5]), prepared[:5], atol=1e-6)


def test_too_few_pictures_to_whiten_are_compared_by_their_angles() -> None:
    features, _ = grouped(12)
    space = FeatureSpace.fit(features, "whitened")
    assert space.metric == "cosine"
    np.testing.assert_allclose(np.linalg.norm(space.prepare(features), axis=1), 1, atol=1e-6)
    assert FeatureSpace.fit(features, "euclidean").prepare(features) is not None


@pytest.fixture(scope="module")
def laid_out() -> tuple[np.ndarray, np.ndarray, np.ndarray, FeatureSpace]:  # type: ignore[type-arg]
    features, labels = grouped(150)
    space = FeatureSpace.fit(features, "whitened")
    prepared = space.prepare(features)
    tsne = Tsne(prepared, Neighbours(prepared, 45), perplexity=15, iterations=150)
    tsne.prepare()
    for _ in tsne.optimise():
        pass
    return features, labels, tsne.points, space


def test_a_picture_of_the_map_is_placed_beside_itself(laid_out) -> None:  # type: ignore[no-untyped-def]
    features, _, points, space = laid_out
    placer = Placer(features, points, space)
    extent = np.ptp(points, axis=0).max()
    away = []
    for index in range(0, 150, 5):
        placed = placer.place(features[index])
        assert placed.nearest[0] == index
        assert placed.similarity[0] == pytest.approx(1, abs=1e-3)
        away.append(np.hypot(*(np.array(placed.point) - points[index])) / extent)
    assert np.median(away) < 0.05


def test_a_new_picture_is_placed_among_its_own(laid_out) -> None:  # type: ignore[no-untyped-def]
    features, labels, points, space = laid_out
    placer = Placer(features, points, space)
    new, classes = grouped(40, seed=0)
    rng = np.random.default_rng(9)
    right = 0
    for feature, label in zip(new, classes, strict=True):
        placed = placer.place(feature + rng.normal(0, 0.3, feature.shape).astype(np.float32))
        nearest = np.argsort(np.hypot(*(points - np.array(placed.point)).T))[:5]
        right += int(np.bincount(labels[nearest]).argmax() == label)
    assert right >= 38


def test_placing_leaves_the_map_where_it_is_and_gives_the_same_place_again(laid_out) -> None:  # type: ignore[no-untyped-def]
    features, _, points, space = laid_out
    before = points.copy()
    placer = Placer(features, points, space)
    assert placer.place(features[3]).point == placer.place(features[3]).point
    np.testing.assert_array_equal(points, before)


def test_maps_of_one_two_and_three_pictures_take_new_ones() -> None:
    for count in (1, 2, 3):
        features = np.eye(3, dtype=np.float32)[:count]
        points = few_points(features)
        placed = Placer(features, points, FeatureSpace("cosine")).place(features[0])
        assert np.isfinite(placed.point).all()
        assert placed.nearest[0] == 0


def test_features_that_do_not_fit_are_refused_with_what_to_do() -> None:
    features, _ = grouped(20)
    placer = Placer(features, few_points(features[:2]).repeat(10, 0), FeatureSpace("cosine"))
    with pytest.raises(ValueError, match="24 features a picture and this picture has 3"):
        placer.place(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        placer.place(np.full(24, np.nan, np.float32))
