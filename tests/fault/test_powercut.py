"""Power cuts with a fixed seed, few; ``CUTS=600 python -m demo.faults.powercut`` is the long one."""

import random

import pytest

from demo.faults.calls import Call, Disk, Kind, Loses
from demo.faults.powercut import HONEST, play, sound

pytestmark = pytest.mark.timeout(600)
CUTS, SEED, EVENTS = 40, 20266, 60


@pytest.mark.strace
def test_what_ledger_and_service_promised_survives_a_power_cut_at_any_call():
    found = play(CUTS, SEED, EVENTS)
    assert set(found) == {"ledger", "sink"}
    for writer, ways in found.items():
        assert {how: (one.cuts, one.lost, one.broken) for how, one in ways.items() if how in HONEST} == {
            how.value: (CUTS, 0, 0) for how in HONEST
        }, writer
        assert ways[Loses.LIED.value].lost > 0, "a card that lies has to lose, else nothing is tried here"
        assert sound(ways)


def laid(tmp_path, loses, *calls):
    disk = Disk()
    for call in calls:
        disk.take(call)
    disk.lay(tmp_path, loses, random.Random(1))
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}


MADE = Call(Kind.MAKE, "a")
FIRST = Call(Kind.WRITE, "a", 0, b"x" * 1024)
SECOND = Call(Kind.WRITE, "a", 0, b"y" * 4096)
FLUSHED = Call(Kind.FLUSH, "a")


def test_a_disk_keeps_what_was_flushed_and_loses_what_was_not(tmp_path):
    assert laid(tmp_path, Loses.ALL, MADE, FIRST, FLUSHED, SECOND) == {"a": b"x" * 1024}


def test_a_disk_that_lost_nothing_has_everything(tmp_path):
    assert laid(tmp_path, Loses.NONE, MADE, FIRST, FLUSHED, SECOND) == {"a": b"y" * 4096}


def test_a_torn_write_is_there_by_whole_sectors(tmp_path):
    left = laid(tmp_path, Loses.TORN, MADE, FIRST, FLUSHED, SECOND)["a"]
    sectors = {left[at : at + 512] for at in range(0, len(left), 512)}
    assert sectors == {b"x" * 512, b"y" * 512, b"\0" * 512}


def test_a_shortened_file_is_short_when_that_was_flushed(tmp_path):
    assert laid(tmp_path, Loses.ALL, MADE, FIRST, Call(Kind.CUT_TO, "a", 3), FLUSHED) == {"a": b"xxx"}


def test_a_removed_file_is_gone_and_a_made_one_empty(tmp_path):
    calls = (MADE, FIRST, FLUSHED, Call(Kind.REMOVE, "a"), Call(Kind.MAKE, "b"))
    assert laid(tmp_path, Loses.ALL, *calls) == {"b": b""}
