"""``deepvis map``, from a folder to a picture, a drawing and a table."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvis import cli

NETWORK = ("--model", "tinynet", "--device", "cpu")
QUICK = ("--iterations", "20", "--perplexity", "5")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPVIS_LIBRARIES", str(tmp_path / "libraries"))
    root = tmp_path / "pictures"
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        (root / name).mkdir(parents=True)
        for number in range(12):
            low = 0 if name == "dark" else 160
            Image.fromarray(rng.integers(low, low + 90, (32, 32, 3), dtype=np.uint8)).save(
                root / name / f"{number}.png"
            )
    return root


def test_a_folder_becomes_a_map_and_its_library_another(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / f"map.{ending}") for ending in ("png", "svg", "csv")]
    words = ["map", str(folder), "-o", files[0], "--svg", files[1], "--csv", files[2], "--size", "400", "--json"]
    assert cli.main([*words, *NETWORK, *QUICK]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == files
    assert told["figures"]["pictures"] == 24
    with Image.open(files[0]) as picture:
        assert picture.size == (400, 400)
    with open(files[2], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {"dark", "light"}
    # The library names its network.
    assert cli.main(["map", told["library"], "-o", files[0], "--size", "300", "--color", "prediction", *QUICK]) == 0
    out = capsys.readouterr().out
    assert "24 pictures" in out
    assert "in feature space" in out


def test_pictures_that_could_not_be_read_are_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dark" / "3.png").write_bytes(b"broken")
    assert cli.main(["map", str(folder), "-o", str(tmp_path / "map.png"), "--size", "300", *NETWORK, *QUICK]) == 0
    said = capsys.readouterr()
    assert "23 pictures" in said.out
    assert "1 picture could not be read" in said.err


def test_wrong_words_are_refused_before_anything_is_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (["-o", str(tmp_path / "map.jpg")], ".png"),
        (["--svg", str(tmp_path / "map.txt")], ".svg"),
        (["--perplexity", "0"], "perplexity"),
        (["--size", "3"], "200 to 20000"),
        (["--color", "size"], "correctness"),
    ):
        assert cli.main(["map", str(folder), *words]) == 2
        assert said in capsys.readouterr().err
    assert cli.main(["map", str(tmp_path / "nowhere"), "-o", str(tmp_path / "map.png")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "map.png").exists()


def test_the_command_line_and_the_runs_are_there_before_opentsne_is_imported() -> None:
    words = (
        "import sys, deepvis.backend.runs, deepvis.cli; deepvis.cli.make_parser(); assert 'openTSNE' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0
