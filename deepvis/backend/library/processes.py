"""Several processes that scan one set together, as ``torchrun`` starts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from deepvis.backend.library.errors import LibraryError


class FirstProcessError(LibraryError):
    """The first process raised something and says what; the others end as well."""


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that scan together; they all call the same methods in the same order.

    Attributes
    ----------
    rank, count : this one's number from 0, and how many there are.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> Processes:
        """As torch.distributed was initialised; alone, where it was not."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this one does what is done once."""
        return self.rank == 0

    def share(self, blocks: list[int]) -> list[int]:
        """This process's part of some blocks, which lie in turn so that all are done at about the same time."""
        return blocks[self.rank :: self.count]

    def from_first(self, work: Callable[[], Any]) -> Any:
        """What ``work`` returns in the first process, in all of them; what it raises there ends all of them.

        Raises FirstProcessError in the others.
        """
        if self.count == 1:
            return work()
        outcome: list[Any] = [None]
        error: Exception | None = None
        if self.first:
            try:
                outcome = [(True, work())]
            except Exception as raised:
                error = raised
                outcome = [(False, str(raised))]
        dist.broadcast_object_list(outcome, src=0, device=self._device())
        if error is not None:
            raise error
        done, value = outcome[0]
        if not done:
            raise FirstProcessError("the first process cannot go on", value, "see what it says")
        return value

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            ranks: list[Any] = [None] * self.count
            dist.all_gather_object(ranks, self.rank)

    def _device(self) -> torch.device | None:
        return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else None
