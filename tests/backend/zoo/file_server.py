from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class FileServer:
    """A local server of one file that can be made to misbehave."""

    content: bytes = b""
    url: str = ""
    drop_after: list[int] = field(default_factory=list)
    """For each coming request: after how many bytes the connection is dropped; later requests are served whole."""
    ranges: bool = True
    status: int = 200
    requests: list[str | None] = field(default_factory=list)
    """The Range header of each request."""
    hold: threading.Event | None = None
    """If set, the server stops after half of the file until this is set."""
    held: threading.Event = field(default_factory=threading.Event)
