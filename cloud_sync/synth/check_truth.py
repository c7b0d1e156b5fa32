"""The truth table against the files: as many rows as were injected, and what can be counted again is."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cloud_sync.synth.reading import every, rows
from cloud_sync.synth.verdict import Verdict, agrees, holds

KINDS = tuple(f"D{k:02}" for k in range(1, 27))
EACH_MIN = 30
WHOLE_RUN = 90  # days of dongfang after which each kind has that many


def truth(out: Path, told: dict[str, Any]) -> Iterator[Verdict]:
    found: Counter[str] = Counter()
    subjects: dict[str, set[str]] = {}
    for row in rows(out, "truth/truth.csv"):
        found[row["kind"]] += 1
        subjects.setdefault(row["kind"], set()).add(row["subject"])
    injected = {**told["truths"], **told["marks"]}
    differ = sorted(kind for kind in {*found, *injected} if found[kind] != injected.get(kind, 0))
    yield holds("truth rows are those injected", ", ".join(differ), "")
    unscored = told["unscored"]
    silent = [kind for kind in KINDS if not found[kind] and not unscored.get(kind)]
    few = [kind for kind in KINDS if found[kind] < EACH_MIN and kind not in unscored]
    if told["community"] == "dongfang" and told["days"] >= WHOLE_RUN:
        yield holds(f"each kind has {EACH_MIN} rows or a reason", ", ".join(few), "")
    else:
        note = f"none in so short a run: {', '.join(silent)}" if silent else "all"
        yield Verdict("kinds with truth rows or a reason", note, "", good=True)
    yield from _counted_again(out, subjects)


def _counted_again(out: Path, subjects: dict[str, set[str]]) -> Iterator[Verdict]:
    """From rows of the files alone: whatever the rows show has to be in the table, and the other way round."""
    inside = {f"{row['source']} {row['external_ref']}" for row in rows(out, "truth/stays.csv")}
    shown = {
        "D06": _crowded(out),
        "D13": _rejected(out),
        "D16": _wrong_codes(out),
        "D17": _wrong_beds(out),
        "D20": _lone(out),
    }
    for kind, keys in shown.items():
        wanted = subjects.get(kind, set())
        seen = {key for key in keys if not key.startswith("stay:") or key.removeprefix("stay:") in inside}
        extra, unseen = seen - wanted, wanted - seen
        # A receipt may come on the day after the last.
        fault = (
            f"{len(extra)} not in the table"
            if extra
            else f"{len(unseen)} not in the files"
            if unseen and kind != "D13"
            else ""
        )
        yield holds(f"{kind} counted again from the files ({len(seen)})", fault, "")
    stale = {f"unit:{row['unit']}" for row in rows(out, "units.csv")} - {f"unit:{u}" for u in _looked_at(out)}
    yield agrees("D24 counted again from the files", len(stale), len(subjects.get("D24", ())))


def _key(row: dict[str, str]) -> str:
    return f"stay:{row['source']} {row['external_ref']}"


def _crowded(out: Path) -> set[str]:
    held = {row["room"]: int(row["max_occupancy"]) for row in rows(out, "rooms.csv")}
    return {_key(row) for row in every(out, "bookings") if int(row["headcount"]) > held.get(row["room"], 0)}


def _rejected(out: Path) -> set[str]:
    return {_key(row) for row in every(out, "reports") if row["result"] == "rejected"}


def _wrong_codes(out: Path) -> set[str]:
    codes = {row["unit"]: row["listing"] for row in rows(out, "listings.csv")}
    return {
        f"listing:{codes[row['unit']]}"
        for row in rows(out, "advertisements.csv")
        if row["unit"] in codes and row["shown_code"] != codes[row["unit"]]
    }


def _wrong_beds(out: Path) -> set[str]:
    beds: Counter[str] = Counter()
    for row in rows(out, "rooms.csv"):
        beds[row["listing"]] += int(row["beds"])
    seen = (row for row in every(out, "inspections") if row["listing"])
    return {f"listing:{row['listing']}" for row in seen if int(row["beds"]) != beds[row["listing"]]}


def _lone(out: Path) -> set[str]:
    """Minors on the first day of whom nobody says who looks after them."""
    first = _first_day(out)
    grown = f"{first.year - 18:04}-{first:%m-%d}"
    every_one = every(out, "registrations")
    return {_key(row) for row in every_one if row["birth_date"] > grown and not row["guardian_contact"]}


def _first_day(out: Path) -> date:
    return date.fromisoformat(min(path.name for path in (out / "events").iterdir())[:10])


def _looked_at(out: Path) -> set[str]:
    """Units looked at within ninety days of the first, by the dossier or by somebody who went there."""
    earliest = (_first_day(out) - timedelta(days=90)).isoformat()
    found = {row["unit"] for row in rows(out, "units.csv") if row["last_verified_at"] >= earliest}
    return found | {row["unit"] for row in every(out, "verifications")}
