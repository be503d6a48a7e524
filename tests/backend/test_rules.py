"""The three backward rules of the rectifier, value by value, and which calls count as rectifiers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from deepvis.backend import recording
from deepvis.backend.recording import function_name
from deepvis.backend.rules import RuleSwitch, apply_rule, rectifier_call

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
