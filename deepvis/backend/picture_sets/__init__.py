"""Sets of pictures to be gone through from end to end: folders, zips, videos, data sets, samples, lists.

A set is named by a **spec**:

- the path of a folder; folders within it become classes where every picture lies in one
- the path of a zip, read in place
- the path of a video, sampled every second: ``walk.mp4``, ``walk.mp4?every=0.5``
- ``torchvision:NAME:ROOT``, ``torchvision:NAME:ROOT:SPLIT``: a torchvision data set that is on the disk
- ``samples:``: crops of the sample photographs

or given as it is: a list of uint8 arrays, of paths, or of (picture, label) pairs.

Importing this package imports neither torch nor a codec; what a set needs is imported when it is opened.
"""

from __future__ import annotations

from deepvis.backend.picture_sets.blocks import BLOCK, Block, block_count, decode_block, decode_blocks, poll_blocks
from deepvis.backend.picture_sets.opening import open_set
from deepvis.backend.picture_sets.picture_set import PictureSet

__all__ = ["BLOCK", "Block", "PictureSet", "block_count", "decode_block", "decode_blocks", "open_set", "poll_blocks"]
