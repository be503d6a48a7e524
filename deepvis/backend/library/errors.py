"""What goes wrong with libraries, in words for a person."""

from __future__ import annotations


class LibraryError(Exception):
    """A library cannot be read or written. ``title``, ``cause`` and ``remedy`` are for a person."""

    def __init__(self, title: str, cause: str, remedy: str) -> None:
        super().__init__(f"{title}: {cause}; {remedy}")
        self.title = title
        self.cause = cause
        self.remedy = remedy
