"""Picture files to arrays: every pixel format to uint8 RGB, upright, with bounded memory."""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, JpegImagePlugin, UnidentifiedImageError

from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

LONGEST = 4096
"""Longer side in pixels to which larger pictures are reduced when they are read."""

MAX_PIXELS = 80_000_000
"""Pixels that may be decoded at once; a JPEG, which can be decoded at a fraction of its size, may have more."""

MAX_JPEG_PIXELS = 500_000_000
"""Pixels of a JPEG that is decoded at a fraction of its size; beyond it even that takes too long."""

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "QOI", "PCX", "SGI", "DDS")
"""Pillow's names of what is read: nothing that runs another program (EPS) or takes a film for a picture (MPEG)."""

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "mpo", "gif", "webp", "bmp", "dib", "tif", "tiff", "ppm", "pgm"),
        *("pbm", "pnm", "avif", "jp2", "j2k", "ico", "qoi", "pcx", "sgi", "rgb", "dds"),
    )
)
"""Ends of file names, in lower case, by which a folder's pictures are known before they are opened."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture with this EXIF orientation upright."""


def read_picture(
    content: str | os.PathLike[str] | bytes, longest: int = LONGEST, name: str | None = None
) -> UInt8Array:
    """Read a picture as uint8 (H, W, 3) RGB, contiguous.

    EXIF orientation is applied. Transparency is laid on white, because that is what most pictures with transparency
    were made to be seen on, and because their hidden colours mean nothing. 16-bit values v become round(v / 257).
    Of an animation the first picture is read. CMYK follows its colour profile, if it has one; profiles of RGB pictures
    are ignored, as they were when the usual networks were trained.

    Parameters
    ----------
    content : path of a file, or the bytes of one.
    longest : the longer side in pixels to which larger pictures are reduced.
    name : what errors call it; None: its file's name.

    Raises
    ------
    SourceError
        For what is missing, empty, truncated, no picture, or too large; the error names the limit.

    May be called from any thread.
    """
    if name is None:
        name = "The picture" if isinstance(content, bytes) else Path(content).name
    with _explained(name), _opened(content, name) as file:
        image = open_image(file)
        _check_size(image, name)
        return to_rgb(image, file, longest)


def is_picture(path: Path) -> bool:
    """Whether the file's content says that it is a picture in a format that is read here."""
    try:
        with path.open("rb") as file:
            open_image(file)
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def open_image(file: BinaryIO) -> Image.Image:
    """Read a picture's header, not yet its pixels.

    JPEGs bypass ``Image.open``: it refuses large ones before they can be asked to decode at a fraction of their size,
    and the only way to change that is a setting of the whole process.
    """
    head = file.read(3)
    file.seek(0)
    return JpegImagePlugin.JpegImageFile(file) if head == b"\xff\xd8\xff" else Image.open(file, formats=FORMATS)


def to_rgb(image: Image.Image, file: BinaryIO | None = None, longest: int = LONGEST) -> UInt8Array:
    """Decode an opened image to uint8 (H, W, 3) RGB; ``file`` is needed where it may hold 16 bits a channel."""
    upright = _UPRIGHT.get(_orientation(image))
    if isinstance(image, JpegImagePlugin.JpegImageFile) and max(image.size) > longest:
        scale = longest / max(image.size)
        image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
    deep = _read_deep(image, file)
    if deep is not None:
        image = Image.fromarray(deep)
    flat = _flatten(image)
    flat.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.array(flat if upright is None else flat.transpose(upright), dtype=np.uint8)


def _read_deep(image: Image.Image, file: BinaryIO | None) -> UInt8Array | None:
    """The 8-bit picture, (H, W) or (H, W, 3 or 4), of a file with more than 8 bits a channel; None for all others."""
    values: npt.NDArray[Any]
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        if image.mode == "F":
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
            scale = 255.0 if values.max(initial=0) <= 1 else 1.0 if values.max() <= 255 else 1 / 257
            return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
        return _to_eight_bits(values)
    if file is None or not _has_deep_colour(image, file):
        return None
    # Of a colour picture's 16 bits Pillow keeps 8, cut off and not rounded, or refuses them; OpenCV reads them all.
    file.seek(0)
    decoded = cv2.imdecode(np.frombuffer(file.read(), dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise OSError("image file is truncated or broken")
    values = np.asarray(decoded)
    if values.ndim == 3:
        order = cv2.COLOR_BGR2RGB if values.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        values = np.asarray(cv2.cvtColor(values, order))
    return _to_eight_bits(values)


def _has_deep_colour(image: Image.Image, file: BinaryIO) -> bool:
    if image.format == "PNG":
        file.seek(24)
        return file.read(1) == b"\x10"
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, (8,))
        return bool(max(bits) == 16)
    return False


def _to_eight_bits(values: npt.NDArray[Any]) -> UInt8Array:
    if values.dtype == np.uint8:
        return np.asarray(values, dtype=np.uint8)
    result = np.empty(values.shape, dtype=np.uint8)
    # In strips, because the sums need four times the memory of the result.
    for top in range(0, len(values), 256):
        strip = np.clip(values[top : top + 256], 0, 65535).astype(np.uint32)
        result[top : top + 256] = (strip + 128) // 257
    return result


def _flatten(image: Image.Image) -> Image.Image:
    """The image as mode RGB, transparency on white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "CMYK":
        return _from_cmyk(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        # convert copies even where nothing has to be converted, and large pictures are large.
        layered = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", layered.size, (255, 255, 255))
        white.paste(layered, mask=layered)
        return white
    return image.convert("RGB")


def _from_cmyk(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError):
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 (upright) where there is none or EXIF is broken."""
    with contextlib.suppress(Exception):
        return int(image.getexif().get(0x0112, 1))
    return 1


def _check_size(image: Image.Image, name: str) -> None:
    pixels = image.width * image.height
    # A progressive JPEG is held whole in memory, whatever the size that it is decoded at.
    reducible = isinstance(image, JpegImagePlugin.JpegImageFile) and not image.info.get("progressive")
    if pixels > (MAX_JPEG_PIXELS if reducible else MAX_PIXELS):
        raise _too_large(name, f"It has {image.width:,} × {image.height:,} pixels.")


def _too_large(name: str, cause: str) -> SourceError:
    return SourceError(
        f"{name} is too large",
        cause,
        f"Reduce it to at most {MAX_PIXELS // 1_000_000} million pixels (10,000 × 8,000), "
        f"or save it as a baseline JPEG of at most {MAX_JPEG_PIXELS // 1_000_000} million.",
    )


@contextlib.contextmanager
def _opened(content: str | os.PathLike[str] | bytes, name: str) -> Iterator[BinaryIO]:
    file: BinaryIO
    if isinstance(content, bytes):
        file, size = io.BytesIO(content), len(content)
    else:
        status = os.stat(content)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{name} is no picture", "It is not a file.", "Choose a picture file.")
        file, size = open(content, "rb"), status.st_size  # noqa: SIM115 - closed by the with statement below
    with file:
        if size == 0:
            raise SourceError(
                f"{name} is empty", "The file has no content at all.", "Copy or download it again, or choose another."
            )
        yield file


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what Pillow and the system raise into one clear error."""
    try:
        yield
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        cause = f"It has {int(pixels[0]) / 1e6:,.0f} million pixels." if pixels else "It has too many pixels."
        raise _too_large(name, cause) from error
    except FileNotFoundError as error:
        raise SourceError(f"{name} is not there", "No such file.", "Check the path.", details=str(error)) from error
    except PermissionError as error:
        raise SourceError(
            f"{name} cannot be read", "Access to the file is denied.", "Change its permissions, or copy it."
        ) from error
    except UnidentifiedImageError as error:
        raise SourceError(
            f"{name} is no picture that can be read",
            "Its content is in none of the known formats.",
            "Convert it to PNG or JPEG.",
            details=str(error),
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, cv2.error) as error:
        raise SourceError(
            f"{name} is damaged",
            f"It breaks off or holds errors ({error}).",
            "Copy or download it again, or choose another.",
            details=repr(error),
        ) from error
    except MemoryError as error:
        raise _too_large(name, "There is not enough memory to decode it.") from error
