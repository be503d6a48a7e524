from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from deepvis import Network
from deepvis.backend.network import NetworkError


class Small(nn.Module):
    """Conv, ReLU called twice, dropout, batch norm: what has a mode and is reused."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(4, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.norm(self.conv(x)))
        x = self.relu(x - 0.1)
        return self.fc(self.drop(x.mean((2, 3))))


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def net() -> Network:
    torch.manual_seed(0)
    return Network(Small(), input_size=(16, 16), labels=["ant", "bee", "cat", "tabby cat", "dog"])


def test_logits_and_classes_are_the_modules_own(net: Network, image: np.ndarray) -> None:
    module = net.module
    module.eval()
    with torch.no_grad():
        expected = module(net.preprocess(image))[0]
    np.testing.assert_allclose(net.logits(image), expected.numpy(), rtol=1e-6)
    best = net.classify(image, k=3)
    probabilities = torch.softmax(expected, 0)
    assert best[0] == (net.labels[int(expected.argmax())], pytest.approx(float(probabilities.max()), rel=1e-5))
    assert [p for _, p in best] == sorted((p for _, p in best), reverse=True)


def test_a_network_in_training_mode_is_evaluated_and_left_in_training_mode(image: np.ndarray) -> None:
    module = Small().train()
    module.norm.eval()
    before = module.norm.running_mean.clone()
    net = Network(module, input_size=(16, 16))
    first, second = net.logits(image), net.logits(image)
    assert np.array_equal(first, second)
    assert module.training
    assert module.drop.training
    assert not module.norm.training
    assert torch.equal(module.norm.running_mean, before)


def test_calls_of_a_reused_module_are_layers_of_their_own(net: Network) -> None:
    names = [layer.name for layer in net.layers]
    assert names == ["conv", "norm", "relu", "relu_1", "mean", "drop", "fc"]


def test_an_unknown_layer_names_the_nearest(net: Network) -> None:
    with pytest.raises(KeyError, match="relu_1"):
        net.layer("relu1")


def test_targets_are_indices_labels_or_the_top_class(net: Network, image: np.ndarray) -> None:
    assert net.target_index(2) == 2
    assert net.target_index("Tabby Cat") == 3
    assert net.target_index(None, net.logits(image)) == int(net.logits(image).argmax())
    with pytest.raises(ValueError, match="0 to 4"):
        net.target_index(5)
    with pytest.raises(KeyError, match="tabby cat"):
        net.target_index("tabby")


def test_the_wrong_number_of_labels_is_said() -> None:
    net = Network(Small(), input_size=(16, 16), labels=["one", "two"])
    with pytest.raises(ValueError, match="2 labels were given for a network of 5 classes"):
        _ = net.labels


class Wrapped(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.inner = Small()
        self.form = form

    def forward(self, x: torch.Tensor) -> Any:
        logits = self.inner(x)
        if self.form == "tuple":
            return x, logits
        if self.form == "dict":
            return {"features": x, "logits": logits}
        if self.form == "map":
            return logits[:, :, None, None]
        if self.form == "text":
            return "cat"
        if self.form == "raises":
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        return logits


@pytest.mark.parametrize("form", ["tuple", "dict", "map", "plain"])
def test_logits_are_found_in_tuples_dicts_and_maps(form: str, image: np.ndarray) -> None:
    torch.manual_seed(0)
    net = Network(Wrapped(form), input_size=(16, 16))
    assert net.logits(image).shape == (5,)


@pytest.mark.parametrize(("form", "words"), [("text", "answers with a str"), ("raises", "mat1 and mat2")])
def test_a_network_that_fails_gives_one_clear_error_and_nothing_stays_behind(
    form: str, words: str, image: np.ndarray
) -> None:
    module = Wrapped(form).train()
    net = Network(module, input_size=(16, 16))
    with pytest.raises(NetworkError, match=words):
        net.logits(image)
    if form == "raises":
        with pytest.raises(NetworkError, match=words):
            _ = net.layers
    assert all(m.training for m in module.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


def test_captured_layers_survive_a_later_in_place_operation(image: np.ndarray) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net = Network(module, input_size=(16, 16))
    x = net.preprocess(image)
    _, captured = net.run(x, ["0"])
    with torch.no_grad():
        expected = module[0](x)
    assert (expected < 0).any()
    assert torch.equal(captured["0"], expected)


def test_the_gradient_reaches_an_overwritten_layer(image: np.ndarray) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    net = Network(module, input_size=(16, 16))
    x = net.preprocess(image).requires_grad_()
    logits, captured = net.run(x, ["0"])
    assert logits is not None
    (gradient,) = torch.autograd.grad(logits[0, 2], captured["0"])
    # By hand: the mean over 12 × 12 positions of conv 2, back through its weights, where the rectifier was open.
    weight = module[2].weight[2]
    ones = torch.ones(1, 1, 12, 12) / 144
    spread = nn.functional.conv_transpose2d(ones, weight[None])
    torch.testing.assert_close(gradient, spread * (captured["0"] > 0))


def test_stop_ends_the_pass_at_the_layer() -> None:
    reached: list[str] = []

    class Watched(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            reached.append("late")
            return x.mean((2, 3))

    net = Network(nn.Sequential(nn.Conv2d(3, 4, 3), Watched()), input_size=(8, 8))
    _ = net.layers
    reached.clear()
    logits, captured = net.run(torch.zeros(1, 3, 8, 8), ["0"], stop=True)
    assert logits is None
    assert captured["0"].shape == (1, 4, 6, 6)
    assert reached == []


def test_what_reduces_a_layer_may_call_functions_that_the_network_calls(net: Network) -> None:
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    names = [layer.name for layer in net.layers]
    assert "mean" in names
    seen: dict[str, torch.Tensor] = {}

    def reduce(name: str, tensor: torch.Tensor) -> torch.Tensor:
        seen[name] = tensor.clone()
        return tensor.mean(0)

    with torch.no_grad():
        _, expected = net.run(x, names)
        _, found = net.run(x, names, reduce=reduce)
    for name in names:
        assert torch.equal(seen[name], expected[name]), name
        assert torch.equal(found[name], expected[name].mean(0)), name


def test_flexible_and_smallest_inputs_are_found_by_trying() -> None:
    net = Network(Small(), input_size=(64, 64))
    assert net.flexible
    assert net.min_size == 32
    rigid = Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 3)), input_size=(64, 64))
    assert not rigid.flexible
    assert rigid.min_size == 64


def test_the_hash_changes_with_a_weight_and_only_then() -> None:
    torch.manual_seed(0)
    module = Small()
    first = Network(module).hash
    assert Network(module).hash == first
    with torch.no_grad():
        module.fc.bias[0] += 1
    assert Network(module).hash != first


def test_a_copy_is_shared_where_that_was_asked_for_and_as_long_as_it_is_held(net: Network) -> None:
    assert net.converted(torch.bfloat16) is not net.converted(torch.bfloat16)
    net.share_copies()
    first = net.converted(torch.bfloat16, channels_last=True)
    assert net.converted(torch.bfloat16, channels_last=True) is first
    assert net.converted(torch.bfloat16) is not first
    assert first.converted(torch.float32) is not net
    widened = first.converted(torch.float32)
    assert first.converted(torch.float32) is widened
    gone = weakref.ref(first)
    del first, widened
    gc.collect()
    assert gone() is None


def test_a_converted_copy_leaves_the_network_alone(net: Network, image: np.ndarray) -> None:
    copy = net.converted(torch.bfloat16, channels_last=True)
    assert copy.dtype == torch.bfloat16
    assert net.dtype == torch.float32
    assert np.corrcoef(copy.logits(image), net.logits(image))[0, 1] > 0.99


class _Volume(nn.Module):
    """Convolutions over pictures, and one over pictures and channels, whose weights have five dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.deep = nn.Conv3d(1, 2, 3, padding=1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.deep(self.conv(x)[:, None]).flatten(1, 2)
        return self.fc(x.mean((2, 3)))


def test_of_a_network_with_volumes_the_weights_of_its_pictures_go_channels_last(image: np.ndarray) -> None:
    torch.manual_seed(0)
    net = Network(_Volume(), input_size=(16, 16))
    copy = net.converted(torch.bfloat16, channels_last=True)
    assert copy.channels_last
    assert not net.channels_last
    assert copy.module.get_parameter("deep.weight").dtype == torch.bfloat16
    np.testing.assert_allclose(copy.logits(image), net.logits(image), atol=0.02)


def test_a_network_that_detaches_is_found_not_to_be_differentiable() -> None:
    class Detached(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.detach().mean((2, 3))

    assert not Network(Detached(), input_size=(8, 8)).differentiable
    assert Network(Small(), input_size=(16, 16)).differentiable
