"""Which layer of a library stands for one that is looked at. No Qt in here."""

from __future__ import annotations

from deepvis.messages import LibraryInfo, NetworkInfo


def scanned_layer(library: LibraryInfo | None, network: NetworkInfo | None, name: str | None) -> str | None:
    """The layer itself where it was scanned, or what a rectifier rectifies; None where neither was.

    A rectifier keeps what is above zero as it is: its strongest patches are those of what goes into it, and a unit is
    silent in the same pictures. So scans leave rectifiers out.
    """
    if library is None or network is None or name is None:
        return None
    if name in library.layers:
        return name
    names = [layer.name for layer in network.layers]
    here = names.index(name) if name in names else 0
    if here == 0 or network.layers[here].kind != "relu":
        return None
    layer, before = network.layers[here], network.layers[here - 1]
    alike = before.channels == layer.channels and before.size == layer.size
    return before.name if alike and before.name in library.layers else None
