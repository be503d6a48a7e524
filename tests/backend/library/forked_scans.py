"""Scans in processes that are killed, or share a set: a program, since torch is imported once and then forked.

Usage: ``python -m tests.backend.library.forked_scans kills|shares SET FOLDER``. It prints JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

import deepvis
from deepvis import runs
from deepvis.backend.library import writer

KILLS = 10
OPTIONS = {"layers": ("conv1", "conv4", "fc"), "size": 32, "workers": 0}


def scan(folder: Path, pictures: str) -> None:
    """One scan, with a checkpoint after every block."""
    writer._SHORTEST = 0.0
    writer._SHARE = float("inf")
    for _ in runs.PatchScan(folder=str(folder), **OPTIONS).steps(NET, pictures):
        pass


def forked(work: Callable[[], None]) -> int:
    """Do the work in a process of its own; its id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child


def ended(child: int) -> int:
    """Wait for a process; 0, or -9 where it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at_file_operation(number: int, folder: Path) -> None:
    """Let this process be killed just before its n-th opening, renaming or removing of a file in the folder."""
    left = number

    def count(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate") and str(folder) in str(
            args[0]
        ):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def kills(pictures: str, folder: Path) -> None:
    """Kill scans at random moments and begin them again until ten were killed; print the libraries that came of it."""
    seeded = random.Random(0)
    began = time.monotonic()
    assert ended(forked(lambda: scan(folder / "whole", pictures))) == 0
    duration = time.monotonic() - began
    count, place = 0, 0
    while count < KILLS:
        target = folder / f"killed-{place}"
        if count % 3 == 2:
            child = forked(lambda target=target: scan(target, pictures))
            time.sleep(seeded.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
        else:
            number = seeded.randint(1, 90)

            def work(number: int = number, target: Path = target) -> None:
                killed_at_file_operation(number, target)
                scan(target, pictures)

            child = forked(work)
        status = ended(child)
        assert status in (0, -signal.SIGKILL), status
        count += status != 0
        place += status == 0
    assert ended(forked(lambda: scan(folder / f"killed-{place}", pictures))) == 0
    print(json.dumps({"kills": count, "libraries": [f"killed-{n}" for n in range(place + 1)]}))


def shared(folder: Path, pictures: str, count: int, meeting: Path, dying: int | None = None) -> list[int]:
    """Scan with several processes, of which one may be killed on its way; how each ended."""

    def work(rank: int) -> None:
        import torch.distributed as dist

        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
        if rank == dying:
            killed_at_file_operation(40, folder)
        scan(folder, pictures)
        dist.destroy_process_group()

    children = [forked(lambda rank=rank: work(rank)) for rank in range(count)]
    if dying is None:
        return [ended(child) for child in children]
    ends = {dying: ended(children[dying])}
    for rank, child in enumerate(children):
        if rank != dying:
            # As torchrun does it when one of them is gone.
            os.kill(child, signal.SIGKILL)
            ends[rank] = ended(child)
    return [ends[rank] for rank in range(count)]


def shares(pictures: str, folder: Path) -> None:
    """Scan with one, two and four processes, and with four of which one dies and two that go on."""
    ends = {str(n): shared(folder / str(n), pictures, n, folder / f"meeting-{n}") for n in (1, 2, 4)}
    ends["died"] = shared(folder / "died", pictures, 4, folder / "meeting-died", dying=1)
    ends["went on"] = shared(folder / "died", pictures, 2, folder / "meeting-again")
    print(json.dumps(ends))


if __name__ == "__main__":
    torch.set_num_threads(1)
    NET = deepvis.load("tinynet", device="cpu")
    print(NET.hash, len(NET.layers), len(NET.labels), "are known before the processes part", file=sys.stderr)
    {"kills": kills, "shares": shares}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
