"""The commissioning list of one door: what is tried, what a report says, and whether a door may give grants by it.

Pure: reports come in as bytes, and who checks the signature is handed in.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

FORMAT = 1

# In front of what is signed, so that this signature can never stand for anything else the device key signs.
SIGNED = b"gatehouse-commissioning-1\n"

# A report is some two pages of text; more is none.
REPORT_BYTES_MAX = 64_000

Verify = Callable[[bytes, bytes, bytes], bool]  # (public key, message, signature)


class Item(StrEnum):
    """The list, in the order it is walked (hardware.md §11, domain.md §5.8)."""

    LOCK = "lock"  # a pulse opens it, and it holds again
    CONTACT = "contact"  # both ways
    REX = "rex"  # the way out, by button or by handle
    FIRE = "fire"  # opens, stays open, and ends by a person
    DEAD_LEVEL = "dead_level"  # seen with gate-io killed
    CAMERA = "camera"
    SIGN = "sign"
    OTHER_WAY = "other_way"  # code, PIN or card within reach
    POWER = "power"  # the way out without any current


class Outcome(StrEnum):
    PASSED = "passed"
    NOT_FITTED = "not_fitted"  # this door has no such thing, and does not need it
    FAILED = "failed"
    LEFT = "left"  # the technician stopped here


SETTLED = frozenset({Outcome.PASSED, Outcome.NOT_FITTED})

# No door is without these: it has a lock, people leave by it, and they come in without a face.
NEVER_LEFT_OUT = frozenset({Item.LOCK, Item.REX, Item.OTHER_WAY, Item.POWER})


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Check:
    """One try at one item.  ``seen`` is what node and gate-io reported, ``attested`` what only eyes could tell."""

    item: Item
    outcome: Outcome
    seen: str
    attested: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One walk; ``checks`` holds every try, also those that failed, in their order."""

    node: str
    access_point: str
    wiring: str  # of the door's table in the I/O profile (gateio.wiring)
    lock_profile: str
    by: str
    software: str
    began_ms: int
    ended_ms: int
    checks: tuple[Check, ...]

    @property
    def latest(self) -> dict[Item, Check]:
        """The last try at each item."""
        return {check.item: check for check in self.checks}

    @property
    def verdict(self) -> Verdict:
        latest = self.latest
        if any(check.outcome is Outcome.FAILED for check in latest.values()):
            return Verdict.FAILED
        done = {item for item, check in latest.items() if check.outcome in SETTLED}
        skipped = {item for item, check in latest.items() if check.outcome is Outcome.NOT_FITTED}
        whole = done == set(Item) and not skipped & NEVER_LEFT_OUT
        return Verdict.PASSED if whole else Verdict.UNFINISHED


def canonical(value: Mapping[str, Any]) -> bytes:
    """One spelling of one value: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def body_of(report: Report) -> bytes:
    return canonical({"format": FORMAT, "verdict": report.verdict, **asdict(report)})


def signed_file(report: Report, key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """What is kept: the report, the public half of the key, and the signature over the report's canonical bytes."""
    body = body_of(report)
    return canonical(
        {
            "report": json.loads(body),
            "key": base64.b64encode(key).decode(),
            "signature": base64.b64encode(sign(SIGNED + body)).decode(),
        }
    )


@dataclass(frozen=True, slots=True)
class NotOne:
    """Why this is no report that can be believed."""

    why: str


def read_signed(data: bytes, verify: Verify) -> tuple[Report, bytes] | NotOne:
    """The report and the key that signed it; whatever the bytes are, a value comes back."""
    if len(data) > REPORT_BYTES_MAX:
        return NotOne("is too long for a report")
    try:
        tree = json.loads(data)
        key = base64.b64decode(tree["key"], validate=True)
        signature = base64.b64decode(tree["signature"], validate=True)
        body = canonical(tree["report"])
        report = _report(tree["report"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return NotOne(f"is no commissioning report ({type(error).__name__})")
    if not verify(key, SIGNED + body, signature):
        return NotOne("was changed after it was signed, or signed by another key")
    if body != body_of(report):
        return NotOne("says of itself what its checks do not say")
    return report, key


def read_draft(data: bytes) -> Report | None:
    """A walk that was interrupted; None when it cannot be read, and the list is begun anew."""
    try:
        return _report(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _report(tree: Mapping[str, Any]) -> Report:
    checks = tuple(
        Check(
            Item(one["item"]),
            Outcome(one["outcome"]),
            str(one["seen"]),
            str(one["attested"]),
            int(one["at_ms"]),
        )
        for one in tree["checks"]
    )
    return Report(
        node=str(tree["node"]),
        access_point=str(tree["access_point"]),
        wiring=str(tree["wiring"]),
        lock_profile=str(tree["lock_profile"]),
        by=str(tree["by"]),
        software=str(tree["software"]),
        began_ms=int(tree["began_ms"]),
        ended_ms=int(tree["ended_ms"]),
        checks=checks,
    )


def why_not(report: Report, key: bytes, *, node: str, door: str, wiring: str, own_key: bytes) -> str:
    """Why this report does not commission this door of this node as it is wired now; empty: it does."""
    if key != own_key:
        return "the report was signed by another node's key"
    if (report.node, report.access_point) != (node, door):
        return f"the report is about {report.access_point} of node {report.node}"
    if report.verdict is not Verdict.PASSED:
        failed = [item for item, check in report.latest.items() if check.outcome is Outcome.FAILED]
        return f"the last walk ended {report.verdict}" + (f" at {', '.join(failed)}" if failed else "")
    if report.wiring != wiring:
        return "the door's wiring in the I/O profile was changed since"
    return ""
