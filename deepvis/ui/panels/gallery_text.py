"""How entries of the gallery are put into words. No Qt in here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from deepvis.messages import GalleryEntry
from deepvis.ui.playback_bar import clock
from deepvis.ui.views.numbers import format_name, format_percent, format_size, format_value

EMPTY = "Runs that have ended appear here. Start one in the lab"
NOTHING_FOUND = "No run matches. Empty the search field, or choose All runs"


def title(entry: GalleryEntry) -> str:
    """What an entry is called."""
    return entry.title or entry.kind


def when(created: float, now: float) -> str:
    """A time of the past as people say it: ``14:02``, ``yesterday 14:02``, ``12 Nov``, ``12 Nov 2024``."""
    then, today = datetime.fromtimestamp(created), datetime.fromtimestamp(now)
    if then.date() == today.date():
        return f"{then:%H:%M}"
    if then.date() == today.date() - timedelta(days=1):
        return f"yesterday {then:%H:%M}"
    return f"{then.day} {then:%b}" if then.year == today.year else f"{then.day} {then:%b %Y}"


def place_and_time(entry: GalleryEntry, now: float) -> str:
    """On which network, and when."""
    return f"{entry.network} · {when(entry.created, now)}"


def caption(entry: GalleryEntry, now: float) -> str:
    """What kind of run, on which network, and when."""
    return f"{entry.kind} · {place_and_time(entry, now)}"


def state_text(entry: GalleryEntry) -> str:
    """What a person should know of an entry at a glance, or an empty text."""
    if not entry.saved:
        return "not saved"
    return "" if entry.state == "done" else f"{entry.steps} of {entry.total}"


def end_text(entry: GalleryEntry) -> str:
    """How a run ended that was not done, or an empty text."""
    return "" if entry.state == "done" else f"{entry.state} after step {entry.steps} of {entry.total}"


def tooltip(entry: GalleryEntry, now: float) -> str:
    """Everything that a list leaves out, in a few lines."""
    unsaved = "" if entry.saved else "not on the disk; kept until the window closes"
    lines = [
        f"{entry.kind} · {entry.title}" if entry.title else entry.kind,
        f"{entry.network} · {when(entry.created, now)} · {duration(entry)}",
        ", ".join(f"{name} {text}" for name, text in figure_rows(entry.figures)),
        end_text(entry),
        unsaved,
    ]
    return "\n".join(line for line in lines if line)


def duration(entry: GalleryEntry) -> str:
    """How long the run's steps took: ``0.4 s``, ``12 s``, ``2:05``."""
    seconds = entry.duration
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else clock(seconds)


def fact_rows(entry: GalleryEntry) -> list[tuple[str, str]]:
    """What is known of how an entry came to be, as (name, text)."""
    height, width = entry.size
    rows = [
        ("Network", entry.network),
        ("Weights", entry.network_hash),
        ("Picture from", entry.source),
        ("Size", format_size(height, width)),
        ("Steps", str(entry.steps) if entry.state == "done" else f"{entry.steps} of {entry.total}"),
        ("Time", duration(entry)),
        ("Device", entry.device),
        ("Ended", f"{datetime.fromtimestamp(entry.created):%Y-%m-%d %H:%M}"),
        ("Version", entry.version),
    ]
    return [row for row in rows if row[1]]


def option_rows(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Options as (name, text)."""
    return [(format_name(name), value_text(value)) for name, value in options.items()]


def figure_rows(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Figures as (name, text); shares as percentages."""
    return [
        (format_name(name), format_percent(value) if is_share(name) and 0 <= value <= 1 else format_value(value))
        for name, value in figures.items()
    ]


def other_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Further statements as (name, text); long lists are left out."""
    rows = [(format_name(name), value_text(value)) for name, value in facts.items()]
    return [row for row in rows if len(row[1]) <= 120]


def differences(first: GalleryEntry, second: GalleryEntry) -> list[tuple[str, str, str]]:
    """In what two entries differ, as (name, text of the first, text of the second): options, network, figures."""
    tables = []
    for each in (first, second):
        made = [("Run", each.kind), ("Network", each.network), ("Picture from", each.source)]
        tables.append(made + option_rows(each.options) + figure_rows(each.figures))
    left, right = (dict(table) for table in tables)
    names = list(dict.fromkeys([*left, *right]))
    rows = [(name, left.get(name, "–") or "–", right.get(name, "–") or "–") for name in names]
    return [row for row in rows if row[1] != row[2]]


def searchable(entry: GalleryEntry) -> str:
    """All that an entry says of itself, for :func:`matches`."""
    texts = [entry.kind, entry.run, entry.title, entry.network, entry.source, entry.note]
    texts += [f"{name} {text}" for name, text in option_rows(entry.options)]
    return "\n".join(texts).casefold()


def matches(text: str, words: str) -> bool:
    """Whether every one of the words occurs in a :func:`searchable` text."""
    return all(word in text for word in words.casefold().split())


def value_text(value: Any) -> str:
    """A value in the types of JSON as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_value(value) if math.isfinite(value) and value != int(value) else f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(each) for each in value) or "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {value_text(each)}" for name, each in value.items()) or "–"
    return str(value)


def is_share(name: str) -> bool:
    """Whether a figure of this name is a share, to be written as a percentage."""
    return "probability" in name or "confidence" in name
