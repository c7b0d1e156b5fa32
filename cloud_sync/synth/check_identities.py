"""Nobody in the files can be somebody: documents, phones and addresses that belong to no one (domain.md §18.6)."""

import re
from collections.abc import Iterator
from pathlib import Path

from cloud_sync.synth.reading import every, pairs, rows
from cloud_sync.synth.verdict import Verdict, agrees, holds

# The weights and letters once more, from the standards: the generator's own would agree with themselves.
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_LETTERS = "10X98765432"
_MRZ_WEIGHTS = (7, 3, 1)
_PHONES = re.compile(r"\+44 7700 900\d{3}|\+1 202 555 01\d{2}|\+86 000 \d{4} \d{4}")
_MAILS = re.compile(r"[a-z0-9]+@example\.(invalid|com)")
MINUTES_A_DAY = 24 * 60
_PERMIT = re.compile(r"[HM]?0{8}")


def id_fault(number: str, birth: str) -> str:
    """What is wrong with an identity number that should belong to nobody; "" when nothing is."""
    if not re.fullmatch(r"\d{17}[\dX]", number):
        return "shape"
    if not number.startswith("00") or number[14:17] != "000":
        return "somebody's region or serial"
    if number[6:14] != birth.replace("-", ""):
        return "birth date"
    total = sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=False))
    return "" if _ID_LETTERS[total % 11] == number[17] else "check character"


def mrz_fault(line: str, number: str) -> str:
    if len(line) != 44 or line[10:13] != "UTO" or not line.startswith(number):
        return "not a passport of Utopia"
    fields = ((0, 9), (13, 19), (21, 27), (28, 42))
    whole = line[0:10] + line[13:20] + line[21:43]
    good = all(_mrz(line[a:b]) == line[b] for a, b in fields) and _mrz(whole) == line[43]
    return "" if good else "check digits"


def _mrz(text: str) -> str:
    values = (0 if c == "<" else int(c) if c.isdigit() else ord(c) - 55 for c in text)
    return str(sum(value * _MRZ_WEIGHTS[k % 3] for k, value in enumerate(values)) % 10)


def identities(out: Path) -> Iterator[Verdict]:
    """Every document, phone and e-mail address of the run.  Remembers each number once: the only list that grows."""
    wrong = {f"{kind}:{key}" for kind, key in _subjects(out, "D10")}
    shared = {key for kind, key in _subjects(out, "D09")}
    late = _after(out)
    bad = dialable = ""
    people = 0
    mistyped: set[str] = set()
    owners: dict[str, str] = {}
    doubled: set[tuple[str, str]] = set()
    for row, beside in pairs(out, "registrations"):
        people += 1
        key, number = f"{row['source']} {row['external_ref']}", row["document_number"]
        fault = _fault(row, beside)
        if fault == "check character":
            mistyped.add(f"stay:{key}")
            if f"stay:{key}" not in wrong:
                bad = bad or ("" if key in late else f"{fault} ({key})")
        elif fault:
            bad = bad or f"{fault} ({key})"
        elif not _PERMIT.fullmatch(number):
            before = owners.setdefault(number, key)
            if before != key:
                doubled.add((before, key))
        if not _PHONES.fullmatch(beside["phone"]) or not _MAILS.fullmatch(beside["email"]):
            dialable = key
    yield Verdict("people registered", str(people), "> 0", people > 0)
    yield holds("documents belong to nobody and are well formed", bad, "")
    yield holds("phones and addresses reach nobody", dialable, "")
    yield agrees("D10 counted again from the files", len(mistyped & wrong), len(wrong))
    known = {key for pair in shared for key in pair.split("|")}
    strays = {pair for pair in doubled if not set(pair) <= known and not set(pair) & late}
    yield agrees("one document in two stays that nobody planned", len(strays), 0)


def _fault(row: dict[str, str], beside: dict[str, str]) -> str:
    kind, number = row["document_type"], row["document_number"]
    if kind == "resident_id":
        return id_fault(number, row["birth_date"])
    if kind == "passport":
        if number.endswith("*"):
            return "check character"
        return mrz_fault(beside["mrz"], number)
    return "" if _PERMIT.fullmatch(number.rstrip("*")) else "permit of somebody"


def _subjects(out: Path, kind: str) -> Iterator[tuple[str, str]]:
    for row in rows(out, "truth/truth.csv"):
        if row["kind"] == kind:
            before, _, key = row["subject"].partition(":")
            yield before, key


def _after(out: Path) -> set[str]:
    """Bookings told in the run for stays that arrive after it, were it in its last night: what is wrong with them has no
    truth row yet."""
    last = max((row["day"] for row in rows(out, "truth/stays.csv")), default="")
    inside = {
        _key(row)
        for row in rows(out, "truth/stays.csv")
        if row["day"] < last or int(row["minute"]) < MINUTES_A_DAY
    }
    return {_key(row) for row in every(out, "bookings") if _key(row) not in inside}


def _key(row: dict[str, str]) -> str:
    return f"{row['source']} {row['external_ref']}"
