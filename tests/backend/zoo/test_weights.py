from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from deepvis.backend.zoo.errors import ModelError
from deepvis.backend.zoo.weights import fit, read_exported, read_state_dict


def small() -> nn.Module:
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), flat=nn.Flatten(), fc=nn.Linear(4 * 6 * 6, 5))
    )


class Trap:
    """A pickle of this makes a file when it is read by a reader that trusts it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


def test_weights_come_back_from_every_kind_of_file_and_wrapper(tmp_path: Path) -> None:
    own = small().state_dict()
    save_file(own, tmp_path / "plain.safetensors")
    torch.save(own, tmp_path / "plain.pt")
    torch.save({"epoch": 3, "state_dict": {f"module.{n}": t for n, t in own.items()}}, tmp_path / "ddp.pth")
    torch.save(
        {"model": {f"_orig_mod.module.{n}": t for n, t in own.items()}, "step": torch.ones(1)}, tmp_path / "c.pt"
    )
    torch.save({"state_dict": {f"model.{n}": t for n, t in own.items()}, "optimizer": {}}, tmp_path / "lightning.ckpt")
    for name in ("plain.safetensors", "plain.pt", "ddp.pth", "c.pt", "lightning.ckpt"):
        module = small()
        assert not torch.equal(module.state_dict()["fc.weight"], own["fc.weight"])
        fit(module, read_state_dict(tmp_path / name), name)
        for key, tensor in module.state_dict().items():
            assert torch.equal(tensor, own[key]), (name, key)


def test_a_hostile_pickle_runs_nothing_and_is_named(tmp_path: Path) -> None:
    made = tmp_path / "made by the trap"
    torch.save({"state_dict": small().state_dict(), "extra": Trap(made)}, tmp_path / "hostile.pt")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Trap(made), protocol=2))
    for name in ("hostile.pt", "bare.pth"):
        with pytest.raises(ModelError, match=r"io\.open|nothing of it was run") as caught:
            read_state_dict(tmp_path / name)
        assert "state_dict()" in caught.value.remedy
        assert not made.exists()
    pickle.loads((tmp_path / "bare.pth").read_bytes()).close()
    assert made.exists(), "the trap works where a file is trusted"


def test_a_whole_pickled_module_is_refused_with_how_to_save_its_weights(tmp_path: Path) -> None:
    torch.save(small(), tmp_path / "module.pt")
    with pytest.raises(ModelError, match=r"torch\.nn\.modules\.container\.Sequential.*nothing of it was run") as caught:
        read_state_dict(tmp_path / "module.pt")
    assert "torch.save(model.state_dict(), path)" in caught.value.remedy


def test_a_picture_is_no_file_of_weights(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(bytes.fromhex("ffd8ffe000104a464946") + bytes(100))
    with pytest.raises(ModelError, match=r"[Ii]t is no file of weights.*safetensors"):
        read_state_dict(tmp_path / "cat.jpg")


def test_a_torchscript_file_is_refused_with_a_reason(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for entry in ("script/constants.pkl", "script/code/__torch__.py", "script/data.pkl"):
            archive.writestr(entry, "")
    for reader in (read_state_dict, read_exported):
        with pytest.raises(ModelError, match="TorchScript"):
            reader(tmp_path / "script.pt")


@pytest.mark.parametrize("content", [b"", b"not a pickle at all", b"PK\x03\x04 broken archive", b"\x80\x02."])
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_damaged_files_are_one_clear_error(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be loaded"):
        read_state_dict(path)


def test_a_truncated_file_is_one_clear_error(tmp_path: Path) -> None:
    torch.save(small().state_dict(), tmp_path / "whole.pt")
    (tmp_path / "half.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:700])
    with pytest.raises(ModelError, match="damaged"):
        read_state_dict(tmp_path / "half.pt")


def test_files_without_weights_are_told_apart(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "figures.pt")
    with pytest.raises(ModelError, match=r"(?i)'epoch', 'loss' and no named weights"):
        read_state_dict(tmp_path / "figures.pt")
    torch.save([torch.ones(2)], tmp_path / "list.pt")
    with pytest.raises(ModelError, match=r"(?i)a list and no named weights"):
        read_state_dict(tmp_path / "list.pt")
    with pytest.raises(ModelError, match=r"(?i)there is no such file"):
        read_state_dict(tmp_path / "nowhere.pt")
    with pytest.raises(ModelError, match=r"(?i)it is a folder"):
        read_state_dict(tmp_path)


def test_what_does_not_fit_is_listed_and_the_module_stays_as_it_was() -> None:
    module = small()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    tensors = small().state_dict()
    tensors["fc.weight"] = torch.zeros(7, 144)
    del tensors["conv.bias"]
    tensors["head.weight"] = torch.zeros(1)
    with pytest.raises(ModelError) as caught:
        fit(module, dict(tensors), "mine.pt")
    assert "fc.weight is (7, 144) in the file and (5, 144) in the network" in caught.value.cause
    assert "1 missing: conv.bias" in caught.value.cause
    assert "1 that the network does not have: head.weight" in caught.value.cause
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_names_from_the_time_of_dots_fit_densenet() -> None:
    from torchvision import models

    own = models.densenet121(weights=None).state_dict()
    old = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "denselayer" in name else name: tensor
        for name, tensor in own.items()
    }
    assert old.keys() != own.keys()
    module = models.densenet121(weights=None)
    fit(module, old, "densenet.pth")
    name = "features.denseblock1.denselayer1.conv2.weight"
    assert torch.equal(module.state_dict()[name], own[name])


def exported(path: Path) -> nn.Module:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)).eval()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 16, 16),)), path)
    return module


def test_an_exported_program_answers_as_the_module_that_it_was_made_from(tmp_path: Path) -> None:
    module = exported(tmp_path / "net.pt2")
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(read_exported(tmp_path / "net.pt2")(x), module(x))
    with pytest.raises(ModelError, match="Give it as the network"):
        read_state_dict(tmp_path / "net.pt2")


def test_an_exported_program_with_code_in_its_pickles_is_refused_unrun(tmp_path: Path) -> None:
    exported(tmp_path / "net.pt2")
    made = tmp_path / "made by the trap"
    torch.save(Trap(made), tmp_path / "trap.pt")
    hostile = (tmp_path / "trap.pt").read_bytes()
    replaced = 0
    with zipfile.ZipFile(tmp_path / "net.pt2") as old, zipfile.ZipFile(tmp_path / "hostile.pt2", "w") as new:
        for entry in old.namelist():
            sample = "sample_inputs" in entry or "example_inputs" in entry
            replaced += sample
            new.writestr(entry, hostile if sample else old.read(entry))
    assert replaced == 1
    with pytest.raises(ModelError, match="more than tensors"):
        read_exported(tmp_path / "hostile.pt2")
    assert not made.exists()


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_files_that_are_no_program_are_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "net.pt2"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be loaded"):
        read_exported(path)
