from __future__ import annotations

import threading

from deepvis.backend.mailbox import Mailbox


def test_the_newest_item_wins_and_the_others_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(5):
        box.put(item)
    assert box.take() == 4
    assert box.take() is None
    assert box.dropped == 4


def test_the_wake_comes_only_when_the_slot_was_empty() -> None:
    wakes: list[None] = []
    box: Mailbox[int] = Mailbox(wake=lambda: wakes.append(None))
    box.put(1)
    box.put(2)
    assert len(wakes) == 1
    box.take()
    box.put(3)
    assert len(wakes) == 2


def test_a_waiting_reader_is_woken_by_an_item_from_another_thread() -> None:
    box: Mailbox[str] = Mailbox()
    taken: list[str | None] = []
    reader = threading.Thread(target=lambda: taken.append(box.take(timeout=120)))
    reader.start()
    box.put("frame")
    reader.join(60)
    assert taken == ["frame"]


def test_clearing_does_not_count_as_a_drop() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.clear()
    assert not box.full
    assert box.dropped == 0
