"""A bell wakes whoever sleeps at its socket, and costs one byte however often it is rung."""

import select

from cloud_sync.ingest.bell import Bell


def heard(bell: Bell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_it_is_heard_until_it_is_hushed_and_can_be_rung_again() -> None:
    bell = Bell()
    assert not heard(bell)
    for _ in range(100_000):  # more than a socket holds, if each were a byte
        bell.ring()
    assert heard(bell)
    bell.hush()
    assert not heard(bell)
    bell.ring()
    assert heard(bell)
    bell.close()


def test_nobody_is_harmed_who_rings_when_it_is_gone() -> None:
    bell = Bell()
    bell.close()
    bell.ring()
