"""Processes that decode blocks ahead of the network."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import IO, TYPE_CHECKING

from deepvis.backend.sources.source import SourceError

if TYPE_CHECKING:
    from deepvis.backend.picture_sets.blocks import Block
    from deepvis.backend.picture_sets.worker import Job

_AHEAD = 2
"""Blocks in flight for each process: one that it decodes, one that is ready or waits for it."""

_DYING = 5.0
"""Seconds in which a process that no longer answers may end by itself, and say why."""

# A process of multiprocessing would import the main program's module again, so that each script would need to be
# guarded by ``if __name__ == "__main__"``; torch's DataLoader is one, and needs shared memory as well, of which
# containers have little. Pipes end by themselves when either side dies.
# Ctrl-C goes to all processes of a terminal; this one decides what it means.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = {path!r}
from deepvis.backend.picture_sets.worker import main
main()
"""


class WorkerPool:
    """Decoding processes, each steered by one thread of this process. Close it, or use it in a ``with`` statement.

    The processes end when the pool is closed, and by themselves when this process dies, however that happens.

    Parameters
    ----------
    job : what is decoded, and how; must be picklable.
    count : number of processes, at least 1.
    """

    def __init__(self, job: Job, count: int) -> None:
        try:
            content = pickle.dumps(job, protocol=5)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"these pictures cannot be sent to other processes ({error}); decode them in this one (workers=0)"
            ) from error
        self._count = count
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="deepvis-decode")
        try:
            for _ in range(count):
                worker = _Worker(content)
                self._workers.append(worker)
                self._idle.put(worker)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decode(self, blocks: Iterable[int], patience: float | None = None) -> Iterator[Block | None]:
        """The blocks in the order asked for, a few of them decoded ahead. Raises SourceError where a process dies.

        With ``patience``, in seconds, None comes whenever a block has not come in that time.
        """
        waiting: deque[Future[Block]] = deque()
        for index in blocks:
            waiting.append(self._threads.submit(self._decode, index))
            if len(waiting) >= self._count * _AHEAD:
                yield from _result(waiting.popleft(), patience)
        while waiting:
            yield from _result(waiting.popleft(), patience)

    @property
    def processes(self) -> tuple[int, ...]:
        """Their ids."""
        return tuple(worker.id for worker in self._workers)

    def close(self) -> None:
        """End the processes, whatever they are doing. May be called more than once."""
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.reap()

    def _decode(self, index: int) -> Block:
        worker = self._idle.get()
        try:
            return worker.decode(index)
        finally:
            self._idle.put(worker)


def _result(block: Future[Block], patience: float | None) -> Iterator[Block | None]:
    while not wait([block], patience).done:
        yield None
    yield block.result()


class _Worker:
    """One process, of this ``id``. ``decode`` is called by one thread at a time, ``kill`` by any."""

    def __init__(self, job: bytes) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        # Threads of one process would only stand in the others' way.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._tasks, self._replies = self._process.stdin, self._process.stdout
        self._job: bytes | None = job
        self.id = self._process.pid

    def decode(self, index: int) -> Block:
        """Have one block decoded. Raises SourceError."""
        try:
            if self._job is not None:
                # Not before: a process that is still starting does not read, and a large job would block here.
                self._tasks.write(self._job)
                self._job = None
            pickle.dump(index, self._tasks)
            self._tasks.flush()
            reply: Block | tuple[str, str, str, str] = pickle.load(self._replies)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise self._death(index) from error
        if isinstance(reply, tuple):
            title, cause, remedy, details = reply
            raise SourceError(title, cause, remedy, details=details)
        return reply

    def kill(self) -> None:
        """End the process at once: it holds nothing that could be left half-done."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def reap(self) -> None:
        """Wait until the killed process is gone, and let go of its pipes."""
        self._process.wait()
        with contextlib.suppress(OSError):
            self._tasks.close()
        self._replies.close()
        self._log.close()

    def _death(self, index: int) -> SourceError:
        try:
            status = self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        self._log.seek(0)
        log = self._log.read().decode("utf-8", "replace").strip()
        if status < 0 and -status in set(signal.Signals):
            cause = f"It was ended by {signal.Signals(-status).name} at block {index}."
            if status == -signal.SIGKILL:
                cause += " Systems do that when memory runs out."
        elif log:
            cause = f"At block {index} it said: {log.splitlines()[-1]}"
        else:
            cause = f"It ended with status {status} at block {index}."
        remedy = "Try again with fewer such processes, or with none."
        return SourceError("A process that decodes pictures has died", cause, remedy, details=log[-4000:])
