"""Class image: a picture, grown from noise, that a class, a unit, a channel or a layer answers to most.

Simonyan et al. 2013, "Deep inside convolutional networks"; Yosinski et al. 2015, "Understanding neural networks through
deep visualization"; Olah et al. 2017, "Feature visualization"; Fel et al. 2023, "Unlocking feature visualization for
deeper networks with magnitude constrained optimization".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch

from deepvis.backend.network import Network, NetworkError
from deepvis.backend.runs.base import Needs, Steps
from deepvis.backend.runs.objectives import Ascent, Kind, Objective
from deepvis.backend.runs.parameterizations import (
    FourierPicture,
    Parameterization,
    PhasePicture,
    mean_magnitude,
    natural_magnitude,
    photographs,
)
from deepvis.backend.runs.pixels import to_picture
from deepvis.backend.runs.precision import for_steps, in_precision
from deepvis.backend.runs.recipes import (
    L2Ascent,
    ParameterizedAscent,
    Recipe,
    YosinskiAscent,
    YosinskiSettings,
    l2_jitter,
    view_change,
)
from deepvis.messages import Prediction, Rule, RunResult, RunUpdate, Size, UInt8Array
from deepvis.options import check_options, option, option_values

STEPS: Mapping[str, int] = {"fourier": 256, "maco": 256, "yosinski": 1000, "l2": 512}
"""Steps of a recipe if nothing is said."""

RATES: Mapping[str, float] = {"fourier": 0.05, "maco": 0.05, "yosinski": 1e8, "l2": 100.0}
"""Learning rate of a recipe if nothing is said; of yosinski the largest, since it then goes by progress."""

PROGRESS = 2.0
"""By how much a step of yosinski should raise the objective if nothing is said, as in the paper's presets 1 and 4. The
fixed rate of the others, 100, suits CaffeNet; a network with small gradients would stay grey."""

REGULARIZATION: Mapping[str, float] = {"fourier": 0.3, "l2": 0.0001}
"""Weight of the regularization of a recipe if nothing is said."""

RIVALS: Mapping[str, float] = {"fourier": 5.0, "maco": 5.0}
"""Weight of the log-probability beside the logit if nothing is said; the older recipes maximise the logit alone."""

_YOSINSKI = ("recipe", ("yosinski",))
_CHANGED = ("recipe", ("fourier", "maco"))

_RENEWALS = 3
"""Times in a row that a gradient of 0 is answered by other noise."""

_OPENED = 16
"""Steps in a row that dead rectifiers may then pass gradient."""


@dataclass(frozen=True)
class ClassImage:
    """Grow a picture from noise that a class, a unit, a channel or a layer answers to most.

    ``steps`` yields one update a step. ``update.image`` is the picture; ``update.metrics``: ``objective`` (the logit,
    or the activation, of the view that the network was shown), ``probability`` (of the class; for a class only) and
    ``gradient_norm`` (at the network's input). The last update's ``result`` is a
    :class:`~deepvis.messages.RunResult` whose figures are measured on the 8-bit picture, put through the network the
    usual way. The run can be continued.

    Papers: Simonyan et al. 2013; Yosinski et al. 2015; Olah et al. 2017; Fel et al. 2023.
    """

    title: ClassVar[str] = "Class image"
    needs: ClassVar[Needs] = "nothing"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Fast preview": {"recipe": "fourier", "iterations": 96},
        "Magnitudes of photographs": {"recipe": "maco"},
        "Yosinski 1": {
            "recipe": "yosinski",
            "iterations": 500,
            "learning_rate": 100.0,
            "progress": 2.0,
            "decay": 0.0,
            "blur": 0.5,
            "blur_every": 4,
            "norm_percentile": 50.0,
            "contribution_percentile": 0.0,
        },
        "Yosinski 2": {
            "recipe": "yosinski",
            "iterations": 750,
            "learning_rate": 100.0,
            "progress": None,
            "decay": 0.3,
            "blur": 0.0,
            "blur_every": 4,
            "norm_percentile": 20.0,
            "contribution_percentile": 0.0,
        },
        "Yosinski 3": {
            "recipe": "yosinski",
            "iterations": 1000,
            "learning_rate": 100.0,
            "progress": None,
            "decay": 0.0001,
            "blur": 1.0,
            "blur_every": 4,
            "norm_percentile": 0.0,
            "contribution_percentile": 0.0,
        },
        "Yosinski 4": {
            "recipe": "yosinski",
            "iterations": 1000,
            "learning_rate": 1e8,
            "progress": 2.0,
            "decay": 0.0,
            "blur": 0.5,
            "blur_every": 4,
            "norm_percentile": 0.0,
            "contribution_percentile": 90.0,
        },
        "Simonyan": {"recipe": "l2"},
    }

    target: int | str | None = option(
        None, help="Class index or label; none: a layer says what is maximised", role="class"
    )
    layer: str | None = option(
        None, help="Layer of which a unit or all units are maximised, in the place of a class", role="layer"
    )
    unit: int | None = option(None, help="Unit of the layer; none: the whole layer", minimum=0, role="unit")
    objective: Literal["auto", "class", "unit", "channel", "layer"] = option(
        "auto", help="What is maximised; auto: what target, layer and unit say", advanced=True
    )
    recipe: Literal["fourier", "maco", "yosinski", "l2"] = option(
        "fourier", help="How the picture is changed from step to step"
    )
    iterations: int | None = option(
        None, help="Steps; none: 256; 512 for l2, 1000 for yosinski", minimum=1, maximum=100_000, label="Steps"
    )
    seed: int = option(0, help="Start of the noise: the same seed gives the same picture", minimum=0, maximum=2**63 - 1)
    size: int | None = option(
        None, help="Side of the picture; none: the network's own input size", minimum=8, maximum=4096, unit="px"
    )
    rivals: float | None = option(
        None,
        help="Weight of the log-probability beside the logit, which holds similar classes off; none: the recipe's",
        minimum=0,
        maximum=100,
        advanced=True,
        when=("objective", ("auto", "class")),
    )
    learning_rate: float | None = option(
        None, help="Rate at which the picture follows the gradient; none: the recipe's", minimum=0, advanced=True
    )
    jitter: float | None = option(
        None,
        help="Largest random shift of the view; none: the recipe's, in proportion to the size",
        minimum=0,
        unit="px",
        advanced=True,
        when=("recipe", ("fourier", "maco", "l2")),
    )
    scale: float = option(
        0.25, help="Largest random change of size, as a share", minimum=0, maximum=0.9, advanced=True, when=_CHANGED
    )
    rotation: float = option(
        15.0, help="Largest random turn", minimum=0, maximum=180, unit="°", advanced=True, when=_CHANGED
    )
    smoothing: float = option(
        0.7,
        help="Sigma of a Gaussian that holds back the finest patterns",
        minimum=0,
        maximum=10,
        unit="px",
        advanced=True,
        when=("recipe", ("fourier",)),
    )
    views: int = option(
        1, help="Random views at a step, whose mean is maximised", minimum=1, maximum=64, advanced=True, when=_CHANGED
    )
    folder: str | None = option(
        None,
        help="Photographs whose mean magnitudes are taken; none: the samples",
        role="folder",
        when=("recipe", ("maco",)),
    )
    regularization: float | None = option(
        None,
        help="Pull towards mid grey: λ of l2, weight decay of fourier; none: the recipe's",
        minimum=0,
        advanced=True,
        when=("recipe", ("fourier", "l2")),
    )
    progress: float | None = option(
        None,
        help="By how much a step should raise the objective, if the learning rate, then the largest, allows; none: the "
        "learning rate is fixed, or 2 without one",
        minimum=0,
        advanced=True,
        when=_YOSINSKI,
    )
    decay: float = option(
        0.0001, help="Share of the picture lost at each step", minimum=0, maximum=1, advanced=True, when=_YOSINSKI
    )
    blur: float = option(
        1.0,
        help="Sigma of the Gaussian blur; 0: none",
        minimum=0,
        maximum=100,
        unit="px",
        advanced=True,
        when=_YOSINSKI,
    )
    blur_every: int = option(4, help="Steps from blur to blur", minimum=1, unit="steps", advanced=True, when=_YOSINSKI)
    norm_percentile: float = option(
        0.0,
        help="Pixels whose norm is below this percentile are cleared",
        minimum=0,
        maximum=100,
        unit="%",
        advanced=True,
        when=_YOSINSKI,
    )
    contribution_percentile: float = option(
        0.0,
        help="Pixels whose contribution is below this percentile are cleared",
        minimum=0,
        maximum=100,
        unit="%",
        advanced=True,
        when=_YOSINSKI,
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", help="Number format; auto: bf16 where it is fast and answers the same", advanced=True
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.unit is not None and self.layer is None and self.objective != "class":
            raise ValueError(f"unit {self.unit} was given without a layer; say which layer it belongs to")
        if self.objective == "auto" and self.target is not None and self.layer is not None:
            raise ValueError(
                f"both target {self.target!r} and layer {self.layer!r} were given; leave one out, or say with "
                "objective which of them is meant"
            )

    # ------------------------------------------------------------------------------------------- what is maximised

    @property
    def lacks(self) -> str:
        """What must still be named before a step can be made, whatever the network; empty where nothing is missing."""
        kind = self._kind()
        if kind == "class":
            nothing = (
                "nothing is chosen that the picture should maximise; choose a class (target), or a layer and a unit"
            )
            return nothing if self.target is None else ""
        if self.layer is None:
            return f"objective {kind!r} needs a layer; choose one"
        if kind != "layer" and self.unit is None:
            return f"objective {kind!r} needs a unit of layer {self.layer!r}; choose one"
        return ""

    def goal(self, net: Network) -> Objective:
        """What is maximised in this network.

        With ``auto`` a target is a class, a layer alone a layer. A unit of a layer with maps is its whole channel for
        the recipes that move the picture about (fourier, maco), and its centre position for the others.

        Raises ValueError where nothing is chosen, or a class or unit is out of range; KeyError for an unknown label or
        layer, with the nearest.
        """
        if self.lacks:
            raise ValueError(self.lacks)
        kind = self._kind()
        if kind == "class":
            assert self.target is not None
            index = net.target_index(self.target)
            rivals = RIVALS.get(self.recipe, 0.0) if self.rivals is None else self.rivals
            return Objective("class", index, None, net.labels[index], rivals)
        assert self.layer is not None
        if kind == "layer":
            net.layer(self.layer)
            return Objective("layer", 0, self.layer, self.layer)
        assert self.unit is not None
        net.check_unit(self.layer, self.unit)
        return Objective(kind, self.unit, self.layer, f"{self.layer} {self.unit}")

    def _kind(self) -> Kind:
        if self.objective != "auto":
            return self.objective
        if self.layer is None:
            return "class"
        if self.unit is None:
            return "layer"
        return "channel" if self.recipe in ("fourier", "maco") else "unit"

    # ----------------------------------------------------------------------------------------------------- the run

    def steps(self, net: Network) -> Steps:
        """Grow the picture; see the class.

        Raises
        ------
        ValueError, KeyError : see :meth:`goal`; the size is one that the network does not take; the gradient stays 0.
        NetworkError : the network raises, gives no gradients, or answers with what is no number.
        """
        goal = self.goal(net)
        size = self._size(net)
        runner = for_steps(in_precision(net, self.precision), size, self.views)
        recipe = self._recipe(net, size, torch.Generator().manual_seed(self.seed))
        zeros = _Zeros(goal)
        step, total = 0, self._iterations()
        while True:
            step += 1
            recipe.climb()
            ascent = goal.ascend(runner, recipe.view(), zeros.rule)
            picture = to_picture(recipe.pixels())
            norm = float(ascent.gradient.norm())
            note = zeros.note(norm)
            if zeros.renews:
                recipe.renew()
            else:
                recipe.take(ascent.gradient)
            update = _update(step, total, picture, goal, net, ascent, norm, note)
            if step < total:
                yield update
                continue
            result = self._result(net, goal, picture, step, zeros)
            more = yield replace(update, result=result, more=self._iterations())
            if more is None:
                return
            total += more

    def _iterations(self) -> int:
        return STEPS[self.recipe] if self.iterations is None else self.iterations

    def _size(self, net: Network) -> Size:
        if self.size is None or (self.size, self.size) == net.input_size:
            return net.input_size
        size = (self.size, self.size)
        try:
            net.forward(torch.zeros(1, net.channels, *size, device=net.device))
        except NetworkError as error:
            own = " × ".join(map(str, net.input_size))
            least = f"any from {net.min_size} px" if net.flexible else f"only its own {own} px"
            raise ValueError(
                f"size {self.size} px does not suit network {net.name!r}, which takes {least}; leave size empty "
                "for its own"
            ) from error
        return size

    def _recipe(self, net: Network, size: Size, generator: torch.Generator) -> Recipe:
        rate = RATES[self.recipe] if self.learning_rate is None else self.learning_rate
        regularization = REGULARIZATION.get(self.recipe, 0.0) if self.regularization is None else self.regularization
        if self.recipe == "l2":
            return L2Ascent(net, size, generator, rate, regularization, l2_jitter(size, self.jitter))
        if self.recipe == "yosinski":
            fixed = self.progress is not None or self.learning_rate is not None
            settings = YosinskiSettings(
                rate,
                self.progress if fixed else PROGRESS,
                self.decay,
                self.blur,
                self.blur_every,
                self.norm_percentile,
                self.contribution_percentile,
            )
            return YosinskiAscent(net, size, generator, settings)
        change = view_change(size, self.jitter, self.scale, self.rotation)
        picture = self._picture(net, size, generator)
        # The phases of maco are angles: they have no zero to be pulled to.
        pull = regularization if self.recipe == "fourier" else 0.0
        return ParameterizedAscent(net, picture, generator, rate, pull, change, self.views)

    def _picture(self, net: Network, size: Size, generator: torch.Generator) -> Parameterization:
        if self.recipe == "fourier":
            return FourierPicture(net.channels, size, generator, net.device, self.smoothing)
        pictures = photographs(self.folder)
        magnitude = mean_magnitude(pictures, net.channels, size) if pictures else natural_magnitude(net.channels, size)
        return PhasePicture(magnitude, size, generator, net.device)

    def _result(self, net: Network, goal: Objective, picture: UInt8Array, step: int, zeros: _Zeros) -> RunResult:
        """Judged on the 8-bit picture: what a person would get who opened the saved file."""
        x = net.preprocess(picture)
        figures = {"objective": goal.value(net, x)}
        if not math.isfinite(figures["objective"]):
            raise NetworkError(
                f"network {net.name!r} answers its own picture with what is no number, so there was nothing to climb; "
                "check its weights, or choose precision fp32"
            )
        facts: dict[str, Any] = {"objective": goal.kind, "steps": step, "begun_again": zeros.renewals}
        if goal.kind == "class":
            logits = net.forward(x)[0].cpu()
            figures["probability"] = float(torch.softmax(logits.double(), 0)[goal.index])
            rank = int((logits > logits[goal.index]).sum()) + 1
            facts |= {"target": goal.index, "label": goal.title, "rank": rank, "recognised": rank == 1}
        else:
            facts |= {"layer": goal.layer, "unit": None if goal.kind == "layer" else goal.index}
        return RunResult(
            run="class_image",
            title=goal.title,
            options=option_values(self),
            network=net.name,
            network_hash=net.hash,
            image=picture,
            figures=figures,
            facts=facts,
        )


class _Zeros:
    """What is done when no gradient comes back, which ends the toolbox's run: other noise, then open rectifiers."""

    def __init__(self, goal: Objective) -> None:
        self._goal = goal
        self._in_a_row = 0
        self.renewals = 0
        self.renews = False
        self.rule: Rule = "gradient"

    def note(self, norm: float) -> str:
        """What a person should know of a step whose gradient has this norm; decides over ``renews`` and ``rule``.

        Raises ValueError if nothing has helped.
        """
        finite = math.isfinite(norm)
        self.renews = False
        if finite and norm > 0:
            opened = self.rule == "deconvnet"
            self._in_a_row = self._in_a_row + 1 if opened else 0
            if opened:
                # Shut again at once: they only have to bring the picture to where the unit answers.
                self.rule = "gradient"
                return "dead rectifiers passed gradient in this step"
            return ""
        self._in_a_row += 1
        what = "exactly 0" if finite else "not a number"
        if self._in_a_row <= _RENEWALS:
            self.renews = True
            self.renewals += 1
            return f"the gradient was {what}: begun again from other noise"
        if self._in_a_row <= _RENEWALS + 2 * _OPENED:
            if finite and self.rule == "gradient":
                self.rule = "deconvnet"
                return "the gradient was exactly 0: dead rectifiers pass gradient in the next step"
            self.rule = "gradient"
            self.renews = True
            self.renewals += 1
            return f"the gradient was {what}, also with rectifiers open: begun again from other noise"
        raise ValueError(
            f"no gradient comes back from {self._goal.title} ({what}, {self._in_a_row} times in a row): it answers to "
            "nothing near noise. Choose another unit, or the layer before its rectifier"
        )


def _update(
    step: int,
    total: int,
    picture: UInt8Array,
    goal: Objective,
    net: Network,
    ascent: Ascent,
    norm: float,
    note: str,
) -> RunUpdate:
    metrics = {"objective": float(ascent.values.mean())}
    detail: dict[str, Any] = {}
    if goal.kind == "class" and ascent.logits is not None:
        probabilities = torch.softmax(ascent.logits, 1).mean(0)
        metrics["probability"] = float(probabilities[goal.index])
        values, indices = probabilities.topk(min(5, len(probabilities)))
        best = zip(values.tolist(), indices.tolist(), strict=True)
        detail["bars"] = {"Best classes": tuple(Prediction(i, net.labels[i], value) for value, i in best)}
    metrics["gradient_norm"] = norm
    return RunUpdate(step, total, picture, metrics, None, detail, note=note)
