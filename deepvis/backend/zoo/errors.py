"""What goes wrong while a network is loaded, in words for the person who asked for it."""

from __future__ import annotations


class ModelError(RuntimeError):
    """A network cannot be loaded.

    Attributes
    ----------
    title : what did not work, in one clause without a full stop.
    cause : why, in one sentence.
    remedy : what to do about it, in one sentence.
    """

    def __init__(self, title: str, cause: str, remedy: str) -> None:
        self.title = title
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{title}: {_ended(cause)} {_ended(remedy)}")


class LoadCancelledError(ModelError):
    """The person gave up the loading; nothing half-written stays behind but a download that can be resumed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was not loaded", "loading was cancelled", "load it again to go on")


def _ended(sentence: str) -> str:
    sentence = sentence.strip()
    sentence = sentence[:1].upper() + sentence[1:] if sentence[:1].islower() and " " in sentence else sentence
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."


def first_line(error: BaseException, limit: int = 300) -> str:
    """The first line of an exception's message with its type, for a sentence about the cause."""
    lines = str(error).strip().splitlines()
    text = lines[0].strip() if lines else ""
    return f"{type(error).__name__}: {text[:limit]}" if text else type(error).__name__
