"""Network streams: motion JPEG over HTTP read here, everything else (RTSP, RTMP, HLS, …) through PyAV."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from deepvis.backend.sources.album import Album, Entry
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.playback import Playback
from deepvis.backend.sources.source import Source, SourceError
from deepvis.backend.sources.video import LONGEST, VideoDecoder, open_container, to_array
from deepvis.messages import Frame, UInt8Array

TIMEOUT = 6.0
"""Seconds that a server may take for each answer."""

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp", "tcp")
"""What a URL may begin with. FFmpeg knows others that read local files or run together several inputs."""

_MOST_DAMAGED = 30
_MOST_BYTES = 64 * 1024 * 1024


def open_url(url: str) -> Source:
    """The source behind a URL; asks an HTTP server what it has. Raises :class:`SourceError`."""
    parts = urlsplit(url)
    title = f"{parts.hostname or parts.netloc}{parts.path}".rstrip("/")
    if parts.scheme.lower() not in SCHEMES:
        raise SourceError(
            f"{parts.scheme}:// is no stream that can be opened",
            "Its protocol is not known.",
            f"Use one of {', '.join(SCHEMES)}.",
        )
    if not parts.hostname:
        raise SourceError(f"{url} names no server", "The address is incomplete.", "Write it as http://server/path.")
    if not parts.scheme.lower().startswith("http"):
        return Stream(url, title)
    response = _ask(url, title)
    kind = response.headers.get_content_type()
    if kind.startswith("multipart/"):
        return MotionJpeg(url, title, response)
    with response:
        if kind.startswith("image/"):
            return Album(url, [Entry(title, _download(response, title))])
        live = response.headers.get("Content-Length") is None
    if live or "mpegurl" in kind:
        return Stream(url, title)
    return Playback(url, title, lambda: VideoDecoder(url, title, TIMEOUT))


class Live(Source):
    """What all network streams share. Controls: ``pause`` (reading goes on, so that the next picture is fresh),
    ``mirror``."""

    kind = "stream"

    def __init__(self, spec: str, title: str) -> None:
        super().__init__(spec, title)
        self._last: UInt8Array | None = None
        self._fresh = False
        self._setters["pause"] = self._set_pause

    def refresh(self) -> None:
        """While paused, show the held picture once more."""
        self._fresh = True

    def _pass_on(self, image: UInt8Array) -> Frame | None:
        self._arrive(image)
        self.detail = f"{image.shape[1]} × {image.shape[0]}"
        paused = self.state == "paused"
        if paused and not self._fresh:
            return None
        self._fresh = False
        if self._last is None or not paused:
            self._last = image
        return self._frame(self._last, self.arrived, still=paused)

    def _dropped(self, cause: str, details: str = "") -> SourceError:
        return SourceError(
            f"{self.title} has dropped",
            cause,
            "It is opened again by itself; check the connection and the server.",
            then="reopen",
            details=details,
        )


class MotionJpeg(Live):
    """JPEG pictures one after the other in one HTTP answer, as most network cameras send them.

    A picture that breaks off is never shown.

    Parameters
    ----------
    response : the answer, of which only the headers were read.
    """

    def __init__(self, spec: str, title: str, response: HTTPResponse) -> None:
        super().__init__(spec, title)
        self._response = response
        boundary = response.headers.get_param("boundary") or ""
        # Some servers name the boundary with its dashes, some without.
        self._boundary = b"--" + str(boundary).encode("latin-1", "replace").lstrip(b"-")
        self._damaged = 0

    def open(self) -> None:
        """Nothing is left to do: asking what the server has began the stream."""
        return

    def read(self) -> Frame | None:
        """Wait for the next picture. Raises :class:`SourceError` when the stream ends, breaks off or falls silent."""
        try:
            content = self._part()
        except (OSError, HTTPException, ValueError) as error:
            raise self._dropped(f"The connection broke off ({error or type(error).__name__}).", repr(error)) from error
        try:
            picture = read_picture(content, LONGEST)
        except SourceError as error:
            self._damaged += 1
            if self._damaged > _MOST_DAMAGED:
                raise self._dropped(f"It sends no pictures that can be read. {error.cause}") from error
            return None
        self._damaged = 0
        return self._pass_on(picture)

    def close(self) -> None:
        """Hang up."""
        self._response.close()

    def _part(self) -> bytes:
        """One part's content, whole."""
        line = self._line()
        while not line.startswith(self._boundary):
            line = self._line()
        headers = Message()
        while line := self._line().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name] = value.strip()
        length = headers.get("Content-Length")
        if length is None:
            return self._until_boundary()
        size = int(length)
        if not 0 <= size <= _MOST_BYTES:
            raise ValueError(f"a picture of {size:,} bytes was announced")
        content = self._response.read(size)
        if len(content) < size:
            raise ConnectionError(f"{len(content):,} of {size:,} bytes of a picture arrived")
        return content

    def _until_boundary(self) -> bytes:
        content = bytearray()
        while True:
            line = self._line()
            if line.startswith(self._boundary):
                # This boundary is the next part's: an empty line in its place would be taken for the part's end.
                self._pending = line
                return bytes(content)
            content += line
            if len(content) > _MOST_BYTES:
                raise ValueError("a picture never ends")

    _pending: bytes | None = None

    def _line(self) -> bytes:
        if self._pending is not None:
            line, self._pending = self._pending, None
            return line
        line = self._response.readline(65536)
        if not line:
            raise ConnectionError("the server ended it")
        return line


class Stream(Live):
    """Any other live stream, demultiplexed and decoded by FFmpeg."""

    def __init__(self, spec: str, title: str) -> None:
        super().__init__(spec, title)
        self._container: InputContainer | None = None
        self._stream: VideoStream | None = None
        self._frames: Any = None

    def open(self) -> None:
        """Connect. Raises :class:`SourceError` after :data:`TIMEOUT` seconds without an answer."""
        # TCP: over UDP lost packets smear the picture. Without "nobuffer", for that would throw away what is read to
        # learn the format, and the first key frame with it.
        options = {"rtsp_transport": "tcp", "flags": "low_delay", "analyzeduration": "1000000"}
        try:
            self._container, self._stream = open_container(self.spec, self.title, TIMEOUT, options)
        except SourceError as error:
            raise SourceError(
                f"{self.title} does not answer",
                f"The connection failed or sends no video ({_reason(error)}).",
                "It is tried again by itself; check the address and the server.",
                then="reopen",
                details=error.details,
            ) from error
        self._stream.thread_type = "SLICE"
        self._frames = self._container.decode(self._stream)

    def read(self) -> Frame | None:
        """Wait for the next picture."""
        if self._stream is None:
            raise self._dropped("It is not open.")
        try:
            frame: VideoFrame | None = next(self._frames, None)
        except av.error.InvalidDataError:
            self._frames = self._container.decode(self._stream) if self._container else iter(())
            return None
        except av.FFmpegError as error:
            raise self._dropped(f"The connection broke off ({error.strerror}).", repr(error)) from error
        if frame is None:
            raise self._dropped("The server ended it.")
        return self._pass_on(np.ascontiguousarray(to_array(frame, self._stream)))

    def close(self) -> None:
        """Hang up."""
        container, self._container = self._container, None
        self._stream = None
        if container is not None:
            container.close()


def _ask(url: str, title: str) -> HTTPResponse:
    """Ask for a URL and read the answer's headers. A name and password in the URL are sent as HTTP wants them."""
    parts = urlsplit(url)
    headers = {"User-Agent": "deepvis", "Accept": "multipart/x-mixed-replace, image/*, video/*, */*;q=0.1"}
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    place = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=place, fragment="")), headers=headers)
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        raise _refused(title, error.code, error.reason) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        certificate = isinstance(reason, ssl.SSLCertVerificationError)
        raise SourceError(
            f"{title} does not answer",
            f"The connection failed ({reason}).",
            "Install the server's certificate, or use http://."
            if certificate
            else "It is tried again by itself; check the address, the connection and the server.",
            then="stop" if certificate else "reopen",
            details=repr(error),
        ) from error
    return response


def _reason(error: SourceError) -> str:
    return str(getattr(error.__cause__, "strerror", None) or error.cause.rstrip("."))


def _refused(title: str, code: int, reason: str) -> SourceError:
    if code in (401, 403):
        return SourceError(
            f"{title} is denied",
            f"The server wants a name and a password, or forbids it ({code} {reason}).",
            "Write them into the address: http://name:password@server/path.",
        )
    if 400 <= code < 500 and code != 429:
        return SourceError(f"{title} is not there", f"The server answers {code} {reason}.", "Check the address.")
    return SourceError(
        f"{title} has trouble",
        f"The server answers {code} {reason}.",
        "It is tried again by itself; check the server.",
        then="reopen",
    )


def _download(response: HTTPResponse, title: str) -> bytes:
    try:
        content = response.read(_MOST_BYTES + 1)
    except (OSError, HTTPException) as error:
        raise SourceError(
            f"{title} broke off", f"The download did not end ({error}).", "Try again; check the connection.", "reopen"
        ) from error
    if len(content) > _MOST_BYTES:
        raise SourceError(f"{title} is too large", "It has more than 64 MB.", "Download it, and open the file.")
    return content
