"""Maps as files."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from deepvis.backend.maps.drawing import draw_dots, draw_thumbnails, point_colors, to_pixels
from deepvis.backend.maps.export import export_map
from tests.ui.map_contents import CLASSES, COUNT, map_content

SVG = "{http://www.w3.org/2000/svg}"


def test_the_table_has_a_row_for_every_picture(tmp_path: Path) -> None:
    content = map_content()
    export_map(content, tmp_path / "map.csv")
    with (tmp_path / "map.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == COUNT
    assert list(rows[0]) == ["title", "label", "prediction", "probability", "x", "y"]
    for index in (0, 4, 77):
        assert rows[index]["title"] == content.pictures.titles[index]
        assert rows[index]["label"] == CLASSES[index % 3]
        assert rows[index]["prediction"] == content.pictures.prediction(index)
        assert float(rows[index]["x"]) == pytest.approx(float(content.points[index, 0]), abs=1e-5)
        assert float(rows[index]["y"]) == pytest.approx(float(content.points[index, 1]), abs=1e-5)


def test_the_drawing_is_valid_and_its_thumbnails_do_not_overlap(tmp_path: Path) -> None:
    content = map_content()
    export_map(content, tmp_path / "map.svg", "prediction", side=800)
    root = ElementTree.parse(tmp_path / "map.svg").getroot()
    circles = root.findall(f".//{SVG}circle")
    assert len(circles) == COUNT
    assert [circle.get("data-group") for circle in circles[:5]] == [content.pictures.prediction(i) for i in range(5)]
    assert circles[0].find(f"{SVG}title").text.startswith(content.pictures.titles[0])  # type: ignore[union-attr]
    images = root.findall(f".//{SVG}image")
    assert 10 < len(images) < COUNT
    corners = np.array([[float(image.get("x", 0)), float(image.get("y", 0))] for image in images])
    across = np.abs(corners[:, None] - corners[None]).max(2)
    np.fill_diagonal(across, np.inf)
    assert across.min() >= 48


def test_the_picture_shows_thumbnails_where_the_pictures_lie(tmp_path: Path) -> None:
    content = map_content()
    export_map(content, tmp_path / "map.png", side=900)
    with Image.open(tmp_path / "map.png") as file:
        picture = np.asarray(file.convert("RGB"))
    assert picture.shape == (900, 900, 3)
    first = int(np.isinf(content.spread).argmax())
    x, y = to_pixels(content.points, (900, 900), 48 / 900)[first]
    around = picture[round(y) - 20 : round(y) + 20, round(x) - 20 : round(x) + 20].astype(float)
    own = content.pictures.thumbnails[first][4:44, 4:44].astype(float)
    assert np.corrcoef(around.ravel(), own.ravel())[0, 1] > 0.75


@pytest.mark.parametrize("coloring", ["class", "prediction", "correctness", "none"])
def test_every_coloring_can_be_drawn(coloring: str) -> None:
    content = map_content(40)
    picture = draw_thumbnails(content.points, content.pictures, coloring=coloring, size=(300, 400), side=24)
    assert picture.shape == (300, 400, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_dots_lie_where_the_points_are_and_in_their_colours() -> None:
    content = map_content()
    colors = point_colors(content.pictures, "class")
    picture = draw_dots(content.points, colors, (200, 200), side=3)
    places = np.round(to_pixels(content.points, (200, 200))).astype(int)
    shown = (picture[places[:, 1], places[:, 0]] == colors).all(1).mean()
    assert shown > 0.7
    assert draw_dots(np.zeros((0, 2), np.float32), colors[:0], (20, 20)).shape == (20, 20, 3)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.csv"):
        export_map(map_content(5), tmp_path / "map.pdf")
    with pytest.raises(ValueError, match="coloring"):
        export_map(map_content(5), tmp_path / "map.png", "size")
    assert list(tmp_path.iterdir()) == []
