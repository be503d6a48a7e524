"""The three backward rules of the rectifier, value by value, and which calls count as rectifiers."""

from __future__ import annotations

import copy
import gc
import math
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from deepvis.backend import recording
from deepvis.backend.methods.differentiation import differentiable_pass
from deepvis.backend.network import Network
from deepvis.backend.recording import function_name
from deepvis.backend.rules import RuleSwitch, apply_rule, obey, rectifier_call

Z = (-2.0, 0.0, 0.5, 3.0, 6.0, 7.0)
UP = (1.0, 1.0, 1.0, -1.0, 2.0, 2.0)


def answer(rule, low, high, inplace=False, dtype=torch.float32):
    leaf = torch.tensor(Z, dtype=dtype, requires_grad=True)
    result = apply_rule(RuleSwitch(rule), leaf * 1, low, high, inplace)
    (gradient,) = torch.autograd.grad(result, leaf, torch.tensor(UP, dtype=dtype))
    return result.tolist(), gradient.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    ("rule", "gradient"),
    [
        ("gradient", [0, 0, 1, -1, 2, 2]),
        ("deconvnet", [1, 1, 1, 0, 2, 2]),
        ("guided", [0, 0, 1, 0, 2, 2]),
    ],
)
def test_a_rectifier_goes_back_by_its_rule(rule, gradient, inplace, dtype):
    assert answer(rule, 0.0, math.inf, inplace, dtype) == ([0, 0, 0.5, 3, 6, 7], gradient)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    ("rule", "gradient"),
    [
        ("gradient", [0, 0, 1, -1, 0, 0]),
        ("deconvnet", [1, 1, 1, 0, 2, 2]),
        ("guided", [0, 0, 1, 0, 0, 0]),
    ],
)
def test_a_bounded_rectifier_has_an_open_interval(rule, gradient, inplace):
    assert answer(rule, 0.0, 6.0, inplace) == ([0, 0, 0.5, 3, 6, 6], gradient)


def test_a_hardtanh_has_its_own_interval():
    assert answer("guided", -3.0, 0.75) == ([-2, 0, 0.5, 0.75, 0.75, 0.75], [1, 1, 1, 0, 0, 0])


def test_the_rule_does_not_write_into_the_gradient_that_comes_in():
    leaf = torch.tensor(Z, requires_grad=True)
    for rule in ("gradient", "deconvnet", "guided"):
        coming = torch.tensor(UP)
        torch.autograd.grad(apply_rule(RuleSwitch(rule), leaf * 1, 0.0, math.inf, False), leaf, coming)
        assert coming.tolist() == list(UP)


def test_a_switch_is_read_when_the_graph_is_gone_back_through():
    switch = RuleSwitch("guided")
    leaf = torch.tensor(Z, requires_grad=True)
    result = apply_rule(switch, leaf * 1, 0.0, math.inf, False)
    found = []
    for rule in ("deconvnet", "gradient"):
        switch.rule = rule
        found.append(torch.autograd.grad(result, leaf, torch.tensor(UP), retain_graph=True)[0].tolist())
    assert found == [[1, 1, 1, 0, 2, 2], [0, 0, 1, -1, 2, 2]]


X = torch.ones(2)


@pytest.mark.parametrize(
    ("func", "args", "kwargs", "expected"),
    [
        (F.relu, (X,), {}, (0, math.inf, False)),
        (F.relu, (X,), {"inplace": True}, (0, math.inf, True)),
        (F.relu, (X, True), {}, (0, math.inf, True)),
        (F.relu, (), {"input": X}, (0, math.inf, False)),
        (torch.relu, (X,), {}, (0, math.inf, False)),
        (torch.relu_, (X,), {}, (0, math.inf, True)),
        (torch.Tensor.relu, (X,), {}, (0, math.inf, False)),
        (torch.Tensor.relu_, (X,), {}, (0, math.inf, True)),
        (torch.ops.aten.relu.default, (X,), {}, (0, math.inf, False)),
        (F.relu6, (X,), {"inplace": True}, (0, 6, True)),
        (F.hardtanh, (X,), {}, (-1, 1, False)),
        (F.hardtanh, (X, 0.0, 6.0), {"inplace": True}, (0, 6, True)),
        (torch.clamp, (X,), {"min": 0}, (0, math.inf, False)),
        (torch.clamp, (X, 0, 6), {}, (0, 6, False)),
        (torch.Tensor.clamp_min, (X, 0), {}, (0, math.inf, False)),
    ],
)
def test_every_spelling_of_a_rectifier_is_known(func, args, kwargs, expected):
    found = rectifier_call(function_name(func), args, kwargs)
    assert found is not None
    assert found[0] is X
    assert found[1:] == expected


@pytest.mark.parametrize(
    ("func", "args", "kwargs"),
    [
        (F.leaky_relu, (X,), {}),
        (F.silu, (X,), {}),
        (F.gelu, (X,), {}),
        (torch.clamp, (X,), {"min": 1e-5}),
        (torch.clamp, (X,), {"max": 1.0}),
        (torch.clamp, (X, X), {}),
        (torch.relu, (torch.ones(2, dtype=torch.int64),), {}),
    ],
)
def test_what_is_no_rectifier_keeps_its_derivative(func, args, kwargs):
    assert rectifier_call(function_name(func), args, kwargs) is None


def test_a_pass_by_a_rule_answers_as_the_plain_network():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.ReLU6(), nn.Flatten(), nn.Linear(64, 3)
    ).eval()
    x = torch.randn(2, 3, 8, 8)
    expected = module(x)
    for rule in ("gradient", "deconvnet", "guided"):
        output, _ = recording.run(module, x.clone(), rule=rule)
        assert torch.equal(output, expected)


OPEN = {
    # what a rectifier passes of UP at Z, by the bounds of its open interval: gradient, guided, deconvnet
    (0, math.inf): ([0, 0, 1, -1, 2, 2], [0, 0, 1, 0, 2, 2]),
    (0, 6): ([0, 0, 1, -1, 0, 0], [0, 0, 1, 0, 0, 0]),
    (-1, 1): ([0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0]),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    ("rectify", "bounds"),
    [
        (F.relu, (0, math.inf)),
        (lambda z: F.relu(z, inplace=True), (0, math.inf)),
        (torch.Tensor.relu_, (0, math.inf)),
        (torch.ops.aten.relu.default, (0, math.inf)),
        (F.relu6, (0, 6)),
        (lambda z: F.relu6(z, inplace=True), (0, 6)),
        (F.hardtanh, (-1, 1)),
        (lambda z: F.hardtanh_(z, 0.0, 6.0), (0, 6)),
        (lambda z: torch.clamp(z, min=0), (0, math.inf)),
        (lambda z: z.clamp_(0, 6), (0, 6)),
        (lambda z: z.clamp_min(0), (0, math.inf)),
        (lambda z: z.clamp_min_(0.0), (0, math.inf)),
    ],
)
def test_every_rectifier_in_a_graph_obeys_the_switch(rectify, bounds, dtype):
    leaf = torch.tensor(Z, dtype=dtype, requires_grad=True)
    switch = RuleSwitch()
    result = rectify(leaf * 1)
    plain = result.detach().clone()
    assert obey([result * 1], switch)
    coming = torch.tensor(UP, dtype=dtype)
    expected = dict(zip(("gradient", "guided"), OPEN[bounds], strict=True), deconvnet=[1, 1, 1, 0, 2, 2])
    for rule in ("guided", "deconvnet", "gradient", "guided"):
        switch.rule = rule
        (found,) = torch.autograd.grad(result, leaf, coming, retain_graph=True)
        assert found.tolist() == expected[rule], rule
    assert coming.tolist() == list(UP)
    assert torch.equal(result, plain)


@pytest.mark.parametrize(
    "activate",
    [F.leaky_relu, F.silu, F.gelu, F.hardswish, F.hardsigmoid, lambda z: z.clamp(1e-5), lambda z: z.clamp(max=1)],
)
def test_what_is_no_rectifier_keeps_its_derivative_in_a_graph(activate):
    leaf = torch.tensor(Z, requires_grad=True)
    result = activate(leaf * 1)
    (expected,) = torch.autograd.grad(result, leaf, torch.tensor(UP), retain_graph=True)
    assert obey([result], RuleSwitch("deconvnet"))
    (found,) = torch.autograd.grad(result, leaf, torch.tensor(UP))
    assert torch.equal(found, expected)


def test_a_gradient_that_is_taken_right_below_a_rectifier_obeys_its_rule():
    leaf = torch.tensor(Z, requires_grad=True)
    z = leaf * 1
    result = z.relu()
    obey([result], RuleSwitch("guided"))
    (found,) = torch.autograd.grad(result, z, torch.tensor(UP))
    assert found.tolist() == [0, 0, 1, 0, 2, 2]


@pytest.mark.parametrize("rectify", [F.relu, lambda z: z.clamp(0, 6)])
def test_a_graph_and_its_rule_vanish_without_the_garbage_collector(rectify):
    switch = RuleSwitch("guided")
    result = rectify(torch.tensor(Z, requires_grad=True) * 1).sum()
    obey([result], switch)
    alive = weakref.ref(switch)
    gc.disable()
    try:
        del switch, result
        assert alive() is None
    finally:
        gc.enable()


class HalfRectified(nn.Module):
    """Rectifies the first half of its channels in place, through a view that the graph shows as one opaque node."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3)

    def forward(self, x):
        x = self.first(x)
        F.relu_(x[:, :3])
        return self.second(x).mean((2, 3))


@pytest.mark.parametrize("rule", ["gradient", "guided", "deconvnet"])
def test_a_rectifier_that_overwrites_a_part_of_a_tensor_obeys(rule):
    torch.manual_seed(0)
    module = HalfRectified().eval()
    net = Network(module, input_size=(9, 9))
    x = torch.randn(1, 3, 9, 9)
    seed = torch.randn(1, 4)
    for _ in range(2):  # the second pass knows what the first had to find out
        done = differentiable_pass(net, x, (), RuleSwitch(rule))
        (found,) = torch.autograd.grad(done.logits, done.x, seed)
        twin = copy.deepcopy(module)
        leaf = x.clone().requires_grad_()
        inner = twin.first(leaf)
        held = inner.detach().clone()
        held[:, :3].relu_()
        held.requires_grad_()
        (above,) = torch.autograd.grad(twin.second(held).mean((2, 3)), held, seed)
        half = above[:, :3]
        half = half.clamp(min=0) if rule != "gradient" else half
        half = half * (inner[:, :3] > 0) if rule != "deconvnet" else half
        (expected,) = torch.autograd.grad(inner, leaf, torch.cat([half, above[:, 3:]], 1))
        assert float(expected.abs().max()) > 0
        torch.testing.assert_close(found, expected)
