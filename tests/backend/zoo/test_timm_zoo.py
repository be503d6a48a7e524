from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import torch

from deepvis.backend.zoo import ModelError, load, timm_zoo

timm = pytest.importorskip("timm")
SMALL = "mobilenetv3_small_050"


def test_a_network_of_timm_has_timms_own_preprocessing() -> None:
    net = load(f"timm/{SMALL}", "cpu", weights="random")
    config = timm.data.resolve_model_data_config(net.module)
    assert net.family == "timm"
    assert net.input_size == config["input_size"][1:]
    assert net.mean == tuple(config["mean"])
    assert net.preprocessing.resize_to == int(net.input_size[0] / config["crop_pct"])
    assert net.preprocessing.interpolation == config["interpolation"]
    assert not net.trained
    assert len(net.layers) > 50


def test_one_mean_makes_a_grey_scale_network() -> None:
    net = load(f"timm/{SMALL}", "cpu", weights="random", mean=(0.5,), std=(0.25,))
    assert net.channels == 1
    assert next(net.module.parameters()).shape[1] == 1


def test_weights_of_a_file_with_other_classes_are_taken(tmp_path: Path) -> None:
    torch.save(timm.create_model(SMALL, num_classes=7).state_dict(), tmp_path / "mine.pt")
    net = load(f"timm/{SMALL}", "cpu", weights=str(tmp_path / "mine.pt"))
    assert net.classes == 7
    assert net.trained


def test_labels_are_imagenets() -> None:
    labels = timm_zoo._labels(timm, timm.create_model(SMALL))
    assert labels is not None
    assert labels[281] == "tabby"
    assert len(labels) == 1000


def test_without_timm_the_answer_is_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without_timm(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "timm":
            raise ImportError("No module named 'timm'")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_timm)
    with pytest.raises(ModelError) as caught:
        load("timm/resnet26d")
    assert 'pip install "deepvis[timm]"' in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm/resnet26q", "Did you mean timm/resnet26"),
        ("timm/resnet26d.no_such_tag", "resnet26d.bt_in1k"),
        ("timm/qqqqqqqqqqqq", "--timm PATTERN"),
    ],
)
def test_unknown_names_find_their_nearest(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(name)


def test_offline_the_answer_names_three_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: Any, **_kwargs: Any) -> Any:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(timm.models._builder, "load_pretrained", unreachable)
    with pytest.raises(ModelError, match="cannot be downloaded") as caught:
        load("timm/resnet26d", "cpu")
    for way in ("onnect to the internet", "--weights", "tinynet"):
        assert way in caught.value.remedy


def test_a_network_that_was_published_without_weights_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = next(name for name in timm.list_models() if not timm.is_model_pretrained(name))
    with pytest.raises(ModelError, match="no weights") as caught:
        load(f"timm/{bare}", "cpu")
    assert "random" in caught.value.remedy


def test_cards_are_found_by_a_part_of_the_name_or_a_pattern() -> None:
    assert "timm/resnet26d.bt_in1k" in [card.name for card in timm_zoo.cards("net26d")]
    assert {card.name[:11] for card in timm_zoo.cards("resnet26*")} == {"timm/resnet"}
    assert timm_zoo.cards("qqqqqq") == []
