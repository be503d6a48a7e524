from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import deepvis
from deepvis.backend.zoo import ModelError, load

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, channels=1, classes=4):
        super().__init__()
        self.conv = nn.Conv2d(channels, 6, 3, padding=1)
        self.fc = nn.Linear(6, classes)
    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))

def factory():
    return Net(3)

class Family:
    @staticmethod
    def grey():
        return Net()

instance = Net(3, 2)
number = 7

def raises():
    raise ValueError("the data set is missing")

def needs(width):
    return Net(width)

def returns_text():
    return "Net"

class Features(nn.Module):
    def forward(self, x):
        return torch.nn.functional.avg_pool2d(x, 2)

class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError("no forward today")

class Wrapped(Net):
    def __init__(self):
        super().__init__(3)
    def forward(self, x):
        return {"features": x, "logits": super().forward(x)}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current directory with networks in it."""
    (tmp_path / "own_networks.py").write_text(SOURCE)
    (tmp_path / "broken_module.py").write_text("import no_such_package_anywhere\n")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("own_networks", "broken_module", "leaving"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("name", "classes"), [("factory", 4), ("instance", 2), ("Wrapped", 4)])
def test_a_function_an_instance_and_a_class_are_networks(folder: Path, name: str, classes: int) -> None:
    net = load(f"own_networks:{name}", "cpu", input_size=(20, 30))
    assert net.family == "own"
    assert net.input_size == (20, 30)
    assert net.classes == classes
    assert "conv" in [layer.name for layer in net.layers]


@pytest.mark.parametrize("name", ["own_networks:Net", "own_networks:Family.grey", "own_networks.py:Net"])
def test_one_mean_makes_a_grey_scale_network(folder: Path, name: str) -> None:
    net = load(name, "cpu", input_size=16, mean=0.5, std=0.25, labels=["a", "b", "c", "d"])
    assert net.channels == 1
    assert net.labels == ("a", "b", "c", "d")
    assert net.module.conv.weight.shape[1] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:Net", "no Python module 'no_such_module'"),
        ("own_networks.deeper:Net", "no Python module"),
        ("own_networks:Nett", "no attribute 'Nett'. Did you mean Net"),
        ("own_networks:number", "it is a int"),
        ("own_networks:raises", "the data set is missing"),
        ("own_networks:needs", "without arguments raised TypeError"),
        ("own_networks:returns_text", "returned a str"),
        ("own_networks:Broken", "no forward today"),
        ("own_networks:Features", r"answers with a \(1, 3, 112, 112\) tensor.*needs logits"),
        ("broken_module:Net", "no_such_package_anywhere"),
        ("leaving:Net", "SystemExit"),
        ("nowhere.py:Net", "there is no file"),
        ("own_networks:", "one side of the colon is empty"),
        (":Net", "one side of the colon is empty"),
        ("own_networks:Net", "expected input.*1 channels"),
    ],
)
def test_everything_that_can_be_wrong_is_one_clear_error(folder: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=f"(?i){message}") as caught:
        load(name, "cpu")
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_labels_of_another_number_are_counted(folder: Path) -> None:
    with pytest.raises(ModelError, match="3 labels were given for a network of 4 classes"):
        load("own_networks:factory", "cpu", labels=["a", "b", "c"])


def test_weights_are_read_from_a_file(folder: Path) -> None:
    trained = load("own_networks:factory", "cpu", weights="random")
    torch.save(trained.module.state_dict(), folder / "weights.pt")
    net = load("own_networks:factory", "cpu", weights=str(folder / "weights.pt"))
    assert net.hash == trained.hash
    assert net.trained
    assert not trained.trained
    assert "untrained" in trained.note


def test_random_weights_are_the_same_each_time_and_leave_the_random_state_alone(folder: Path) -> None:
    state = torch.random.get_rng_state()
    first = load("own_networks:factory", "cpu", weights="random")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert load("own_networks:factory", "cpu", weights="random").hash == first.hash


def test_an_exported_program_is_a_network_with_layers(folder: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 32, 32),)), folder / "net.pt2")
    net = deepvis.load(str(folder / "net.pt2"), "cpu", input_size=32)
    assert net.name == "net"
    assert net.classes == 5
    kinds = [layer.kind for layer in net.layers]
    assert "conv" in kinds
    assert "relu" in kinds
    with pytest.raises(ModelError, match="keeps its own weights"):
        load(str(folder / "net.pt2"), weights="random")
