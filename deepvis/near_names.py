"""What a person may have meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CLOSE = 0.7
"""Similarity (of :mod:`difflib`, in [0, 1]) from which on one name may be the other, misspelt; below it every long list
of words has something to offer, and it is never what was meant."""

_SHORTEST_PART = 3
"""Letters that must be typed of a name to find it by a part of it."""


def near_names(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that have ``name`` in them, then those that are spelt nearly as it is; none if it is like none.

    Upper and lower case count as the same. No suggestion is better than a wild one.
    """
    originals = list(dict.fromkeys(known))
    wanted = name.casefold().strip()
    folded: dict[str, str] = {}
    for original in originals:
        folded.setdefault(original.casefold(), original)
    near = [original for text, original in folded.items() if len(wanted) >= _SHORTEST_PART and wanted in text]
    near.sort(key=len)
    # Two letters that changed places are most of a short name.
    near += [original for text, original in folded.items() if sorted(text) == sorted(wanted)]
    near += [folded[text] for text in difflib.get_close_matches(wanted, folded, n=most, cutoff=_CLOSE)]
    return list(dict.fromkeys(near))[:most]
