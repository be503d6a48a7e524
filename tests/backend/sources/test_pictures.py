from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deepvis.backend.sources.pictures import LONGEST, read_picture
from deepvis.backend.sources.source import SourceError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters() -> np.ndarray:
    """A picture that no turn or mirroring leaves as it is: red, green over blue, white; 40 × 60 pixels."""
    picture = np.zeros((40, 60, 3), dtype=np.uint8)
    picture[:20, :30], picture[:20, 30:], picture[20:, :30], picture[20:, 30:] = RED, GREEN, BLUE, WHITE
    return picture


def corners(picture: np.ndarray) -> list[tuple[int, ...]]:
    """The four corners, rounded to pure colours: top left, top right, bottom left, bottom right."""
    places = ((3, 3), (3, -4), (-4, 3), (-4, -4))
    return [tuple(int(value > 127) * 255 for value in picture[place]) for place in places]


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds next to nothing, as a decompression bomb does."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def even_jpeg(side: int) -> bytes:
    """A baseline JPEG of one gray (128), of any size, without ever holding its pixels.

    Each block of 8 × 8 is then six bits: no change (00) and end of block (1010) in the standard Huffman tables.
    """
    small = saved(Image.new("L", (8, 8), 128), "JPEG")
    frame, scan = small.index(b"\xff\xc0"), small.index(b"\xff\xda")
    header = small[: frame + 5] + struct.pack(">HH", side, side) + small[frame + 9 : scan + 10]
    blocks = (-(-side // 8)) ** 2
    return header + bytes([0b00101000, 0b10100010, 0b10001010]) * (blocks // 4 + 1) + b"\xff\xd9"


# How a picture is stored under each EXIF orientation (EXIF 2.32, 4.6.4 A).
STORED_AS = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED_AS[orientation](quarters())))
    picture = read_picture(saved(stored, form, exif=exif))
    assert picture.shape == (40, 60, 3)
    assert corners(picture) == [RED, GREEN, BLUE, WHITE]


def test_the_result_is_contiguous_eight_bit_rgb(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(quarters()).save(path)
    picture = read_picture(path)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    np.testing.assert_array_equal(picture, quarters())


def test_transparency_is_laid_on_white() -> None:
    layered = np.zeros((2, 2, 4), dtype=np.uint8)
    layered[0, 0] = (255, 0, 0, 255)
    layered[0, 1] = (255, 0, 0, 0)
    layered[1, 0] = (0, 0, 0, 128)
    picture = read_picture(saved(Image.fromarray(layered), "PNG"))
    assert tuple(picture[0, 0]) == RED
    assert tuple(picture[0, 1]) == WHITE
    assert abs(int(picture[1, 0, 0]) - 127) <= 1


def test_a_transparent_palette_entry_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*BLUE, *RED])
    image.putpixel((1, 0), 1)
    picture = read_picture(saved(image, "PNG", transparency=0))
    assert [tuple(pixel) for pixel in picture[0]] == [WHITE, RED]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_gray_is_scaled_not_clipped(form: str) -> None:
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    picture = read_picture(saved(Image.fromarray(values), form))
    assert picture[0, :, 0].tolist() == [0, 1, 128, 255]
    np.testing.assert_array_equal(picture[..., 0], picture[..., 2])


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colour_is_rounded_and_keeps_its_channels(suffix: str, channels: int) -> None:
    random = np.random.default_rng(0)
    values = random.integers(0, 65536, (9, 7, channels), dtype=np.uint16)
    values[..., 3:] = 65535
    good, encoded = cv2.imencode(suffix, values)
    assert good
    blue_first = np.rint(values[..., :3] / 257).astype(np.uint8)
    np.testing.assert_array_equal(read_picture(encoded.tobytes()), blue_first[..., ::-1])


def test_sixteen_bit_colour_is_turned_upright() -> None:
    upright = quarters().astype(np.uint16) * 257
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(STORED_AS[6](upright)[..., ::-1]))
    content = encoded.tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes().removeprefix(b"Exif\x00\x00")
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    picture = read_picture(content[:33] + chunk + content[33:])
    assert corners(picture) == [RED, GREEN, BLUE, WHITE]


def test_floating_point_pictures_from_zero_to_one_fill_the_range() -> None:
    values = np.array([[0.0, 0.5, 1.0, np.nan]], dtype=np.float32)
    assert read_picture(saved(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK", "YCbCr", "I;16"])
def test_every_pixel_format_becomes_rgb(mode: str) -> None:
    image = Image.fromarray(quarters())
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L"), dtype=np.uint16) * 257)
    else:
        image = image.convert(mode)
    picture = read_picture(saved(image, form))
    assert picture.shape == (40, 60, 3)
    if mode in ("P", "CMYK", "YCbCr"):
        assert corners(picture) == [RED, GREEN, BLUE, WHITE]
    else:
        assert corners(picture)[3] == WHITE
        assert (picture[..., 0] == picture[..., 1]).all()


def test_of_an_animation_the_first_picture_is_read() -> None:
    pictures = [Image.new("RGB", (8, 6), colour) for colour in (RED, GREEN, BLUE)]
    content = saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=100)
    assert tuple(read_picture(content)[3, 3]) == RED


def test_large_pictures_are_reduced_with_their_shape_kept() -> None:
    content = saved(Image.new("RGB", (9000, 3000), (10, 200, 30)), "JPEG")
    picture = read_picture(content)
    assert picture.shape == (1365, LONGEST, 3)
    np.testing.assert_allclose(picture[700, 2000], (10, 200, 30), atol=2)


def test_a_huge_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    # 400 million pixels would be 1.2 GB; libjpeg's own scaling decodes a sixteenth of them.
    picture = read_picture(even_jpeg(20_000))
    assert picture.shape == (LONGEST, LONGEST, 3)
    assert (picture[::512, ::512] == 128).all()


@pytest.mark.parametrize("side", [20_000, 12_000])
def test_a_huge_png_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(SourceError, match="too large") as caught:
        read_picture(png_header_only(side, side))
    assert "80 million pixels" in caught.value.remedy
    assert caught.value.then == "stop"


def test_a_huge_progressive_jpeg_is_refused_because_it_cannot_be_decoded_in_part() -> None:
    small = saved(Image.new("L", (64, 64)), "JPEG", progressive=True)
    # The frame header (SOF2) announces the size: marker, length, precision, height, width.
    place = small.index(b"\xff\xc2")
    huge = small[: place + 5] + struct.pack(">HH", 20_000, 20_000) + small[place + 9 :]
    with pytest.raises(SourceError, match="too large"):
        read_picture(huge)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_a_truncated_picture_is_damaged(form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = saved(Image.fromarray(noise), form)
    with pytest.raises(SourceError) as caught:
        read_picture(content[: len(content) // 2])
    assert "damaged" in caught.value.title or "no picture" in caught.value.title
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"hello, this is text" * 10, "no picture"), (b"\xff\xd8\xff\xe0rubbish", "damaged")],
)
def test_what_is_no_picture_is_said_to_be_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        read_picture(path)
    assert caught.value.title.startswith("holiday.jpg")


def test_a_missing_file_and_a_folder_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not there"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(SourceError, match="not a file"):
        read_picture(tmp_path)


def test_a_picture_with_broken_exif_is_still_shown() -> None:
    content = saved(Image.fromarray(quarters()), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + bytes(8))
    assert corners(read_picture(content)) == [RED, GREEN, BLUE, WHITE]
