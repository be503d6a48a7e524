"""What a class image maximises: a class, a unit, a channel or a layer, as one number a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from deepvis.backend.methods.differentiation import differentiable_pass, input_gradient
from deepvis.backend.network import Network
from deepvis.messages import Rule

Kind = Literal["class", "unit", "channel", "layer"]


@dataclass(frozen=True, slots=True)
class Objective:
    """One number of a network's answer.

    Attributes
    ----------
    kind : ``class``: the logit; ``unit``: the activation at the centre of the map (of a vector: the entry);
        ``channel``: the mean over the map; ``layer``: the mean square of the whole layer.
    index : the class, unit or channel; 0 for a layer.
    layer : None for a class.
    title : what it is called.
    rivals : of a class: weight of the log-probability that is maximised with the logit. Where the class is sure, its
        gradient vanishes; where another class is near, it tells the two apart.
    """

    kind: Kind
    index: int
    layer: str | None
    title: str
    rivals: float = 0.0

    def ascend(self, net: Network, x: torch.Tensor, rule: Rule = "gradient") -> Ascent:
        """The objective of a preprocessed float32 (n, c, h, w) input, and its gradient there, from one pass."""
        layers = () if self.layer is None else (self.layer,)
        done = differentiable_pass(net, x, layers, rule, stop=self.layer is not None)
        if self.layer is None:
            assert done.logits is not None
            logits = done.logits.detach().to(torch.float32)
            # d/dS (S_c + w log p_c), written out: it reaches the network as the seed of one backward pass.
            seed = logits.softmax(1).mul_(-self.rivals)
            seed[:, self.index] += 1 + self.rivals
            gradient = input_gradient(done, done.logits, seed.to(done.logits.dtype), "the class")
            return Ascent(logits[:, self.index], gradient, logits)
        activation = done.activations[self.layer]
        gradient = input_gradient(done, activation, self._seed(activation.detach()), f"layer {self.layer!r}")
        return Ascent(self._of_layer(activation.detach()).to(torch.float32), gradient, None)

    def value(self, net: Network, x: torch.Tensor) -> float:
        """The objective of one preprocessed input, without a gradient."""
        with torch.inference_mode():
            logits, captured = net.run(x, () if self.layer is None else (self.layer,), stop=self.layer is not None)
            if self.layer is None:
                assert logits is not None
                return float(logits[0, self.index])
            return float(self._of_layer(net.arrange(captured[self.layer], self.layer))[0])

    def _seed(self, activation: torch.Tensor) -> torch.Tensor:
        """The gradient of :meth:`_of_layer` at an (n, C, h, w) or (n, C) activation, laid out as that is: what autograd
        would make of it is rearranged at the first layer that it meets."""
        if self.kind == "layer":
            return activation * (2 / activation[0].numel())
        seed = torch.zeros_like(activation)
        if activation.dim() == 2:
            seed[:, self.index] = 1
        elif self.kind == "unit":
            seed[:, self.index, activation.shape[2] // 2, activation.shape[3] // 2] = 1
        else:
            seed[:, self.index] = 1 / activation[0, 0].numel()
        return seed

    def _of_layer(self, activation: torch.Tensor) -> torch.Tensor:
        if self.kind == "layer":
            return activation.to(torch.float32).square().flatten(1).mean(1)
        unit = activation[:, self.index]
        if unit.dim() == 1:
            return unit
        if self.kind == "unit":
            return unit[:, unit.shape[1] // 2, unit.shape[2] // 2]
        return unit.flatten(1).mean(1)


@dataclass(frozen=True, slots=True)
class Ascent:
    """``values`` float32 (n,) of the objective, ``gradient`` float32 (n, c, h, w) at the input, and float32
    ``logits`` (n, classes) where the pass went so far."""

    values: torch.Tensor
    gradient: torch.Tensor
    logits: torch.Tensor | None
