from __future__ import annotations

import dataclasses
import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from deepvis.backend.zoo import ModelError, load, torchvision_zoo
from deepvis.backend.zoo.torchvision_table import Entry, checkpoint_directory, installed_table, table
from deepvis.messages import LoadProgress
from zoo.file_server import FileServer

# One small network of each family; ``test_catalogue.py`` has them all.
SMALL = "shufflenet_v2_x0_5"


def test_the_table_is_the_installed_torchvisions_own() -> None:
    installed = installed_table()
    shipped = table()
    for name in shipped.keys() & installed.keys():
        assert shipped[name] == installed[name]
    assert {"alexnet", "vgg16", "googlenet", "resnet50", "vit_b_16"} <= shipped.keys()
    assert not installed.keys() - shipped.keys(), "write it anew: python -m deepvis.backend.zoo.torchvision_table"


def test_checkpoints_are_where_torch_hub_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert checkpoint_directory() == Path(torch.hub.get_dir()) / "checkpoints" == tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """torchvision's weights of the small network, as a local server has them: with their hash in the file's name."""
    torch.manual_seed(5)
    tensors: dict[str, torch.Tensor] = models.get_model(SMALL, weights=None).state_dict()
    file = io.BytesIO()
    torch.save(tensors, file)
    server.content = file.getvalue()
    name = f"{SMALL}-{hashlib.sha256(server.content).hexdigest()[:8]}.pth"
    weights = models.get_model_weights(SMALL).DEFAULT

    class Published:
        url = f"{server.url}/{name}"
        transforms = weights.transforms
        meta = weights.meta

    monkeypatch.setattr(torchvision_zoo, "default_weights", lambda _name: Published)
    return tensors


def test_weights_are_downloaded_once_with_progress_and_stay_on_disk(
    server: FileServer, published: dict[str, torch.Tensor]
) -> None:
    stages: list[LoadProgress] = []
    net = load(SMALL, "cpu", progress=stages.append)
    assert net.trained
    assert net.labels[281] == "tabby"
    assert torch.equal(net.module.state_dict()["fc.weight"], published["fc.weight"])
    assert any(progress.share == 1.0 and "MB" in progress.stage for progress in stages)
    assert len(list(checkpoint_directory().iterdir())) == 1
    load(SMALL, "cpu")
    assert len(server.requests) == 1


def test_the_answer_is_torchvisions_own_on_the_same_picture(
    server: FileServer, published: dict[str, torch.Tensor]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (300, 280, 3), dtype=np.uint8)
    net = load(SMALL, "cpu")
    own = models.get_model(SMALL, weights=None).eval()
    own.load_state_dict(published)
    x = models.get_model_weights(SMALL).DEFAULT.transforms()(Image.fromarray(picture))[None]
    with torch.no_grad():
        expected = own(x)[0].numpy()
    np.testing.assert_allclose(net.logits(picture), expected, rtol=0.05, atol=0.02 * np.abs(expected).max())


def test_a_damaged_file_on_disk_says_which_to_delete(server: FileServer, published: Any) -> None:
    load(SMALL, "cpu")
    path = next(checkpoint_directory().iterdir())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged") as caught:
        load(SMALL, "cpu")
    assert f"Delete {path}" in caught.value.remedy


def test_a_file_of_other_classes_makes_a_network_of_as_many(tmp_path: Path) -> None:
    tuned = models.get_model(SMALL, weights=None, num_classes=7)
    torch.save({"state_dict": tuned.state_dict()}, tmp_path / "tuned.pt")
    net = load(SMALL, "cpu", weights=str(tmp_path / "tuned.pt"), labels=list("abcdefg"))
    assert net.classes == 7
    assert net.labels[6] == "g"
    assert net.trained
    with pytest.raises(ModelError, match="2 labels were given for a network of 7 classes"):
        load(SMALL, "cpu", weights=str(tmp_path / "tuned.pt"), labels=["a", "b"])


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_classifiers_for_training_are_dropped_and_inputs_converted(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = models.get_model(name, weights=None, aux_logits=True, init_weights=False, transform_input=True).eval()
    torch.save(own.state_dict(), tmp_path / "own.pth")
    net = load(name, "cpu", weights=str(tmp_path / "own.pth"))
    assert net.module.transform_input
    assert not [key for key in net.module.state_dict() if key.startswith(("aux", "Aux"))]
    x = torch.randn(1, 3, *net.input_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(net.forward(x), own(x), atol=1e-5)


def test_a_vision_transformer_has_the_size_that_its_file_was_trained_for(tmp_path: Path) -> None:
    with torch.device("meta"):
        own = models.get_model("vit_b_32", weights=None, image_size=320)
    small = {name: torch.zeros(tensor.shape) for name, tensor in own.state_dict().items()}
    torch.save(small, tmp_path / "own.pth")
    net = load("vit_b_32", "cpu", weights=str(tmp_path / "own.pth"))
    assert net.input_size == (320, 320)
    assert net.preprocessing.resize_to == round(256 * 320 / 224)


def test_random_weights_are_marked_seeded_and_have_no_labels_to_mislead() -> None:
    state = torch.random.get_rng_state()
    net = load(SMALL, "cpu", weights="random")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not net.trained
    assert "untrained" in net.note
    assert net.labels[281] == "class 281"
    assert load(SMALL, "cpu", weights="random").hash == net.hash


def test_transforms_are_those_of_the_default_weights() -> None:
    assert isinstance(table()["mobilenet_v2"], Entry)
    net = load("mobilenet_v3_small", "cpu", weights="random")
    transforms = models.MobileNet_V3_Small_Weights.DEFAULT.transforms()
    assert net.preprocessing.resize_to == transforms.resize_size[0]
    assert net.preprocessing.interpolation == transforms.interpolation.value
    assert net.mean == tuple(transforms.mean)
    smaller = load("mobilenet_v3_small", "cpu", weights="random", input_size=(112, 140))
    assert smaller.input_size == (112, 140)
    assert smaller.preprocessing.resize_to == 128


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(models.get_model("squeezenet1_1", weights=None).state_dict(), tmp_path / "other.pt")
    with pytest.raises(ModelError, match="do not fit") as caught:
        load(SMALL, "cpu", weights=str(tmp_path / "other.pt"))
    assert "missing" in caught.value.cause


def test_a_network_that_torchvision_no_longer_has_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = dataclasses.replace(table()["alexnet"], name="gone_net")
    monkeypatch.setitem(table(), "gone_net", gone)
    with pytest.raises(ModelError, match="does not have it"):
        load("gone_net", "cpu")


def test_a_misspelt_name_finds_its_nearest() -> None:
    with pytest.raises(ModelError, match="resnet18") as caught:
        load("resnet81")
    assert "Did you mean" in str(caught.value)
    with pytest.raises(ModelError, match="deepvis models"):
        load("qqqqqqqqqq")
