"""Who may come in, by what has come aboard: the watcher's own judgement of passes, codes and their age (access.md §5-8)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.core.events import ClockState, CredentialKind, Fact, Stamp
from edge.core.passes import ENTRY_PREREQS, Pass, PassState, Prereq, SubjectClass
from sim.box import DOOR
from sim.house import House, parse_code, signature_of
from sim.loop import Hours
from sim.people import STEP_MS
from sim.script import S_NS, Guest

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EARLY_MS = 2 * HOUR_MS  # a gate opens for its guests two hours before their window
FIRST_STEPS, LATER_STEPS = 3, 1  # ±90 s at first, then within one step of what that has taught
SHOWN_FOR_NS = 10 * S_NS  # a decision waits for its turn at the door, and never for so long

PASS_RULE = "domain 1 an allow has its pass"
CODE_RULE = "domain 15 a code opens once"
CLASS_RULE = "domain 4 class only"
CLOCK_RULE = "9 clock"

Objection = tuple[str, str] | None  # the broken rule, and what was seen


@dataclass(frozen=True, slots=True)
class Shown:
    """One code held up, as the watcher read it."""

    cred_id: str
    step: int
    is_true: bool
    at_ns: int


class Rights:
    def __init__(self, hours: Hours, house: House) -> None:
        self._hours, self._house = hours, house
        self.passes: dict[str, Pass] = {}
        self._owner: dict[str, str] = {}
        self._revoked: set[str] = set()
        self._shown: list[Shown] = []
        self._used: set[tuple[str, int]] = set()
        self._muddled: set[str] = (
            set()
        )  # shown as an old picture before the phone itself: what that taught is unknown
        self.held_by_phone = False  # what is shown now is a phone's screen of this moment
        self._offset: dict[str, int] = {}  # what the first use has taught the node of each phone

    def brought(self, rows: Sequence[Pass]) -> None:
        """These passes are aboard from now on."""
        self.passes = {row.pass_id: row for row in rows}
        self._revoked |= {row.pass_id for row in rows if row.state is PassState.REVOKED}
        self._owner = {cred.cred_id: row.pass_id for row in rows for cred in row.creds}

    def fell_back(self, rows: Sequence[Pass]) -> None:
        """An older slot is in force again: what was taken away since stays taken."""
        self.brought(
            [replace(row, state=PassState.REVOKED) if row.pass_id in self._revoked else row for row in rows]
        )

    def read_code(self, text: str, *, unseen: bool) -> None:
        try:
            code = parse_code(text)
        except ValueError:
            return
        if code is None:
            return
        keys = {cred.cred_id: cred.verifier for row in self.passes.values() for cred in row.creds}
        key = keys.get(code.credential.hex())
        is_true = key is not None and signature_of(key, code.signed) == code.signature
        cred_id = code.credential.hex()
        self._shown.append(Shown(cred_id, code.step, is_true, self._hours.now_ns))
        if is_true and (unseen or (cred_id not in self._offset and not self.held_by_phone)):
            self._muddled.add(cred_id)

    def objection(self, fact: Fact, stamp: Stamp) -> Objection:
        """Why this allow should not have been: its pass was not good by what is aboard, or its code not true and new."""
        if fact.credential_kind is CredentialKind.QR and (bad := self._bad_code(fact, stamp)):
            return bad
        if fact.pass_id is None:
            return None if fact.subject_ref is None else (CLASS_RULE, "a pseudonym without a pass")
        row = self.passes.get(fact.pass_id)
        if row is None:
            return PASS_RULE, f"{fact.pass_id} is not aboard"
        if Prereq.CLASS_ONLY in row.prereq:
            return CLASS_RULE, f"{row.pass_id} stands in the ledger"
        why = self.not_good(row, stamp) or self.too_old(row, fact.credential_kind)
        return (PASS_RULE, f"{row.pass_id} was let in: {why}") if why else None

    def not_good(self, row: Pass, stamp: Stamp) -> str:
        missing = ENTRY_PREREQS & ~row.prereq
        checks = {
            f"it is {row.state}": row.state is not PassState.ARMED,
            "another door's": DOOR not in row.scope,
            "not registered, or its stay or listing does not permit": row.cls is SubjectClass.GUEST
            and bool(missing),
        }
        if stamp.clock_state is not ClockState.UNTRUSTED:
            checks["its window is over"] = stamp.wall_ms > row.not_after_ms
            checks["its window has not begun"] = stamp.wall_ms < row.not_before_ms - EARLY_MS
        return next((why for why, holds in checks.items() if holds), "")

    def too_old(self, row: Pass, kind: CredentialKind | None) -> str:
        """What a node that nobody has told anything for long may still believe of whom (access.md §7)."""
        issued_ms = self._house.disk.book.head_issued_ms
        assert issued_ms is not None
        age_ms = self._house.clock.read().wall_ms - issued_ms
        checks = {
            "a courier without contact has a signed code only": row.cls is SubjectClass.COURIER
            and not self._house.linked and kind is not CredentialKind.QR,
            "a resident nobody has spoken of for 30 days": row.cls is SubjectClass.RESIDENT and age_ms > 30 * DAY_MS,
            "a guest once the lease of 30 days is over": row.cls is SubjectClass.GUEST
            and self._house.clock.read().state is not ClockState.UNTRUSTED and age_ms > 30 * DAY_MS,
            "staff needs two factors after 7 days": row.cls is SubjectClass.OPERATOR and age_ms > 7 * DAY_MS,
        }  # fmt: skip
        return next((why for why, holds in checks.items() if holds), "")

    def _bad_code(self, fact: Fact, stamp: Stamp) -> Objection:
        if stamp.clock_state is ClockState.UNTRUSTED:
            return CLOCK_RULE, "a code alone opened under an UNTRUSTED clock"
        last_ns = self._hours.now_ns - SHOWN_FOR_NS
        self._shown = [shown for shown in self._shown if shown.at_ns >= last_ns]
        fitting = [
            shown
            for shown in self._shown
            if shown.is_true
            and (shown.cred_id, shown.step) not in self._used
            and fact.pass_id in {None, self._owner.get(shown.cred_id)}
        ]
        if not fitting:
            return CODE_RULE, f"no new true code of {fact.pass_id} was shown"
        cred_id, step = fitting[-1].cred_id, fitting[-1].step
        self._used.add((cred_id, step))
        self._offset.setdefault(cred_id, step - self._node_step())
        return None

    def _node_step(self) -> int:
        return self._house.clock.read().wall_ms // STEP_MS

    def is_honest(self, guest: Guest, row: Pass, by: str, step: int) -> bool:
        """Nothing of pass, clock or code says no, so that a healthy door has to open."""
        reading = self._house.clock.read()
        stamp = Stamp("", 0, reading.wall_ms, reading.state, 0)
        if reading.state is ClockState.UNTRUSTED or self.not_good(row, stamp):
            return False
        if row.cls not in {SubjectClass.GUEST, SubjectClass.RESIDENT} or self.too_old(
            row, CredentialKind.PIN
        ):
            return False
        if by != "code":
            return True
        return guest.cred_id not in self._muddled and self._fits(guest.cred_id, step)

    def _fits(self, cred_id: str, step: int) -> bool:
        off = step - self._node_step()
        learnt = self._offset.get(cred_id)
        used = max((at for cred, at in self._used if cred == cred_id), default=0)
        in_time = abs(off) <= FIRST_STEPS if learnt is None else abs(off - learnt) <= LATER_STEPS
        return in_time and step > used
