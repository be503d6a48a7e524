"""Specs to sources: what a person writes, with options after a question mark, and help where it names nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from deepvis.backend.sources.album import Album, Entry, pictures_in
from deepvis.backend.sources.camera import DEFAULT_SIZE, Camera, CaptureFactory
from deepvis.backend.sources.pattern import Pattern
from deepvis.backend.sources.pictures import is_picture
from deepvis.backend.sources.samples import ALIASES, samples
from deepvis.backend.sources.source import Source, SourceError
from deepvis.messages import Size


def open_source(spec: str, capture_factory: CaptureFactory | None = None) -> Source:
    """See :func:`deepvis.backend.sources.open_source`."""
    spec = spec.strip()
    if not spec:
        raise SourceError("No source is named", "The name is empty.", "Open a picture, or look at sample:cat.")
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", spec):
        from deepvis.backend.sources.stream import open_url

        return open_url(spec)
    path = Path(spec).expanduser()
    if _exists(path):
        return _open_path(spec, path, Options(spec, ""))
    name, _, query = spec.partition("?")
    options = Options(spec, query)
    scheme, _, rest = name.partition(":")
    if scheme == "camera":
        source: Source = _open_camera(spec, rest, options, capture_factory)
    elif scheme == "sample":
        source = _open_sample(spec, rest, options)
    elif name == "pattern":
        source = _open_pattern(spec, options)
    elif query and _exists(Path(name).expanduser()):
        source = _open_path(spec, Path(name).expanduser(), options)
    else:
        raise _missing(name)
    options.check_all_used()
    return source


class Options:
    """The options after a spec's question mark, each read once as the type that is asked for."""

    def __init__(self, spec: str, query: str) -> None:
        self._spec = spec
        self._values = dict(parse_qsl(query, keep_blank_values=True))
        self._known: list[str] = []

    def switch(self, name: str, default: bool) -> bool:
        """``name=1`` or ``name=0``; the bare name means 1."""
        words = {"1": True, "true": True, "yes": True, "on": True, "": True}
        words |= {"0": False, "false": False, "no": False, "off": False}
        return bool(self._take(name, default, lambda text: words[text.lower()], "1 or 0"))

    def number(self, name: str, default: float | None) -> float | None:
        """A finite number."""
        value = self._take(name, default, float, "a number")
        return None if value is None else float(value)

    def size(self, name: str, default: Size) -> Size:
        """``WIDTHxHEIGHT`` as (height, width)."""

        def parse(text: str) -> Size:
            width, height = text.lower().split("x")
            return int(height), int(width)

        size: Size = self._take(name, default, parse, "WIDTHxHEIGHT, such as 1280x720")
        return size

    def check_all_used(self) -> None:
        """Refuse options that nobody asked for: they are slips of the pen."""
        for name in self._values:
            known = ", ".join(self._known) or "none"
            raise SourceError(
                f"The source has no option {name!r}", f"Its options are: {known}.", "Correct or leave out the option."
            )

    def _take(self, name: str, default: Any, parse: Callable[[str], Any], form: str) -> Any:
        self._known.append(name)
        text = self._values.pop(name, None)
        if text is None:
            return default
        try:
            return parse(text)
        except (KeyError, ValueError) as error:
            raise SourceError(
                f"The option {name}={text} of the source is not understood", f"It takes {form}.", "Correct the option."
            ) from error


def _open_camera(spec: str, index: str, options: Options, factory: CaptureFactory | None) -> Source:
    if not index.isdecimal():
        raise SourceError(
            f"{spec} names no camera", "A camera is named by its number.", "Write camera:0 for the first one."
        )
    camera = Camera(spec, int(index), options.size("size", DEFAULT_SIZE), factory)
    camera.control("mirror", options.switch("mirror", False))
    return camera


def _open_sample(spec: str, name: str, options: Options) -> Source:
    present = samples()
    if not present:
        raise SourceError(
            "There are no sample photographs",
            "They come with scikit-image, which is not installed.",
            "Install scikit-image, or look at the test pattern.",
        )
    wanted = name.lower() or next(iter(present))
    wanted = ALIASES.get(wanted, wanted)
    if wanted not in present:
        near = difflib.get_close_matches(wanted, [*present, *ALIASES], 1)
        raise SourceError(
            f"There is no sample {name!r}",
            f"Did you mean sample:{near[0]}?" if near else "No sample has a name like it.",
            f"Choose one of {', '.join(present)}.",
        )
    entries = [Entry(title, path) for title, path in present.values()]
    album = Album(spec, entries, list(present).index(wanted), motion=options.switch("motion", False))
    return _with_album_options(album, options)


def _open_pattern(spec: str, options: Options) -> Source:
    rate = options.number("rate", 30.0)
    try:
        pattern = Pattern(spec, options.size("size", (480, 640)), 30.0 if rate is None else rate)
    except ValueError as error:
        raise SourceError("The test pattern cannot be made", f"{error}.", "Correct the option.") from error
    pattern.control("mirror", options.switch("mirror", False))
    return pattern


def _open_path(spec: str, path: Path, options: Options) -> Source:
    try:
        if path.is_dir():
            return _open_folder(spec, path, options)
        if not path.is_file():
            raise SourceError(f"{path.name} cannot be opened", "It is neither a file nor a folder.", "Choose another.")
        if path.stat().st_size == 0:
            raise SourceError(
                f"{path.name} is empty",
                "The file has no content at all.",
                "Copy or download it again, or choose another.",
            )
        if is_picture(path):
            return _open_picture(spec, path, options)
    except PermissionError as error:
        raise SourceError(
            f"{path.name} cannot be read", "Access to it is denied.", "Change its permissions, or copy it."
        ) from error
    return _open_video(spec, path, options)


def _open_folder(spec: str, folder: Path, options: Options) -> Source:
    entries = pictures_in(folder)
    title = folder.resolve().name or str(folder)
    if not entries:
        raise SourceError(
            f"{title} holds no pictures",
            "No file in this folder, or in a folder within it, has the name of a picture.",
            "Choose another folder, or a single file.",
        )
    return _with_album_options(Album(spec, entries, whole=title, motion=options.switch("motion", False)), options)


def _open_picture(spec: str, path: Path, options: Options) -> Source:
    from deepvis.backend.sources.animation import is_animated, open_animation

    if is_animated(path):
        return _with_video_options(open_animation(spec, path), options)
    beside = pictures_in(path.parent)
    here = [index for index, entry in enumerate(beside) if entry.content == path.parent / path.name]
    entries, start = (beside, here[0]) if here else ([Entry(path.name, path)], 0)
    return _with_album_options(Album(spec, entries, start, motion=options.switch("motion", False)), options)


def _open_video(spec: str, path: Path, options: Options) -> Source:
    from deepvis.backend.sources.video import open_video

    return _with_video_options(open_video(spec, path), options)


def _with_album_options(album: Album, options: Options) -> Source:
    album.control("mirror", options.switch("mirror", False))
    seconds = options.number("slideshow", None)
    if seconds is not None and "slideshow" in album.controls:
        _set(album, "slideshow", seconds)
    return album


def _with_video_options(video: Source, options: Options) -> Source:
    video.control("mirror", options.switch("mirror", False))
    video.control("loop", options.switch("loop", True))
    _set(video, "speed", options.number("speed", 1.0))
    return video


def _set(source: Source, name: str, value: Any) -> None:
    try:
        source.control(name, value)
    except ValueError as error:
        raise SourceError(f"{source.title} cannot be shown like that", f"{error}.", "Correct the option.") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _missing(name: str) -> SourceError:
    """Says which part of the path is missing, and what is there of a similar name."""
    path = Path(name).expanduser()
    words = ["pattern", "sample:cat", "camera:0"]
    near = difflib.get_close_matches(name, words, 1, 0.7)
    if not near and _exists(path.parent):
        try:
            found = difflib.get_close_matches(path.name, [item.name for item in path.parent.iterdir()], 1, 0.6)
        except OSError:
            found = []
        near = [str(path.parent / item) if str(path.parent) != "." else item for item in found]
    cause = f"Did you mean {near[0]}?" if near else "Nothing of this name exists."
    if not near and not _exists(path.parent):
        cause = f"The folder {path.parent} does not exist."
    return SourceError(
        f"{name} is not there", cause, "Check the path, or choose camera:0, a URL, sample:cat or pattern instead."
    )
