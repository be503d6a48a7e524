"""One block of pictures after the other through the network and into the library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from deepvis.backend.library.reduction import Answers, Reduction
from deepvis.backend.library.rows import THUMBNAIL
from deepvis.backend.library.showcase import Showcase
from deepvis.backend.library.summing import Sums
from deepvis.backend.library.writer import LibraryWriter
from deepvis.backend.network import Network
from deepvis.backend.picture_sets import Block
from deepvis.messages import UInt8Array


class Scanner:
    """Sends decoded blocks through a network and enters what they come to.

    Parameters
    ----------
    net : in the number format and layout that the manifest names.
    writer : of this process's share.
    labels : int32 (N,), classes of all pictures, -1 for none.

    Attributes
    ----------
    between : whether the state holds whole blocks alone, so that it may be saved; not so while one is entered.
    showcase : patches for people who watch.
    """

    def __init__(self, net: Network, writer: LibraryWriter, labels: npt.NDArray[np.int32]) -> None:
        manifest = writer.manifest
        self._net = net
        self._manifest = manifest
        self._writer = writer
        self._channels_last = "channels last" in manifest.numbers
        self._reduction = Reduction(net, manifest.slices(), manifest.feature_layer, writer.state.strongest)
        self._sums = Sums(manifest, labels)
        self._unread: dict[int, Answers] = {}
        self.showcase = Showcase(manifest)
        self.between = True

    def scan(self, block: Block) -> Iterator[int]:
        """Send one block through the network, and enter it when all of it is through.

        Yields the number of its pictures that are through, after each batch. Raises NetworkError, ExportError.
        """
        found: list[tuple[slice, Answers]] = []
        for first in range(0, len(block.pixels), self._manifest.batch):
            if found:
                yield found[-1][0].stop
            part = slice(first, min(first + self._manifest.batch, len(block.pixels)))
            with torch_threads(self._manifest.threads):
                found.append((part, self._answers(block, part)))
            self._write(found[-1][1], block.first + part.start, block.valid[part])
        if self._manifest.thumbnails:
            self._writer.write_rows("thumbnails", block.first, thumbnails(block.pixels))
        self._writer.write_rows("sizes", block.first, block.sizes)
        self._enter(block, found)
        yield len(block.pixels)

    def _answers(self, block: Block, part: slice) -> Answers:
        """What a batch comes to. One of which no picture can be read is black, and comes to what the last such one did:
        a folder of files that are no pictures need not go through the network."""
        valid = block.valid[part]
        if not valid.any() and len(valid) in self._unread:
            return self._unread[len(valid)]
        answers = self._passed(block, part)
        if not valid.any():
            self._unread[len(valid)] = answers
        return answers

    def _passed(self, block: Block, part: slice) -> Answers:
        levels = torch.from_numpy(block.pixels[part]).to(self._net.device)
        if self._channels_last:
            # Rearranged while it is a quarter as large.
            levels = levels.contiguous(memory_format=torch.channels_last)
        x = self._manifest.preprocessing.normalise(levels)
        return self._reduction.answers(x, _indices(block, part), block.valid[part])

    def _enter(self, block: Block, found: list[tuple[slice, Answers]]) -> None:
        """Change the state: in one go, so that it can be saved wherever a scan is interrupted in the long rest."""
        self.between = False
        state = self._writer.state
        for part, answers in found:
            self._sums.add(state, answers, _indices(block, part), block.valid[part])
        state.skipped.update(dict(block.errors))
        state.done[block.index] = True
        self._writer.touch()
        self.between = True
        self.showcase.look(state, found[0][1], block.pixels, block.first)

    def _write(self, answers: Answers, first: int, valid: npt.NDArray[np.bool_]) -> None:
        logits = answers.logits.numpy().astype(np.float64)
        best = logits.argmax(1)
        with np.errstate(over="ignore", invalid="ignore"):
            probability = 1 / np.exp(logits - logits.max(1, keepdims=True)).sum(1)
        self._writer.write_rows("predicted", first, np.where(valid, best, -1).astype(np.int32))
        self._writer.write_rows("probability", first, np.where(valid, probability, np.nan).astype(np.float32))
        if answers.features is not None:
            self._writer.write_rows("features", first, np.where(valid[:, None], answers.features, np.float32(0)))
        sample = self._writer.sample
        rows = slice(*np.searchsorted(sample, [first, first + len(valid)]).tolist())
        if rows.stop > rows.start:
            self._writer.write_rows("sample_maxima", rows.start, answers.maxima[sample[rows] - first])


def _indices(block: Block, part: slice) -> npt.NDArray[np.int32]:
    """Of some pictures of a block in the set."""
    return np.arange(block.first + part.start, block.first + part.stop, dtype=np.int32)


def thumbnails(pixels: UInt8Array) -> UInt8Array:
    """uint8 (n, 48, 48, 3) RGB of uint8 (n, c, h, w)."""
    small = F.interpolate(
        torch.from_numpy(pixels), (THUMBNAIL, THUMBNAIL), mode="bilinear", antialias=True, align_corners=False
    )
    found: UInt8Array = small.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    return found


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch with this many threads for the time being."""
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
