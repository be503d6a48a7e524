"""Blocks of 32 pictures as the network sees them, decoded here or in worker processes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepvis.backend.picture_sets.picture_set import PictureSet
from deepvis.backend.sources.source import SourceError
from deepvis.messages import Fit, UInt8Array

if TYPE_CHECKING:
    from deepvis.backend.preprocessing import Preprocessing

BLOCK = 32
"""Pictures of a block: the unit of work, of resuming and of sharing, so that each picture always meets the network in
the same batch."""


@dataclass(frozen=True, slots=True)
class Block:
    """Pictures ``index * 32`` and after it.

    Attributes
    ----------
    index : of the block.
    first : index of its first picture.
    pixels : uint8 (n, c, h, w), what the network sees; black where a picture cannot be read. n is 32 but in the last.
    valid : (n,) whether the picture was read.
    sizes : int32 (n, 2), height and width of the picture as :meth:`PictureSet.read` gives it; 0 where it was not read.
    errors : (picture's index, why it was not read) of each that was not.
    """

    index: int
    first: int
    pixels: UInt8Array
    valid: npt.NDArray[np.bool_]
    sizes: npt.NDArray[np.int32]
    errors: tuple[tuple[int, str], ...] = ()


def block_count(pictures: PictureSet) -> int:
    """Number of blocks of a set."""
    return -(-len(pictures) // BLOCK)


def decode_block(pictures: PictureSet, preprocessing: Preprocessing, fit: Fit, index: int) -> Block:
    """Read the pictures of one block, here and now. Raises IndexError where there is no such block."""
    if not 0 <= index < block_count(pictures):
        raise IndexError(f"the set has {block_count(pictures)} blocks; there is no block {index}")
    first = index * BLOCK
    count = min(BLOCK, len(pictures) - first)
    pixels = np.zeros((count, preprocessing.channels, *preprocessing.size), dtype=np.uint8)
    valid = np.zeros(count, dtype=bool)
    sizes = np.zeros((count, 2), dtype=np.int32)
    errors: list[tuple[int, str]] = []
    for place in range(count):
        try:
            image = pictures.read(first + place)
            pixels[place] = preprocessing.pixels(image, fit).numpy()
        except SourceError as error:
            errors.append((first + place, f"{error.title}: {error.cause}"))
        except Exception as error:
            # What hostile files make decoders raise has no end; one picture never ends a scan.
            errors.append((first + place, f"{pictures.titles[first + place]} cannot be read: {error!r}"))
        else:
            valid[place] = True
            sizes[place] = image.shape[:2]
    if errors:
        pictures.check()
    return Block(index, first, pixels, valid, sizes, tuple(errors))


def decode_blocks(
    pictures: PictureSet, preprocessing: Preprocessing, fit: Fit, blocks: Iterable[int], workers: int = 0
) -> Generator[Block, None, None]:
    """Decode blocks in the order asked for.

    Parameters
    ----------
    preprocessing, fit : the network's own, and how a picture is fitted to its input.
    blocks : indices, each from 0 to :func:`block_count` - 1.
    workers : processes that decode ahead; 0 decodes in this one. They end with the iterator, however that ends.

    Raises
    ------
    SourceError : the set as a whole is gone or has changed, or a process has died. ValueError : the set cannot be sent
    to processes.
    """
    with contextlib.closing(poll_blocks(pictures, preprocessing, fit, blocks, workers, None)) as polled:
        yield from (block for block in polled if block is not None)


def poll_blocks(
    pictures: PictureSet,
    preprocessing: Preprocessing,
    fit: Fit,
    blocks: Iterable[int],
    workers: int,
    patience: float | None,
) -> Generator[Block | None, None, None]:
    """As :func:`decode_blocks`, but None comes whenever processes have not decoded a block within ``patience``, in
    seconds (None: they are waited for): they take seconds to start on a busy computer."""
    if workers < 0:
        raise ValueError(f"workers is a number of processes, 0 or more; got {workers}")
    # A program frozen into one file has no interpreter to start.
    if workers == 0 or getattr(sys, "frozen", False) or not sys.executable:
        for index in blocks:
            yield decode_block(pictures, preprocessing, fit, index)
        return
    from deepvis.backend.picture_sets.worker_pool import WorkerPool

    with WorkerPool((pictures, preprocessing, fit), workers) as pool:
        yield from pool.decode(blocks, patience)
