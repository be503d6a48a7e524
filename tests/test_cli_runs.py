"""The commands of the runs: options from dataclasses, files whole or not at all, repeated from what was written."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from PIL import Image

from deepvis import cli
from deepvis.backend import runs
from deepvis.backend.network import Network
from deepvis.backend.runs.base import Needs
from deepvis.cli import make_parser, run_options
from deepvis.cli.common import CommandParser
from deepvis.cli.run_record import read_record
from deepvis.messages import RunResult, RunUpdate, UInt8Array
from deepvis.options import check_options, option, option_values, options_of

RANDOM = ("--model", "tinynet", "--weights", "random", "--device", "cpu")
COMMANDS = {
    "maximise": "class_image",
    "invert": "inversion",
    "dream": "deepdream",
    "fool": "fooling",
    "evolve": "evolved_fooling",
}


@dataclass(frozen=True)
class Fade:
    """Fade a picture to black with a little noise; raises what ``error`` says at its middle."""

    title: ClassVar[str] = "Fade"
    needs: ClassVar[Needs] = "picture"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Very slow": {"steps_count": 9},
        "Quick": {"steps_count": 2, "seed": 5},
    }
    error: ClassVar[BaseException | None] = None

    target: int | str | None = option(None, help="Class index or label; none: the top class", role="class")
    steps_count: int = option(4, help="Steps", minimum=1, maximum=50)
    layers: tuple[str, ...] = option(("conv1",), help="Layers to look at", role="layers")
    weights_of_layers: tuple[float, ...] | None = option(None, help="Weights in %", minimum=0, maximum=1)
    epsilon: float = option(8 / 255, help="Largest change", minimum=0, maximum=1)
    mode: Literal["linear", "square"] = option("linear", help="How it fades")
    amount: str | float = option("all", help="How much", choices=("all", "half"), minimum=0, maximum=255)
    noise: bool = option(True, help="Add noise")
    seed: int = option(0, help="Of the noise", minimum=0, advanced=True)

    def __post_init__(self) -> None:
        check_options(self)
        if self.mode == "square" and not self.noise:
            raise ValueError("mode 'square' needs noise")

    def steps(self, net: Network, image: UInt8Array) -> Iterator[RunUpdate]:
        generator = np.random.default_rng(self.seed)
        index = net.target_index(self.target, net.logits(image))
        for step in range(1, self.steps_count + 1):
            if self.error is not None and step > self.steps_count // 2:
                raise self.error
            faded = image * (1 - step / self.steps_count) + generator.integers(0, 20 if self.noise else 1, image.shape)
            picture = faded.clip(0, 255).astype(np.uint8)
            metrics = {"loss": -1 / step, "brightness": float(picture.mean())}
            result = None
            if step == self.steps_count:
                result = RunResult(
                    run="deepdream",
                    title=net.labels[index],
                    options=option_values(self),
                    network=net.name,
                    network_hash=net.hash,
                    image=picture,
                    images={"before": image, "10 × difference": image},
                    figures={"brightness": float(picture.mean()), "bad": float("nan")},
                    facts={"target": index, "reached": True},
                    arrays={"values": faded},
                )
            note = "the gradient was 0; choose another layer" if step > 1 else ""
            yield RunUpdate(step, self.steps_count, picture, metrics, result, note=note)


@pytest.fixture
def fade(monkeypatch: pytest.MonkeyPatch) -> type[Fade]:
    monkeypatch.setitem(runs._RUNS, "deepdream", Fade)
    monkeypatch.setattr(Fade, "error", None)
    return Fade


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    return path


def parser_of(command: str) -> CommandParser:
    commands = next(action for action in make_parser()._actions if action.dest == "command")
    assert isinstance(commands.choices, dict)
    parser = commands.choices[command]
    assert isinstance(parser, CommandParser)
    parser.complete()
    return parser


def given(*words: str) -> dict[str, Any]:
    return run_options.given_options(parser_of("dream").parse_args([*words, "cat.png", "-o", "o.png"]))


# --------------------------------------------------------------------------------------------------------- the options


@pytest.mark.parametrize(("command", "name"), COMMANDS.items())
def test_every_option_of_the_run_is_one_of_the_command(command: str, name: str) -> None:
    run = runs.registry()[name]
    parser = parser_of(command)
    flags = {flag for action in parser._actions for flag in action.option_strings}
    for item in options_of(run):
        assert run_options.flag(item.name) in flags
    assert ("image" in {action.dest for action in parser._actions}) == (run.needs != "nothing")
    assert "%(" not in parser.format_help()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_preset_of_a_command_makes_a_run(command: str) -> None:
    run = runs.registry()[COMMANDS[command]]
    for name in run.presets:
        values = run_options.preset(run.presets, run_options.preset_word(name))
        made = run_options.make_run(run, {**{i.name: 0 for i in options_of(run) if i.required}, **values})
        assert {key: getattr(made, key) for key in values} == values


@pytest.mark.usefixtures("fade")
def test_words_become_values_of_the_options_type() -> None:
    assert given() == {}
    assert given("--target", "7") == {"target": 7}
    assert given("--target", "school bus") == {"target": "school bus"}
    assert given("--target", "none") == {"target": None}
    assert given("--layers", "conv1,conv2", "--weights-of-layers", "0.5,1") == {
        "layers": ("conv1", "conv2"),
        "weights_of_layers": (0.5, 1.0),
    }
    assert given("--layers", "3") == {"layers": ("3",)}
    assert given("--epsilon", "4/255") == {"epsilon": 4 / 255}
    assert given("--amount", "half") == {"amount": "half"}
    assert given("--amount", "12") == {"amount": 12.0}
    assert given("--no-noise", "--seed", "3") == {"noise": False, "seed": 3}
    assert given("--noise") == {"noise": True}


@pytest.mark.usefixtures("fade")
def test_the_help_tells_range_default_and_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dream", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for told in (
        "steps (1 to 50; default 4)",
        "default conv1",
        "default 0.03137",
        "all or half or 0 to 255; default all",
        "--noise, --no-noise",
        "very-slow: steps-count 9",
        "Weights in % (0 to 1)".replace("W", "w", 1),
        "more options",
    ):
        assert told in text, told


@pytest.mark.usefixtures("fade")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--steps-count", "0"], "out of range: it is 1 to 50"),
        (["--steps-count", "2.5"], "whole number"),
        (["--mode", "sqare"], "did you mean 'square'"),
        (["--mode", "square", "--no-noise"], "mode 'square' needs noise"),
        (["--weights-of-layers", "1,2"], "out of range"),
        (["--preset", "very-slw"], "did you mean very-slow"),
        (["--video", "course.avi"], ".mp4 or .gif"),
        (["--json", "no/such/folder/run.json"], "does not exist"),
        (["--fps", "20"], "--video"),
        (["--repeat", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_words_are_refused_before_a_network_is_loaded(
    words: list[str], told: str, tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", "no-such-network"]
    assert cli.main(["dream", str(picture), "-o", str(tmp_path / "o.png"), *model, *words]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert not captured.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "choose a class"),
        (["--objective", "layer"], "needs a layer"),
        (["--objective", "channel", "--layer", "conv4"], "needs a unit of layer 'conv4'"),
    ],
)
def test_an_image_of_nothing_is_refused_before_a_network_is_loaded(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["maximise", "-o", str(tmp_path / "o.png"), "--model", "no-such-network", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("fade")
@pytest.mark.parametrize("output", ["out.jpg", "no/such/folder/out.png", "picture.png"])
def test_an_output_that_cannot_be_written_is_refused_at_once(
    output: str, tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dream", str(picture), "-o", str(tmp_path / output), "--model", "no-such-network"]
    before = picture.read_bytes()
    assert cli.main(words) == 2
    assert output.rsplit("/", 1)[0].split("/")[0] in capsys.readouterr().err
    assert picture.read_bytes() == before


def test_building_the_parser_imports_neither_torch_nor_the_runs() -> None:
    code = (
        "import sys\nfrom deepvis.cli import make_parser\ntext = make_parser().format_help()\n"
        f"assert all(name in text for name in {tuple(COMMANDS)!r})\n"
        "sys.exit(', '.join(n for n in ('torch', 'numpy', 'PySide6', 'deepvis.backend.runs') if n in sys.modules) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)


def test_a_parser_is_completed_once_and_only_when_it_is_used() -> None:
    calls: list[CommandParser] = []

    def complete(parser: CommandParser) -> None:
        calls.append(parser)
        parser.add_argument("--late")

    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(parser_class=CommandParser)
    one = commands.add_parser("one", complete=complete)
    commands.add_parser("two")
    parser.parse_args(["two"])
    assert not calls
    for _ in range(2):
        assert parser.parse_args(["one", "--late", "x"]).late == "x"
    assert calls == [one]


# --------------------------------------------------------------------------------------------------------- what is left


@pytest.mark.usefixtures("fade")
def test_a_run_leaves_what_was_asked_for_and_can_be_repeated_from_it(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, story = tmp_path / "out.png", tmp_path / "out.json"
    asked = ["--preset", "quick", "--target", "3", "--layers", "conv1,conv2", "--seed", "8", "--steps-count", "3"]
    words = ["dream", str(picture), "-o", str(out), *RANDOM, *asked, "--json", str(story), "--all", "--npz"]
    assert cli.main(words) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{out}: class 3, brightness ")
    assert "3 steps" in captured.out
    assert captured.err.count("deepvis: the gradient was 0; choose another layer\n") == 1
    names = {"out.png", "out.json", "out.npz", "out-before.png", "out-10-difference.png", "picture.png"}
    assert {path.name for path in tmp_path.iterdir()} == names

    written = json.loads(story.read_text(encoding="utf-8"))
    assert written["run"] == "deepdream"
    assert written["options"]["layers"] == ["conv1", "conv2"]
    assert (written["options"]["steps_count"], written["options"]["seed"]) == (3, 8)
    assert written["facts"] == {"target": 3, "reached": True}
    assert written["figures"]["bad"] is None
    assert written["course"]["step"] == [1, 2, 3]
    assert written["course"]["loss"] == [-1, -0.5, -1 / 3]
    assert len(written["network_hash"]) == 16
    with np.load(tmp_path / "out.npz") as arrays:
        assert arrays["values"].shape == (40, 50, 3)

    for number, source in enumerate((story, out)):
        again = tmp_path / f"again{number}.png"
        assert cli.main(["dream", "-o", str(again), "--repeat", str(source), "--device", "cpu"]) == 0
        assert again.read_bytes() == out.read_bytes()
    other = tmp_path / "other.png"
    assert cli.main(["dream", "-o", str(other), "--repeat", str(story), "--device", "cpu", "--seed", "9"]) == 0
    assert (np.asarray(Image.open(other)) != np.asarray(Image.open(out))).any()
    told = json.loads(Image.open(other).text["deepvis"])  # type: ignore[attr-defined]
    assert (told["options"]["seed"], told["options"]["layers"]) == (9, ["conv1", "conv2"])


@pytest.mark.usefixtures("fade")
@pytest.mark.parametrize("model", ["{folder}/own.py:make", "some.module:make", "{folder}/own.pt2"])
def test_a_record_does_not_have_code_run_that_nobody_named(
    model: str, tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nmake = None\n", encoding="utf-8")
    story, out = tmp_path / "run.json", tmp_path / "out.png"
    sent = {"run": "deepdream", "options": {}, "network_options": {"model": model.format(folder=tmp_path)}}
    story.write_text(json.dumps(sent), encoding="utf-8")
    assert cli.main(["dream", str(picture), "-o", str(out), "--repeat", str(story)]) == 2
    assert "which is code: to have it run, name it with --model" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("fade")
def test_a_record_is_repeated_by_its_own_command_and_says_if_the_network_changed(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story, out = tmp_path / "run.json", tmp_path / "out.png"
    assert cli.main(["dream", str(picture), "-o", str(out), *RANDOM, "--json", str(story)]) == 0
    assert cli.main(["fool", "-o", str(out), "--repeat", str(story)]) == 2
    assert "deepvis dream" in capsys.readouterr().err
    content = json.loads(story.read_text(encoding="utf-8"))
    story.write_text(json.dumps(content | {"network_hash": "0" * 16}), encoding="utf-8")
    assert cli.main(["dream", "-o", str(out), "--repeat", str(story), "--device", "cpu"]) == 0
    assert "other weights" in capsys.readouterr().err
    story.write_text(json.dumps(content | {"options": {"stepz": 1}}), encoding="utf-8")
    assert cli.main(["dream", "-o", str(out), "--repeat", str(story)]) == 2
    assert "no option 'stepz'" in capsys.readouterr().err
    # As the window's gallery writes it: the network as a table of its own, and no command.
    spec = {"name": "alexnet", "weights": "random", "labels": None, "input_size": [70, 64], "device": "auto"}
    own = {name: value for name, value in content.items() if name not in ("network_options", "command")}
    story.write_text(json.dumps(own | {"network_spec": spec}), encoding="utf-8")
    network = read_record(str(story)).network
    assert (network["model"], network["weights"], network["input_size"]) == ("alexnet", "random", (70, 64))
    for text in ("", "[]", '{"options": {}}'):
        story.write_text(text, encoding="utf-8")
        assert cli.main(["dream", "-o", str(out), "--repeat", str(story)]) == 2
    assert cli.main(["dream", "-o", str(out), "--repeat", str(picture)]) == 2


@pytest.mark.usefixtures("fade")
@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_a_film_has_a_picture_for_every_step(tmp_path: Path, picture: Path, ending: str) -> None:
    film = tmp_path / f"course{ending}"
    words = ["dream", str(picture), "-o", str(tmp_path / "o.png"), *RANDOM, "--video", str(film), "--fps", "5"]
    assert cli.main([*words, "--steps-count", "3"]) == 0
    if ending == ".gif":
        with Image.open(film) as image:
            assert image.n_frames == 4  # type: ignore[attr-defined]
            assert image.size == (350, 280)
    else:
        import av

        with av.open(str(film)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == 4
        assert frames[0].mean() > frames[1].mean() > frames[2].mean()


def test_an_interruption_says_how_far_it_was_and_leaves_nothing(
    fade: type[Fade],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    picture: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fade, "error", KeyboardInterrupt())
    words = ["dream", str(picture), "-o", str(tmp_path / "o.png"), "--video", str(tmp_path / "o.mp4"), *RANDOM]
    assert cli.main([*words, "--json", str(tmp_path / "o.json")]) == 130
    assert "interrupted: at step 2 of 4; nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_a_run_that_fails_is_one_line_and_leaves_nothing(
    fade: type[Fade],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    picture: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fade, "error", ValueError("the picture is too small: give one of 32 px"))
    words = ["dream", str(picture), "-o", str(tmp_path / "o.png"), "--video", str(tmp_path / "o.gif"), *RANDOM]
    assert cli.main(words) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "deepvis: the picture is too small: give one of 32 px"
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.usefixtures("fade")
def test_a_folder_becomes_a_folder_and_unreadable_pictures_are_named(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "dreams"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(picture.read_bytes())
    (folder / "broken.png").write_bytes(b"no picture")
    assert cli.main(["dream", str(folder), "-o", str(out), *RANDOM, "--steps-count", "1"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png"]
    assert "broken.png left out" in capsys.readouterr().err
    for more in (["--json", str(tmp_path / "x.json")], ["--video", str(tmp_path / "x.mp4")]):
        assert cli.main(["dream", str(folder), "-o", str(out), *RANDOM, *more]) == 2


@pytest.mark.usefixtures("fade")
def test_a_picture_must_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dream", "-o", str(tmp_path / "o.png")]) == 2
    assert "sample:cat" in capsys.readouterr().err
    assert cli.main(["dream", "sample:dog", "-o", str(tmp_path / "o.png")]) == 2
    assert "no sample 'dog'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cat.jpg", "cat.png"])
def test_a_picture_that_no_run_made_is_refused_with_what_to_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert cli.main(["dream", "-o", str(tmp_path / "out.png"), "--repeat", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert said.strip().endswith(f"{name} holds no run: name a .json that --json wrote, or the .png that a run made")


def test_a_folder_without_pictures_is_said_in_whole_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.main(["invert", str(tmp_path / "empty"), "-o", str(tmp_path / "out"), *RANDOM]) == 1
    said = capsys.readouterr().err
    assert "empty holds no pictures: No file in this folder" in said
    assert said.strip().endswith("Name a picture, or a folder that holds some.")
