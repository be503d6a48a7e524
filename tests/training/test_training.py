"""Training, folding, evaluation and export, on tiny synthetic sets; and the bundled networks on the real one."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from deepvis.backend.zoo.bundled import load_bundled
from training import batches
from training import data as sets
from training.evaluate import EPSILON, accuracy, main, normalised, pgd, robust_accuracy, subject
from training.export import export, half, relative_difference
from training.network import TrainedNet, fold
from training.recipes import RECIPES, Attack, Phase, Recipe
from training.train import Trainer, read_checkpoint, run

TINY = Recipe(
    name="tiny",
    widths=(8, 8, 8, 8, 8, 8, 8),
    images=160,
    batch=16,
    peak_rate=0.1,
    rise=0.3,
    phases=(Phase(0.5, ((32, 1.0),)), Phase(1.0, ((64, 0.5), (96, 0.5)))),
    label_smoothing=0.0,
)
CPU = torch.device("cpu")


def picture(color: tuple[int, int, int], seed: int) -> bytes:
    """A JPEG of one colour with noise."""
    noise = np.random.default_rng(seed).integers(-30, 30, (64, 64, 3))
    pixels = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels[:, :, ::-1])[1].tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two zips to train on and one to validate on: class ``b`` is red and first in classes.csv, ``a`` is blue."""
    root = tmp_path / "set"
    root.mkdir()
    (root / "classes.csv").write_text("index,wnid,name\n0,b,red thing\n1,a,blue thing\n")
    for part, (name, count) in enumerate((("train-0", 12), ("train-1", 12), ("val", 8))):
        with zipfile.ZipFile(root / f"{name}.zip", "w", zipfile.ZIP_STORED) as archive:
            for i in range(count):
                archive.writestr(f"b/{name}_{i}.JPEG", picture((200, 40, 40), 100 * part + i))
                archive.writestr(f"a/{name}_{i}.JPEG", picture((40, 40, 200), 1000 + 100 * part + i))
    return root


def trainer(folder: Path, tmp_path: Path, recipe: Recipe = TINY) -> Trainer:
    return Trainer(recipe, sets.load(folder, "train", tmp_path / "cache"), CPU)


def randomised(seed: int = 0) -> TrainedNet:
    """A network whose batch norms have statistics, scales (of either sign) and offsets of their own."""
    torch.manual_seed(seed)
    network = TrainedNet((8, 12, 8, 12, 8, 12, 16), 10)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.2, 3.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network.eval()


# ---------------------------------------------------------------------------------------------------------- folding


@pytest.mark.parametrize("size", [32, 45, 64])
def test_a_folded_network_gives_the_trained_networks_logits(size):
    trained = randomised()
    pixels = torch.rand(4, 3, size, size)
    with torch.inference_mode():
        assert relative_difference(normalised(fold(trained))(pixels), trained(pixels)) < 1e-5


def test_folding_leaves_the_trained_network_as_it_was():
    trained = randomised()
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    fold(trained)
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


def test_weights_that_fp16_cannot_hold_are_refused():
    folded = fold(randomised())
    with torch.no_grad():
        folded.get_parameter("conv3.weight")[0, 0, 0, 0] = 1e6
    with pytest.raises(ValueError, match=r"conv3\.weight"):
        half(folded)


# --------------------------------------------------------------------------------------------------------- schedule


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing():
    recipe = RECIPES["tinynet-base"]
    rates = np.array([recipe.rate(step) for step in range(recipe.steps)])
    peak = int(rates.argmax())
    assert abs(peak / recipe.steps - recipe.rise) < 0.01
    assert rates.max() == pytest.approx(recipe.peak_rate, rel=0.01)
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert 0 < rates[-1] < 1e-3 * recipe.peak_rate
    assert rates.mean() == pytest.approx(recipe.peak_rate / 2, rel=0.01)


def test_phases_follow_each_other_and_shares_are_kept():
    recipe = dataclasses.replace(TINY, images=1600)
    sizes = [{size for size, _ in recipe.phase(step).sizes} for step in range(recipe.steps)]
    assert sizes == [{32}] * 50 + [{64, 96}] * 50
    drawn = [recipe.phases[1].size(chance) for chance in np.linspace(0, 0.999, 200)]
    assert drawn.count(64) == drawn.count(96) == 100


# ------------------------------------------------------------------------------------------------------------- data


def test_zips_and_folders_of_the_same_pictures_give_the_same_set(folder, tmp_path):
    unpacked = tmp_path / "unpacked"
    for path in folder.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(unpacked / path.stem.split("-")[0])
    (unpacked / "classes.csv").write_text((folder / "classes.csv").read_text())
    for split, count in (("train", 48), ("val", 16)):
        zipped = sets.load(folder, split, tmp_path / "cache")
        plain = sets.load(unpacked, split, tmp_path / "cache")
        assert len(zipped) == len(plain) == count
        assert np.array_equal(zipped.pixels, plain.pixels)
        assert np.array_equal(zipped.targets, plain.targets)
        assert zipped.labels == ("red thing", "blue thing")
        red = zipped.pixels[zipped.targets == 0].mean((0, 1, 2))
        assert red[0] > 150 > 100 > red[2]


def test_a_folder_of_class_folders_is_split_without_overlap(tmp_path):
    for wnid, color in (("x", (200, 0, 0)), ("y", (0, 200, 0))):
        (tmp_path / "set" / wnid).mkdir(parents=True)
        for i in range(20):
            (tmp_path / "set" / wnid / f"{i:02}.jpg").write_bytes(picture(color, i + ord(wnid) * 100))
    train = sets.load(tmp_path / "set", "train", tmp_path / "cache")
    val = sets.load(tmp_path / "set", "val", tmp_path / "cache")
    assert (len(train), len(val)) == (36, 4)
    assert train.labels == ("x", "y")
    seen = {row.tobytes() for row in train.pixels}
    assert not any(row.tobytes() in seen for row in val.pixels)


def test_pictures_of_other_sizes_are_resized_and_cropped():
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255
    decoded = sets.decode(cv2.imencode(".png", wide)[1].tobytes())
    assert decoded.shape == (64, 64, 3)
    assert decoded.min() > 250


def test_what_cannot_be_read_is_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="'train'"):
        sets.load(tmp_path / "nothing", "train", tmp_path / "cache")
    with zipfile.ZipFile(folder / "train-2.zip", "w") as archive:
        archive.writestr("a/broken.JPEG", b"no picture")
    with pytest.raises(ValueError, match=r"train-2\.zip: a/broken\.JPEG"):
        sets.load(folder, "train", tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*partial*"))


def test_an_epoch_holds_every_picture_once_and_any_step_can_be_asked_first():
    order = batches.Order(count=50, batch=8, seed=3)
    drawn = np.concatenate([order.indices(step) for step in range(25)])
    for epoch in range(4):
        assert sorted(drawn[50 * epoch : 50 * epoch + 50]) == list(range(50))
    assert not np.array_equal(drawn[:50], drawn[50:100])
    assert np.array_equal(batches.Order(50, 8, 3).indices(20), drawn[160:168])


@pytest.mark.parametrize("size", [48, 64, 96])
def test_augmentation_stays_within_the_pictures_values_and_repeats(size):
    images = torch.rand(8, 3, 64, 64)

    def once() -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        return batches.augment(images, size, generator, zoomed=0.5, most_zoom=2.0, shift=8)

    out = once()
    assert out.shape == (8, 3, size, size)
    assert images.min() <= out.min() <= out.max() <= images.max() + 1e-6
    assert torch.equal(out, once())


def test_recolouring_changes_saturation_and_brightness_within_bounds_and_repeats():
    images = torch.rand(32, 3, 16, 16) * 0.5 + 0.2

    def once(colour: float) -> torch.Tensor:
        return batches.recolour(images, colour, torch.Generator().manual_seed(2))

    changed = once(0.4)
    brightness = changed.mean((1, 2, 3)) / images.mean((1, 2, 3))
    spread = (changed - changed.mean(1, keepdim=True)).std((1, 2, 3))
    saturation = spread / (images - images.mean(1, keepdim=True)).std((1, 2, 3)) / brightness
    assert 0.89 < brightness.min() < 0.95 < 1.05 < brightness.max() < 1.11
    assert 0.55 < saturation.min() < 0.75 < 1.0 < saturation.max() < 1.11
    assert torch.equal(changed, once(0.4))
    assert torch.equal(once(0.0), images)


def test_an_unzoomed_picture_is_only_shifted_by_whole_pixels_and_flipped():
    images = torch.rand(16, 3, 64, 64)
    out = batches.augment(images, 64, torch.Generator().manual_seed(0), zoomed=0.0, most_zoom=2.0, shift=8)
    padded = torch.nn.functional.pad(images, (8, 8, 8, 8), mode="reflect")
    inner = slice(8, 56)  # free of the border, where reflection may repeat the edge or not
    for i in range(16):
        candidates = [
            view[:, dy : dy + 64, dx : dx + 64][:, inner, inner]
            for view in (padded[i], padded[i].flip(2))
            for dy in range(17)
            for dx in range(17)
        ]
        assert min(float((out[i][:, inner, inner] - c).abs().max()) for c in candidates) < 1e-4


# --------------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("attack", [None, Attack(2 / 255, 2.5 / 255, warmup=0.3)], ids=["plain", "adversarial"])
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(folder, tmp_path, attack):
    recipe = dataclasses.replace(TINY, attack=attack)
    whole = trainer(folder, tmp_path, recipe)
    run(whole, tmp_path / "whole")

    out = tmp_path / "killed"
    for kill in (3, 7):  # the step before the kill was saved, the one after is lost with the process
        run(trainer(folder, tmp_path, recipe), out, checkpoint_seconds=0, stop=lambda step, kill=kill: step == kill)
        (out / "checkpoint.pt.partial").write_bytes(b"half written")
    resumed = trainer(folder, tmp_path, recipe)
    run(resumed, out)

    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["from_step"] for line in lines if "from_step" in line] == [0, 3, 7]
    assert resumed.step == whole.step == recipe.steps
    for part in ("network", "average"):
        first, second = whole.state()[part], resumed.state()[part]
        assert all(torch.equal(first[name], second[name]) for name in first)
    momentum = [t.optimiser.state_dict()["state"][0]["momentum_buffer"] for t in (whole, resumed)]
    assert torch.equal(*momentum)


def test_training_learns_and_the_seed_decides(folder, tmp_path):
    recipe = dataclasses.replace(TINY, images=480)
    first, again = trainer(folder, tmp_path, recipe), trainer(folder, tmp_path, recipe)
    other = trainer(folder, tmp_path, dataclasses.replace(recipe, seed=1))
    losses = [first.advance()["loss"] for _ in range(recipe.steps)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:2])
    assert [again.advance()["loss"] for _ in range(3)] == losses[:3]
    assert other.advance()["loss"] != losses[0]


def test_the_share_of_the_start_that_a_recipe_keeps_is_mixed_in_once_at_the_end(folder, tmp_path):
    start = {name: value.clone() for name, value in trainer(folder, tmp_path).network.state_dict().items()}
    pictures = sets.load(folder, "train", tmp_path / "cache")

    def done(keep: float) -> dict[str, torch.Tensor]:
        out = tmp_path / f"keep{keep}"
        for _ in range(2):  # the second finds a finished run and leaves it as it is
            run(Trainer(dataclasses.replace(TINY, keep=keep), pictures, CPU, start=start), out, checkpoint_seconds=0)
        return read_checkpoint(out / "checkpoint.pt")["average"]

    none, some = done(0.0), done(0.25)
    for name, value in none.items():
        if value.is_floating_point():
            assert torch.allclose(some[name], 0.75 * value + 0.25 * start[name], atol=1e-6)


def test_favoured_classes_are_drawn_more_often(folder, tmp_path):
    pictures = sets.load(folder, "train", tmp_path / "cache")
    pool = batches.pool(pictures, ("a",), 3)
    assert np.array_equal(np.bincount(pool), np.where(pictures.targets == 1, 3, 1))
    assert np.array_equal(batches.pool(pictures, (), 1), np.arange(len(pictures)))


def test_a_checkpoint_of_another_recipe_is_refused(folder, tmp_path):
    run(trainer(folder, tmp_path), tmp_path / "out", stop=lambda step: step == 2, checkpoint_seconds=0)
    with pytest.raises(ValueError, match="another recipe"):
        run(trainer(folder, tmp_path, dataclasses.replace(TINY, seed=9)), tmp_path / "out")


def test_adversarial_pictures_stay_in_the_ball_and_raise_the_loss(folder, tmp_path):
    recipe = dataclasses.replace(TINY, attack=Attack(4 / 255, 5 / 255, warmup=0.0))
    training = trainer(folder, tmp_path, recipe)
    training.network.eval()
    generator = torch.Generator().manual_seed(0)
    images, targets = torch.rand(16, 3, 32, 32), torch.arange(16) % 2
    moved = training._attacked(images, targets, generator)
    assert float((moved - images).abs().max()) <= 4 / 255 + 1e-6
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
    with torch.no_grad():
        assert training._loss(moved, targets)[0] > training._loss(images, targets)[0]


# ------------------------------------------------------------------------------------------------------- evaluation


@pytest.mark.parametrize("start", [None, 0], ids=["from the picture", "random start"])
def test_pgd_stays_in_the_ball_and_in_the_range_of_pixels_and_raises_the_loss(start):
    trained = randomised()
    pixels = torch.rand(8, 3, 32, 32).round(decimals=1)  # some at exactly 0 and 1
    targets = torch.arange(8)
    generator = None if start is None else torch.Generator().manual_seed(start)
    moved = pgd(trained, pixels, targets, generator=generator)
    assert float((moved - pixels).abs().max()) <= EPSILON + 1e-6
    assert float((moved - pixels).abs().max()) > 0.9 * EPSILON
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
    with torch.no_grad():
        loss = nn.CrossEntropyLoss()
        assert loss(trained(moved), targets) > loss(trained(pixels), targets)


def test_accuracy_counts_the_first_and_the_first_five(folder, tmp_path):
    pictures = sets.load(folder, "val", tmp_path / "cache")

    def ranks_right_class_second(pixels: torch.Tensor) -> torch.Tensor:
        blue = (pixels[:, 2].mean((1, 2)) > pixels[:, 0].mean((1, 2))).long()
        return torch.nn.functional.one_hot(1 - blue, 2).float()

    assert accuracy(ranks_right_class_second, pictures, 96) == (0.0, 1.0)
    assert accuracy(lambda pixels: -ranks_right_class_second(pixels), pictures, 64, every=2) == (1.0, 1.0)


def test_what_is_exported_is_what_was_trained(folder, tmp_path):
    run(trainer(folder, tmp_path), tmp_path / "run")
    export(tmp_path / "run" / "checkpoint.pt", folder, tmp_path / "networks", tmp_path / "cache", 1, 1)
    module, card = load_bundled("tiny", tmp_path / "networks")
    trained = TrainedNet(TINY.widths, 2)
    trained.load_state_dict(read_checkpoint(tmp_path / "run" / "checkpoint.pt")["average"])
    pixels = torch.rand(4, 3, 64, 64)
    with torch.inference_mode():
        expected = trained.eval()(pixels)
        assert relative_difference(normalised(module, card["mean"], card["std"])(pixels), expected) < 1e-2
    assert card["stage"] == "finished"
    assert card["labels"] == ["red thing", "blue thing"]
    assert card["figures"]["sizes"]["64"]["top1"] >= 0.5
    assert "early" not in (tmp_path / "networks" / "tiny.md").read_text()


def test_an_unfinished_run_says_so_in_its_card(folder, tmp_path):
    run(trainer(folder, tmp_path), tmp_path / "run", checkpoint_seconds=0, stop=lambda step: step == 4)
    export(tmp_path / "run" / "checkpoint.pt", folder, tmp_path / "networks", tmp_path / "cache", 1, 0)
    assert "early checkpoint, step 4 of 10" in (tmp_path / "networks" / "tiny.md").read_text()


def test_evaluation_of_a_network_that_does_not_exist_fails_with_one_line(folder, tmp_path, capsys):
    assert main(["nothing", "--data", str(folder), "--cache", str(tmp_path / "cache")]) == 1
    assert "no bundled network is called 'nothing'" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ the real pictures


@pytest.fixture(scope="module")
def validation(tmp_path_factory: pytest.TempPathFactory) -> sets.Pictures:
    real = Path(__file__).resolve().parents[3] / "shared" / "data" / "tiny-imagenet-200"
    if not (real / "val.zip").exists():
        pytest.skip("needs ../shared/data/tiny-imagenet-200, which is not here")
    return sets.load(real, "val", tmp_path_factory.mktemp("cache"))


def test_tinynet_knows_pictures_that_it_never_saw(validation):
    top1, top5 = accuracy(subject("tinynet", CPU).classify, validation, 64, every=4)
    assert top1 >= 0.52
    assert top5 >= 0.77


@pytest.mark.parametrize(("size", "least"), [(96, 0.45), (128, 0.35)])
def test_tinynet_works_at_larger_sizes(validation, size, least):
    assert accuracy(subject("tinynet", CPU).classify, validation, size, every=25)[0] >= least


def test_the_robust_network_withstands_what_fools_tinynet(validation):
    robust, plain = subject("tinynet-robust", CPU).classify, subject("tinynet", CPU).classify
    assert accuracy(robust, validation, 64, every=10)[0] >= 0.35
    assert robust_accuracy(robust, validation, every=100) >= 0.20
    assert robust_accuracy(plain, validation, every=100) < 0.15
