"""Fetch a file of weights: with progress, cancel, resumption and a hash check, and never half a file in its place."""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from deepvis.backend.zoo.errors import LoadCancelledError, ModelError, first_line
from deepvis.messages import LoadProgress

if TYPE_CHECKING:
    from hashlib import _Hash

Progress = Callable[[LoadProgress], None]

_CHUNK = 1 << 18
_REPORT_EVERY = 0.1
_DROPPED = (TimeoutError, ConnectionError, http.client.HTTPException)
_OFFLINE_REMEDY = (
    "connect to the internet once, or give a file of weights that you have with --weights, "
    "or use a bundled network such as tinynet"
)


class _DroppedError(Exception):
    """The connection ended before the file did."""


def hash_prefix(file_name: str) -> str | None:
    """The hexadecimal digits in a name such as ``resnet18-f37072fd.pth`` that begin the file's SHA-256, or None."""
    match = re.search(r"-([0-9a-f]{8,64})\.[a-z0-9]+$", file_name)
    return match.group(1) if match else None


def download(
    url: str,
    target: Path,
    name: str,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    timeout: float = 10.0,
    attempts: int = 5,
    pause: float = 1.0,
) -> Path:
    """Download ``url`` to ``target`` and return it. Blocks; made for a thread that may wait.

    What arrives is written to ``target`` + ``.part`` and renamed when it is whole and its hash is right. A ``.part``
    that a dropped connection or a cancelled download left is gone on with where it ends.

    Parameters
    ----------
    name : what is loaded, for messages.
    sha256 : beginning of the file's SHA-256 in hexadecimal digits; None: not checked.
    size : expected number of bytes, where the server does not say it.
    timeout : seconds without a byte after which the connection counts as dropped.
    attempts : how many times in a row the connection may drop without a byte of progress.
    pause : seconds before the first new attempt, doubled for each further one.

    Raises
    ------
    LoadCancelledError : ``cancel`` was set.
    ModelError : offline, no such file, wrong hash, disk full, directory not writable.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists() and part.stat().st_size > 0
        actual = _fetch(url, part, name, size, progress, cancel, timeout, attempts, pause)
        if sha256 is not None and resumed and not actual.startswith(sha256):
            # What an earlier attempt left may be of another version of the file: once more, from the beginning.
            part.unlink()
            actual = _fetch(url, part, name, size, progress, cancel, timeout, attempts, pause)
        if sha256 is not None and not actual.startswith(sha256):
            part.unlink()
            raise ModelError(
                f"the weights of {name} are damaged",
                f"the file from {url} has the SHA-256 {actual[:16]}…, it should begin with {sha256}",
                "try again; if it goes on, something on the way (a proxy, a login page) changes the file",
            )
        part.replace(target)
    except ModelError:
        raise
    except OSError as error:
        raise _disk_error(error, name, part, size) from error
    return target


def _fetch(
    url: str,
    part: Path,
    name: str,
    size: int | None,
    progress: Progress | None,
    cancel: threading.Event | None,
    timeout: float,
    attempts: int,
    pause: float,
) -> str:
    """Fill ``part``, however often the connection drops; the SHA-256 of the whole."""
    digest = hashlib.sha256()
    meter = _Meter(name, progress)
    with part.open("ab") as file:
        pass
    with part.open("r+b") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        failures = 0
        while True:
            begin = file.tell()
            try:
                digest = _receive(url, file, digest, name, size, meter, cancel, timeout)
                return digest.hexdigest()
            except (*_DROPPED, _DroppedError) as error:
                failures = 1 if file.tell() > begin else failures + 1
                if failures >= attempts:
                    raise ModelError(
                        f"the weights of {name} could not be downloaded",
                        f"the connection to {_host(url)} broke off {attempts} times ({first_line(error)})",
                        f"what has arrived is kept: try again later; or {_OFFLINE_REMEDY}",
                    ) from error
                _wait(cancel, pause * 2 ** (failures - 1), name)


def _receive(
    url: str,
    file: BinaryIO,
    digest: _Hash,
    name: str,
    size: int | None,
    meter: _Meter,
    cancel: threading.Event | None,
    timeout: float,
) -> _Hash:
    """Read one answer of the server to its end, from where ``file`` ends; the digest of all of it."""
    begin = file.tell()
    headers = {"User-Agent": "deepvis"} | ({"Range": f"bytes={begin}-"} if begin else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and begin:  # the file ends where ours does, or before: start again
                file.truncate(0)
                file.seek(0)
                raise _DroppedError("the server has less than what is here") from error
            if error.code in (429, 500, 502, 503, 504):
                raise _DroppedError(f"the server answers {error.code} {error.reason}") from error
            raise ModelError(
                f"the weights of {name} could not be downloaded",
                f"{_host(url)} answers {error.code} {error.reason} for {url}",
                "update torchvision, which knows where its weights are; or give a file of weights with --weights",
            ) from error
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, _DROPPED) and not isinstance(reason, ConnectionRefusedError):
            raise _DroppedError(str(reason)) from error
        raise ModelError(
            f"the weights of {name} are not on this computer and cannot be downloaded",
            f"{_host(url)} cannot be reached ({reason})",
            _OFFLINE_REMEDY,
        ) from error
    with response:
        if begin and response.status != 206:
            file.truncate(0)
            file.seek(0)
            digest, begin = hashlib.sha256(), 0
        length = response.headers.get("Content-Length")
        total = begin + int(length) if length else size
        if total is not None:
            _check_space(file, total - begin, name)
        meter.start(begin, total)
        while True:
            if cancel is not None and cancel.is_set():
                raise LoadCancelledError(name)
            chunk = response.read1(_CHUNK)
            if not chunk:
                break
            file.write(chunk)
            digest.update(chunk)
            meter.at(file.tell())
        file.flush()
        if length and file.tell() < begin + int(length):
            raise _DroppedError(f"it ended after {file.tell()} of {total} bytes")
    meter.at(file.tell(), last=True)
    return digest


class _Meter:
    """Reports share and time left, ten times a second at most."""

    def __init__(self, name: str, progress: Progress | None) -> None:
        self._name = name
        self._progress = progress
        self._begin = 0
        self._total: int | None = None
        self._started = self._reported = time.monotonic()

    def start(self, begin: int, total: int | None) -> None:
        self._begin, self._total, self._started = begin, total, time.monotonic()

    def at(self, position: int, last: bool = False) -> None:
        now = time.monotonic()
        if self._progress is None or (now - self._reported < _REPORT_EVERY and not last):
            return
        self._reported = now
        share = left = None
        stage = f"Downloading, {position / 1e6:.1f} MB"
        if self._total:
            share = min(position / self._total, 1.0)
            stage += f" of {self._total / 1e6:.1f} MB"
            speed = (position - self._begin) / max(now - self._started, 1e-6)
            left = (self._total - position) / speed if speed > 0 else None
        self._progress(LoadProgress(self._name, stage, share, left))


def _check_space(file: BinaryIO, needed: int, name: str) -> None:
    free = shutil.disk_usage(Path(file.name).parent).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")


def _disk_error(error: OSError, name: str, part: Path, size: int | None) -> ModelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        part.unlink(missing_ok=True)
        need = f" (the file has {size / 1e6:.0f} MB)" if size else ""
        return ModelError(
            f"the weights of {name} could not be saved",
            f"the disk is full in {part.parent}{need}",
            "free some space, or set TORCH_HOME to a folder on another disk",
        )
    return ModelError(
        f"the weights of {name} could not be saved",
        f"{part.parent} cannot be written to ({first_line(error)})",
        "set TORCH_HOME to a folder of yours",
    )


def _wait(cancel: threading.Event | None, seconds: float, name: str) -> None:
    if cancel is None:
        time.sleep(seconds)
    elif cancel.wait(seconds):
        raise LoadCancelledError(name)


def _host(url: str) -> str:
    return url.split("//", 1)[-1].split("/", 1)[0]
