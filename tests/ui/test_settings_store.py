"""What is remembered comes back as it was, whatever happened to the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepvis.messages import NetworkSpec
from deepvis.ui import settings_store as settings
from deepvis.ui.look import Look
from deepvis.ui.look_memory import look_changes, look_text, spec_from, spec_text
from deepvis.ui.settings_store import SETTINGS, Setting, SettingsStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "deepvis.ini"


VALUES = [
    (Setting("t/flag", True, ""), False),
    (Setting("t/flag2", False, ""), True),
    (Setting("t/count", 3, ""), 0),
    (Setting("t/share", 0.5, ""), 2.0),
    (Setting("t/text", "x", ""), ""),
    (Setting("t/odd", "", ""), 'a, "b" = [c]\n@d ü % \\ ;'),
    (Setting("t/list", ("a",), ""), ()),
    (Setting("t/list2", (), ""), ("one", "two, three", "")),
]


@pytest.mark.parametrize(("setting", "value"), VALUES)
def test_values_come_back_with_their_type(path: Path, setting: Setting[object], value: object) -> None:
    store = SettingsStore(path)
    store.set(setting, value)
    store.flush()
    again = SettingsStore(path).get(setting)
    assert again == value
    assert type(again) is type(setting.default)


def test_defaults_hold_until_something_is_set(path: Path) -> None:
    store = SettingsStore(path)
    assert [store.get(setting) for setting in SETTINGS] == [setting.default for setting in SETTINGS]
    assert store.problem is None


def test_every_setting_is_declared_once_and_documented() -> None:
    names = [setting.name for setting in SETTINGS]
    assert len(names) == len(set(names))
    assert all(setting.doc for setting in SETTINGS)
    declared = {id(value) for value in vars(settings).values() if isinstance(value, Setting)}
    assert declared == {id(setting) for setting in SETTINGS}


@pytest.mark.parametrize("content", [b"\x00\xff\xfe garbage \x80", b"not an ini file at all\nreally", b"{\n  json\n}"])
def test_a_file_that_makes_no_sense_is_set_aside_with_one_message(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = SettingsStore(path)
    assert store.get(settings.THEME) == settings.THEME.default
    assert store.problem is not None
    assert path.with_name("deepvis.ini.broken").read_bytes() == content
    store.set(settings.THEME, "light")
    store.flush()
    again = SettingsStore(path)
    assert again.get(settings.THEME) == "light"
    assert again.problem is None


def test_one_value_that_makes_no_sense_falls_back_alone(path: Path) -> None:
    store = SettingsStore(path)
    store.set(settings.THEME, "light")
    store.set(settings.TIMINGS, True)
    store.flush()
    path.write_text(path.read_text().replace("timings=true", "timings=perhaps"))
    store = SettingsStore(path)
    assert store.get(settings.TIMINGS) is settings.TIMINGS.default
    assert store.get(settings.THEME) == "light"
    assert store.problem is not None
    assert "window/timings" in store.problem.remedy


def test_the_settings_of_a_newer_version_are_left_alone(path: Path) -> None:
    path.parent.mkdir()
    content = "[General]\nschema=99\n\n[window]\ntheme=purple\n"
    path.write_text(content)
    store = SettingsStore(path)
    assert store.get(settings.THEME) == settings.THEME.default
    store.set(settings.THEME, "light")
    store.flush()
    assert path.read_text() == content
    assert store.problem is not None


def test_recent_things_are_listed_once_and_newest_first(path: Path) -> None:
    store = SettingsStore(path)
    for item in ("a", "b", "a", "c"):
        store.push(settings.RECENT_SOURCES, item, limit=3)
    assert store.get(settings.RECENT_SOURCES) == ("c", "a", "b")
    store.push(settings.RECENT_SOURCES, "d", limit=3)
    assert store.get(settings.RECENT_SOURCES) == ("d", "c", "a")


def test_a_look_comes_back() -> None:
    look = Look(
        layer="conv4", unit=59, boost=0.5, sort="activity", overlay="grad_cam", overlay_opacity=0.25, back=False
    )
    assert Look(**look_changes(look_text(look))) == look


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", '{"boost": 7, "unit": -3, "range": [], "overlay": "x-ray"}'])
def test_a_look_that_makes_no_sense_changes_nothing(text: str) -> None:
    assert look_changes(text) == {}


def test_a_network_comes_back() -> None:
    spec = NetworkSpec("my.module:make", "w.safetensors", "l.txt", (120, 160), (0.5,), (0.25,), "cpu", "bf16")
    assert spec_from(spec_text(spec)) == spec
    assert spec_from("nonsense") is None
    assert spec_from('{"nam": "x"}') is None
