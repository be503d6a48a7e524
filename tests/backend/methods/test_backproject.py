"""Back-projections are right on any network: beside captum, zennit, and rectifiers that were replaced by hand."""

from __future__ import annotations

import copy
from contextlib import contextmanager

import captum.attr
import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from deepvis import methods
from deepvis.backend.methods.backprojection import backproject_units, origin_gradient, strongest_units
from deepvis.backend.methods.differentiation import differentiable_pass
from deepvis.backend.network import Network, NetworkError
from deepvis.backend.rules import RuleSwitch
from deepvis.backend.zoo.tinynet import TinyNet

RULES = ("gradient", "deconvnet", "guided")
CAPTUM = {
    "gradient": captum.attr.Saliency,
    "deconvnet": captum.attr.Deconvolution,
    "guided": captum.attr.GuidedBackprop,
}


def random_input(size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(seed))


def captum_attribution(rule, model, x, target=None):
    options = {"abs": False} if rule == "gradient" else {}
    leaf = x.clone().requires_grad_()
    return CAPTUM[rule](model).attribute(leaf, target=target, **options)[0].detach().numpy()


def without_in_place(module: nn.Module) -> nn.Module:
    """A copy for captum, whose hooks cannot stand rectifiers that work in place."""
    twin = copy.deepcopy(module)
    for part in twin.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    return twin


@contextmanager
def without_large_heads():
    """Hidden fully connected layers of 4096 become 8 wide while a network is made."""
    made = nn.Linear.__init__

    def narrow(self, in_features, out_features, *args, **kwargs):
        width = {4096: 8}
        made(self, width.get(in_features, in_features), width.get(out_features, out_features), *args, **kwargs)

    nn.Linear.__init__ = narrow
    try:
        yield
    finally:
        nn.Linear.__init__ = made


ARCHITECTURES = [
    ("alexnet", {}, 64, ["features.3", "features.11"]),
    ("vgg16", {"init_weights": False}, 32, ["features.5", "features.28"]),
    ("resnet18", {}, 48, ["layer1.0", "layer2.1.conv2", "layer4"]),
    ("densenet121", {}, 32, ["features.transition1.conv", "features.denseblock2.denselayer3.conv2"]),
    ("squeezenet1_1", {}, 48, ["features.3.expand1x1", "features.7.squeeze"]),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "options", "size", "layers"), ARCHITECTURES, ids=[a[0] for a in ARCHITECTURES])
def test_the_three_rules_equal_captum_where_captum_is_right(name, options, size, layers, up_to, close):
    torch.manual_seed(1)
    # The fully connected head is a hundred million weights that none of these layers looks at.
    with without_large_heads():
        module = getattr(torchvision.models, name)(weights=None, **options).eval()
    twin = without_in_place(module)
    net = Network(module, input_size=(size, size), name=name)
    x = random_input(size)
    for layer in layers:
        activation = methods.activations(net, x, layer)
        first, second = (int(u) for u in np.argsort(-activation.reshape(len(activation), -1).max(1))[:2])
        row, column = (int(i) for i in np.unravel_index(activation[first].argmax(), activation.shape[1:]))
        for rule in RULES:
            expected = captum_attribution(rule, up_to(twin, layer, second), x)
            close(methods.backproject(net, x, layer, second, rule), expected)
            expected = captum_attribution(rule, up_to(twin, layer), x, (first, row, column))
            close(methods.backproject(net, x, layer, first, rule, (row, column), "one"), expected)


class PreActivationBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        return x + self.conv2(self.relu2(self.norm2(self.conv1(self.relu1(self.norm1(x))))))


def pre_activation_resnet() -> nn.Module:
    torch.manual_seed(2)
    blocks = [PreActivationBlock(8) for _ in range(3)]
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
    ).eval()


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_a_pre_activation_resnet_equals_zennit(rule, close):
    from zennit.composites import LayerMapComposite
    from zennit.rules import ReLUDeconvNet, ReLUGuidedBackprop

    module = pre_activation_resnet()
    x = random_input(16)
    hook = {"deconvnet": ReLUDeconvNet, "guided": ReLUGuidedBackprop}[rule]
    with LayerMapComposite([(nn.ReLU, hook())]).context(module) as modified:
        leaf = x.clone().requires_grad_()
        (expected,) = torch.autograd.grad(modified(leaf)[0, 3], leaf)
    net = Network(module, input_size=(16, 16))
    close(methods.backproject(net, x, "7", 3, rule, seed="one"), expected[0].numpy())


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_the_skip_path_of_a_pre_activation_resnet_keeps_its_gradient(rule, written_rectifier, close):
    module = pre_activation_resnet()
    replaced = copy.deepcopy(module)
    for parent in list(replaced.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(parent, name, written_rectifier(rule))
    x = random_input(16)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(replaced[:4](leaf)[0, 2].sum(), leaf)
    close(methods.backproject(Network(module, input_size=(16, 16)), x, "3", 2, rule, seed="one"), expected[0].numpy())


class HandConv(nn.Module):
    """torchvision's convolution, normalisation and functional rectifier, the last replaced by hand."""

    def __init__(self, original: nn.Module, rectifier: nn.Module) -> None:
        super().__init__()
        self.conv, self.bn, self.rectifier = original.conv, original.bn, rectifier

    def forward(self, x):
        return self.rectifier(self.bn(self.conv(x)))


def with_rectifiers_replaced(module: nn.Module, make) -> nn.Module:
    twin = copy.deepcopy(module)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ == "BasicConv2d":
                setattr(parent, name, HandConv(child, make(float("inf"))))
            elif isinstance(child, nn.ReLU6):
                setattr(parent, name, make(6.0))
            elif isinstance(child, nn.ReLU):
                setattr(parent, name, make(float("inf")))
    return twin.eval()


@pytest.mark.parametrize(
    ("name", "options", "size", "layer", "unit"),
    [
        ("googlenet", {"init_weights": False, "aux_logits": False}, 64, "inception4a", 9),
        ("inception_v3", {"init_weights": False, "aux_logits": False}, 96, "Mixed_5d", 5),
        ("mobilenet_v2", {}, 64, "features.12", 7),
    ],
)
def test_rectifiers_that_hooks_on_modules_miss_are_caught(
    name, options, size, layer, unit, written_rectifier, up_to, close
):
    torch.manual_seed(3)
    module = getattr(torchvision.models, name)(weights=None, **options).eval()
    net = Network(module, input_size=(size, size), name=name)
    assert net.catalogue.rectifiers > 20
    x = random_input(size)
    plain = methods.backproject(net, x, layer, unit, "gradient", seed="one")
    for rule in ("guided", "deconvnet"):
        found = methods.backproject(net, x, layer, unit, rule, seed="one")
        assert np.abs(found - plain).max() > 0.1 * np.abs(plain).max()
        twin = with_rectifiers_replaced(module, lambda ceiling, rule=rule: written_rectifier(rule, ceiling))
        leaf = x.clone().requires_grad_()
        (expected,) = torch.autograd.grad(up_to(twin, layer)(leaf)[0, unit].sum(), leaf)
        close(found, expected[0].numpy())


class CaptumTinyNet(nn.Module):
    """The known answer of captum's own tests."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(8, 4, bias=False)
        with torch.no_grad():
            self.conv.weight.fill_(1)
            self.conv.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc.weight.copy_(torch.tensor([1.0] * 5 + [-1.0] * 3).expand(4, 8))

    def forward(self, x):
        return self.fc(self.relu(self.conv(x)).flatten(1))


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("guided", [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]),
        ("deconvnet", [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]),
    ],
)
def test_the_known_answers_of_captums_tiny_network_hold(rule, answer):
    net = Network(CaptumTinyNet(), input_size=(4, 4), mean=(0.0,), std=(1.0,))
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert methods.backproject(net, x, "fc", 0, rule, seed="one").tolist() == [answer]


def test_the_activation_seed_is_the_sum_of_all_positions_weighted_by_their_values(tiny, image, close):
    activation = methods.activations(tiny, image, "conv6")[4]
    total = sum(
        value * methods.backproject(tiny, image, "conv6", 4, "gradient", position=place, seed="one")
        for place, value in np.ndenumerate(activation)
    )
    close(methods.backproject(tiny, image, "conv6", 4, "gradient"), total)


@pytest.mark.parametrize("rule", RULES)
def test_one_pass_gives_the_same_as_a_pass_for_each_unit(rule, tiny, image, close):
    x = tiny.preprocess(image)
    done = differentiable_pass(tiny, x, ("conv5",), rule)
    units = strongest_units(done.activations["conv5"], 5)
    for unit, gradient in zip(units, backproject_units(done, "conv5", units), strict=True):
        close(gradient[0].numpy(), methods.backproject(tiny, image, "conv5", unit, rule))


def test_one_graph_is_gone_back_through_by_each_rule_in_turn(tiny, image, close):
    switch = RuleSwitch()
    done = differentiable_pass(tiny, tiny.preprocess(image), ("conv5",), switch)
    for rule in ("guided", "gradient", "deconvnet", "guided"):
        switch.rule = rule
        (gradient,) = backproject_units(done, "conv5", [3], keep=True)
        close(gradient[0].numpy(), methods.backproject(tiny, image, "conv5", 3, rule))


def test_the_strongest_units_come_in_the_order_of_their_maxima():
    activation = torch.zeros(1, 4, 2, 2)
    activation[0, :, 1, 0] = torch.tensor([1.0, 5.0, -2.0, 5.0])
    assert strongest_units(activation, 3) == [1, 3, 0]
    assert strongest_units(torch.tensor([[1.0, 3.0]]), 9) == [1, 0]


def test_the_gradient_of_an_origin_at_an_earlier_layer_equals_finite_differences():
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 4, 3, padding=1).double(), nn.Conv2d(4, 2, 3, padding=1).double()
    module = nn.Sequential(first, nn.ReLU(inplace=True), second, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net = Network(module, input_size=(6, 6))
    x = random_input(6)
    done = differentiable_pass(net, x, ("0", "2"))
    found = origin_gradient(done, "2", 1, "0", (2, 3), "one", keep=True)
    assert found is not None
    inner = first(x.double()).detach()
    for channel, row, column in ((0, 2, 3), (3, 1, 2), (2, 3, 4)):
        moved = inner.clone()
        moved[0, channel, row, column] += 1e-6
        slope = (second(moved.relu())[0, 1, 2, 3] - second(inner.relu())[0, 1, 2, 3]) / 1e-6
        assert float(found[0, channel, row, column]) == pytest.approx(float(slope), abs=1e-6)
    assert origin_gradient(done, "0", 1, "2") is None


@pytest.mark.parametrize(
    ("layer", "rule"),
    [("conv3", "gradient"), ("conv4", "deconvnet"), ("conv4", "guided"), ("conv7", "guided")],
)
def test_maps_in_bf16_correlate_with_those_in_fp32(layer, rule, image):
    torch.manual_seed(0)
    module = TinyNet((64, 96, 160, 160, 256, 256, 384), 20)
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter)
    net = Network(module, input_size=(64, 64))
    half = net.converted(torch.bfloat16, channels_last=True)
    unit = int(methods.activations(net, image, layer).max((1, 2)).argmax())
    full = methods.backproject(net, image, layer, unit, rule)
    coarse = methods.backproject(half, image, layer, unit, rule)
    assert coarse.dtype == np.float32
    assert np.corrcoef(full.ravel(), coarse.ravel())[0, 1] >= 0.99


def test_a_reused_rectifier_that_works_in_place_obeys_at_every_call(written_rectifier, close):
    class Reused(nn.Module):
        def __init__(self, rectifier):
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(n, 6, 3, padding=1) for n in (3, 6, 6))
            self.rectifier = rectifier

        def forward(self, x):
            x = self.rectifier(self.a(x))
            x = self.rectifier(self.b(x) + x)
            return self.rectifier(self.c(x)).mean((2, 3))

    torch.manual_seed(4)
    module = Reused(nn.ReLU(inplace=True))
    twin = copy.deepcopy(module)
    x = random_input(12)
    net = Network(module, input_size=(12, 12))
    assert [layer.name for layer in net.layers if layer.kind == "relu"] == ["rectifier", "rectifier_1", "rectifier_2"]
    for rule in RULES:
        twin.rectifier = written_rectifier(rule)
        leaf = x.clone().requires_grad_()
        (expected,) = torch.autograd.grad(twin(leaf)[0, 2], leaf)
        close(methods.backproject(net, x, "mean", 2, rule, seed="one"), expected[0].numpy())


def test_a_layer_that_a_later_operation_overwrites_is_seen_as_it_was(close):
    torch.manual_seed(5)
    conv = nn.Conv2d(3, 4, 3)
    net = Network(nn.Sequential(conv, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()), input_size=(9, 9))
    x = random_input(9)
    expected = conv(x)[0].detach().numpy()
    assert (expected < 0).any()
    close(methods.activations(net, x, "0"), expected)
    assert (methods.activations(net, x, "1") >= 0).all()


def test_a_preprocessed_tensor_is_used_as_it_is_and_not_written_to(tiny, image, close):
    x = tiny.preprocess(image)
    before = x.clone()
    close(methods.backproject(tiny, x, "conv4", 1), methods.backproject(tiny, image, "conv4", 1))
    assert torch.equal(x, before)
    assert not x.requires_grad


def test_it_works_under_no_grad_and_inference_mode(tiny, image, close):
    expected = methods.backproject(tiny, image, "conv4", 1)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            close(methods.backproject(tiny, image, "conv4", 1), expected)


def test_a_network_without_rectifiers_gets_the_plain_gradient(close):
    torch.manual_seed(6)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 4, 3), nn.GELU(), nn.Flatten(), nn.LazyLinear(2))
    module(torch.zeros(1, 3, 8, 8))
    net = Network(module, input_size=(8, 8))
    x = random_input(8)
    assert net.catalogue.rectifiers == 0
    plain = methods.backproject(net, x, "2", 0, "gradient")
    for rule in ("guided", "deconvnet"):
        close(methods.backproject(net, x, "2", 0, rule), plain, 0)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"layer": "conv9"}, KeyError, "conv"),
        ({"unit": 12}, ValueError, "units 0 to 11"),
        ({"unit": -1}, ValueError, "units 0 to 11"),
        ({"position": (6, 0)}, ValueError, "rows 0 to 5"),
        ({"position": (0, 8)}, ValueError, "columns 0 to 7"),
        ({"layer": "fc", "position": (0, 0)}, ValueError, "no maps"),
        ({"rule": "guide"}, ValueError, "guided"),
        ({"seed": "two"}, ValueError, "activation"),
    ],
)
def test_what_is_out_of_range_is_named_with_the_range(change, error, said, tiny, image):
    options = {"layer": "conv4", "unit": 0} | change
    if options["layer"] == "conv4" and "position" in options:
        options["layer"] = "relu5"  # 16 units on 6 × 8
    with pytest.raises(error, match=said):
        methods.backproject(tiny, image, options.pop("layer"), options.pop("unit"), **options)


class WithoutGradients(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        with torch.no_grad():
            return self.fc(self.conv(x).relu().mean((2, 3)))


def test_a_network_under_no_grad_gets_one_clear_error(image):
    net = Network(WithoutGradients(), input_size=(16, 16), name="frozen")
    for call in (
        lambda: methods.backproject(net, image, "conv", 0),
        lambda: methods.saliency(net, image),
        lambda: methods.grad_cam(net, image),
        lambda: methods.saliency(net, image, 0, "integrated_gradients"),
    ):
        with pytest.raises(NetworkError, match=r"'frozen' gives no gradients.*quantised"):
            call()
    assert methods.activations(net, image, "conv").shape == (4, 14, 14)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantised_network_gets_one_clear_error(image):
    torch.backends.quantized.engine = torch.backends.quantized.supported_engines[-1]
    from torch.ao import quantization

    module = nn.Sequential(
        quantization.QuantStub(),
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
        quantization.DeQuantStub(),
    ).eval()
    module.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
    prepared = quantization.prepare(module)
    prepared(torch.randn(4, 3, 16, 16))
    net = Network(quantization.convert(prepared), input_size=(16, 16), name="int8")
    with pytest.raises(NetworkError, match=r"'int8' gives no gradients.*quantised"):
        methods.saliency(net, image)
    dropped = methods.occlusion(net, image, 0, patch=8, stride=8)
    assert np.isfinite(dropped.drop).all()
    with pytest.raises(KeyError, match="quint8"):
        methods.activations(net, image, "1")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_dynamically_quantised_network_gets_one_clear_error(image):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    net = Network(torch.ao.quantization.quantize_dynamic(module, {nn.Linear}), input_size=(16, 16), name="dynamic")
    with pytest.raises(NetworkError, match=r"'dynamic' gives no gradients.*quantised"):
        methods.saliency(net, image)
    assert np.isfinite(methods.backproject(net, image, "0", 1)).all()


def test_functional_rectifiers_of_every_spelling_obey(close):
    torch.manual_seed(7)
    conv = nn.Conv2d(3, 4, 3, padding=1)
    spellings = {
        "F.relu": F.relu,
        "F.relu inplace": lambda z: F.relu(z, inplace=True),
        "torch.relu": torch.relu,
        "torch.relu_": torch.relu_,
        "Tensor.relu": lambda z: z.relu(),
        "Tensor.relu_": lambda z: z.relu_(),
        "clamp": lambda z: z.clamp(min=0),
        "clamp_min": lambda z: torch.clamp_min(z, 0),
    }

    class Spelt(nn.Module):
        def __init__(self, rectify):
            super().__init__()
            self.conv, self.head, self.rectify = conv, nn.Conv2d(4, 2, 3), rectify

        def forward(self, x):
            return self.head(self.rectify(self.conv(x))).mean((2, 3))

    x = random_input(10)
    torch.manual_seed(8)
    head = nn.Conv2d(4, 2, 3)
    for rule in RULES:
        answers = []
        for rectify in spellings.values():
            module = Spelt(rectify)
            module.head = head
            answers.append(methods.backproject(Network(module, input_size=(10, 10)), x, "mean", 0, rule, seed="one"))
        for answer in answers[1:]:
            close(answer, answers[0], 0)
    assert (
        np.abs(answers[0] - methods.backproject(Network(module, input_size=(10, 10)), x, "mean", 0, "gradient")).max()
        > 0
    )


@pytest.mark.filterwarnings("ignore")
def test_an_exported_graph_obeys_as_the_module_that_it_came_from(close):
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3), nn.ReLU6(inplace=True)]
    module = nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)).eval()
    x = random_input(16)
    graph = Network(torch.export.export(module, (x,)).module(), input_size=(16, 16))
    net = Network(module, input_size=(16, 16))
    assert graph.catalogue.rectifiers == 2
    for rule in RULES:
        found = methods.backproject(graph, x, "linear", 1, rule, seed="one")
        close(found, methods.backproject(net, x, "6", 1, rule, seed="one"))
