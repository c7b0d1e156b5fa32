"""The scorer itself: what counts as found, missed and false, and that nobody fools it."""

from dataclasses import dataclass

import pytest

from cloud_sync.score.truth import LATE_MS, SLACK_MS, Row, score

HOUR = 3_600_000
DAY = 24 * HOUR
T0 = 1_767_200_000_000


@dataclass
class Said:
    kind: str
    subject: str
    since_ms: int
    until_ms: int | None = None
    evidence: str = ""


def row(number: int, kind: str, subject: str, begin: int, end: int, *names: str) -> Row:
    return Row(number, kind, subject, T0 + begin, T0 + end, "note", frozenset(names))


def perfect(kind: str, count: int) -> tuple[list[Row], list[Said]]:
    rows = [row(k, kind, f"stay:s {k}", k * DAY, k * DAY + 6 * HOUR, f"ST-{k}") for k in range(count)]
    return rows, [Said(kind, f"ST-{k}", T0 + k * DAY + HOUR) for k in range(count)]


def test_what_is_there_is_found_and_nothing_is_false():
    rows, findings = perfect("D03", 12)
    scored = score(rows, findings, unscored={})
    assert scored.kinds["D03"].recall == scored.kinds["D03"].precision == 1.0
    assert scored.below() == []


def test_findings_of_one_rule_taken_away_cost_that_kind_its_recall():
    rows, _ = perfect("D03", 12)
    more, told = perfect("D14", 12)
    more = [Row(100 + r.number, r.kind, r.subject, r.begin_ms, r.end_ms, r.note, r.names) for r in more]
    scored = score([*rows, *more], told, unscored={})
    assert scored.kinds["D03"].recall == 0.0
    assert scored.kinds["D14"].recall == 1.0
    assert [one for one in scored.below() if one.startswith("D03: recall")]


def test_two_false_findings_more_cost_that_kind_its_precision():
    rows, findings = perfect("D03", 10)
    findings += [Said("D03", "ST-none", T0), Said("D03", "ST-other", T0)]
    scored = score(rows, findings, unscored={})
    assert scored.kinds["D03"].precision == pytest.approx(10 / 12)
    assert [one for one in scored.below() if one.startswith("D03: precision")]


def test_the_right_subject_under_the_wrong_kind_is_missed_and_false():
    rows, findings = perfect("D03", 1)
    findings[0].kind = "D04"
    scored = score(rows, findings, unscored={})
    assert scored.kinds["D03"].missed
    assert scored.kinds["D04"].false


def test_everything_raised_about_everybody_is_no_way_to_score():
    rows, _ = perfect("D03", 12)
    findings = [Said(f"D{kind:02}", f"ST-{k}", T0 + k * DAY) for kind in range(1, 27) for k in range(40)]
    below = score(rows, findings, unscored={}).below()
    assert any(one.startswith("precision") for one in below)
    assert any(one.startswith("D03: precision") for one in below)


def test_few_rows_are_counted_and_not_judged_alone():
    rows, _ = perfect("D03", 9)
    scored = score(rows, [], unscored={})
    assert scored.kinds["D03"].recall == 0.0
    assert all(not one.startswith("D03") for one in scored.below())
    assert any(one.startswith("recall") for one in scored.below())


@pytest.mark.parametrize(
    ("begin", "found"),
    [
        (0, True),
        (6 * HOUR + LATE_MS, True),  # a site was cut off meanwhile
        (6 * HOUR + LATE_MS + HOUR, False),
        (-SLACK_MS - HOUR, False),  # before it was so
    ],
)
def test_what_recurs_is_of_its_own_time(begin: int, found: bool):
    rows = [row(2, "D22", "node:n1", 0, 6 * HOUR, "n1")]
    scored = score(rows, [Said("D22", "n1", T0 + begin)], unscored={})
    assert scored.kinds["D22"].found == found
    assert bool(scored.kinds["D22"].false) != found


def test_what_stands_does_not_answer_for_a_later_day():
    """A return that was never filed stays open; the next that is missing has to be found by itself."""
    rows = [
        row(2, "D12", "operator:OP-1", 0, HOUR, "OP-1"),
        row(3, "D12", "operator:OP-1", 20 * DAY, 20 * DAY + HOUR, "OP-1"),
    ]
    scored = score(rows, [Said("D12", "OP-1", T0)], unscored={})
    assert scored.kinds["D12"].found == 1
    assert [one.number for one in scored.kinds["D12"].missed] == [3]


def test_a_stay_has_one_thing_wrong_however_late_it_is_told():
    rows = [row(2, "D02", "stay:s 1", 0, HOUR, "ST-1")]
    scored = score(rows, [Said("D02", "ST-1", T0 + 30 * DAY)], unscored={})
    assert scored.kinds["D02"].found == 1
    ended = score(rows, [Said("D02", "ST-1", T0 - 3 * DAY, T0 - 2 * DAY)], unscored={})
    assert ended.kinds["D02"].found == 0


def test_what_follows_is_counted_apart_and_only_where_it_was_said():
    rows = [row(2, "D01", "stay:s 1", 0, HOUR, "ST-1"), row(3, "D03", "stay:s 2", 0, HOUR, "ST-2")]
    findings = [Said("D14", "ST-1", T0), Said("D14", "ST-2", T0)]
    scored = score(rows, findings, unscored={}, follows=lambda found, one: one.kind == "D01")
    assert scored.kinds["D14"].follows == 1
    assert [one.subject for one in scored.kinds["D14"].false] == ["ST-2"]


def test_marks_are_no_discrepancy_and_explain_nothing():
    rows = [row(2, "room_move", "stay:s 1", 0, HOUR, "ST-1")]
    scored = score(rows, [Said("D11", "ST-1", T0)], unscored={})
    assert scored.whole.injected == 0
    assert scored.kinds["D11"].false


def test_hidden_units_have_goals_of_their_own():
    rows, findings = perfect("D07", 20)
    scored = score(rows, findings[:17], unscored={})
    assert scored.below() == []
    assert score(rows, findings[:15], unscored={}).below() == ["D07: recall 75.0% is below 80%"]


def test_what_is_not_scored_is_in_no_sum():
    rows, findings = perfect("D18", 12)
    scored = score(rows, findings, unscored={"D18": "off"})
    assert "D18" not in scored.kinds
    assert scored.whole.findings == 0
