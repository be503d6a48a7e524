"""The list of networks, and the errors that every family shares."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import deepvis
from deepvis.backend.zoo import LoadCancelledError, ModelError, load, load_spec
from deepvis.backend.zoo.bundled import bundled_names
from deepvis.backend.zoo.torchvision_table import checkpoint_directory, table
from deepvis.messages import NetworkSpec


def test_the_list_has_the_bundled_networks_first_and_all_of_torchvisions() -> None:
    cards = deepvis.models()
    names = [card.name for card in cards]
    assert names == [*bundled_names(), *table()]
    alexnet = next(card for card in cards if card.name == "alexnet")
    assert alexnet.parameters == 61_100_840
    assert alexnet.input_size == (224, 224)
    assert not alexnet.on_disk
    assert "244 MB" in alexnet.note


def test_a_network_whose_file_is_there_is_on_disk() -> None:
    checkpoint_directory().mkdir(parents=True)
    (checkpoint_directory() / table()["alexnet"].file).write_bytes(b"")
    assert next(card for card in deepvis.models() if card.name == "alexnet").on_disk


def test_listing_them_imports_no_torch() -> None:
    code = "import deepvis, sys; deepvis.models(); sys.exit('torch' in sys.modules or 'PySide6' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)


def test_tinynet_can_be_had_untrained_before_anything_is_downloaded() -> None:
    net = load("tinynet", "cpu", weights="random")
    assert not net.trained
    assert net.family == "bundled"
    assert [layer.name for layer in net.layers][:3] == ["conv1", "relu1", "conv2"]
    assert load_spec(NetworkSpec("tinynet", weights="random", device="cpu"), None, None).hash == net.hash


def test_bundled_networks_that_were_not_packed_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deepvis.backend.zoo import bundled

    monkeypatch.setattr(bundled, "resource", lambda *parts: tmp_path.joinpath(*parts))
    with pytest.raises(ModelError, match="packed without its weights") as caught:
        load("tinynet", "cpu")
    assert "random" in caught.value.remedy


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_networks_load_with_labels(name: str) -> None:
    net = load(name, "cpu")
    assert net.trained
    assert len(net.labels) == net.classes
    assert not net.labels[0].startswith("class ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:77"}, "this computer has"),
        ({"mean": 0.5}, "belong together"),
        ({"mean": (0.5, 0.5), "std": (1.0, 1.0)}, "one value a channel"),
        ({"std": (0.0, 1.0, 1.0), "mean": (0.5, 0.5, 0.5)}, "std must be positive"),
        ({"input_size": (0, 5)}, "input_size must be"),
        ({"input_size": 4}, "network 'tinynet' failed"),
        ({"labels": ["a"]}, "1 label was given"),
        ({"weights": "nowhere.pt"}, "no such file"),
    ],
)
def test_options_that_cannot_be_are_one_clear_error(options: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=f"(?i){message}") as caught:
        load("tinynet", **({"weights": "random", "device": "cpu"} | options))  # type: ignore[arg-type]
    assert caught.value.remedy


def test_cancelled_before_it_begins_nothing_is_loaded() -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(LoadCancelledError):
        load("tinynet", "cpu", weights="random", cancel=cancel)


def test_errors_are_sentences_that_spell_names_as_they_are() -> None:
    error = ModelError("the weights are gone", "somebody took them", "pip install more")
    assert str(error) == "The weights are gone: Somebody took them. pip install more."
    assert ModelError("network x", "resnet18.pt is a file", "look!").cause == "resnet18.pt is a file."
