"""What a scan of a set of pictures leaves on the disk: strongest patches, statistics, features.

A library is one folder: ``manifest.json`` with everything about the network, the set and the options; arrays as .npy
files; nothing pickled. :class:`Library` reads it.
"""

from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.library import LayerRecord, Library
from deepvis.backend.library.patch import Patch
from deepvis.backend.library.shelf import default_folder, libraries

__all__ = ["LayerRecord", "Library", "LibraryError", "Patch", "default_folder", "libraries"]
