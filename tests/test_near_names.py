"""Suggestions for names that do not exist."""

from __future__ import annotations

import pytest

from deepvis.near_names import near_names

CLASSES = [
    "goldfish",
    "school bus",
    "trolleybus",
    "tractor",
    "tabby",
    "Egyptian cat",
    "neck brace",
    "cockroach",
    "lion",
]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tracter", "tractor"),
        ("schoolbus", "school bus"),
        ("EGYPTIAN", "Egyptian cat"),
        ("egyptain cat", "Egyptian cat"),
        ("bus", "school bus"),
        ("tabbby", "tabby"),
        ("loin", "lion"),
    ],
)
def test_a_misspelt_or_unfinished_name_is_recognised(typed: str, meant: str) -> None:
    assert near_names(typed, CLASSES)[0] == meant


@pytest.mark.parametrize("typed", ["democracy", "zebra", "xyzzy", "", "a", "ship", "nonsense"])
def test_a_name_like_no_other_suggests_nothing(typed: str) -> None:
    assert near_names(typed, CLASSES) == []


def test_at_most_so_many_are_named_and_none_twice() -> None:
    names = [f"conv{number}" for number in range(9)] + ["conv1"]
    assert near_names("conv", names) == ["conv0", "conv1", "conv2"]
    assert near_names("conv", names, 1) == ["conv0"]
