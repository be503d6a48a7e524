from __future__ import annotations

import pytest

from deepvis.source_names import spoken


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("rtsp://anna:secret@camera.local/live?x=1", "rtsp://camera.local/live?x=1"),
        ("http://token@host:8080/a@b.mjpg", "http://host:8080/a@b.mjpg"),
        ("http://host/a@b.mjpg", "http://host/a@b.mjpg"),
        ("camera:0?size=640x480", "camera:0?size=640x480"),
        ("folder/with@sign.png", "folder/with@sign.png"),
    ],
)
def test_names_and_passwords_are_not_shown(spec: str, shown: str) -> None:
    assert spoken(spec) == shown
