"""What went wrong on the engine's thread, in a person's words: said once, and taken back when it is over."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from deepvis.backend.device import is_out_of_memory, what_memory_lacked
from deepvis.messages import Problem, ProblemSolved


class Problems:
    """The problems that were said and are not over. For one thread.

    Parameters
    ----------
    emit : called with every Problem, and with a ProblemSolved when it is over.
    """

    def __init__(self, emit: Callable[[Problem | ProblemSolved], None]) -> None:
        self._emit = emit
        self._told: dict[str, str] = {}

    def say(self, problem: Problem) -> None:
        """Say a problem, unless it was said with the same cause and is not over; of lacks of memory, whose amounts
        differ from one frame to the next, one."""
        told = "" if problem.key.startswith("memory") else problem.cause
        if self._told.get(problem.key) != told:
            self._told[problem.key] = told
            self._emit(problem)

    def report(self, key: str, title: str, error: Exception) -> None:
        """Say what an exception means."""
        cause, remedy = cause_of(error), "Choose another layer, picture or network. The details are in the message log."
        if is_out_of_memory(error):
            lack = lack_of_memory(error)
            cause, remedy = lack.cause, lack.remedy
        self.say(Problem(key, title, cause, remedy, "error", _details(error)))

    def warn(self, key: str, title: str, cause: str) -> None:
        """Say that a part is missing."""
        self.say(Problem(key, title, cause, "Choose another one.", "warning"))

    def solve(self, key: str) -> None:
        """Take a problem back, if it was said."""
        if key in self._told:
            del self._told[key]
            self._emit(ProblemSolved(key))

    def solve_all(self) -> None:
        """Take all problems back."""
        for key in tuple(self._told):
            self.solve(key)

    def forget(self, key: str) -> None:
        """Let a problem be said again when it comes again; it is not taken back."""
        self._told.pop(key, None)


def cause_of(error: Exception) -> str:
    """What an exception says."""
    cause = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return cause or type(error).__name__


def lack_of_memory(error: Exception) -> Problem:
    """The problem that memory ran out, and could not be had by letting go of what is cached."""
    remedy = (
        "Choose a smaller input size, fewer strongest units or a smaller network, end runs that wait, or close other "
        "programs."
    )
    return Problem("memory", "Out of memory", what_memory_lacked(error), remedy, "error", _details(error))


def unusable(name: str, error: Exception) -> Problem:
    """The problem that a network was loaded and cannot be used."""
    cause, remedy = cause_of(error), "Choose another network, or check its weights, labels and input size."
    if is_out_of_memory(error):
        cause, remedy = what_memory_lacked(error), "Choose a smaller network, another device, or close other programs."
    return Problem(f"load:{name}", f"{name} could not be loaded", cause, remedy, "error", _details(error))


def _details(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
