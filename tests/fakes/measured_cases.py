"""The measures of the case machine (domain.md §11.9) counted by plain Python from the rows of cases and their history."""

import math
from collections import Counter
from typing import Any

MINUTE, DAY = 60_000, 86_400_000
STRETCH = 10 * MINUTE
QUIET = {"SHELVED", "SUPPRESSED", "OUT_OF_SERVICE"}
Rows = dict[str, list[dict[str, Any]]]
Said = dict[tuple[str, ...], tuple[int, int | None]]


def rank(values: list[int], per_cent: int) -> int:
    """The nearest-rank quantile; 0 of nothing."""
    return sorted(values)[math.ceil(len(values) * per_cent / 100) - 1] if values else 0


def measures(tables: Rows, since: int, until: int) -> Said:
    """(figure, its line if it has any) → numerator, denominator."""
    cases = {row["id"]: row for row in tables["case_"]}
    notes = sorted(tables["case_note"], key=lambda row: (row["case_id"], row["n"]))
    opened = [row for row in cases.values() if since <= row["opened_ms"] <= until]
    alerts = [row for row in opened if row["family"] == "alert"]
    said: Said = {}
    hands = {
        note["actor"]
        for note in notes
        if note["actor"] and since <= note["at_ms"] <= until and cases[note["case_id"]]["family"] == "alert"
    }
    said["alarms_per_person",] = len(alerts), len(hands) * math.ceil((until - since) / STRETCH)
    by_stretch = Counter(row["opened_ms"] // STRETCH for row in alerts)
    said["alarms_busiest",] = max(by_stretch.values(), default=0), None
    said["floods",] = sum(row["kind"] == "flood" for row in opened), None
    said["chatter_sources",] = len({row["subject"] for row in opened if row["kind"] == "chatter"}), None
    for severity in ("S1", "S2", "S3", "S4"):
        said["priority_mix", severity] = sum(row["severity"] == severity for row in alerts), len(alerts)
    for family in ("alert", "discrepancy", "matter"):
        said["cases_by_family", family] = sum(row["family"] == family for row in opened), len(opened)
    classes = Counter(row["matter_class"] or "none" for row in opened if row["family"] == "matter")
    for name, many in classes.items():
        said["matters_by_class", name] = many, classes.total()
    open_ = [row for row in cases.values() if row["state"] != "CLOSED"]
    newest = {note["case_id"]: 0 for note in notes}
    for note in notes:
        newest[note["case_id"]] = max(newest[note["case_id"]], note["at_ms"])
    asked = [row for row in open_ if row["state"] not in QUIET]
    said["cases_stale",] = sum(newest.get(row["id"], 0) <= until - DAY for row in asked), len(asked)
    said["shelved_now",] = sum(row["state"] == "SHELVED" for row in open_), len(open_)
    said |= _times(cases, notes, opened, since, until)
    closed = [
        row for row in cases.values() if row["state"] == "CLOSED" and since <= row["closed_ms"] <= until
    ]
    said["closed_unverified",] = sum(row["resolution"] == "unverified" for row in closed), len(closed)
    return said


def _times(
    cases: dict[str, dict[str, Any]],
    notes: list[dict[str, Any]],
    opened: list[dict[str, Any]],
    since: int,
    until: int,
) -> Said:
    taken: dict[str, int] = {}
    settled: dict[str, int] = {}
    whistled: dict[str, int] = {}
    signed: dict[str, int] = {}
    triaged: Counter[str] = Counter()
    again = triages = 0
    for note in notes:
        case, at = note["case_id"], note["at_ms"]
        if note["actor"] and note["event"] != "raise":
            taken[case] = min(at, taken.get(case, at))
        if note["after"] in ("RESOLVED", "CLOSED"):
            settled[case] = min(at, settled.get(case, at))
        for event, book in (("whistle", whistled), ("department signs", signed)):
            if note["event"] == event:
                book[case] = min(at, book.get(case, at))
        if note["event"] == "triage":
            triaged[case] += 1
            if since <= at <= until:
                triages += 1
                again += triaged[case] > 1
    said: Said = {("retriaged",): (again, triages)}
    spans: dict[tuple[str, str], list[int]] = {}
    for row in opened:
        kind = f"{row['family']}/{row['kind']}"
        spans.setdefault(("time_to_detect", kind), []).append(max(0, row["opened_ms"] - row["first_seen_ms"]))
    for name, book in (("time_to_report", taken), ("time_to_resolve", settled)):
        for case, at in book.items():
            if since <= at <= until:
                kind = f"{cases[case]['family']}/{cases[case]['kind']}"
                spans.setdefault((name, kind), []).append(at - cases[case]["opened_ms"])
    for key, values in spans.items():
        said[key] = rank(values, 50), len(values)
    waited = [signed[case] - at for case, at in whistled.items() if case in signed and since <= at <= until]
    took = [
        cases[case]["closed_ms"] - at
        for case, at in whistled.items()
        if cases[case]["closed_ms"] is not None and since <= cases[case]["closed_ms"] <= until
    ]
    said["whistle_to_check_in_p90",] = rank(waited, 90), len(waited)
    said["whistle_to_close_p90",] = rank(took, 90), len(took)
    return said
