"""Options describe and check themselves."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import pytest

from deepvis.options import check_options, option, options_of


@dataclass(frozen=True)
class Example:
    target: int | str | None = option(None, help="Class index or label")
    steps: int = option(10, help="Number of steps", minimum=1, maximum=1000)
    rate: float = option(0.5, help="Step length", minimum=0, unit="px", label="Step")
    method: Literal["fast", "slow"] = option("fast", help="Which way")
    fill: str | float = option("black", help="Colour", choices=("black", "grey"), minimum=0, maximum=255)
    layers: tuple[str, ...] = option((), help="Which layers")
    flag: bool = option(False, help="Whether")
    internal: int = 3

    def __post_init__(self) -> None:
        check_options(self)


def test_forms_and_commands_learn_everything_from_the_dataclass():
    found = {item.name: item for item in options_of(Example)}
    assert list(found) == ["target", "steps", "rate", "method", "fill", "layers", "flag"]
    assert found["target"].kinds == ("int", "str")
    assert found["target"].optional
    assert not found["steps"].optional
    assert (found["steps"].minimum, found["steps"].maximum, found["steps"].default) == (1, 1000, 10)
    assert (found["rate"].label, found["steps"].label) == ("Step", "Steps")
    assert found["method"].choices == ("fast", "slow")
    assert found["layers"].kinds == ("tuple",)
    assert found["flag"].kinds == ("bool",)
    assert dataclasses.replace(found["rate"], minimum=0, maximum=2**63 - 1, unit="").range_text == "at least 0"
    assert found["rate"].range_text == "at least 0 px"
    many = dataclasses.replace(found["rate"], minimum=10, maximum=2_000_000, unit="")
    assert many.range_text == "10 to 2,000,000"
    assert found["fill"].range_text == "black or grey or 0 to 255"


def test_good_values_pass():
    Example(target="cat", steps=1, rate=2, method="slow", fill=12.5, layers=("a", "b"), flag=True)
    Example(target=3, fill="grey")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps 0 is out of range: it is 1 to 1000"),
        ({"steps": 1001}, "1 to 1000"),
        ({"steps": 2.5}, "whole number"),
        ({"steps": "ten"}, "whole number"),
        ({"steps": True}, "whole number"),
        ({"steps": None}, "must not be None"),
        ({"rate": float("nan")}, "finite"),
        ({"rate": -1}, "at least 0 px"),
        ({"method": "slwo"}, "did you mean 'slow'"),
        ({"method": 3}, "text"),
        ({"fill": "gray"}, "did you mean 'grey'"),
        ({"fill": 256}, "0 to 255"),
        ({"layers": "conv1"}, "tuple"),
        ({"flag": "yes"}, "True or False"),
        ({"target": 1.5}, "whole number"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(options, said):
    with pytest.raises(ValueError, match=said):
        Example(**options)


def test_what_is_no_dataclass_has_no_options():
    with pytest.raises(ValueError, match="dataclass"):
        options_of(int)


def test_a_required_option_is_told():
    @dataclass(frozen=True)
    class Needy:
        layer: str = option(help="Which layer")

    assert options_of(Needy)[0].required
