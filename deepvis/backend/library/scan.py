"""A scan by one process, alone or among others: from the options to the library."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from deepvis.backend.library.account import result_of
from deepvis.backend.library.arrays import read_array
from deepvis.backend.library.library import Library
from deepvis.backend.library.lock import WriterLock
from deepvis.backend.library.manifest import Manifest, read_manifest
from deepvis.backend.library.plan import batch_size, chosen_layers, in_layout, packed_weights, probe
from deepvis.backend.library.processes import Processes
from deepvis.backend.library.scanner import Scanner, torch_threads
from deepvis.backend.library.shelf import default_folder
from deepvis.backend.library.state import current_states, remove_states
from deepvis.backend.library.writer import LibraryWriter, begin, merge_all, temporary_folder
from deepvis.backend.network import Network
from deepvis.backend.picture_sets import BLOCK, PictureSet, poll_blocks
from deepvis.backend.runs.precision import in_precision
from deepvis.messages import RunUpdate, UInt8Array
from deepvis.options import option_values

if TYPE_CHECKING:
    from deepvis.backend.runs.patch_scan import PatchScan

_FEW = 128
"""Pictures that are decoded in this process: others would take longer to start than they save."""
_MOST_WORKERS = 8
_PATIENCE = 0.1
"""Seconds that a step waits for pictures to be decoded; a live view goes on between steps."""
_LOOK_AT_OTHERS = 3.0
"""Seconds between two looks at how far the other processes are."""
_TOLD_NOTES = 3
"""Folders and the like that were left out of a set and are named at the end."""
_DRAW = 2.0
"""Seconds between two drawings of the sheet."""


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a scan begins, the same in every process."""

    folder: Path
    remaining: list[int]
    base: tuple[Path, ...]


class Scan:
    """One scan. :meth:`steps` is what :class:`deepvis.backend.runs.patch_scan.PatchScan` describes."""

    def __init__(self, options: PatchScan, net: Network, source: PictureSet) -> None:
        self._options = options
        self._net = net
        self._source = source
        self._processes = Processes.current()
        self._lock: WriterLock | None = None
        self._probed: tuple[str, Network] | None = None
        self._rate = 0.0

    def steps(self) -> Iterator[RunUpdate]:
        """An update a batch."""
        try:
            start: _Start = self._processes.from_first(self._begin)
            manifest = read_manifest(start.folder)
            writer = LibraryWriter(start.folder, manifest, start.base if self._processes.first else ())
            with closing(writer):
                yield from self._blocks(start, manifest, writer)
            del writer  # with what it holds in memory
            self._processes.wait()
            self._processes.from_first(lambda: merge_all(start.folder, manifest))
            yield self._last(start.folder, self._rate)
        finally:
            if self._lock is not None:
                self._lock.release()

    # -------------------------------------------------------------------------------------------------- beginning

    def _begin(self) -> _Start:
        """Begin the library or take it up; in the first process alone."""
        manifest = self._wanted()
        folder = self._folder(manifest)
        self._lock, manifest = begin(folder, manifest, self._source, restart=self._options.restart)
        counting, replaced = current_states(folder, manifest.blocks)
        remove_states(replaced)
        done = _done(folder, np.zeros(manifest.blocks, np.bool_))
        return _Start(folder, np.flatnonzero(~done).tolist(), counting)

    def _wanted(self) -> Manifest:
        """What this scan would write into a new library."""
        options, source = self._options, self._source
        size = options.size
        preprocessing = self._net.preprocessing if size is None else self._net.preprocessing.at((size, size))
        names = chosen_layers(self._net, options.layers)
        net = in_precision(self._net, options.precision)
        net, channels_last = in_layout(net, preprocessing)
        found = probe(
            net,
            names,
            preprocessing,
            options.fit,
            features=options.features,
            wanted=bool(options.layers) and options.layers != ("all",),
            together=options.batch != 1,
        )
        batch = options.batch or batch_size(net, preprocessing, BLOCK)
        numbers = ("bf16" if net.dtype == torch.bfloat16 else "fp32") + (" channels last" if channels_last else "")
        packed = packed_weights(net, preprocessing, batch)
        if packed is not net:
            numbers, net = f"{numbers} packed", packed
        self._probed = (numbers, net)
        return Manifest(
            network_name=self._net.name,
            network_hash=self._net.hash,
            network_spec=self._net.spec,
            network_labels=tuple(self._net.labels),
            preprocessing=preprocessing,
            fit=options.fit,
            set_spec=source.spec,
            set_title=source.title,
            set_fingerprint=source.fingerprint,
            total=len(source),
            classes=tuple(source.classes),
            photographs=() if source.photographs is None else tuple(source.photographs.tolist()),
            layers=found.layers,
            top=options.top,
            feature_layer=found.feature_layer,
            feature_size=found.feature_size,
            thumbnails=options.thumbnails,
            block=BLOCK,
            batch=batch,
            numbers=numbers,
            threads=torch.get_num_threads(),
            options=option_values(options),
            created=time.time(),
        )

    def _folder(self, manifest: Manifest) -> Path:
        if self._options.folder:
            return Path(self._options.folder).expanduser().absolute()
        if not self._source.spec:
            return temporary_folder()
        told = {name: value for name, value in manifest.options.items() if name not in ("folder", "workers", "restart")}
        told["layers"] = [layer.name for layer in manifest.layers]
        identity = repr((manifest.network_hash, manifest.set_spec, sorted(told.items())))
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        words = re.sub(r"[^\w.]+", "-", f"{manifest.set_title} {manifest.network_name}").strip("-.")[:60]
        return default_folder() / f"{words}-{digest}"

    def _network(self, manifest: Manifest) -> Network:
        """The network in the number format and layout with which the library was begun."""
        if self._probed is not None and self._probed[0] == manifest.numbers:
            return self._probed[1]
        net = in_precision(self._net, "bf16" if manifest.numbers.startswith("bf16") else "fp32")
        if "channels last" in manifest.numbers and not net.channels_last:
            net = net.converted(net.dtype, channels_last=True, share=True)
        if manifest.numbers.endswith("packed"):
            with torch_threads(manifest.threads):
                net = packed_weights(net, manifest.preprocessing, manifest.batch)
        return net

    # ---------------------------------------------------------------------------------------------------- going on

    def _blocks(self, start: _Start, manifest: Manifest, writer: LibraryWriter) -> Iterator[RunUpdate]:
        share = self._processes.share(start.remaining)
        if not share:
            return
        scanner = Scanner(self._network(manifest), writer, np.asarray(self._source.labels, np.int32))
        told = _Told(start, manifest, writer, scanner, self._processes)
        workers = self._workers(len(share))
        decoded = poll_blocks(self._source, manifest.preprocessing, manifest.fit, share, workers, _PATIENCE)
        try:
            with contextlib.closing(decoded):
                for block in decoded:
                    if block is None:
                        yield told.update(0)
                        told.resume()
                        continue
                    for through in scanner.scan(block):
                        whole = through == len(block.pixels)
                        if whole and writer.due:
                            writer.checkpoint()
                        update = told.update(0 if whole else through)
                        self._rate = update.metrics["pictures_per_second"]
                        yield update
                        told.resume()
        finally:
            # Also where the run is closed or interrupted; a block that was not finished is left out.
            if scanner.between:
                writer.checkpoint()

    def _workers(self, blocks: int) -> int:
        if self._options.workers is not None:
            return self._options.workers
        if not self._source.spec or blocks * BLOCK <= _FEW:
            return 0
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
        cores //= max(int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1)
        # On a CPU the network wants the cores itself.
        wanted = cores // 2 if self._net.device.type == "cpu" else cores
        return min(max(wanted, 1), _MOST_WORKERS, blocks)

    def _last(self, folder: Path, rate: float) -> RunUpdate:
        library = Library(folder, self._source)
        result = result_of(library, self._options, self._net)
        notes = list(self._source.notes[:_TOLD_NOTES])
        if len(self._source.notes) > _TOLD_NOTES:
            notes.append(f"{len(self._source.notes) - _TOLD_NOTES} more such notes.")
        if result.facts["not_finite"]:
            notes.append(f"{result.facts['not_finite']} units answered some pictures with values that are not finite")
        detail = {"library": str(folder), "revision": library.revision}
        metrics = {
            "pictures": float(library.count),
            "skipped": float(len(library.skipped)),
            "pictures_per_second": rate,
        }
        return RunUpdate(library.total, library.total, result.image, metrics, result, detail, note=" ".join(notes))


class _Told:
    """What is said of a scan while it goes on."""

    def __init__(
        self, start: _Start, manifest: Manifest, writer: LibraryWriter, scanner: Scanner, processes: Processes
    ) -> None:
        self._start = start
        self._manifest = manifest
        self._writer = writer
        self._scanner = scanner
        self._processes = processes
        done = np.ones(manifest.blocks, np.bool_)
        done[start.remaining] = False
        self._before = manifest.pictures_in(done)
        self._busy = 0.0
        self._resumed = time.monotonic()
        self._others = np.zeros(manifest.blocks, np.bool_)
        self._looked = self._resumed
        self._image: UInt8Array | None = None
        self._drawn = 0.0

    def resume(self) -> None:
        """The run goes on after a pause, which does not count as time that it took."""
        self._resumed = time.monotonic()

    def update(self, through: int) -> RunUpdate:
        """The state as an update; ``through``: pictures of a block that is not entered yet."""
        now = time.monotonic()
        self._busy += now - self._resumed
        if self._processes.count > 1 and self._processes.first and now - self._looked > _LOOK_AT_OTHERS:
            self._looked = now
            self._others = _done(self._start.folder, self._others)
        if self._image is None or now - self._drawn > _DRAW:
            self._image, self._drawn = self._scanner.showcase.image(self._writer.state), now
        state = self._writer.state
        pictures = self._manifest.pictures_in(state.done | self._others) + through
        rate = (pictures - self._before) / max(self._busy, 1e-6)
        metrics = {
            "pictures": float(pictures),
            "skipped": float(len(state.skipped)),
            "pictures_per_second": rate,
        }
        detail: dict[str, Any] = {"library": str(self._start.folder), "revision": state.revision}
        return RunUpdate(pictures, self._manifest.total, self._image, metrics, detail=detail)


def _done(folder: Path, before: Any) -> Any:
    """The blocks that are in any state on the disk."""
    done = before.copy()
    for path in current_states(folder, len(before))[0]:
        with contextlib.suppress(OSError, ValueError):
            done |= read_array(path / "done.npy", done.shape, np.bool_, mapped=False)
    return done
