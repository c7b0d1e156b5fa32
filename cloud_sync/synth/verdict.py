"""One line of the table that a check prints."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    what: str
    found: str
    wanted: str
    good: bool


def agrees(what: str, found: int, wanted: int) -> Verdict:
    return Verdict(what, str(found), str(wanted), found == wanted)


def holds(what: str, fault: str, wanted: str) -> Verdict:
    """Good when there is no fault."""
    return Verdict(what, fault or "yes", wanted or "yes", not fault)
