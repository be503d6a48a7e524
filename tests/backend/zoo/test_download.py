from __future__ import annotations

import errno
import hashlib
import shutil
import socket
import threading
from collections import namedtuple
from functools import partial
from pathlib import Path

import pytest

from deepvis.backend.zoo import download as module
from deepvis.backend.zoo.download import download, hash_prefix
from deepvis.backend.zoo.errors import LoadCancelledError, ModelError
from deepvis.messages import LoadProgress
from zoo.file_server import FileServer

CONTENT = bytes(range(256)) * 8192
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints" / f"net-{SHA256[:8]}.pth"


def part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_a_file_arrives_whole_with_progress_to_the_end(server: FileServer, target: Path) -> None:
    server.content = CONTENT
    seen: list[LoadProgress] = []
    download(f"{server.url}/{target.name}", target, "net", sha256=SHA256[:8], progress=seen.append)
    assert target.read_bytes() == CONTENT
    assert not part(target).exists()
    assert seen[-1].share == 1.0
    assert [progress.share for progress in seen] == sorted(progress.share or 0 for progress in seen)
    assert "2.1 MB" in seen[-1].stage


def test_a_dropped_connection_is_gone_on_with_where_it_broke_off(server: FileServer, target: Path) -> None:
    server.content = CONTENT
    server.drop_after = [700_000, 300_000]
    download(f"{server.url}/x", target, "net", sha256=SHA256, pause=0.0)
    assert target.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=700000-", "bytes=1000000-"]


def test_a_server_that_knows_no_ranges_is_asked_for_all_again(server: FileServer, target: Path) -> None:
    server.content = CONTENT
    server.ranges = False
    server.drop_after = [700_000]
    download(f"{server.url}/x", target, "net", sha256=SHA256, pause=0.0)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_always_drops_is_given_up_and_what_arrived_is_kept(server: FileServer, target: Path) -> None:
    server.content = CONTENT
    server.drop_after = [1000, 0, 0, 0, 0, 0]
    with pytest.raises(ModelError, match="broke off 3 times") as caught:
        download(f"{server.url}/x", target, "net", sha256=SHA256, pause=0.0, attempts=3)
    assert "ry again later" in caught.value.remedy
    assert not target.exists()
    assert part(target).read_bytes() == CONTENT[:1000]


def test_what_another_version_left_behind_is_thrown_away(server: FileServer, target: Path) -> None:
    server.content = CONTENT
    target.parent.mkdir()
    part(target).write_bytes(b"something else")
    download(f"{server.url}/x", target, "net", sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert server.requests == ["bytes=14-", None]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server: FileServer, target: Path) -> None:
    server.content = CONTENT
    target.parent.mkdir()
    part(target).write_bytes(CONTENT + b"and more")
    download(f"{server.url}/x", target, "net", sha256=SHA256, pause=0.0)
    assert target.read_bytes() == CONTENT


def test_a_file_with_another_hash_never_takes_its_place(server: FileServer, target: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(ModelError, match=f"should begin with {SHA256[:8]}"):
        download(f"{server.url}/x", target, "net", sha256=SHA256[:8])
    assert list(target.parent.iterdir()) == []


def test_cancelling_in_the_middle_leaves_a_part_that_the_next_attempt_goes_on_with(
    server: FileServer, target: Path
) -> None:
    server.content = CONTENT
    server.hold = threading.Event()
    cancel = threading.Event()

    def cancel_at_half(_progress: LoadProgress) -> None:
        if server.held.is_set():
            cancel.set()
            assert server.hold is not None
            server.hold.set()

    def load_until_cancelled() -> None:
        # The server is a thread of this process, and may be late with an answer more often than downloads are patient.
        patient = partial(download, timeout=0.3, pause=0.0, attempts=10_000)
        while True:
            patient(f"{server.url}/x", target, "net", progress=cancel_at_half, cancel=cancel)
            target.unlink()

    with pytest.raises(LoadCancelledError):
        load_until_cancelled()
    assert not target.exists()
    server.hold = None
    download(f"{server.url}/x", target, "net", sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_nothing_is_asked_for_when_it_is_cancelled_while_it_waits(server: FileServer, target: Path) -> None:
    server.content = CONTENT
    server.drop_after = [10]
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(LoadCancelledError):
        download(f"{server.url}/x", target, "net", cancel=cancel, pause=60.0)


def test_offline_the_answer_names_three_ways_out(target: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError) as caught:
        download(f"http://127.0.0.1:{port}/x", target, "vgg16", sha256=SHA256)
    assert "vgg16" in caught.value.title
    assert "cannot be reached" in caught.value.cause
    for way in ("onnect to the internet", "--weights", "tinynet"):
        assert way in caught.value.remedy


def test_a_missing_file_is_said_with_its_address(server: FileServer, target: Path) -> None:
    server.status = 404
    with pytest.raises(ModelError, match="404"):
        download(f"{server.url}/gone", target, "net")


def test_an_overloaded_server_is_asked_again(server: FileServer, target: Path) -> None:
    server.status = 503
    with pytest.raises(ModelError, match="broke off 2 times"):
        download(f"{server.url}/x", target, "net", attempts=2, pause=0.0)
    assert len(server.requests) == 2


def test_too_little_space_is_said_before_anything_is_written(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = CONTENT
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(ModelError, match=r"(?i)the disk is full") as caught:
        download(f"{server.url}/x", target, "net", size=len(CONTENT))
    assert "TORCH_HOME" in caught.value.remedy
    assert list(target.parent.iterdir()) == []


def test_a_disk_that_fills_up_in_the_middle_gets_its_space_back(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = CONTENT

    def full(self: object, position: int, last: bool = False) -> None:
        if position > 500_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module._Meter, "at", full)
    with pytest.raises(ModelError, match=r"(?i)the disk is full"):
        download(f"{server.url}/x", target, "net")
    assert list(target.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written to"):
        download(f"{server.url}/x", tmp_path / "file" / "net.pth", "net")


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("resnet18-f37072fd.pth", "f37072fd"),
        ("mnasnet0.5_top1_67.823-3ffadce67e.pth", "3ffadce67e"),
        ("mine.pth", None),
        ("alexnet-owt-7be5be79.pth", "7be5be79"),
    ],
)
def test_the_hash_stands_in_the_name(name: str, digits: str | None) -> None:
    assert hash_prefix(name) == digits
