from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from deepvis.backend.picture_sets import open_set
from deepvis.backend.picture_sets.class_names import classes_of_folders, names_of_wordnet


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (["cat", "dog"], ["cat", "dog"]),
        (["cat/indoors", "cat/outdoors", "dog"], ["cat", "cat", "dog"]),
        (["", "cat", "dog"], [None, None, None]),
        ([""], [None]),
        (["cat"], [None]),
        (["pets/cat", "pets/dog"], ["cat", "dog"]),
        (["train/cat", "train/dog", "val/cat"], ["cat", "dog", "cat"]),
        (["Train/n1/images", "Train/n2/images", "test/images"], ["n1", "n2", None]),
        (["train", "val"], [None, None]),
        (["train/cat", "cat", "dog"], ["train", "cat", "dog"]),
        (["pets", "pets/cat", "pets/dog"], [None, None, None]),
    ],
)
def test_folders_name_classes_where_every_picture_lies_in_one(folders: list[str], classes: list[str | None]) -> None:
    assert classes_of_folders(folders) == classes


def draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2)).save(path)


def test_labels_follow_the_order_of_the_classes_names(tmp_path: Path) -> None:
    for name in ("dog/2.png", "dog/1.png", "Cat/9.png"):
        draw(tmp_path / name)
    pictures = open_set(tmp_path)
    assert pictures.classes == ("Cat", "dog")
    assert [pictures.classes[label] for label in pictures.labels] == ["Cat", "dog", "dog"]


def test_wordnet_ids_get_the_names_of_a_table_beside_them_or_of_imagenet(tmp_path: Path) -> None:
    for name in ("train/n01443537/1.png", "train/n99999999/1.png", "train/n02123045/1.png", "train/n77777777/1.png"):
        draw(tmp_path / name)
    assert open_set(tmp_path).classes == ("goldfish", "tabby", "n77777777", "n99999999")
    (tmp_path / "words.txt").write_text("n99999999\tGriffin, gryphon\nn77777777\ttabby\nn02123045\ttabby, tabby cat\n")
    expected = ("goldfish", "tabby (n02123045)", "tabby (n77777777)", "Griffin")
    assert open_set(tmp_path).classes == expected
    assert open_set(tmp_path / "train").classes == expected


@pytest.mark.parametrize(
    "text",
    [
        "n01629819\tEuropean fire salamander, Salamandra salamandra\n",
        "index,wnid,name\n7,n01629819,European fire salamander\n",
        "n01629819 25 European_fire_salamander\n",
        '{"25": ["n01629819", "European_fire_salamander"]}',
        "n01629819 European fire salamander, Salamandra salamandra",
    ],
)
def test_tables_of_names_are_understood_in_all_their_forms(tmp_path: Path, text: str) -> None:
    (tmp_path / "table").write_text(text)
    assert names_of_wordnet(tmp_path / "table") == {"n01629819": "European fire salamander"}
    assert names_of_wordnet(tmp_path / "none") == {}


def test_tiny_imagenets_validation_is_labelled_by_its_list(tmp_path: Path) -> None:
    for name in ("train/n01443537/images/n01443537_0.JPEG", "val/images/val_0.JPEG", "val/images/val_1.JPEG"):
        draw(tmp_path / name)
    draw(tmp_path / "test/images/test_0.JPEG")
    (tmp_path / "val" / "val_annotations.txt").write_text(
        "val_0.JPEG\tn02123045\t0\t32\t44\t62\nval_1.JPEG\tn01443537\t52\t55\t57\t59\n"
    )
    pictures = open_set(tmp_path)
    named = {
        title: pictures.classes[label] if label >= 0 else None
        for title, label in zip(pictures.titles, pictures.labels, strict=True)
    }
    assert named == {
        "test/images/test_0.JPEG": None,
        "train/n01443537/images/n01443537_0.JPEG": "goldfish",
        "val/images/val_0.JPEG": "tabby",
        "val/images/val_1.JPEG": "goldfish",
    }
    alone = open_set(tmp_path / "val")
    assert [alone.classes[label] for label in alone.labels] == ["tabby", "goldfish"]


def test_tiny_imagenets_zips_are_labelled(shared_data: Path) -> None:
    folder = shared_data / "tiny-imagenet-200"
    val = open_set(folder / "val.zip")
    assert len(val) == 5000
    assert len(val.classes) == 200
    assert val.classes[val.labels[0]] == "goldfish"
    assert val.titles[0] == "n01443537/val_68.JPEG"
    assert (val.labels.min(), val.labels.max()) == (0, 199)
    whole = open_set(folder)
    assert len(whole) == 79_000
    assert whole.classes == val.classes
    assert whole.titles[-1] == f"val.zip/{val.titles[-1]}"
    assert (whole.read(len(whole) - 1) == val.read(len(val) - 1)).all()
