"""The command line as a person or a script uses it."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepvis import app, cli
from deepvis.cli import common, make_parser, run_work
from deepvis.messages import NetworkSpec, RunResult

COMMANDS = (
    *("live", "models", "layers", "snapshot", "saliency", "filters", "backproject", "occlude"),
    *("maximise", "invert", "dream", "fool", "evolve", "scan", "map", "bench"),
)
RANDOM = ("--model", "tinynet", "--weights", "random", "--device", "cpu")


def started(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deepvis", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=250,
        **options,
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 150, 3), dtype=np.uint8)).save(path)
    return path


# ------------------------------------------------------------------------------------------------------ help and usage


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_every_command_explains_itself(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"] if command is None else [command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: deepvis")
    assert all(name in out for name in (COMMANDS if command is None else ()))


def test_every_argument_has_a_line_of_help() -> None:
    commands = next(action for action in make_parser()._actions if action.dest == "command")
    assert isinstance(commands.choices, dict)
    assert set(commands.choices) == set(COMMANDS)
    for name, parser in commands.choices.items():
        parser.complete()
        for action in parser._actions:
            said = action.help or action.choices
            assert said or action.dest == "arguments", f"{name} {action.dest}"


def test_help_loads_neither_torch_nor_qt_nor_numpy() -> None:
    heavy = ("torch", "PySide6", "numpy", "cv2", "PIL", "deepvis.backend.network")
    code = (
        "import sys, deepvis\nfrom deepvis.cli import main\nassert main(['--help']) == 0\n"
        f"found = [name for name in {heavy!r} if name in sys.modules]\nsys.exit(', '.join(found) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-command"],
        ["layers"],
        ["saliency", "picture.png"],
        ["saliency", "picture.png", "-o", "out.jpg"],
        ["saliency", "picture.png", "-o", "no/such/folder/out.png"],
        ["saliency", "sample:no-such-sample", "-o", "out.png"],
        ["backproject", "picture.png", "-o", "out.png"],
        ["backproject", "picture.png", "-o", "out.png", "--layer", "conv1", "--position", "3"],
        ["snapshot", "picture.png"],
        ["snapshot", "picture.png", "-o", "view.jpg"],
        ["snapshot", "picture.png", "-o", "view.png", "--size", "90x90"],
        ["snapshot", "picture.png", "-o", "view.png", "--mean", "0.5"],
        ["snapshot", "picture.png", "-o", "view.png", "--mean", "0.5,0.5"],
        ["live", "--theme", "pink"],
        ["live", "--input-size", "big"],
    ],
)
def test_wrong_usage_is_status_2_with_a_reason_on_stderr(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.strip()
    assert not captured.out
    assert "Traceback" not in captured.err


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    import deepvis

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"deepvis {deepvis.__version__}"


# ----------------------------------------------------------------------------------------------------- how it can end


def raising(error: BaseException) -> Callable[[object], int]:
    def run(_options: object) -> int:
        raise error

    return run


def test_a_failure_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deepvis.cli.networks._models", raising(ValueError("the first line\nthe second")))
    assert cli.main(["models"]) == 1
    assert capsys.readouterr().err == "deepvis: the first line the second\n"


def test_an_unforeseen_failure_says_its_kind_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deepvis.cli.networks._models", raising(ZeroDivisionError("division by zero")))
    assert cli.main(["models"]) == 1
    assert capsys.readouterr().err == "deepvis: ZeroDivisionError: division by zero (--debug shows where)\n"
    for words in (["--debug", "models"], ["models", "--debug"]):
        assert cli.main(words) == 1
        assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_status_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("deepvis.cli.networks._models", raising(KeyboardInterrupt()))
    assert cli.main(["models"]) == 130
    assert capsys.readouterr().err == "deepvis: interrupted\n"


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl+C cannot be sent to one process")
def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path, picture: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    # More than whose names fit into a pipe: nobody who is slow to press the keys comes too late.
    for number in range(count := 1500):
        os.link(picture, folder / f"{number}.png")
    out = tmp_path / "out"
    words = [sys.executable, "-u", "-m", "deepvis", "saliency", str(folder), "-o", str(out), *RANDOM]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "0.png" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=240)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    written = list(out.iterdir())
    assert 1 <= len(written) < count
    for path in written:
        assert path.suffix == ".png"
        Image.open(path).load()


@pytest.mark.skipif(os.name == "nt", reason="needs a shell with pipes")
def test_a_reader_that_has_had_enough_is_no_error() -> None:
    command = f"'{sys.executable}' -m deepvis models --json | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=250)
    assert done.stdout == "[\n0\n"
    assert done.stderr == ""


def test_a_console_without_unicode_gets_other_characters_and_no_error() -> None:
    done = started("models", "tinynet", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "96?96" in done.stdout or "224?224" in done.stdout or "no network" in done.stderr


# ------------------------------------------------------------------------------------------------------------ commands


def test_models_is_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "vgg16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "family", "input", "weights"]
    assert [line.split()[0] for line in lines[1:]] == ["vgg16", "vgg16_bn"]
    assert "138.4 M" in lines[1]
    assert cli.main(["models", "--json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert {"name": "alexnet", "parameters": 61_100_840}.items() <= next(
        c for c in cards if c["name"] == "alexnet"
    ).items()


def test_models_that_do_not_exist_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "qqqq"]) == 1
    assert "no network's name contains 'qqqq'" in capsys.readouterr().err


def test_timms_models_are_listed_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("timm")
    assert cli.main(["models", "--timm", "resnet26d"]) == 0
    assert "timm/resnet26d.bt_in1k" in capsys.readouterr().out


def test_layers_is_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["layers", "alexnet", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "name"
    first = lines[1].split()
    assert first[:5] == ["features.0", "conv", "Conv2d", "64", "55×55"]
    assert "11×11, every 4" in lines[1]
    assert cli.main(["layers", "alexnet", "--device", "cpu", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["classes"] == 1000
    assert listed["layers"][0]["receptive_field"] == {"size": [11, 11], "stride": [4, 4], "start": [-2, -2]}
    assert "classifier.6" in [layer["name"] for layer in listed["layers"]]
    assert cli.main(["layers", "alexnet", "--device", "cpu", "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(lines)


def test_layers_of_an_unknown_network_fails_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["layers", "alexnut"]) == 1
    assert "Did you mean alexnet" in capsys.readouterr().err


def test_saliency_writes_a_picture_with_its_provenance(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    assert cli.main(["saliency", str(picture), "-o", str(out), *RANDOM, "--target", "7", "--npz"]) == 0
    with Image.open(out) as image:
        assert image.size == (128, 128)
        facts = json.loads(image.text["deepvis"])  # type: ignore[attr-defined]
    assert facts["target"] == 7
    assert facts["model"] == "tinynet"
    assert facts["trained"] is False
    assert "class 7" in capsys.readouterr().out
    import deepvis
    from deepvis.backend.sources.pictures import read_picture

    net = deepvis.load("tinynet", "cpu", weights="random")
    expected = deepvis.methods.saliency(net, read_picture(picture), 7)
    with np.load(out.with_suffix(".npz")) as arrays:
        np.testing.assert_array_equal(arrays["saliency"], expected)


def test_filters_are_drawn_and_written_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "filters.png"
    words = ["filters", "tinynet", "relu2", "-o", str(out), "--sort", "norm", "--size", "300x500", "--npz"]
    assert cli.main(words) == 0
    with Image.open(out) as image:
        assert image.width <= 500
        assert image.height <= 300
        facts = json.loads(image.text["deepvis"])  # type: ignore[attr-defined]
    assert (facts["layer"], facts["source"]) == ("conv2", "relu1")
    assert "relu2 has no weights" in capsys.readouterr().out
    import deepvis

    expected = deepvis.methods.filters(deepvis.load("tinynet", "cpu"), "conv2")
    with np.load(out.with_suffix(".npz")) as arrays:
        np.testing.assert_array_equal(arrays["weights"], expected)
        norms = np.linalg.norm(expected.reshape(len(expected), -1), axis=1)
        assert arrays["order"].tolist() == np.argsort(-arrays["norms"], kind="stable").tolist()
        np.testing.assert_allclose(arrays["norms"], norms, rtol=1e-5)
    assert cli.main(["filters", "tinynet", "conv2", "-o", str(out), "--unit", "64"]) == 1
    assert "units 0 to 63" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--method", "smoothgrad", "--seed", "3"], ["--overlay", "--colormap", "viridis"]])
def test_saliency_has_its_variants(tmp_path: Path, picture: Path, options: list[str]) -> None:
    out = tmp_path / "out.png"
    assert cli.main(["saliency", str(picture), "-o", str(out), *RANDOM, *options]) == 0
    with Image.open(out) as image:
        assert np.asarray(image).std() > 0


def test_backproject_takes_the_most_active_unit_if_none_is_named(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    words = ["backproject", str(picture), "-o", str(out), *RANDOM, "--layer", "relu3", "--npz"]
    assert cli.main(words) == 0
    chosen = int(capsys.readouterr().out.split()[-1])
    import deepvis
    from deepvis.backend.sources.pictures import read_picture

    net = deepvis.load("tinynet", "cpu", weights="random")
    image = read_picture(picture)
    assert chosen == deepvis.methods.activations(net, image, "relu3").max((1, 2)).argmax()
    with np.load(out.with_suffix(".npz")) as arrays:
        np.testing.assert_array_equal(arrays["gradient"], deepvis.methods.backproject(net, image, "relu3", chosen))
    assert cli.main([*words, "--unit", "5", "--rule", "gradient", "--view", "norm", "--position", "3,4"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layer", "conv99"], "no layer 'conv99'"),
        (["--layer", "conv1", "--unit", "64"], "units 0 to 63"),
        (["--layer", "conv1", "--unit", "1", "--position", "99,0"], "position"),
    ],
)
def test_backproject_says_what_there_is(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert cli.main(["backproject", str(picture), "-o", str(tmp_path / "o.png"), *RANDOM, *options]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o.png").exists()


def test_occlude_writes_a_map(tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.png"
    words = [
        "occlude",
        str(picture),
        "-o",
        str(out),
        *RANDOM,
        "--patch",
        "48",
        "--stride",
        "48",
        "--npz",
        "--target",
        "3",
    ]
    assert cli.main(words) == 0
    with np.load(out.with_suffix(".npz")) as arrays:
        assert arrays["probability"].shape == (3, 3)
        assert arrays["drop"].shape == (128, 128)
    assert cli.main([*words, "--fill", "blur"]) == 0
    assert cli.main([*words, "--fill", "purple"]) == 1
    assert "fill" in capsys.readouterr().err


def test_a_folder_of_pictures_becomes_a_folder_and_unreadable_ones_are_named(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "maps"
    folder.mkdir()
    for name in ("a.png", "b.png", "b.jpg"):
        Image.open(picture).convert("RGB").save(folder / name)
    (folder / "broken.png").write_bytes(b"no picture")
    assert cli.main(["saliency", str(folder), "-o", str(out), *RANDOM]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.jpg.png", "b.png.png"]
    assert "broken.png left out" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert cli.main(["saliency", str(tmp_path / "empty"), "-o", str(out), *RANDOM]) == 1
    assert cli.main(["saliency", str(folder), "-o", str(picture), *RANDOM]) == 2


def test_a_picture_that_cannot_be_read_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("broken.png", "nowhere.png"):
        assert cli.main(["saliency", str(tmp_path / name), "-o", str(tmp_path / "o.png"), *RANDOM]) == 1
        error = capsys.readouterr().err
        assert name in error
        assert error.count("\n") == 1


def test_offline_a_network_that_is_not_on_disk_is_one_line(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert cli.main(["saliency", str(picture), "-o", str(tmp_path / "o.png"), "--model", "squeezenet1_1"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot be downloaded" in error
    assert "--weights" in error


def test_live_hands_its_options_to_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[app.LiveOptions] = []
    monkeypatch.setattr(app, "run", lambda options: seen.append(options) or 0)
    assert cli.main([]) == 0
    assert seen.pop() == app.LiveOptions()
    assert cli.main(["--source", "sample:cat"]) == 0
    assert seen.pop() == app.LiveOptions(source="sample:cat")
    words = "live --source pattern --model m:f --weights w.pt --labels l.txt --input-size 90x120 --mean .5 --std .2"
    words += " --layer conv --device cpu --precision fp32 --theme light --presentation"
    assert cli.main(words.split()) == 0
    assert seen.pop() == app.LiveOptions(
        source="pattern",
        model=NetworkSpec("m:f", "w.pt", "l.txt", (90, 120), (0.5,), (0.2,), "cpu", "fp32"),
        layer="conv",
        device="cpu",
        precision="fp32",
        theme="light",
        presentation=True,
    )
    assert cli.main(["--weights", "random"]) == 0
    assert seen.pop().model == NetworkSpec("tinynet", "random")


def test_bench_passes_its_words_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepvis import bench

    seen: list[list[str]] = []
    monkeypatch.setattr(bench, "main", lambda words: seen.append(list(words)) or 0)
    assert cli.main(["bench", "live", "--rounds", "3"]) == 0
    assert seen == [["live", "--rounds", "3"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "deepvis bench: BENCHMARK must be given"),
        (["lve"], "deepvis bench: there is no benchmark 'lve'; did you mean live?"),
        (["live", "--moddels"], "deepvis bench live: there is no option --moddels; did you mean --models?"),
        (["live", "--rounds"], "deepvis bench live: --rounds needs a value"),
        (["live", "--rounds", "few"], "deepvis bench live: --rounds: 'few' is no whole number"),
    ],
)
def test_wrong_words_of_a_benchmark_are_said_as_those_of_a_command(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", *words]) == 2
    usage, last = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: deepvis bench")
    assert "--help lists them" in usage
    assert last == said


def test_sizes_and_numbers_are_read_as_people_write_them() -> None:
    assert common.size("224") == (224, 224)
    assert common.size("240x320") == common.size("240×320") == (240, 320)
    assert common.numbers("0.5") == (0.5,)
    assert common.numbers("1,2,3") == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("words", "usage", "error"),
    [
        ("maximise tractor -o out.png", "maximise -o PNG", "maximise: 'tractor' is too much: put its option's name"),
        ("fool cat.png", "fool [IMAGE|FOLDER] -o PNG|FOLDER", "fool: --output must be given"),
        ("saliency", "saliency IMAGE|FOLDER -o PNG|FOLDER", "saliency: IMAGE|FOLDER and --output must be given"),
        ("fool a.png -o b.png --epsilom 1", "fool [IMAGE", "there is no option --epsilom; did you mean --epsilon?"),
        ("fool a.png -o b.png --seed", "fool [IMAGE", "deepvis fool: --seed needs a value"),
        ("fool a.png -o b.png --method pdg", "fool [IMAGE", "--method: method 'pdg' is unknown"),
        ("models --bogus", "models [TEXT]", "deepvis models: there is no option --bogus\n"),
        ("dreem", "COMMAND", "deepvis: there is no command 'dreem'; did you mean dream?"),
        ("xyzzy", "COMMAND", "there is no command 'xyzzy'; deepvis --help lists those that there are"),
    ],
)
def test_wrong_usage_is_told_in_the_last_of_two_lines(
    words: str, usage: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words.split()) == 2
    told = capsys.readouterr().err
    first, second = told.splitlines()
    assert first.startswith(f"usage: deepvis {usage}")
    assert "--help lists them" in first
    assert error in f"{second}\n"


def test_of_a_strip_every_layer_s_error_is_told_and_not_the_first_one_s_figures() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    figures = {
        f"{name} {layer}": value * scale
        for layer, scale in (("conv1", 1), ("conv2", 2))
        for name, value in (("loss", 0.5), ("feature_error", 0.125), ("psnr", 20.0))
    }
    made = RunResult("inversion", "conv1 to conv2", {}, "n", "", picture, figures=figures)
    course = run_work.Course(step=40, metrics={"loss": [1.0], "feature_error": [1.0], "psnr": [1.0]})
    told = run_work.told(made, course, 2.0)
    assert told.startswith("conv1 to conv2, feature error: conv1 0.125, conv2 0.25, 40 steps in ")
    assert "loss" not in told


def test_a_run_that_missed_its_goal_says_so_and_counts_are_told_in_full() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    made = {"run": "fooling", "title": "cat → dog", "options": {}, "network": "n", "network_hash": "", "image": picture}
    figures = {"probability": 0.123456, "l0": 48330.0, "psnr": math.inf}
    missed = RunResult(**made, figures=figures, facts={"success": False})
    told = "cat → dog, without success, probability 0.1235, l0 48330, psnr inf, 7 steps in "
    assert run_work.told(missed, run_work.Course(step=7), 2.0).startswith(told)
    reached = RunResult(**made, figures=figures, facts={"success": True})
    assert "success" not in run_work.told(reached, run_work.Course(step=7), 2.0)
