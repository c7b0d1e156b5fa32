"""Each ask of a lock at an OSDP output has its one answer, whatever becomes of the session."""

from types import SimpleNamespace

import pytest

from edge.core.events import AccessPointId
from edge.drivers.locks import osdp_output
from edge.drivers.osdp_peer import Event, Fate, Report
from edge.ports import Outcome
from edge.ports_io import Ask, BusTold

LATER_NS = 1 << 62


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A strike at output 0 that has been put to rest in its first session."""
    monkeypatch.setattr(osdp_output, "attach", lambda *_: SimpleNamespace(wake=lambda: None))
    settings = osdp_output.OsdpOutputSettings("/dev/ttyS0", tmp_path / "key")
    made = osdp_output.OsdpOutput(settings, AccessPointId("gate"), energised=False, dead=False)
    made.peer = SimpleNamespace(outputs=lambda: 1, down=False, online=True, story="")
    made.up(0)
    made.next_job(0).done(Fate.OK, 0)
    made.hear({"event": Event.STATUS, "type": Report.OUTPUT, "report": [0]}, 0)
    return made


@pytest.mark.parametrize("end", ["up", "offline"])
def test_a_session_that_ends_before_the_level_was_read_back_leaves_no_ask_without_an_answer(lock, end):
    lock.ask(Ask(7, True, 2_000, LATER_NS, False))
    lock.next_job(1).done(Fate.OK, 1)
    assert not [one for one in lock.told() if isinstance(one, BusTold)]
    getattr(lock, end)(2)
    (told,) = [one for one in lock.told() if isinstance(one, BusTold)]
    assert (told.seq, told.outcome) == (7, Outcome.TIMEOUT_UNKNOWN)
    lock.up(3)
    assert not [one for one in lock.told() if isinstance(one, BusTold)]
