"""What goes wrong while a network is loaded, in words for the person who asked for it."""

from __future__ import annotations


class ModelError(RuntimeError):
    """A network cannot be loaded.

    Parameters
    ----------
    title : what did not work, in one clause without a full stop.
    cause : why, in one sentence.
    remedy : what to do about it, in one sentence.

    Attributes
    ----------
    title, cause, remedy : the same, as sentences that begin with a capital (the last two end with a full stop).
    """

    def __init__(self, title: str, cause: str, remedy: str) -> None:
        self.title = _begun(title)
        self.cause = _ended(cause)
        self.remedy = _ended(remedy)
        super().__init__(f"{self.title}: {self.cause} {self.remedy}")


class LoadCancelledError(ModelError):
    """The person gave up the loading; nothing half-written stays behind but a download that can be resumed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"network {name} was not loaded", "loading was cancelled", "load it again to go on")


_SPELT_SMALL = ("deepvis", "pip", "python", "timm", "torchvision")


def _begun(sentence: str) -> str:
    """With a capital, unless it begins with a command or a name, which are spelt as they are."""
    first = sentence.split(" ")[0]
    return sentence[0].upper() + sentence[1:] if first.isalpha() and first not in _SPELT_SMALL else sentence


def _ended(sentence: str) -> str:
    sentence = _begun(sentence.strip())
    return sentence if not sentence or sentence.endswith((".", "!", "?")) else sentence + "."


def first_line(error: BaseException, limit: int = 300) -> str:
    """The first line of an exception's message with its type, for a sentence about the cause."""
    lines = str(error).strip().splitlines()
    text = lines[0].strip() if lines else ""
    return f"{type(error).__name__}: {text[:limit]}" if text else type(error).__name__
