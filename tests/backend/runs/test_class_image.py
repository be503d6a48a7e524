"""Class images: what is maximised, how a step is made, and that a run can be repeated and continued."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack

import deepvis
from deepvis.backend.network import Network, NetworkError
from deepvis.backend.runs import ClassImage, registry
from deepvis.backend.runs.recipes import _clear_below
from deepvis.backend.zoo.tinynet import TinyNet
from deepvis.options import options_of

RECIPES = ("fourier", "maco", "yosinski", "l2")


def random_network(channels: int = 3, size: tuple[int, int] = (32, 32)) -> Network:
    torch.manual_seed(0)
    module = TinyNet((8, 8, 12, 12, 16, 16, 24), 10)
    if channels == 1:
        module.conv1 = nn.Conv2d(1, 8, 7, 2, 3)
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter)
    mean, std = ((0.5,), (0.25,)) if channels == 1 else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return Network(module.train(), size, mean, std, [f"label {n}" for n in range(10)], "tiny")


@pytest.fixture
def tiny() -> Network:
    return random_network()


@pytest.fixture(scope="module")
def tinynet() -> Network:
    return deepvis.load("tinynet", device="cpu")


def linear_network(weight: torch.Tensor) -> Network:
    """One class a row of weights, (classes, 3, h, w), in the network's input space."""
    layer = nn.Linear(weight[0].numel(), len(weight), bias=False)
    layer.weight.data.copy_(weight.flatten(1))
    return Network(nn.Sequential(nn.Flatten(), layer), tuple(weight.shape[2:]), name="linear")


def last(run: ClassImage, net: Network):
    *_, update = run.steps(net)
    return update


class TestWhatIsMaximised:
    @pytest.mark.parametrize("recipe", ["fourier", "yosinski", "l2"])
    def test_the_class_is_recognised_in_its_picture(self, tinynet, recipe):
        updates = list(ClassImage(target="tractor", recipe=recipe, iterations=24).steps(tinynet))
        assert updates[-1].metrics["objective"] > updates[0].metrics["objective"] + 5
        assert updates[-1].result.facts["rank"] == 1
        assert tinynet.classify(updates[-1].image, 1)[0][0] == "tractor"
        assert updates[-1].detail["bars"]["Best classes"][0].label == "tractor"

    def test_maco_raises_the_class_with_its_magnitudes_kept(self, tinynet):
        updates = list(ClassImage(target="tractor", recipe="maco", iterations=24).steps(tinynet))
        assert updates[-1].metrics["objective"] > updates[0].metrics["objective"] + 5

    @pytest.mark.parametrize(
        ("options", "kind"),
        [
            ({"target": 3}, "class"),
            ({"layer": "conv4", "unit": 5}, "channel"),
            ({"layer": "conv4", "unit": 5, "recipe": "l2"}, "unit"),
            ({"layer": "conv4", "unit": 5, "objective": "unit"}, "unit"),
            ({"layer": "conv4"}, "layer"),
            ({"layer": "fc", "unit": 2, "objective": "unit"}, "unit"),
        ],
    )
    def test_the_figure_is_the_activation_itself(self, tiny, options, kind):
        run = ClassImage(**options, iterations=3, precision="fp32")
        result = last(run, tiny).result
        assert result.facts["objective"] == kind
        x = tiny.preprocess(result.image)
        values = tiny.logits(x) if kind == "class" else deepvis.methods.activations(tiny, x, options["layer"])
        if kind == "layer":
            expected = np.square(values).mean()
        else:
            own = values[options.get("unit", options.get("target"))]
            rows = own.shape[0] // 2 if own.ndim else 0
            expected = own if not own.ndim else own[rows, rows] if kind == "unit" else own.mean()
        assert result.figures["objective"] == pytest.approx(float(expected), rel=1e-4, abs=1e-5)

    def test_figures_are_those_of_the_8_bit_picture(self, tiny):
        result = last(ClassImage(target=4, iterations=5), tiny).result
        probability = dict(tiny.classify(result.image, 10))["label 4"]
        assert result.figures["probability"] == pytest.approx(probability, rel=1e-5)

    @pytest.mark.parametrize("options", [{"target": 1}, {"layer": "conv3", "unit": 0}, {"layer": "conv5"}])
    def test_the_same_figures_at_every_step(self, tiny, options):
        updates = list(ClassImage(**options, iterations=4).steps(tiny))
        names = set(updates[0].metrics)
        assert all(set(update.metrics) == names for update in updates)
        assert ("probability" in names) == ("target" in options)
        assert all(np.isfinite(value) for update in updates for value in update.metrics.values())
        assert [update.step for update in updates] == [1, 2, 3, 4]


class TestSteps:
    def test_l2_follows_its_formula(self):
        generator = torch.Generator().manual_seed(1)
        weight = torch.randn(4, 3, 8, 8, generator=generator) * 0.1
        net = linear_network(weight)
        run = ClassImage(
            target=2, recipe="l2", learning_rate=0.5, regularization=0.05, jitter=0.0, iterations=4, precision="fp32"
        )
        steps = run.steps(net)
        next(steps)
        picture = steps.gi_frame.f_locals["recipe"].picture.clone()
        for _ in range(3):
            next(steps)
            picture = picture + 0.5 * (weight[2] - 2 * 0.05 * picture)
        found = steps.gi_frame.f_locals["recipe"].picture
        assert torch.allclose(found, picture, atol=1e-5)

    def test_the_gradient_of_l2_is_rolled_back(self):
        weight = torch.zeros(1, 3, 16, 16)
        weight[0, :, :, 8:] = 1e-3
        net = linear_network(weight)
        run = ClassImage(
            target=0, recipe="l2", learning_rate=1.0, regularization=0.0, jitter=1.0, iterations=40, precision="fp32"
        )
        steps = run.steps(net)
        next(steps)
        recipe = steps.gi_frame.f_locals["recipe"]
        before = recipe.picture.clone()
        change = torch.zeros(1, 3, 16, 16)
        for _ in range(8):
            shift = recipe._shift
            next(steps)
            change += torch.roll(weight, (-shift[0], -shift[1]), (2, 3))
        assert torch.allclose(recipe.picture - before, change, atol=1e-6)

    @pytest.mark.parametrize("preset", ["Yosinski 1", "Yosinski 2", "Yosinski 3", "Yosinski 4"])
    def test_yosinski_presets_follow_the_toolbox(self, preset):
        from scipy.ndimage import gaussian_filter

        net = random_network(size=(24, 32))
        options = dict(ClassImage.presets[preset])
        run = ClassImage(target=3, **{**options, "iterations": 7, "precision": "fp32"})
        steps = run.steps(net)
        next(steps)
        recipe = steps.gi_frame.f_locals["recipe"]
        x = recipe.picture[0].numpy().astype(np.float64)
        mean = np.array(net.mean)[:, None, None] * 255
        for number in range(6):
            leaf = torch.tensor(x[None], dtype=torch.float32, requires_grad=True)
            net.module.eval()
            logit = net.module(leaf / (torch.tensor(net.std)[:, None, None] * 255))[0, 3]
            gradient = torch.autograd.grad(logit, leaf)[0][0].numpy().astype(np.float64)
            rate = options["learning_rate"]
            if options["progress"] is not None:
                rate = min(rate, options["progress"] / np.square(gradient).sum())
            x = (x + rate * gradient) * (1 - options["decay"])
            if options["blur"] and number % options["blur_every"] == 0:
                x = np.stack([gaussian_filter(channel, options["blur"]) for channel in x])
            if options["norm_percentile"]:
                norm = np.linalg.norm(x, axis=0)
                x = x * (norm >= np.percentile(norm, options["norm_percentile"]))
            if options["contribution_percentile"]:
                share = np.abs((-x * gradient).sum(0))
                x = x * (share >= np.percentile(share, options["contribution_percentile"]))
            x = np.clip(x, -mean, 255 - mean)
            next(steps)
            assert np.abs(recipe.picture[0].numpy() - x).max() < 0.02
            x = recipe.picture[0].numpy().astype(np.float64)
        assert np.abs(x).max() > 1, "a picture without contrast would agree with anything"

    def test_the_similar_class_is_held_off(self):
        generator = torch.Generator().manual_seed(5)
        common = torch.randn(1, 3, 16, 16, generator=generator)
        own = torch.randn(2, 3, 16, 16, generator=generator)
        net = linear_network(torch.cat([common + 0.1 * own[:1], common * 1.2 + 0.1 * own[1:]]) * 0.05)
        found = [
            last(ClassImage(target=0, rivals=weight, iterations=40), net).result.figures["probability"]
            for weight in (0.0, 20.0)
        ]
        assert found[0] < 0.5 < found[1]


class TestRepeatingAndContinuing:
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_the_same_seed_gives_the_same_picture(self, tiny, recipe):
        pictures = [last(ClassImage(target=1, recipe=recipe, seed=s, iterations=4), tiny).image for s in (7, 7, 8)]
        assert np.array_equal(pictures[0], pictures[1])
        assert not np.array_equal(pictures[0], pictures[2])

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_more_steps_equal_a_longer_run(self, tiny, recipe):
        whole = list(ClassImage(target=1, recipe=recipe, iterations=9).steps(tiny))
        steps = ClassImage(target=1, recipe=recipe, iterations=5).steps(tiny)
        first = [next(steps) for _ in range(5)]
        assert first[-1].more > 0
        assert first[-1].result is not None
        rest = [steps.send(4), *steps]
        assert [update.step for update in rest] == [6, 7, 8, 9]
        assert {update.total for update in rest} == {9}
        for found, expected in zip([*first, *rest], whole, strict=True):
            assert np.array_equal(found.image, expected.image)
            assert found.metrics == expected.metrics
        assert rest[-1].result.figures == whole[-1].result.figures

    def test_the_result_holds_what_repeats_it(self, tiny):
        result = last(ClassImage(target="LABEL 2", iterations=3, views=2), tiny).result
        again = last(registry()[result.run](**result.options), tiny).result
        assert np.array_equal(again.image, result.image)
        assert result.network_hash == tiny.hash
        assert result.title == "label 2"

    def test_presets_are_valid(self):
        for preset in ClassImage.presets.values():
            ClassImage(target=0, **preset)


class TestWithoutGradient:
    def test_other_noise_is_tried_and_told(self):
        class Shy(nn.Module):
            """Answers only where the first pixel is bright."""

            def forward(self, x):
                return (x[:, :1, 0, 0].relu() * x.flatten(1).sum(1, keepdim=True)).expand(-1, 2)

        net = Network(Shy(), (8, 8), (0.5,) * 3, (0.25,) * 3, name="shy")
        notes = {}
        for seed in range(8):
            updates = list(ClassImage(target=0, recipe="l2", seed=seed, iterations=8, jitter=0.0).steps(net))
            notes[seed] = ([update.note for update in updates], updates[-1].result.facts["begun_again"])
        told = [(texts, count) for texts, count in notes.values() if count]
        assert told, "no seed began in the dark"
        for texts, count in told:
            assert sum("begun again from other noise" in text for text in texts) == count

    def test_dead_rectifiers_are_opened_where_no_noise_helps(self):
        module = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module[0].weight.data.fill_(0.3)
        module[0].bias.data.fill_(-2.0)
        net = Network(module, (8, 8), (0.5,) * 3, (0.25,) * 3, name="dark")
        run = ClassImage(target=0, recipe="l2", iterations=30, jitter=0.0, learning_rate=10.0, regularization=0.0)
        updates = list(run.steps(net))
        assert any("dead rectifiers passed gradient" in update.note for update in updates)
        assert updates[-1].metrics["objective"] > 0

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_a_dead_unit_ends_with_a_reason(self, recipe):
        module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module[0].weight.data.fill_(0.0)
        module[0].bias.data.fill_(-1.0)
        net = Network(module, (8, 8), name="dead")
        with pytest.raises(ValueError, match="no gradient comes back from class 1.*Choose another unit"):
            list(ClassImage(target=1, recipe=recipe, iterations=200).steps(net))

    def test_a_network_that_answers_with_no_number_does_not_end_well(self):
        net = linear_network(torch.full((2, 3, 8, 8), float("nan")))
        with pytest.raises(NetworkError, match="no number"):
            last(ClassImage(target=1, recipe="l2", iterations=2), net)


class TestAnyNetwork:
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_grey_scale_and_oblong(self, recipe):
        net = random_network(1, (32, 48))
        update = last(ClassImage(layer="conv1", unit=2, recipe=recipe, iterations=3), net)
        assert update.image.shape == (32, 48, 3)
        assert np.array_equal(update.image[..., 0], update.image[..., 2])

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_nothing_stays_on_the_network(self, tiny, recipe):
        tiny.module.conv1.eval()
        tiny.module.conv2.weight.requires_grad_(False)
        modes = [part.training for part in tiny.module.modules()]
        weights = {name: tensor.clone() for name, tensor in tiny.module.state_dict().items()}
        steps = ClassImage(target=1, recipe=recipe, iterations=3, precision="fp32").steps(tiny)
        for _ in steps:
            assert [part.training for part in tiny.module.modules()] == modes
            assert not any(part._forward_hooks for part in tiny.module.modules())
            assert not _get_current_function_mode_stack()
        assert all(parameter.grad is None for parameter in tiny.module.parameters())
        assert not tiny.module.conv2.weight.requires_grad
        assert tiny.module.conv3.weight.requires_grad
        assert all(torch.equal(tensor, weights[name]) for name, tensor in tiny.module.state_dict().items())

    def test_chance_elsewhere_is_left_alone(self, tiny):
        torch.manual_seed(3)
        expected = torch.rand(4)
        torch.manual_seed(3)
        last(ClassImage(target=1, iterations=2), tiny)
        assert torch.equal(torch.rand(4), expected)

    def test_another_size(self, tiny):
        assert last(ClassImage(target=1, size=40, iterations=2), tiny).image.shape == (40, 40, 3)

    def test_a_size_that_the_network_does_not_take(self):
        net = linear_network(torch.ones(2, 3, 8, 8))
        with pytest.raises(ValueError, match="only its own 8 × 8 px"):
            next(ClassImage(target=0, size=16).steps(net))


class TestOptions:
    def test_nothing_chosen(self, tiny):
        with pytest.raises(ValueError, match="choose a class"):
            next(ClassImage().steps(tiny))

    def test_both_chosen(self):
        with pytest.raises(ValueError, match="leave one out"):
            ClassImage(target=1, layer="conv1")

    def test_a_unit_without_its_layer(self):
        with pytest.raises(ValueError, match="without a layer"):
            ClassImage(unit=3)

    def test_out_of_range(self, tiny):
        with pytest.raises(ValueError, match="units 0 to 7"):
            next(ClassImage(layer="conv1", unit=8).steps(tiny))
        with pytest.raises(KeyError, match="conv4"):
            next(ClassImage(layer="conv44", unit=1).steps(tiny))

    def test_a_folder_without_photographs(self, tiny, tmp_path):
        with pytest.raises(ValueError, match="holds no picture"):
            next(ClassImage(target=1, recipe="maco", folder=str(tmp_path)).steps(tiny))

    def test_choosers_are_declared(self):
        roles = {item.name: item.role for item in options_of(ClassImage)}
        assert (roles["target"], roles["layer"], roles["unit"], roles["folder"]) == ("class", "layer", "unit", "folder")


@pytest.mark.parametrize("percentile", [10.0, 33.3, 50.0, 99.0])
def test_what_is_below_a_percentile_is_cleared_as_torch_and_numpy_count_it(percentile: float) -> None:
    picture = torch.rand(1, 3, 13, 17, generator=torch.Generator().manual_seed(0))
    norm = picture.norm(dim=1, keepdim=True)
    expected = picture * (norm >= float(np.percentile(norm.numpy(), percentile)))
    _clear_below(picture, norm, percentile)
    assert torch.equal(picture, expected)
