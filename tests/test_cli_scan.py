"""``deepvis scan``: what it prints, writes and refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvis import cli, runs
from deepvis.backend.library import Library
from tests.backend.library.pictures import coloured_noise, write_pictures
from tests.programs import Programs

RANDOM = ("--model", "tinynet", "--weights", "random", "--device", "cpu", "--size", "32", "--workers", "0")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_pictures(tmp_path_factory.mktemp("cli") / "animals", coloured_noise(40), ("cat", "dog"))
    (folder / "dog" / "0039.png").write_bytes(b"broken")
    return folder


def test_a_scan_leaves_a_library_and_says_what_was_done(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "library"
    assert cli.main(["scan", str(pictures), *RANDOM, "--layers", "conv1,fc", "--top", "4", "-o", str(target)]) == 0
    said = capsys.readouterr()
    assert f"{target}: 39 pictures, 2 layers" in said.out
    assert "264 units" in said.out
    assert "skipped dog/0039.png" in said.err
    library = Library(target)
    assert (library.layers, library.top, library.classes) == (("conv1", "fc"), 4, ("cat", "dog"))
    assert library.network_spec is not None
    assert library.network_spec.weights == "random"


def test_json_is_for_programs(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["scan", str(pictures), *RANDOM, "--layers", "conv1", "-o", str(tmp_path / "library"), "--json"]
    assert cli.main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["pictures"], facts["read"], facts["units"]) == (40, 39, 64)
    assert [each["picture"] for each in facts["skipped"]] == ["dog/0039.png"]


def test_export_writes_sheets_tables_and_single_patches(pictures: Path, tmp_path: Path) -> None:
    words = ["scan", str(pictures), *RANDOM, "--layers", "conv1,conv2", "-o", str(tmp_path / "library")]
    assert cli.main([*words, "--export", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"conv{n}.{e}" for n in (1, 2) for e in ("png", "csv")
    }
    with (tmp_path / "out" / "conv1.csv").open() as file:
        rows = list(csv.DictReader(file))
    record = Library(tmp_path / "library").layer("conv1")
    np.testing.assert_allclose([float(row["maximum"]) for row in rows], record.maximum, rtol=1e-6)
    assert {row["class 1"] for row in rows} == {"cat", "dog"}
    assert cli.main([*words, "--export", str(tmp_path / "one"), "--unit", "conv2:7"]) == 0
    files = sorted((tmp_path / "one" / "conv2-7").iterdir())
    assert len(files) == 9
    patch = Library(tmp_path / "library").patch("conv2", 7, 0)
    np.testing.assert_array_equal(np.asarray(Image.open(files[0])), patch.pixels)


def test_an_interrupted_scan_says_how_to_go_on_and_goes_on(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepvis.backend.library.reduction import Answers
    from deepvis.backend.library.scanner import Scanner
    from deepvis.backend.picture_sets import Block

    words = ["scan", str(pictures), *RANDOM, "--layers", "conv1", "-o", str(tmp_path / "library")]
    plain = Scanner._answers

    def stop_at_second(self: Scanner, block: Block, part: slice) -> Answers:
        if block.index == 1:
            raise KeyboardInterrupt
        return plain(self, block, part)

    with monkeypatch.context() as patch:
        patch.setattr(Scanner, "_answers", stop_at_second)
        assert cli.main(words) == 130
    assert "at picture 32 of 40; the same command goes on there" in capsys.readouterr().err
    assert Library(tmp_path / "library").count == 32
    assert cli.main(words) == 0
    assert Library(tmp_path / "library").complete


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--top", "0"], 2, "top 0 is out of range"),
        (["--unit", "conv1:3"], 2, "--export"),
        (["--unit", "conv1"], 2, "no unit"),
        (["--layers", "cov1"], 1, "'conv1'"),
        (["--folder", "elsewhere"], 2, "the same thing"),
        (["--weights", "random", "--top", "3"], 1, "--restart"),
    ],
)
def test_wrong_words_are_told_in_one_line(
    words: list[str], status: int, told: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "library"
    if "--restart" in told:
        assert cli.main(["scan", str(pictures), *RANDOM, "--layers", "fc", "-o", str(target)]) == 0
    capsys.readouterr()
    assert cli.main(["scan", str(pictures), *RANDOM, "-o", str(target), *words]) == status
    assert told in capsys.readouterr().err


def test_a_set_of_which_nothing_can_be_read_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_bytes(b"broken")
    assert cli.main(["scan", str(tmp_path / "set"), *RANDOM, "-o", str(tmp_path / "library")]) == 1
    assert "none of the 1 pictures could be read" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["scan", str(pictures), *RANDOM, "-o", str(tmp_path / "file")]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "Choose" in said


def test_every_option_is_a_word_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    from deepvis.cli.run_options import flag
    from deepvis.options import options_of

    assert cli.main(["scan", "--help"]) == 0
    said = capsys.readouterr().out
    for item in options_of(runs.PatchScan):
        assert flag(item.name) in said or flag(item.name).replace("--", "--no-") in said


def test_under_torchrun_two_processes_share_the_work_and_one_of_them_speaks(
    programs: Programs, pictures: Path, tmp_path: Path
) -> None:
    words = ["-m", "deepvis", "scan", str(pictures), *RANDOM, "--layers", "conv2,fc", "-o"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    started = {
        name: programs.start(*start, *words, str(tmp_path / name), OMP_NUM_THREADS="1")
        for name, start in (("shared", torchrun), ("alone", []))
    }
    outputs = {}
    for name, program in started.items():
        done = program.ended()
        assert done.returncode == 0, done.stderr
        outputs[name] = done.stdout.replace(str(tmp_path / name), "")
    assert outputs["shared"] == outputs["alone"]
    shared, alone = Library(tmp_path / "shared"), Library(tmp_path / "alone")
    assert shared.complete
    for layer in ("conv2", "fc"):
        for what in ("values", "pictures", "positions", "mean", "histogram", "sample_maxima"):
            mine, other = getattr(shared.layer(layer), what), getattr(alone.layer(layer), what)
            assert mine.tobytes() == other.tobytes(), (layer, what)


def test_a_unit_that_could_not_be_exported_is_refused_before_the_scan(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "library"
    words = ["scan", str(pictures), *RANDOM, "--layers", "conv1", "-o", str(library), "--export", str(tmp_path)]
    for unit, said, status in (
        ("conv9:3", "no layer 'conv9'", 1),
        ("conv1:300", "units 0 to 63", 1),
        ("conv2:3", "name it in --layers", 2),
    ):
        assert cli.main([*words, "--unit", unit]) == status
        assert said in capsys.readouterr().err
        assert not library.exists()
