"""How well a typed query fits a text: beginnings of words come before other substrings, and those before letters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """``score`` is higher for a better fit; ``positions`` are the letters of the text that were matched, ascending."""

    score: float
    positions: tuple[int, ...]


def match(query: str, text: str) -> Match | None:
    """The fit of ``query`` (words in any order, any case) in ``text``; None if a word does not fit at all."""
    lowered = text.lower()
    score = 0.0
    positions: set[int] = set()
    for word in query.lower().split():
        fit = _word(word, lowered)
        if fit is None:
            return None
        score += fit.score
        positions.update(fit.positions)
    return Match(score - 0.01 * len(text), tuple(sorted(positions)))


def _word(word: str, text: str) -> Match | None:
    at = text.find(word)
    if at >= 0:
        begins = at
        while begins > 0 and text[begins - 1].isalnum():
            begins = text.find(word, begins + 1)
            if begins < 0:
                break
        if begins >= 0:
            ends = begins + len(word) == len(text) or not text[begins + len(word)].isalnum()
            bonus = (4.0 if begins == 0 else 2.0) + (2.0 if ends else 0.0)
            return Match(10.0 + bonus, tuple(range(begins, begins + len(word))))
        return Match(8.0, tuple(range(at, at + len(word))))
    return _scattered(word, text)


def _scattered(word: str, text: str) -> Match | None:
    positions: list[int] = []
    at = -1
    for letter in word:
        at = text.find(letter, at + 1)
        if at < 0:
            return None
        positions.append(at)
    # Letters that are far apart are a coincidence, not a find.
    spread = positions[-1] - positions[0] + 1 - len(word)
    if len(word) < 2 or spread > 3 * len(word):
        return None
    starts = sum(1 for place in positions if place == 0 or not text[place - 1].isalnum())
    return Match(3.0 + starts - 0.2 * spread, tuple(positions))
