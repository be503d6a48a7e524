"""What is read from a library: patches where they are, statistics that do not depend on the order of pictures."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import deepvis
from deepvis import runs
from deepvis.backend.library import Library, LibraryError, libraries
from deepvis.backend.library.correlation import correlation
from deepvis.backend.library.export import unit_patches, write_layer, write_unit
from deepvis.backend.library.sample import sample_of
from deepvis.backend.library.scale import BINS, bins_of, edges, exponent_of, from_units, to_units
from deepvis.backend.library.state import current_states
from deepvis.backend.library.strongest import Strongest
from deepvis.backend.network import Network
from deepvis.messages import RunUpdate, UInt8Array
from tests.backend.library.pictures import colour_network, coloured_noise, few_levels, write_pictures


def scan(net: Network, pictures: object, folder: Path, **options: object) -> Library:
    from deepvis.backend.picture_sets import open_set

    source = open_set(pictures)  # type: ignore[arg-type]
    list(runs.PatchScan(folder=str(folder), workers=0, **options).steps(net, source))  # type: ignore[arg-type]
    return Library(folder, source)


def through(steps: Iterator[RunUpdate], pictures: int) -> None:
    """Go on until so many pictures are through."""
    while next(steps).step < pictures:
        pass


# --------------------------------------------------------------------------------------------------------- patches


class _Spot(torch.nn.Module):
    """One unit that is the red of the middle of its 5 × 5 field, which moves by 2."""

    def __init__(self) -> None:
        super().__init__()
        self.spot = torch.nn.Conv2d(3, 1, 5, stride=2, padding=2)
        self.fc = torch.nn.Linear(1, 2)
        with torch.no_grad():
            self.spot.weight.zero_()[0, 0, 2, 2] = 1
            self.spot.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.spot(x).mean((2, 3)))


def spotted(height: int, width: int, row: int, column: int) -> UInt8Array:
    """A picture with one red pixel on a ground that tells each place."""
    rows, columns = np.indices((height, width))
    picture = np.stack([np.full((height, width), 10), rows * 3, columns * 3], -1).astype(np.uint8)
    picture[row, column, 0] = 250
    return picture


@pytest.fixture
def spot() -> Network:
    return Network(_Spot(), (16, 16), mean=(0.25, 0.5, 0.75), std=(1.0,) * 3, name="spot")


def test_a_patch_is_the_exact_receptive_field(spot: Network, tmp_path: Path) -> None:
    picture = spotted(16, 16, 6, 10)
    library = scan(spot, [picture], tmp_path)
    patch = library.patch("spot", 0, 0)
    assert patch.position == (3, 5)
    assert patch.seen_box == (4, 8, 9, 13)
    assert patch.box == (4, 8, 9, 13)
    np.testing.assert_array_equal(patch.pixels, picture[4:9, 8:13])
    assert patch.value == pytest.approx(250 / 255 - 0.25)
    assert (patch.picture, patch.title, patch.label) == (0, "picture 0", -1)


def test_a_patch_at_the_border_has_the_mean_colour_beyond_it(spot: Network, tmp_path: Path) -> None:
    picture = spotted(16, 16, 0, 14)
    library = scan(spot, [picture], tmp_path)
    patch = library.patch("spot", 0, 0)
    assert patch.seen_box == (-2, 12, 3, 17)
    assert patch.box == (0, 12, 3, 16)
    np.testing.assert_array_equal(patch.pixels[2:, :4], picture[0:3, 12:16])
    assert (patch.pixels[:2] == (64, 128, 191)).all()
    assert (patch.pixels[:, 4] == (64, 128, 191)).all()


def test_a_box_in_a_larger_picture_is_in_its_own_pixels(spot: Network, tmp_path: Path) -> None:
    # 32 × 64 is halved to 16 × 32, of which the middle 16 columns are seen.
    picture = np.repeat(np.repeat(spotted(16, 32, 6, 18), 2, 0), 2, 1)
    library = scan(spot, [picture], tmp_path)
    patch = library.patch("spot", 0, 0)
    assert patch.seen_box == (4, 8, 9, 13)
    assert patch.box == (8, 2 * (8 + 8), 18, 2 * (8 + 13))
    stretched = scan(spot, [picture], tmp_path / "stretched", fit="stretch").patch("spot", 0, 0)
    top, left, bottom, right = stretched.box
    assert 2 * 6 in range(int(top), int(bottom)), "the red spot is in it"
    assert 2 * 18 in range(int(left), int(right))


def test_a_field_larger_than_the_input_is_cut_to_the_input(tmp_path: Path) -> None:
    net = deepvis.load("tinynet", device="cpu")
    library = scan(net, coloured_noise(3), tmp_path, layers=("conv7", "fc"), size=32)
    field = library.layer("conv7").receptive_field
    assert field is not None
    assert min(field.size) > 32
    patch = library.patch("conv7", 5, 0)
    assert max(patch.pixels.shape[:2]) <= 32
    top, left, bottom, right = patch.seen_box
    np.testing.assert_array_equal(patch.pixels, library.seen(patch.picture)[top:bottom, left:right])
    whole = library.patch("fc", 7, 0)
    assert whole.seen_box == (0, 0, 32, 32)
    assert whole.position == (0, 0)


def test_a_grey_network_shows_grey_patches(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    net = Network(module, (12, 20), mean=0.5, std=0.25, name="grey")
    library = scan(net, coloured_noise(5), tmp_path, layers=("0",))
    patch = library.patch("0", 1, 0)
    assert patch.pixels.shape == (3, 3, 3)
    assert (patch.pixels[..., :1] == patch.pixels).all()
    assert library.thumbnails.shape == (5, 48, 48, 3)
    assert library.seen(0).shape == (12, 20, 3)


def test_exported_patches_are_those_of_the_library(spot: Network, tmp_path: Path) -> None:
    library = scan(spot, coloured_noise(12), tmp_path / "library")
    for (unit, rank), pixels in unit_patches(library, "spot", [0]):
        np.testing.assert_array_equal(pixels, library.patch("spot", unit, rank).pixels)
    assert list(write_layer(library, "spot", tmp_path))[-1] == 1
    assert {path.name for path in tmp_path.glob("spot.*")} == {"spot.png", "spot.csv"}
    head, row = (tmp_path / "spot.csv").read_text().splitlines()
    values = dict(zip(head.split(","), row.split(","), strict=True))
    record = library.layer("spot")
    assert float(values["maximum"]) == pytest.approx(record.maximum[0], rel=1e-6)
    assert values["strongest picture"] == library.titles[record.pictures[0, 0]]
    files = write_unit(library, "spot", 0, tmp_path)
    assert [path.name.split("-")[0] for path in files] == [str(n) for n in range(1, 10)]
    with pytest.raises(IndexError, match="units 0 to 0"):
        write_unit(library, "spot", 1, tmp_path)


# ----------------------------------------------------------------------------------------- order does not matter


def _rounds(rng: np.random.Generator, values: np.ndarray) -> Iterator[np.ndarray]:
    order = rng.permutation(len(values))
    yield from np.array_split(order, 7)


def test_the_sheet_of_units_that_see_the_whole_picture_takes_little_memory(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vector = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 300))
    library = scan(
        Network(vector, (160, 160), name="vector"), coloured_noise(4), tmp_path / "library", layers=("2",), top=3
    )
    whole = 300 * 3 * 160 * 160 * 3
    tracemalloc.start()
    try:
        assert list(write_layer(library, "2", tmp_path))[-1] == 1
        assert tracemalloc.get_traced_memory()[1] < 0.6 * whole
    finally:
        tracemalloc.stop()


def test_the_strongest_are_the_same_in_any_order_and_when_merged() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-3, 3, (200, 6)).astype(np.float32)
    values[:, 3] = np.nan
    values[:, 4] = np.where(rng.random(200) < 0.98, -np.inf, 1)
    values[5, 5] = np.inf
    expected = [
        sorted((i for i in range(200) if values[i, u] > -np.inf), key=lambda i: (-values[i, u], i))[:4]
        for u in range(6)
    ]
    for _ in range(5):
        parts = [Strongest.empty(6, 4), Strongest.empty(6, 4)]
        for number, chosen in enumerate(_rounds(rng, values)):
            part = parts[number % 2]
            pictures = np.sort(chosen).astype(np.int32)
            wanted = part.wanted(values[pictures], pictures, slice(0, 6))
            units, rows = np.nonzero(wanted.T)
            positions = np.stack([pictures[rows] * 2, units], 1).astype(np.int32)
            part.add(units, values[pictures[rows], units], pictures[rows], positions)
        parts[0].merge(parts[1])
        for unit in range(6):
            places = len(expected[unit])
            assert parts[0].pictures[unit, :places].tolist() == expected[unit]
            assert (parts[0].pictures[unit, places:] == -1).all()
            assert parts[0].positions[unit, :places, 0].tolist() == [2 * i for i in expected[unit]]


def test_of_one_photographs_pictures_the_strongest_alone_has_a_place_in_any_order_and_when_merged() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(-30, 30, (200, 6)).astype(np.float32)
    values[:, 3] = np.nan
    values[:, 4] = np.where(rng.random(200) < 0.98, -np.inf, 1)
    values[:, 5] = rng.integers(0, 2, 200)  # the same value again and again
    photographs = rng.integers(0, 9, 200).astype(np.int32)
    photographs[:100] = 0
    found = []
    for _ in range(5):
        parts = [Strongest.empty(6, 4, photographs) for _ in range(3)]
        for number, chosen in enumerate(_rounds(rng, values)):
            part = parts[number % 3]
            pictures = np.sort(chosen).astype(np.int32)
            units, rows = np.nonzero(part.wanted(values[pictures], pictures, slice(0, 6)).T)
            positions = np.stack([pictures[rows] * 2, units], 1).astype(np.int32)
            part.add(units, values[pictures[rows], units], pictures[rows], positions)
        parts[0].merge(parts[1])
        parts[0].merge(parts[2])
        found.append([parts[0].values.tobytes(), parts[0].pictures.tobytes(), parts[0].positions.tobytes()])
    assert all(each == found[0] for each in found)
    for unit in range(6):
        best: dict[int, int] = {}
        for index in sorted((i for i in range(200) if values[i, unit] > -np.inf), key=lambda i: (-values[i, unit], i)):
            best.setdefault(int(photographs[index]), index)
        expected = (list(best.values()) + [-1] * 4)[:4]
        assert parts[0].pictures[unit].tolist() == expected


def test_patches_of_the_sample_photographs_are_of_one_photograph_each(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    net = colour_network()
    *_, last = runs.PatchScan(folder=str(tmp_path), workers=0, top=5).steps(net, "samples:")
    library = Library(last.detail["library"])
    for name in library.layers:
        record = library.layer(name)
        shown = np.where(record.pictures >= 0, library.labels[record.pictures], -1 - np.arange(5))
        assert all(len(set(row)) == 5 for row in shown.tolist())
        maxima = record.sample_maxima.max(0)
        assert np.array_equal(record.maximum, maxima), "what all crops come to is as it was"


def test_sums_are_the_same_to_the_bit_in_any_order_and_as_exact_as_single_precision() -> None:
    rng = np.random.default_rng(1)
    values = (rng.standard_normal((5000, 3)) * (1, 1e-3, 300)).astype(np.float32)
    exponent = np.array([exponent_of(float(np.abs(values[:, u]).max())) for u in range(3)], np.int32)
    sums = [to_units(values[order], exponent, 5000).sum(0) for order in (slice(None), rng.permutation(5000))]
    np.testing.assert_array_equal(*sums)
    np.testing.assert_allclose(from_units(sums[0], exponent), values.astype(np.float64).sum(0), rtol=1e-6)


def test_numbers_that_would_overflow_are_clipped() -> None:
    total = 1_300_000
    found = to_units(np.full((1, 1), 3e38, np.float32), np.zeros(1, np.int32), total)
    assert 0 < int(found[0, 0]) * total < 2**63
    assert from_units(found, 0)[0, 0] > 1000


def test_bins_are_those_of_a_histogram() -> None:
    layer_edges = edges(3)
    assert len(layer_edges) == BINS + 1
    assert (np.diff(layer_edges) > 0).all()
    values = np.concatenate([np.random.default_rng(2).normal(0, 5, 2000), [0, 1e9, -1e9], layer_edges[5:9]])
    values = values.astype(np.float32)
    expected, _ = np.histogram(np.clip(values, layer_edges[0], np.nextafter(layer_edges[-1], 0)), layer_edges)
    np.testing.assert_array_equal(np.bincount(bins_of(values, layer_edges), minlength=BINS), expected)
    assert bins_of(np.zeros(1, np.float32), layer_edges) == BINS // 2


def test_a_sample_is_fixed_and_spread() -> None:
    assert sample_of(4096).tolist() == list(range(4096))
    sample = sample_of(1_000_000)
    assert len(set(sample.tolist())) == 4096
    assert (np.diff(sample) > 0).all()
    parts, _ = np.histogram(sample, 16, (0, 1_000_000))
    assert parts.min() > 150
    np.testing.assert_array_equal(sample, sample_of(1_000_000))


def test_correlation_leaves_out_units_that_never_change() -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_normal((300, 4)).astype(np.float32)
    values[:, 1] = 2 * values[:, 0] + 1
    values[:, 2] = 0.1
    found = correlation(values)
    expected = np.corrcoef(values[:, [0, 1, 3]].T)
    np.testing.assert_allclose(found[np.ix_([0, 1, 3], [0, 1, 3])], expected, atol=1e-6)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()
    assert np.isnan(correlation(values[:1])).all()


# -------------------------------------------------------------------------------------------------------- the folder


def test_a_library_is_read_while_it_is_written(tmp_path: Path) -> None:
    from deepvis.backend.library import writer

    net = colour_network()
    source = write_pictures(tmp_path / "set", few_levels(100))
    target = tmp_path / "library"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "_SHORTEST", 0.0)
        patch.setattr(writer, "_SHARE", float("inf"))
        steps = runs.PatchScan(folder=str(target), workers=0).steps(net, source)
        through(steps, 32)
        early = Library(target)
        through(steps, 64)
        later = Library(target)
        counts = [early.count, later.count]
        steps.close()
    assert counts == [32, 64]
    assert later.revision > early.revision
    assert early.layer("colours").counted[0] == 32, "what was opened stays, though the scan has replaced its files"
    assert early.patch("colours", 0, 0).pixels.shape == (1, 1, 3)
    assert (early.predicted[32:] == -1).all()
    assert np.isnan(early.probability[32:]).all()
    assert early.layer("colours").sample_maxima.shape == (32, 5)


def test_a_disk_that_fills_up_is_told_and_what_was_saved_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from deepvis.backend.atomic_file import ExportError
    from deepvis.backend.library import state, writer

    monkeypatch.setattr(writer, "_SHORTEST", 0.0)
    monkeypatch.setattr(writer, "_SHARE", float("inf"))
    net, images = colour_network(), few_levels(100)
    run = runs.PatchScan(folder=str(tmp_path / "library"), workers=0)
    steps = run.steps(net, images)
    through(steps, 32)

    def refuse(_file: object, _array: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(state, "_write_array", refuse)
        with pytest.raises(ExportError, match="The disk is full"):
            through(steps, 64)
    assert Library(tmp_path / "library").count == 32
    assert [path for path in (tmp_path / "library").iterdir() if path.name.endswith(".part")] == []
    *_, last = run.steps(net, images)
    assert last.metrics["pictures"] == 100


def test_libraries_lists_what_lies_in_the_folder_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path / "libraries"))
    net = colour_network()
    assert libraries() == ()
    for name in ("one", "two"):
        source = write_pictures(tmp_path / name, few_levels(4), ("cat", "dog"))
        list(runs.PatchScan(workers=0).steps(net, source))
    (tmp_path / "libraries" / "something else").mkdir()
    newest, oldest = libraries()
    assert (newest.title, oldest.title) == ("two", "one")
    assert newest.set_spec == str(tmp_path / "two")
    assert (newest.network_hash, newest.count, newest.total, newest.complete) == (net.hash, 4, 4, True)
    assert newest.classes == ("cat", "dog")
    assert newest.options["top"] == 9
    assert 0 < newest.size < 10**6
    again = list(runs.PatchScan(workers=0).steps(net, tmp_path / "one"))
    assert again[-1].detail["library"] == oldest.folder, "the same scan finds its library again"
    assert len(libraries()) == 2


def test_what_is_no_library_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"holds no manifest.json"):
        Library(tmp_path)
    library = scan(colour_network(), few_levels(3), tmp_path / "library")
    with pytest.raises(KeyError, match="'colours'"):
        library.layer("colors")
    with pytest.raises(IndexError, match="units 0 to 4"):
        library.patch("colours", 5, 0)
    (state,), _ = current_states(library.folder, 1)
    (state / "values.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(LibraryError, match="is damaged"):
        Library(library.folder)
    manifest = json.loads((library.folder / "manifest.json").read_text())
    (library.folder / "manifest.json").write_text(json.dumps(manifest | {"version": 99}))
    with pytest.raises(LibraryError, match="version 99"):
        Library(library.folder)


@pytest.mark.parametrize("damage", ["emptied", "cut", "exchanged", "removed"])
def test_whatever_is_damaged_is_told_and_hides_no_other_library(damage: str, tmp_path: Path) -> None:
    net, source = colour_network(), write_pictures(tmp_path / "set", few_levels(6), ("a", "b"))
    shelf = tmp_path / "shelf"
    good = scan(net, source, shelf / "good").folder
    names = [path.relative_to(good) for path in good.rglob("*.*") if path.suffix in (".npy", ".json")]
    assert len(names) == 22
    for name in names:
        broken = shutil.copytree(good, shelf / "broken")
        file = broken / name
        if damage == "removed":
            file.unlink()
        elif damage == "exchanged":
            file.write_text("[]") if file.suffix == ".json" else np.save(file, np.zeros((2, 7), np.float64))
        else:
            file.write_bytes(file.read_bytes()[: 0 if damage == "emptied" else file.stat().st_size // 2])
        # A state that has lost its list of blocks counts as one that is just being replaced.
        if not (damage == "removed" and file.name == "done.npy"):
            with pytest.raises(LibraryError, match=r"restart|try again|deepvis scan wrote"):
                use(Library(broken))
        assert good.name in [Path(info.folder).name for info in libraries(shelf)], name
        shutil.rmtree(broken)


def use(library: Library) -> None:
    """Look at all that is in a library."""
    assert len(library.predicted) == len(library.probability) == len(library.features) == len(library.thumbnails)
    for name in library.layers:
        assert len(library.layer(name).values) == len(library.correlation(name))


@pytest.mark.parametrize("name", ["features.npy", "titles.json", "state.json", "counted.npy"])
def test_a_damaged_library_is_not_gone_on_with_but_begun_anew(name: str, tmp_path: Path) -> None:
    net, images, folder = colour_network(), few_levels(6), tmp_path / "library"
    expected = scan(net, images, folder).layer("fc")
    (damaged,) = folder.rglob(name)
    damaged.write_bytes(b"")
    with pytest.raises(LibraryError, match="--restart"):
        scan(net, images, folder)
    again = scan(net, images, folder, restart=True).layer("fc")
    assert np.array_equal(again.values, expected.values, equal_nan=True)


def test_the_size_of_a_library_is_told_while_folders_of_it_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    library = scan(colour_network(), few_levels(3), tmp_path / "shelf" / "library")
    listed = os.scandir

    def removing(path: str | Path) -> Iterator[os.DirEntry[str]]:
        if "state-" in str(path):
            raise FileNotFoundError(path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", removing)
    (info,) = libraries(tmp_path / "shelf")
    assert Path(info.folder) == library.folder


def test_a_set_that_has_other_pictures_now_is_told(tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "set", few_levels(5))
    list(runs.PatchScan(folder=str(tmp_path / "library"), workers=0).steps(colour_network(), source))
    (source / "0002.png").unlink()
    with pytest.raises(LibraryError, match="holds 4 pictures now, and held 5"):
        Library(tmp_path / "library").picture(0)


def test_a_picture_that_is_another_now_is_not_shown_for_the_one_that_was_scanned(tmp_path: Path) -> None:
    images = few_levels(6)
    source = write_pictures(tmp_path / "set", images[:5])
    scan(colour_network(), source, tmp_path / "library")
    (source / "0002.png").rename(source / "9999.png")
    library = Library(tmp_path / "library")
    assert np.array_equal(library.picture(1), images[1])
    with pytest.raises(LibraryError, match=r"is 0003\.png now, and was 0002\.png"):
        library.picture(2)
    with pytest.raises(LibraryError, match=r"9999\.png now"):
        library.source(range(4, 5))


def test_a_picture_of_another_size_under_the_same_name_is_not_shown(tmp_path: Path) -> None:
    """Those of torchvision's data sets have numbers for names."""
    here = write_pictures(tmp_path / "set" / "class", coloured_noise(3)).parent
    spec = f"torchvision:ImageFolder:{here}"
    *_, last = runs.PatchScan(folder=str(tmp_path / "library"), workers=0).steps(colour_network(), spec)
    Image.new("RGB", (9, 7), "red").save(here / "class" / "0001.png")
    library = Library(last.detail["library"])
    assert library.picture(0).shape == (24, 24, 3)
    with pytest.raises(LibraryError, match="ImageFolder 1 has 7 × 9 px now, and had 20 × 36 px when it was scanned"):
        library.picture(1)


def test_pictures_that_are_kept_take_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepvis.backend.library import library as module

    library = scan(colour_network(), few_levels(6), tmp_path / "library")
    size = library.picture(0).nbytes
    monkeypatch.setattr(module, "_KEPT_BYTES", 3 * size)
    for index in (0, 1, 2, 0, 3, 4):
        library.picture(index)
    assert list(library._pictures) == [0, 3, 4], "those that were not asked for the longest leave"
    monkeypatch.setattr(module, "_KEPT_BYTES", size // 2)
    assert library.picture(5) is library.picture(5)


def test_features_that_the_network_does_not_have_are_not_blamed_on_the_options(tmp_path: Path) -> None:
    net = Network(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), (8, 8), name="plain")
    with pytest.raises(LibraryError, match="name a layer"):
        _ = scan(net, few_levels(3), tmp_path / "without").features
    with pytest.raises(LibraryError, match="--features"):
        _ = scan(colour_network(), few_levels(3), tmp_path / "left out", features=False).features


def test_it_opens_from_the_package() -> None:
    assert deepvis.Library is Library
    assert deepvis.libraries is libraries
