"""How a source's spec may be shown, logged and remembered."""

from __future__ import annotations

import re


def spoken(spec: str) -> str:
    """A spec without the name and password that a URL may hold."""
    return re.sub(r"(?<=://)[^/?#]*@", "", spec)
