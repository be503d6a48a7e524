"""The lab on the real engine: what the form offers is what the run takes, and what it shows is what the run found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.messages import NetworkSpec
from deepvis.options import option_values, options_of
from deepvis.session import Session
from deepvis.ui.main_window import MainWindow
from deepvis.ui.panels.network_fields import Offer
from deepvis.ui.panels.option_form import OptionForm
from deepvis.ui.settings_store import SettingsStore
from tests.ui.dressing import dark, undressed
from tests.ui.fixtures import LABELS, LAYERS
from tests.ui.occlusion_run import RUN_OPTIONS


@pytest.fixture
def live(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[MainWindow]:
    dark(qapp)
    session = Session()
    with undressed(qapp):
        window = MainWindow(session, SettingsStore(tmp_path / "s.ini"))
    session.start()
    window.resize(1280, 900)
    window.show()
    window.start("sample:cat", NetworkSpec("tinynet", device="cpu"), None)
    qtbot.waitUntil(lambda: window.state.info is not None, timeout=200_000)
    qtbot.waitUntil(lambda: window.grid_panel.view.result is not None)
    yield window
    window.close()
    assert session.close(60)
    window.deleteLater()
    qapp.processEvents()


def test_the_scripted_run_of_the_window_tests_has_the_real_options() -> None:
    from deepvis.backend.runs import registry

    assert options_of(registry()["occlusion"]) == RUN_OPTIONS["occlusion"]


def test_an_occlusion_run_fills_in_is_shown_saved_and_can_fail(live: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    live.actions_["window.lab"].trigger()
    panel = live.lab.show_run("occlusion")
    assert live.state.info is not None
    side = min(live.state.info.input_size)
    patch = side // 4
    panel.form.set_values({"patch": patch, "stride": patch // 2, "batch": 8})
    panel.begin()
    qtbot.waitUntil(lambda: panel.controls.figures.text().startswith("done"))
    maps = panel.view.maps
    assert maps.known.all()
    assert maps.places == (7, 7)
    best = live.predictions.bars.predictions[0]
    assert maps.label == best.label
    assert maps.whole_probability == pytest.approx(best.probability, abs=0.05)
    assert not maps.covered(0, 0)[:patch, :patch].any()
    assert np.array_equal(maps.covered(0, 0)[patch:], maps.picture[patch:])
    path = tmp_path / "map.npz"
    live.captures._backend.save(str(path), panel.view.export_arrays())
    qtbot.waitUntil(lambda: any(e.problem.title == "Saved" for e in live.log.entries()))
    with np.load(path) as saved:
        assert np.array_equal(saved["logit"], maps.logit)
        assert str(saved["label"]) == maps.label
    panel.form.set_values({"patch": 500, "stride": None})
    panel.begin()
    qtbot.waitUntil(lambda: panel.controls.figures.text() == "failed")
    assert "500" in panel.controls.error.text()
    assert str(side) in panel.controls.error.text()
    assert panel.view.maps is maps


def test_every_form_and_every_preset_makes_options_that_the_run_accepts(qtbot: QtBot, qapp: QApplication) -> None:
    from deepvis.backend.runs import registry

    dark(qapp)
    for run in registry().values():
        form = OptionForm()
        qtbot.addWidget(form)
        form.set_options(options_of(run), Offer(LABELS, LAYERS, "conv3", 5))
        assert option_values(run(**form.values())) == option_values(run())
        for values in run.presets.values():
            # A preset leaves alone what is looked at, such as the layers that the one before it named.
            form.reset()
            form.use_preset(values)
            made = option_values(run(**form.values()))
            assert made == option_values(run(**values))


def test_every_run_has_a_tab_and_every_tab_a_run(live: MainWindow) -> None:
    from deepvis.backend.runs import registry

    # Maps have a panel of their own.
    assert set(live.lab.panels) | {"embedding"} == set(registry())
    for name, panel in live.lab.panels.items():
        assert panel.form.options == options_of(registry()[name])
        assert panel.run_needs_picture == (registry()[name].needs != "nothing")


def test_a_unit_is_maximised_shown_and_goes_on(live: MainWindow, qtbot: QtBot) -> None:
    live.state.update(layer="conv3", unit=4)
    panel = live.lab.panels["class_image"]
    live.docks.show_lab(True)
    live.lab.begin("class_image", {"layer": "conv3", "unit": 4, "iterations": 2})
    qtbot.waitUntil(lambda: panel.controls.figures.text().startswith("done · 2 steps"))
    first = panel.view.export_picture()
    assert first is not None
    assert first[:, :, :3].std() > 1
    assert panel.controls.course.names[0] == "objective"
    panel.controls.more.click()
    qtbot.waitUntil(lambda: panel.controls.figures.text().startswith("done · 4 steps"))
    assert not np.array_equal(panel.view.export_picture(), first)
    # It is there once it is on the disk, which another thread sees to.
    qtbot.waitUntil(lambda: bool(live.unit_images.pictures()))


@pytest.mark.parametrize("name", ["deepdream", "inversion", "fooling", "evolved_fooling"])
def test_each_view_shows_what_its_run_makes(live: MainWindow, qtbot: QtBot, name: str) -> None:
    few = {
        "deepdream": {"octaves": 2, "steps_per_octave": 1, "size": 96},
        "inversion": {"layer": "conv2", "iterations": 2},
        "fooling": {"method": "fgsm"},
        "evolved_fooling": {"generations": 1, "batch": 8},
    }
    panel = live.lab.panels[name]
    live.docks.show_lab(True)
    live.lab.begin(name, few[name])
    qtbot.waitUntil(lambda: panel.controls.figures.text().startswith("done"))
    picture = panel.view.export_picture()
    assert picture is not None
    assert picture[:, :, :3].std() > 1
    assert panel.view.export_name != name
    assert panel.controls.error.text() == ""
