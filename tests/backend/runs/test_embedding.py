"""Maps of sets of pictures: from the pictures to the disk and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import deepvis
from deepvis import Network
from deepvis.backend.library import Library, LibraryError
from deepvis.backend.maps.opening import open_map
from deepvis.backend.maps.spaces import FeatureSpace
from deepvis.backend.maps.store import MapError, maps_of
from deepvis.backend.runs import Embedding, PatchScan, registry
from deepvis.messages import RunUpdate
from tests.backend.maps.conftest import Colours, colours, picture_folder

__all__ = ["colours", "picture_folder"]

QUICK = {"iterations": 60, "perplexity": 12}


@pytest.fixture
def library(colours: Network, picture_folder: Path, tmp_path: Path) -> Library:
    """The shades, scanned."""
    scan = PatchScan(folder=str(tmp_path / "library"), workers=0)
    updates = list(scan.steps(colours, picture_folder))
    return Library(updates[-1].result.facts["library"])


def run(net: Network, pictures: Any, **options: Any) -> list[RunUpdate]:
    return list(Embedding(**(QUICK | options)).steps(net, pictures))


def test_shades_of_one_colour_lie_together(colours: Network, library: Library) -> None:
    updates = run(colours, library)
    result = updates[-1].result
    assert result.figures["pictures"] == 150
    assert result.figures["purity_of_map"] > 0.95
    points, labels = result.arrays["points"], result.arrays["labels"]
    hearts = np.stack([np.median(points[labels == label], axis=0) for label in range(3)])
    away = np.linalg.norm(points[:, None] - hearts[None], axis=2)
    assert (away.argmin(1) == labels).mean() > 0.97


def test_the_map_is_seen_forming(colours: Network, library: Library) -> None:
    updates = run(colours, library)
    steps = [update.step for update in updates]
    assert steps == sorted(steps)
    assert steps[-1] == updates[-1].total
    forming = [update for update in updates if "points" in update.detail]
    assert len(forming) > 10
    pictures = forming[0].detail["pictures_of_map"]
    assert all(update.detail["pictures_of_map"] is pictures for update in forming)
    assert all(update.detail["points"].shape == (150, 2) for update in forming)
    assert set(updates[0].metrics) == set(updates[-1].metrics) == {"iteration", "divergence"}
    assert not np.array_equal(forming[0].image, forming[-2].image)
    assert [update.result is not None for update in updates] == [False] * (len(updates) - 1) + [True]


def test_the_same_seed_gives_the_same_map(colours: Network, library: Library) -> None:
    first, again = run(colours, library, seed=5)[-1].result, run(colours, library, seed=5)[-1].result
    np.testing.assert_array_equal(first.arrays["points"], again.arrays["points"])
    other = run(colours, library, seed=6)[-1].result
    assert not np.array_equal(first.arrays["points"], other.arrays["points"])


def test_a_set_is_scanned_first_and_the_map_is_kept_with_its_library(
    colours: Network, picture_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path / "libraries"))
    updates = run(colours, str(picture_folder))
    facts = updates[-1].result.facts
    assert Path(facts["map"]).parent.parent == Path(facts["library"])
    assert any("of 150" in update.note for update in updates)
    assert [info.folder for info in maps_of([Path(facts["library"])])] == [facts["map"]]
    # The second map reads what the first one scanned.
    again = run(colours, str(picture_folder), perplexity=5)
    assert again[-1].result.facts["library"] == facts["library"]
    assert again[-1].result.facts["map"] != facts["map"]
    assert len(maps_of([Path(facts["library"])])) == 2


def test_a_map_opens_again_as_it_was_and_places_pictures(colours: Network, library: Library) -> None:
    result = run(colours, library)[-1].result
    opened = open_map(result.facts["map"])
    content = opened.content
    np.testing.assert_array_equal(content.points, result.arrays["points"])
    assert content.info.options["perplexity"] == 12
    assert content.info.network_hash == colours.hash
    assert content.pictures.classes == ("blue", "green", "red")
    assert content.pictures.prediction(0) == "blue"
    assert (content.pictures.correct == 1).mean() > 0.99
    assert content.pictures.thumbnails.shape == (150, 48, 48, 3)
    placer = opened.placer()
    away = [
        np.hypot(*(np.array(placer.place(library.features[index]).point) - content.points[index]))
        for index in range(0, 150, 10)
    ]
    assert np.median(away) < 0.1 * np.ptp(content.points)
    for path in Path(result.facts["map"]).iterdir():
        assert path.suffix in (".npy", ".json")
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)


def test_any_layer_can_be_laid_out(colours: Network, library: Library) -> None:
    result = run(colours, library, layer="conv")[-1].result
    assert result.facts["layer"] == "conv"
    opened = open_map(result.facts["map"])
    features = np.load(Path(result.facts["map"]) / "features.npy")
    # What is pooled of the convolution is what goes into this network's classifier.
    np.testing.assert_allclose(features, library.features, atol=1e-5)
    assert opened.placer().place(features[7]).nearest[0] == 7
    with pytest.raises(KeyError, match="conv"):
        run(colours, library, layer="convv")


def test_features_of_a_layer_are_of_the_pictures_that_were_scanned_or_none(
    colours: Network, picture_folder: Path, library: Library
) -> None:
    layer = library.layers[0]
    gone = picture_folder / library.titles[40]
    content = gone.read_bytes()
    gone.write_bytes(b"")
    with pytest.raises(LibraryError, match="cannot be read now"):
        run(colours, Library(library.folder), layer=layer)
    gone.rename(gone.with_name("zzz" + gone.suffix))
    gone.with_name("zzz" + gone.suffix).write_bytes(content)
    with pytest.raises(LibraryError, match="now, and was"):
        run(colours, Library(library.folder), layer=layer)


def test_pictures_beside_a_manifest_of_something_else_make_a_map(
    colours: Network, picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path / "libraries"))
    (picture_folder / "manifest.json").write_text('{"files": []}')
    assert run(colours, picture_folder)[-1].result.figures["pictures"] == 150


def test_a_map_does_not_open_on_a_library_that_was_made_anew(
    colours: Network, picture_folder: Path, library: Library
) -> None:
    folder = run(colours, library)[-1].detail["map"]
    (picture_folder / library.titles[0]).rename(picture_folder / "zzz.png")
    list(PatchScan(folder=str(library.folder), workers=0, restart=True).steps(colours, picture_folder))
    with pytest.raises(MapError, match="made anew since"):
        open_map(folder)


def test_a_part_of_a_large_set_is_spread_over_it(colours: Network, library: Library) -> None:
    opened = open_map(run(colours, library, most=30)[-1].result.facts["map"])
    assert len(opened.content.points) == 30
    assert opened.indices[0] == 0
    assert opened.indices[-1] == 149
    assert np.bincount(opened.content.pictures.labels).tolist() == [10, 10, 10]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_a_few_pictures_make_a_map(
    colours: Network, count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path))
    rng = np.random.default_rng(count)
    pictures = list(rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8))
    updates = run(colours, pictures)
    points = updates[-1].result.arrays["points"]
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()
    assert updates[-1].note
    assert updates[-1].result.facts["note"] == updates[-1].note
    assert len({tuple(point) for point in points.tolist()}) == count


@pytest.mark.parametrize("count", [2, 3])
def test_pictures_that_are_too_few_have_no_iterations_and_no_divergence(
    colours: Network, count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path))
    rng = np.random.default_rng(count)
    last = run(colours, list(rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)))[-1]
    assert last.metrics["iteration"] == 0
    assert last.note == f"{count} pictures are too few for t-SNE: they are laid out by their distances"
    assert last.result.figures == {"pictures": count}
    told = json.dumps([dict(last.result.figures), last.result.facts, dict(last.result.options)])
    assert "nan" not in told.casefold()
    points = last.result.arrays["points"]
    features = np.asarray(Library(last.result.facts["library"]).features)
    space = FeatureSpace.fit(features, "whitened").prepare(features)
    np.testing.assert_allclose(_between(points), _between(space), atol=1e-5)


def _between(points: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """All distances of points from each other."""
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


def test_no_pictures_are_refused(colours: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path))
    with pytest.raises(ValueError, match="empty"):
        run(colours, [])


def test_equal_features_are_refused_and_equal_pictures_are_not(
    colours: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path))
    same = [np.full((16, 16, 3), 90, np.uint8)] * 12
    with pytest.raises(ValueError, match="of all 12 pictures are equal"):
        run(colours, same)
    rng = np.random.default_rng(1)
    twins = list(rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)) * 2
    points = run(colours, twins)[-1].result.arrays["points"]
    assert np.isfinite(points).all()


def test_features_that_are_not_finite_are_refused(
    colours: Network, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = np.array(library.features)
    broken[4, 0] = np.nan
    monkeypatch.setattr(Library, "features", property(lambda _self: broken))
    with pytest.raises(ValueError, match=r"1 of 150 pictures are not finite \(the first is blue"):
        run(colours, library)


def test_a_library_of_another_network_is_refused(library: Library) -> None:
    module = Colours().eval()
    with torch.no_grad():
        module.fc.weight.mul_(2)
    other = Network(module, (16, 16), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), name="other")
    with pytest.raises(ValueError, match="made with colours"):
        run(other, library)


def test_a_cancelled_map_leaves_nothing(colours: Network, library: Library) -> None:
    steps: Iterator[RunUpdate] = Embedding(**QUICK).steps(colours, library)
    for update in steps:
        if "points" in update.detail:
            break
    steps.close()  # type: ignore[attr-defined]
    assert not (library.folder / "maps").exists()


def test_a_damaged_map_says_so(colours: Network, library: Library) -> None:
    folder = Path(run(colours, library)[-1].result.facts["map"])
    facts = json.loads((folder / "map.json").read_text())
    (folder / "map.json").write_text(json.dumps(facts | {"network_hash": "other"}))
    with pytest.raises(MapError, match="another network"):
        open_map(folder)
    (folder / "map.json").write_text("{")
    with pytest.raises(MapError, match="make the map again"):
        open_map(folder)
    assert maps_of([library.folder]) == ()


def test_the_run_is_registered_and_checks_its_options() -> None:
    assert registry()["embedding"] is Embedding
    assert deepvis.runs.Embedding is Embedding
    for wrong in ({"perplexity": 0}, {"metric": "chebyshev"}, {"most": 1}, {"seed": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Embedding(**wrong)
