"""Five days of a small site, one gate cut off for three: what the pages say is so, and a lie would be found."""

from dataclasses import replace

import pytest

from cloud_sync.store.read import StoredDashboard
from sim.days import Days, play, summary, table_of

SMALL = Days(gates=4, per_day=240, stays=12, hello_s=60)
SHORT = Days(gates=3, per_day=120, stays=5, days=2, hello_s=60, cut_min=5 * 60 + 17, back_min=30 * 60 + 59)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_hour_of_five_days_is_told_as_it_was(tmp_path, seed):
    found = play(replace(SMALL, seed=seed), tmp_path)
    assert [str(one) for hour in found.hours for one in hour.mismatches] == []
    told = summary(found)
    assert (told["hours_compared"], told["lost"], told["double"], told["events"]) == (120, 0, 0, 1_200)
    assert found.good
    assert table_of(found).row_count == 120


def test_while_the_gate_is_cut_off_it_is_named_with_the_moment_it_is_missing_since(tmp_path):
    found = play(SHORT, tmp_path)
    cut = [hour for hour in found.hours if hour.late]
    assert len(cut) == 25  # from 06:00 to 30:00; at 31:00 it is back, and everything with it
    assert {tuple(hour.late) for hour in cut} == {("gate-01",)}
    assert len({hour.watermark_ms for hour in cut}) == 1


class Lying(StoredDashboard):
    """A dashboard as it must not be; what it changes is chosen by each test."""

    def dashboard(self, community_code, now):
        return self.lie(super().dashboard(community_code, now))


def _whole(board):
    return replace(board, late=())


def _fresh(board):
    return replace(board, watermark_ms=board.now_ms)


def _online(board):
    return replace(board, nodes=tuple(replace(node, online=True) for node in board.nodes))


def _yesterday(board):
    return replace(board, denied=replace(board.denied, denominator=board.denied.denominator + 1))


@pytest.mark.parametrize("lie", [_whole, _fresh, _online, _yesterday])
def test_a_dashboard_that_does_not_tell_the_truth_is_found_out(tmp_path, lie):
    kind = type("Liar", (Lying,), {"lie": staticmethod(lie)})
    found = play(SHORT, tmp_path, reader=kind)
    assert found.mismatches > 0
    assert not found.good
