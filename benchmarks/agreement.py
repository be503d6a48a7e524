"""How far back-projections in bf16 agree with those in fp32, and where they part: ``python -m benchmarks.agreement``.

For each network, layer and rule the maps of the layer's strongest units on a photograph are correlated (Pearson) with
those in fp32, and the lowest correlation is printed. Beside bf16 itself stand two networks that compute in fp32:

* ``forward``: only weights and activations are rounded to bf16; the way back is exact. What it loses is lost because
  rounding moves values across zero and ties in pooling windows, so that other rectifiers let the gradient through.
* ``backward``: only gradients are rounded to bf16; the way forward is exact.

The bundled network is trained, torchvision's have random weights. Needs torchvision.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torchvision
from torch import nn

import deepvis
from deepvis.backend.device import photograph
from deepvis.backend.methods.backprojection import backproject_tensor, strongest_units
from deepvis.backend.methods.differentiation import differentiable_pass
from deepvis.backend.network import Network
from deepvis.backend.rules import RuleSwitch
from deepvis.messages import RULES, FloatArray

LAYERS = {
    "tinynet": ("conv3", "conv5", "conv7"),
    "alexnet": ("features.3", "features.8", "features.11"),
    "vgg16": ("features.7", "features.14", "features.28"),
    "resnet18": ("layer1", "layer2", "layer3", "layer4"),
    "googlenet": ("inception3a", "inception4a", "inception5a"),
}
_ROUNDED = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)


def load(name: str) -> Network:
    """The bundled network with its weights, or one of torchvision's with random ones."""
    if name == "tinynet":
        network: Network = deepvis.load(name)
        return network
    options = {"googlenet": {"aux_logits": False, "init_weights": False}}.get(name, {})
    torch.manual_seed(0)
    return Network(getattr(torchvision.models, name)(weights=None, **options).eval(), name=name)


def coarse(values: torch.Tensor) -> torch.Tensor:
    """Rounded to bf16 and back."""
    return values.to(torch.bfloat16).to(values.dtype)


def forward_rounded(module: nn.Module) -> nn.Module:
    """A copy that rounds its weights and what its layers answer, and knows nothing of it on the way back."""
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for tensor in (*twin.parameters(), *twin.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(coarse(tensor))

    def round_output(_module: nn.Module, _args: object, output: torch.Tensor) -> torch.Tensor:
        return output + (coarse(output) - output).detach()

    for part in twin.modules():
        if isinstance(part, _ROUNDED):
            part.register_forward_hook(round_output)
    return twin


def backward_rounded(module: nn.Module) -> nn.Module:
    """A copy that rounds the gradient below each of its layers."""
    twin = copy.deepcopy(module)

    def round_gradient(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        copied = args[0].clone()
        if copied.requires_grad:
            copied.register_hook(coarse)  # type: ignore[no-untyped-call]
        return (copied, *args[1:])

    for part in twin.modules():
        if isinstance(part, _ROUNDED):
            part.register_forward_pre_hook(round_gradient)
    return twin


Projector = Callable[[str, int], FloatArray]


def projector(net: Network, x: torch.Tensor, layers: Sequence[str], switch: RuleSwitch) -> Projector:
    """Back-projections of any unit of ``layers`` from one pass, flattened."""
    done = differentiable_pass(net, x, layers, switch)
    return lambda layer, unit: backproject_tensor(done, layer, unit, keep=True).flatten().numpy()


def agreement(name: str, units: int) -> None:
    """Print the rows of one network."""
    net = load(name)
    x = net.preprocess(photograph())
    layers = LAYERS[name]
    switch = RuleSwitch()
    twins = [net.converted(torch.bfloat16, channels_last=True)]
    for rounded in (forward_rounded, backward_rounded):
        twin = copy.copy(net)
        twin.module = rounded(net.module)
        twins.append(twin)
    exact, *others = (projector(each, x, layers, switch) for each in (net, *twins))
    with torch.no_grad():
        activations = differentiable_pass(net, x, layers).activations
    for layer in layers:
        chosen = strongest_units(activations[layer], units)
        for switch.rule in RULES:
            lowest = [1.0] * len(others)
            for unit in chosen:
                reference = exact(layer, unit)
                for index, other in enumerate(others):
                    found = float(np.corrcoef(reference, other(layer, unit))[0, 1])
                    lowest[index] = min(lowest[index], found)
            print(f"| {name} | {layer} | {switch.rule} | " + " | ".join(f"{v:.4f}" for v in lowest) + " |", flush=True)


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", nargs="+", default=list(LAYERS), choices=list(LAYERS), metavar="NETWORK")
    parser.add_argument("--units", type=int, default=4, help="the strongest units of each layer that count (4)")
    options = parser.parse_args()
    print("| network | layer | rule | bf16 | forward | backward |\n|---|---|---|---|---|---|")
    for name in options.networks:
        agreement(name, options.units)


if __name__ == "__main__":
    main()
