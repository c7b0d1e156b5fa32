"""Reports to four authorities on a bad day: ``make upstream`` with few reports and one seed."""

import pytest

from bench.bench_upstream import CONNECTORS, NOUGHT, sound, storm

# Workers, servers and a disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)


@pytest.mark.invariant(11)
def test_every_report_has_one_end_and_none_is_there_twice(tmp_path):
    told = storm(tmp_path, 40, seed=5)
    assert {name: told[name] for name in NOUGHT} == dict.fromkeys(NOUGHT, 0)
    assert told["submissions"] == 40
    assert sum(sum(states.values()) for states in told["states"].values()) == 40
    assert set(told["states"]) == set(CONNECTORS)
    assert told["worker_deaths"] > 0, "this seed kills nobody; choose another"
    assert told["sends"] > 40, "this seed loses nothing; choose another"
    assert told["sound"]


@pytest.mark.parametrize("name", NOUGHT)
def test_the_verdict_is_no_when_one_of_them_is_not_nought(name):
    good = {"submissions": 4, **dict.fromkeys(NOUGHT, 0)}
    assert sound(good)
    assert not sound({**good, name: 1})
    assert not sound({**good, "submissions": 0})
