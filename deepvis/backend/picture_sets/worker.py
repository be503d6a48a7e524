"""What a decoding process does: blocks in, pictures out, until nobody asks any more.

It talks in pickles over its standard input and output with the process that started it; nobody else can reach it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import traceback
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from deepvis.backend.picture_sets.blocks import Block
    from deepvis.backend.picture_sets.picture_set import PictureSet
    from deepvis.backend.preprocessing import Preprocessing
    from deepvis.messages import Fit

Job = tuple["PictureSet", "Preprocessing", "Fit"]

Failure = tuple[str, str, str, str]
"""Title, cause, remedy and details of a SourceError."""


def main() -> None:
    """Answer on standard output what comes from standard input; return when that ends."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as replies:
        # What a library prints must not get between the replies.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        with contextlib.suppress(EOFError, BrokenPipeError):
            serve(sys.stdin.buffer, replies)


def serve(tasks: BinaryIO, replies: BinaryIO) -> None:
    """Load the job that comes first, then decode a block for each index that follows. Raises EOFError at the end."""
    job: Job = pickle.load(tasks)
    pictures, preprocessing, fit = job
    while True:
        index = pickle.load(tasks)
        pickle.dump(_answer(pictures, preprocessing, fit, index), replies, protocol=5)
        replies.flush()


def _answer(pictures: PictureSet, preprocessing: Preprocessing, fit: Fit, index: int) -> Block | Failure:
    from deepvis.backend.picture_sets.blocks import decode_block
    from deepvis.backend.sources.source import SourceError

    try:
        return decode_block(pictures, preprocessing, fit, index)
    except SourceError as error:
        return error.title, error.cause, error.remedy, error.details
    except Exception as error:
        title = f"The pictures from {index} × 32 on cannot be decoded"
        cause = f"{type(error).__name__}: {error}."
        return title, cause, "The log has the details.", traceback.format_exc()
