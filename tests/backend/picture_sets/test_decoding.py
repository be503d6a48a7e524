from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plain_preprocessing import Deadly, Faulty, FirstPixel, Held, Numbered, Unknown

from deepvis.backend.picture_sets import (
    BLOCK,
    Block,
    PictureSet,
    block_count,
    decode_block,
    decode_blocks,
    open_set,
    poll_blocks,
    worker_pool,
)
from deepvis.backend.preprocessing import Preprocessing
from deepvis.backend.sources import SourceError


def decoded(pictures: PictureSet, blocks: Sequence[int], workers: int) -> list[Block]:
    return list(decode_blocks(pictures, FirstPixel(), "crop", blocks, workers))  # type: ignore[arg-type]


def assert_same(first: Sequence[Block], second: Sequence[Block]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert (one.index, one.first, one.errors) == (other.index, other.first, other.errors)
        for name in ("pixels", "valid", "sizes"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def is_running(process: int) -> bool:
    """Whether the process does anything any more; what nobody waited for is left as a zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_until_gone(processes: Sequence[int]) -> bool:
    end = time.monotonic() + 120
    while any(map(is_running, processes)) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(map(is_running, processes))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that is started to decode."""
    processes: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            processes.append(self)

    monkeypatch.setattr(worker_pool.subprocess, "Popen", Noted)
    return processes


def test_processes_decode_what_this_one_does_bit_for_bit(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for index in range(40):
        size = generator.integers(3, 90, 2)
        Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / f"{index}.jpg")
    (tmp_path / "7.jpg").write_bytes(b"no picture")
    (tmp_path / "35.jpg").write_bytes(b"")
    pictures = open_set(tmp_path)
    preprocessing = Preprocessing((24, 32), resize_to=28)
    here = list(decode_blocks(pictures, preprocessing, "crop", [1, 0, 1]))
    assert_same(here, list(decode_blocks(pictures, preprocessing, "crop", [1, 0, 1], workers=2)))
    for block in here:
        for place in np.flatnonzero(block.valid).tolist():
            expected = preprocessing.pixels(pictures.read(block.first + place), "crop").numpy()
            np.testing.assert_array_equal(block.pixels[place], expected)


def test_a_picture_that_cannot_be_read_leaves_a_black_place(tmp_path: Path) -> None:
    for index in range(3):
        Image.new("RGB", (5 + index, 4), "white").save(tmp_path / f"{index}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    block = decode_block(open_set(tmp_path), Preprocessing((8, 8)), "stretch", 0)
    assert block.pixels.shape == (3, 3, 8, 8)
    assert block.pixels[1].max() == 0
    assert block.pixels[[0, 2]].min() == 255
    assert block.valid.tolist() == [True, False, True]
    assert block.sizes.tolist() == [[4, 5], [0, 0], [4, 7]]
    ((index, reason),) = block.errors
    assert index == 1
    assert "1.png" in reason


def test_a_set_is_cut_into_blocks_of_32() -> None:
    pictures = Numbered(70)
    assert block_count(pictures) == 3
    blocks = decoded(pictures, range(3), 0)
    assert [(block.first, len(block.valid)) for block in blocks] == [(0, BLOCK), (32, BLOCK), (64, 6)]
    with pytest.raises(IndexError, match="3 blocks"):
        decoded(pictures, [3], 0)


@pytest.mark.parametrize("workers", [1, 2])
def test_blocks_come_in_the_order_asked_for(workers: int) -> None:
    pictures = Numbered(2000)
    order = [5, 3, 3, 60, 0, *range(40)]
    assert_same(decoded(pictures, order, workers), decoded(pictures, order, 0))


def test_what_nobody_foresaw_loses_one_picture_only() -> None:
    (block,) = decoded(Faulty(10), [0], 0)
    assert np.flatnonzero(~block.valid).tolist() == [3]
    assert "no density" in block.errors[0][1]


def test_processes_end_when_the_consumer_stops_early(started: list[subprocess.Popen[bytes]]) -> None:
    blocks = decode_blocks(Numbered(5000), FirstPixel(), "crop", range(100), 2)  # type: ignore[arg-type]
    assert next(blocks).index == 0
    blocks.close()  # type: ignore[attr-defined]
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_who_polls_need_not_wait_for_processes_that_start(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    arguments = (Held(100, gate), FirstPixel(), "crop", [2, 0, 1], 1)
    polled = poll_blocks(*arguments, patience=0.001)  # type: ignore[arg-type]
    assert [next(polled) for _ in range(3)] == [None, None, None]
    gate.touch()
    assert [block.index for block in polled if block is not None] == [2, 0, 1]


def test_a_process_that_dies_gives_one_clear_error(started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(SourceError, match=r"has died: It was ended by SIGKILL at block 1\. .*memory") as error:
        decoded(Deadly(5000), range(100), 2)
    assert "fewer" in error.value.remedy
    assert all(process.returncode is not None for process in started)


def test_a_set_that_other_processes_cannot_make_says_so(started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(SourceError, match="this set lives here only"):
        decoded(Unknown(5), [0], 1)
    pictures = Numbered(5)
    pictures.title = lambda: ""  # type: ignore[assignment]
    with pytest.raises(ValueError, match="workers=0"):
        decoded(pictures, [0], 1)
    with pytest.raises(ValueError, match="0 or more"):
        decoded(pictures, [0], -1)
    assert all(process.returncode is not None for process in started)


@pytest.mark.skipif(not hasattr(os, "killpg") or not Path("/proc/self/stat").exists(), reason="needs Linux")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_the_program(tmp_path: Path, sign: signal.Signals) -> None:
    # Not guarded by __name__, as scripts rarely are: processes must not run it again.
    script = tmp_path / "script.py"
    script.write_text(
        "from plain_preprocessing import FirstPixel, Numbered\n"
        "from deepvis.backend.picture_sets.worker_pool import WorkerPool\n"
        "with WorkerPool((Numbered(10**6), FirstPixel(), 'crop'), 2) as pool:\n"
        "    blocks = pool.decode(range(10**4))\n"
        "    next(blocks), next(blocks)\n"
        "    print(*pool.processes, flush=True)\n"
        "    for block in blocks: pass\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with program:
        assert program.stdout is not None
        processes = [int(word) for word in program.stdout.readline().split()]
        assert len(processes) == 2
        assert all(map(is_running, processes))
        if sign == signal.SIGINT:
            os.killpg(program.pid, sign)  # as a terminal does
        else:
            program.send_signal(sign)
        program.wait(120)
    assert program.returncode != 0
    assert wait_until_gone(processes)


def test_an_empty_folder_where_a_disk_was_is_no_set_of_pictures_to_skip(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    Image.new("RGB", (4, 3)).save(folder / "1.png")
    pictures = open_set(folder)
    folder.rename(tmp_path / "unplugged")
    folder.mkdir()
    with pytest.raises(SourceError, match="is gone"):
        decode_block(pictures, FirstPixel(), "crop", 0)  # type: ignore[arg-type]


def test_a_folder_that_vanishes_is_no_picture_to_skip(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(folder / "1.png")
    pictures = open_set(folder)
    (folder / "1.png").unlink()
    assert decode_block(pictures, FirstPixel(), "crop", 0).errors  # type: ignore[arg-type]
    folder.rmdir()
    with pytest.raises(SourceError, match="is gone"):
        decode_block(pictures, FirstPixel(), "crop", 0)  # type: ignore[arg-type]


class _Failing(FirstPixel):
    """A preprocessing that runs out of memory on pictures of even numbers."""

    def pixels(self, image: np.ndarray, fit: str) -> object:
        if int(image[0, 0, 0]) % 2 == 0:
            raise RuntimeError("not enough memory: you tried to allocate 1 GB")
        return super().pixels(image, fit)


def test_a_picture_that_cannot_be_brought_to_the_network_loses_itself_only() -> None:
    pictures = [np.full((2, 2, 3), number, np.uint8) for number in range(4)]
    block = decode_block(open_set(pictures), _Failing(), "crop", 0)  # type: ignore[arg-type]
    assert block.valid.tolist() == [False, True, False, True]
    assert block.sizes.tolist() == [[0, 0], [2, 2], [0, 0], [2, 2]]
    assert [index for index, _ in block.errors] == [0, 2]
    assert "not enough memory" in block.errors[0][1]
