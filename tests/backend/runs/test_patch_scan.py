"""Scans of sets of pictures against plain loops over single pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import deepvis
from deepvis import runs
from deepvis.backend.library import Library, LibraryError
from deepvis.backend.network import Network
from deepvis.messages import RunUpdate, UInt8Array
from tests.backend.library.pictures import colour_network, coloured_noise, few_levels, write_pictures


def scanned(net: Network, pictures: object, folder: Path, **options: object) -> tuple[Library, list[RunUpdate]]:
    run = runs.PatchScan(folder=str(folder), workers=0, **options)  # type: ignore[arg-type]
    updates = list(run.steps(net, pictures))
    source = pictures if isinstance(pictures, str | Path) else deepvis_set(pictures)
    return Library(folder, None if isinstance(source, str | Path) else source), updates


def deepvis_set(pictures: object):
    from deepvis.backend.picture_sets import open_set

    return open_set(pictures)  # type: ignore[arg-type]


def single_answers(
    net: Network, images: Sequence[UInt8Array], layers: Sequence[str], size: int
) -> tuple[dict[str, list[np.ndarray]], torch.Tensor]:
    """The layers' maps for each picture by itself, (C, H, W), and the logits (pictures, classes)."""
    found: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    logits = []
    for image in images:
        with torch.inference_mode():
            answer, captured = net.run(net.preprocess(image, size=(size, size)), layers)
        logits.append(answer.clone())
        for layer in layers:
            maps = net.arrange(captured[layer], layer)[0].numpy()
            found[layer].append(maps.copy() if maps.ndim == 3 else maps[:, None, None].copy())
    return found, torch.cat(logits)


def single_maps(
    net: Network, images: Sequence[UInt8Array], layers: Sequence[str], size: int
) -> dict[str, list[np.ndarray]]:
    """The layers' maps for each picture by itself, (C, H, W)."""
    return single_answers(net, images, layers, size)[0]


def check_layer(library: Library, name: str, maps: list[np.ndarray], labels: np.ndarray, tolerance: float) -> None:
    """Compare a layer with a loop over units and pictures; values that differ by rounding may change places."""
    record = library.layer(name)
    maxima = np.array([each.max((1, 2)) for each in maps])
    scale = tolerance * max(float(np.abs(each).max()) for each in maps)
    for unit in range(maxima.shape[1]):
        order = np.argsort(-maxima[:, unit], kind="stable")[: library.top]
        places = len(order)
        np.testing.assert_allclose(record.values[unit, :places], maxima[order, unit], atol=scale)
        assert len(set(record.pictures[unit, :places])) == places, "a picture has two places"
        for rank, (picture, (row, column)) in enumerate(
            zip(record.pictures[unit, :places], record.positions[unit, :places], strict=True)
        ):
            assert maps[picture][unit, row, column] == pytest.approx(record.values[unit, rank], abs=scale)
            assert maxima[picture, unit] == pytest.approx(record.values[unit, rank], abs=scale)
    assert np.isnan(record.values[:, len(maps) :]).all()
    assert (record.pictures[:, len(maps) :] == -1).all()
    np.testing.assert_allclose(record.maximum, maxima.max(0), atol=scale)
    np.testing.assert_allclose(record.mean, np.mean([each.mean((1, 2)) for each in maps], 0), atol=scale)
    np.testing.assert_allclose(record.mean_maximum, maxima.mean(0), atol=scale)
    near_zero = (np.abs(maxima) <= scale).mean(0)
    assert (np.abs(record.dead - (maxima <= 0).mean(0)) <= near_zero + 1e-12).all()
    for unit in range(maxima.shape[1]):
        expected, _ = np.histogram(np.clip(maxima[:, unit], record.edges[0], record.edges[-1]), record.edges)
        # A value within rounding of an edge may lie on either side of it.
        assert np.abs(np.cumsum(expected) - np.cumsum(record.histogram[unit])).max() <= 2
        assert record.histogram[unit].sum() == len(maps)
    for label in range(len(library.classes)):
        mine = maxima[labels == label]
        if len(mine):
            np.testing.assert_allclose(record.class_means[:, label], mine.mean(0), atol=scale)
        else:
            assert np.isnan(record.class_means[:, label]).all()
    with np.errstate(divide="ignore", invalid="ignore"):
        expected_correlation = np.corrcoef(maxima.T.astype(np.float64))
    alive = maxima.std(0) > 1e-3 * np.abs(maxima).max()
    both = np.ix_(alive, alive)
    if alive.any():
        np.testing.assert_allclose(
            library.correlation(name)[both], np.atleast_2d(expected_correlation)[both], atol=1e-3
        )


# ------------------------------------------------------------------------------------------------------- brute force


def test_500_pictures_of_tinynet_equal_a_loop(tmp_path: Path) -> None:
    net = deepvis.load("tinynet", device="cpu")
    images = coloured_noise(500)
    labels = np.arange(500) % 4
    layers = ("conv2", "conv4", "conv7", "fc")
    library, updates = scanned(
        net, list(zip(images, labels.tolist(), strict=True)), tmp_path / "library", layers=layers, size=32
    )
    assert library.layers == layers
    assert (library.count, library.total, library.complete) == (500, 500, True)
    assert [update.step for update in updates] == [*range(8, 497, 8), 500, 500], "pictures in steps, and the result"
    found, logits = single_answers(net, images, layers, 32)
    for layer, maps in found.items():
        check_layer(library, layer, maps, labels, 1e-4)
    assert (library.predicted == logits.argmax(1).numpy()).mean() > 0.99
    np.testing.assert_allclose(library.probability, torch.softmax(logits, 1).amax(1).numpy(), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "layers", "features"),
    [
        ("resnet18", ("conv1", "layer2.0", "layer4.1", "fc"), ("avgpool", "fc")),
        ("alexnet", ("features.0", "features.8", "classifier.6"), ("classifier.5", "classifier.6")),
    ],
)
def test_torchvision_networks_equal_a_loop(
    name: str, layers: tuple[str, ...], features: tuple[str, str], tmp_path: Path
) -> None:
    net = deepvis.load(name, device="cpu", weights="random")
    images = coloured_noise(41)
    library, _ = scanned(net, images, tmp_path, layers=layers, size=64, top=5)
    maps_of, expected = single_answers(net, images, layers, 64)
    for layer, maps in maps_of.items():
        check_layer(library, layer, maps, np.full(41, -1), 1e-4)
    # The features times the weights of the last linear layer are the logits.
    last = net.module.get_submodule(features[1])
    assert library.feature_layer == features[0]
    found = last(torch.from_numpy(np.array(library.features)))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_equal_values_go_to_the_first_picture_and_the_first_place(tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(70)
    library, _ = scanned(net, images, tmp_path, layers=("colours", "relu"))
    for name in ("colours", "relu"):
        maps = single_maps(net, images, [name], 8)[name]
        record = library.layer(name)
        for unit in range(5):
            maxima = [each[unit].max() for each in maps]
            best = sorted(range(70), key=lambda index: (-maxima[index], index))[:9]
            assert record.pictures[unit].tolist() == best
            for rank, index in enumerate(best):
                flat = int(np.argmax(maps[index][unit]))
                assert record.positions[unit, rank].tolist() == list(divmod(flat, 8))
    assert library.layer("colours").values[4].tolist() == [-1.0] * 9, (
        "a layer is seen before it is overwritten in place"
    )
    assert library.layer("relu").dead.tolist() == [0, 0, 0, 0, 1]
    assert library.layer("relu").values[4].tolist() == [0.0] * 9


# --------------------------------------------------------------------------------------------------------- options


def test_layers_by_default_are_those_with_weights(tmp_path: Path) -> None:
    library, _ = scanned(colour_network(), few_levels(3), tmp_path)
    assert library.layers == ("colours", "wide", "fc")


def test_all_takes_every_layer_and_a_name_that_is_not_there_names_its_neighbours(tmp_path: Path) -> None:
    net = colour_network()
    library, _ = scanned(net, few_levels(3), tmp_path / "a", layers=("all",))
    assert library.layers == ("colours", "relu", "wide", "pool", "fc"), "flattening changes nothing"
    with pytest.raises(KeyError, match="colours"):
        scanned(net, few_levels(3), tmp_path / "b", layers=("colour",))


def test_fewer_pictures_than_places_leave_places_empty(tmp_path: Path) -> None:
    library, _ = scanned(colour_network(), few_levels(2), tmp_path, top=4)
    record = library.layer("colours")
    assert (record.pictures[:, 2:] == -1).all()
    assert np.isnan(record.values[:, 2:]).all()
    with pytest.raises(IndexError, match="too few pictures"):
        library.patch("colours", 0, 3)


def test_a_set_without_pictures_and_wrong_options_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="no pictures|No pictures"):
        list(runs.PatchScan(folder=str(tmp_path / "a")).steps(colour_network(), tmp_path / "empty"))
    with pytest.raises(ValueError, match="top 0 is out of range"):
        runs.PatchScan(top=0)
    with pytest.raises(ValueError, match="batch"):
        runs.PatchScan(batch=12)


def test_pictures_in_memory_without_a_folder_give_the_same_result(tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(40)
    library, _ = scanned(net, images, tmp_path)
    *_, last = runs.PatchScan().steps(net, images)
    for name in library.layers:
        np.testing.assert_array_equal(last.result.arrays[f"{name} pictures"], library.layer(name).pictures)
        np.testing.assert_array_equal(last.result.arrays[f"{name} values"], library.layer(name).values)
    assert Library(last.result.facts["library"], deepvis_set(images)).picture(3).shape == (8, 8, 3)
    with pytest.raises(LibraryError, match="in memory"):
        Library(last.result.facts["library"]).picture(3)


def test_features_and_thumbnails_can_be_left_out(tmp_path: Path) -> None:
    library, _ = scanned(colour_network(), few_levels(3), tmp_path, features=False, thumbnails=False)
    with pytest.raises(LibraryError, match="--features"):
        _ = library.features
    with pytest.raises(LibraryError, match="--thumbnails"):
        _ = library.thumbnails
    assert not (tmp_path / "features.npy").exists()


def test_half_precision_gives_nearly_the_same(tmp_path: Path) -> None:
    net, images = colour_network(), coloured_noise(20)
    exact, _ = scanned(net, images, tmp_path / "a")
    rough, _ = scanned(net, images, tmp_path / "b", precision="bf16")
    assert rough.manifest.numbers.startswith("bf16")
    np.testing.assert_allclose(rough.layer("wide").maximum, exact.layer("wide").maximum, rtol=0.03, atol=0.03)
    assert not np.array_equal(rough.layer("wide").maximum, exact.layer("wide").maximum)


def test_the_batch_changes_nothing_but_memory(tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(50)
    whole, _ = scanned(net, images, tmp_path / "a", batch=32)
    small, _ = scanned(net, images, tmp_path / "b", batch=4)
    np.testing.assert_array_equal(whole.layer("colours").pictures, small.layer("colours").pictures)
    np.testing.assert_array_equal(whole.layer("colours").histogram, small.layer("colours").histogram)


# --------------------------------------------------------------------------------------------------- odd pictures


def test_unreadable_pictures_are_counted_and_listed_and_change_nothing(tmp_path: Path) -> None:
    images = few_levels(40)
    folder = write_pictures(tmp_path / "set", images, ("cat", "dog"))
    for place, content in (("cat/0003.png", b"not a picture"), ("dog/0033.png", b"")):
        (folder / place).write_bytes(content)
    library, updates = scanned(colour_network(), folder, tmp_path / "library", layers=("colours", "fc"))
    assert [title for title, _ in library.skipped] == ["cat/0003.png", "dog/0033.png"]
    assert all(reason for _, reason in library.skipped)
    assert updates[-1].metrics["skipped"] == 2
    assert library.valid.sum() == 38
    kept = [image for index, image in enumerate(images) if index not in (3, 33)]
    names = [title for index, title in enumerate(library.titles) if index not in (3, 33)]
    alone, _ = scanned(colour_network(), kept, tmp_path / "alone", layers=("colours", "fc"))
    for name in ("colours", "fc"):
        mine, other = library.layer(name), alone.layer(name)
        np.testing.assert_allclose(mine.values, other.values, rtol=1e-5)
        np.testing.assert_allclose(mine.mean, other.mean, rtol=1e-5)
        np.testing.assert_array_equal(mine.dead, other.dead)
        np.testing.assert_allclose(library.correlation(name), alone.correlation(name), atol=1e-4)
    colours, other = library.layer("colours"), alone.layer("colours")
    assert [[library.titles[i] for i in row] for row in colours.pictures] == [
        [names[i] for i in row] for row in other.pictures
    ]
    assert library.predicted[3] == -1
    assert np.isnan(library.probability[33])
    assert not np.array(library.features[3]).any()
    assert library.classes == ("cat", "dog")
    assert np.isfinite(colours.class_means).all()


class _Broken(torch.nn.Module):
    """Answers with NaN at the first position of unit 0 where a picture begins with white, and everywhere in unit 1."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 2, 1)
        self.fc = torch.nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        white = x[:, 0, 0, 0] > 0.99
        maps = self.first(x)
        maps = maps + torch.zeros_like(maps)
        maps[white, 0, 0, 0] = torch.nan
        maps[white, 1] = torch.nan
        maps = self.out(maps)
        return self.fc(torch.nan_to_num(maps).mean((2, 3)))


def test_values_that_are_no_numbers_never_win_and_are_counted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = _Broken()
    module.out = torch.nn.Identity()
    net = Network(module, (8, 8), mean=(0.0,) * 3, std=(1.0,) * 3, name="broken")
    images = few_levels(10)
    for index in (2, 5):
        images[index][0, 0] = 255
    for index in (0, 1, 3, 4, 6, 7, 8, 9):
        images[index][0, 0] = 0
    labelled = [(image, index % 2) for index, image in enumerate(images)]
    library, updates = scanned(net, labelled, tmp_path, layers=("out",), top=10)
    record = library.layer("out")
    assert record.counted.tolist() == [8, 8]
    assert sorted(record.pictures[0].tolist()) == list(range(10)), "the rest of the map counts"
    assert sorted(record.pictures[1, :8].tolist()) == [0, 1, 3, 4, 6, 7, 8, 9]
    assert (record.pictures[1, 8:] == -1).all()
    assert np.isfinite(record.values[0]).all()
    whole = [index for index in range(10) if index not in (2, 5)]
    maps = single_maps(net, images, ["out"], 8)["out"]
    np.testing.assert_allclose(record.mean, np.mean([maps[index].mean((1, 2)) for index in whole], 0), rtol=1e-5)
    even = np.mean([maps[index].max((1, 2)) for index in whole if index % 2 == 0], 0)
    np.testing.assert_allclose(record.class_means[:, 0], even, rtol=1e-5)
    assert "2 units" in updates[-1].note


# ------------------------------------------------------------------------------------------------------ going on


def test_a_scan_that_was_closed_goes_on_where_it_was(tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(200)
    whole, _ = scanned(net, images, tmp_path / "whole")
    run = runs.PatchScan(folder=str(tmp_path / "parts"), workers=0)
    steps = run.steps(net, images)
    for _ in range(3 * 4 + 2):
        last = next(steps)
    assert last.step == 3 * 32 + 2 * 8
    steps.close()
    half = Library(tmp_path / "parts")
    assert (half.count, half.complete) == (96, False)
    assert half.valid.sum() == 96
    updates = list(run.steps(net, images))
    assert updates[0].step == 96 + 8, "a block that was begun is begun anew"
    parts = Library(tmp_path / "parts")
    assert parts.complete
    for name in whole.layers:
        for what in ("values", "pictures", "positions", "mean", "histogram", "sample_maxima"):
            np.testing.assert_array_equal(getattr(whole.layer(name), what), getattr(parts.layer(name), what))
    assert len(list(run.steps(net, images))) == 1, "a complete library is answered at once"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"top": 3}, "patches a unit: 9; of this scan: 3"),
        ({"layers": ("fc",)}, "layers"),
        ({"fit": "stretch"}, "fit"),
        ({"thumbnails": False}, "thumbnails"),
        ({"size": 40}, r"its input size: \d+ × \d+ px; of this scan: 40 × 40 px"),
    ],
)
def test_another_scan_in_the_same_folder_is_refused(change: dict[str, object], told: str, tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(5)
    scanned(net, images, tmp_path)
    with pytest.raises(LibraryError, match=told) as caught:
        scanned(net, images, tmp_path, **change)
    assert "--restart" in caught.value.remedy
    library, _ = scanned(net, images, tmp_path, restart=True, **change)
    assert library.complete


def test_other_pictures_or_weights_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(5)
    scanned(net, images, tmp_path)
    with pytest.raises(LibraryError, match="changed, renamed or exchanged"):
        scanned(net, few_levels(5, seed=1), tmp_path)
    with pytest.raises(LibraryError, match="number of pictures: 5; of this scan: 6"):
        scanned(net, few_levels(6), tmp_path)
    other = colour_network()
    with torch.no_grad():
        other.module.get_parameter("fc.bias").add_(1)
    with pytest.raises(LibraryError, match="network 'colours'"):
        scanned(other, images, tmp_path)


def test_other_classes_of_the_same_pictures_are_refused(tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(64)
    steps = runs.PatchScan(folder=str(tmp_path), workers=0).steps(
        net, [(each, "ab"[each[0, 0, 0] % 2]) for each in images]
    )
    while next(steps).step < 32:
        pass
    steps.close()  # type: ignore[attr-defined]
    with pytest.raises(LibraryError, match="belonged to other classes"):
        scanned(net, [(each, "xyz"[index % 3]) for index, each in enumerate(images)], tmp_path)


def test_a_library_that_is_being_written_is_not_written_by_another(tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(70)
    steps = runs.PatchScan(folder=str(tmp_path), workers=0).steps(net, images)
    next(steps)
    with pytest.raises(LibraryError, match="is being written"):
        scanned(net, images, tmp_path)
    steps.close()
    assert scanned(net, images, tmp_path)[0].complete


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(LibraryError, match="other files"):
        scanned(colour_network(), few_levels(3), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("restart", [False, True])
def test_what_others_keep_in_the_folder_is_never_removed(restart: bool, tmp_path: Path) -> None:
    net, images = colour_network(), few_levels(4)
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "manifest.json").write_text('{"name": "an app"}')
    np.save(strange / "thesis.npy", np.zeros(3))
    with pytest.raises(LibraryError, match="other files"):
        scanned(net, images, strange, restart=restart)
    assert sorted(path.name for path in strange.iterdir()) == ["manifest.json", "thesis.npy"]

    folder = tmp_path / "library"
    scanned(net, images, folder)
    own = folder / "state-of-the-art" / "notes.txt"
    own.parent.mkdir()
    own.write_text("mine")
    np.save(folder / "thesis.npy", np.zeros(3))
    (folder / "manifest.json").unlink()
    scanned(net, images, folder, restart=restart)
    assert own.read_text() == "mine"
    assert (folder / "thesis.npy").exists()
    assert len(list(folder.glob("state-0*"))) == 1, "what was of the library before is removed"


@pytest.mark.skipif(sys.platform == "win32", reason="locks are others there")
def test_a_scan_goes_on_where_the_file_system_knows_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    library, _ = scanned(colour_network(), few_levels(3), tmp_path)
    assert library.complete


def test_batches_without_a_picture_go_through_the_network_once_and_leave_the_same_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepvis.backend.library.scanner import Scanner

    source = write_pictures(tmp_path / "set", coloured_noise(200))
    for index in (*range(16, 33), *range(64, 128), *range(160, 190)):
        (source / f"{index:04d}.png").write_bytes(b"")
    net = colour_network()
    seen: list[int] = []
    net.module.get_submodule("colours").register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))

    def passes(folder: Path) -> tuple[Library, int]:
        seen.clear()
        library, _ = scanned(net, source, folder, layers=("all",), batch=8)
        return library, seen.count(8)

    with monkeypatch.context() as patch:
        patch.setattr(Scanner, "_answers", Scanner._passed)
        plain, all_of_them = passes(tmp_path / "plain")
    quick, fewer = passes(tmp_path / "quick")
    without = 2 + 8 + 3
    assert all_of_them - fewer == without - 1
    files = sorted(path.relative_to(plain.folder) for path in plain.folder.glob("*.npy"))
    (one,), (other,) = plain.folder.glob("state-*"), quick.folder.glob("state-*")
    pairs = [(plain.folder / name, quick.folder / name) for name in files]
    pairs += [(path, other / path.name) for path in one.glob("*.npy")]
    assert len(pairs) > 14
    for first, second in pairs:
        assert first.read_bytes() == second.read_bytes(), first.name
    assert plain.skipped == quick.skipped


def test_what_was_left_out_of_the_set_is_told_at_the_end(tmp_path: Path) -> None:
    source = deepvis_set(few_levels(3))
    source.notes = tuple(f"The folder {number} cannot be read." for number in range(5))
    _, updates = scanned(colour_network(), source, tmp_path)
    told = " ".join(f"The folder {number} cannot be read." for number in range(3))
    assert updates[-1].note == f"{told} 2 more such notes."


def test_too_little_room_is_told_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**6, 10**6 - 100, 100))
    with pytest.raises(LibraryError, match="too little room"):
        scanned(colour_network(), few_levels(3), tmp_path / "library")


def test_patches_are_shown_while_the_scan_goes_on(tmp_path: Path) -> None:
    _, updates = scanned(colour_network(), few_levels(70), tmp_path)
    assert [set(update.metrics) for update in updates] == [{"pictures", "skipped", "pictures_per_second"}] * 10
    assert [update.metrics["pictures"] for update in updates] == [8, 16, 24, 32, 40, 48, 56, 64, 70, 70]
    assert {(update.step, update.total) for update in updates[-2:]} == {(70, 70)}
    for update in updates:
        assert update.image.dtype == np.uint8
        assert update.image.ndim == 3
        assert update.detail["library"] == str(tmp_path)
    result = updates[-1].result
    assert result.facts["library"] == str(tmp_path)
    silent = sum(int((result.arrays[f"{name} maximum"] <= 0).sum()) for name in result.facts["layers"])
    assert result.figures["dead_units"] == silent > 0
