from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepvis.backend.zoo.errors import ModelError
from deepvis.backend.zoo.labels import read_labels


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "cat\ndog\nGrauer Wolf, hübsch\n\n"),
        ("labels.txt", "\ufeffcat\r\ndog\r\nGrauer Wolf, hübsch\r\n"),
        ("labels.json", json.dumps(["cat", "dog", "Grauer Wolf, hübsch"])),
        ("labels.json", json.dumps({"2": "Grauer Wolf, hübsch", "0": "cat", "1": "dog"})),
        ("labels.json", json.dumps({"cat": 0, "Grauer Wolf, hübsch": 2, "dog": 1})),
        ("labels.txt", json.dumps([["n1", "cat"], ["n2", "dog"], ["n3", "Grauer_Wolf,_hübsch"]])),
        ("labels.json", json.dumps({"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "Grauer_Wolf,_hübsch"]})),
    ],
)
def test_every_usual_form_gives_the_labels_in_the_order_of_the_classes(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode("utf-8"))
    assert read_labels(tmp_path / name) == ("cat", "dog", "Grauer Wolf, hübsch")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "it is empty"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        (b'{"0": "cat", "2": "dog"}', "none for class 1"),
        (b'{"zero": "cat"}', "not the numbers of classes"),
        (b"[1, 2]", "none of the forms"),
        (b"[]", "none of the forms"),
        (b'["cat", ', "no valid JSON"),
        (b"\xff\xfe\x00\x01", "not UTF-8"),
        (b"[" * 100_000, "no valid JSON"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_could(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"(?i){cause}") as caught:
        read_labels(path)
    assert "one label a line" in caught.value.remedy


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        read_labels(tmp_path / "nowhere.txt")
