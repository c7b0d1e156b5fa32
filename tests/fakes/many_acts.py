"""A community to which anything may happen: every act of the registry, in any order, with what was refused left refused.

``ACTS`` is a hypothesis strategy; ``Town.happen`` plays one act.  Nothing is checked here.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from cloud_sync.core.case_types import BY_PEOPLE, CaseEvent
from cloud_sync.core.policy import HOUR_MS, MINUTE_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.jobs import CaseWork
from cloud_sync.ports import User
from cloud_sync.ports_cases import CaseWish
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.places import PiaRecord
from tests.fakes.community_house import (
    CODE,
    GATE,
    NOON_MS,
    ROOM,
    Gate,
    SteppedClock,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
)

OTHER_ROOM = f"{CODE}-302"
REFS = ("7001", "7002", "7003")
PEOPLE = (User("li", "guard"), User("wang", "guard"), User("chen", "officer"))
FOLDERS = itertools.count()
FACE = ConsentWish("face_access", "face_access-1", "zh", "staff", None)


def canary(n: int) -> tuple[str, str]:
    """Name and document of guest number n, as nobody else's text has them."""
    return f"Zwetschgenkern{n}q", resident_id(f"0000{n:02d}19900131000")


@dataclass
class Town:
    folder: Path
    database: str = ""
    refused: int = 0
    done: list[str] = field(default_factory=list)
    harmed: sa.Connection | None = None

    def __post_init__(self) -> None:
        self.clock = SteppedClock()
        self.books = new_house(self.folder, self.clock, database=self.database)
        self.gate = Gate(self.books)
        self.work = CaseWork(CaseIntake(self.books.house), self.clock)
        self.desk = SqlCaseDesk(self.books.house)
        for person in PEOPLE:
            self.books.accounts.add(person.name, person.role, "a quiet evening at the gate", actor="test")
        take(self.books, "listings", listing_row(), listing_row(room=OTHER_ROOM, label="302"))
        registry = self.books.registry
        pia = PiaRecord("a", "b", "c", "d", "t", self.clock.at_ms + 9_000 * HOUR_MS, synthetic=True)
        registry.enable_face(GATE, registry.record_pia(pia), "chen")
        self.people: list[tuple[str, str]] = []
        self.revision = 1
        for ref in REFS[:2]:
            self.book(ref, 20)

    def happen(self, what: str, ref: str, how: int) -> None:
        """What the product refuses is refused; anything else that goes wrong is a fault of the product."""
        try:
            getattr(self, what)(ref, how)
        except (Refused, NotFound):
            self.refused += 1
        else:
            self.done.append(what)
        self.books.registry.advance_time(since_ms=self.clock.at_ms - 40 * HOUR_MS)

    # --- acts -----------------------------------------------------------------------------------------------------

    def book(self, ref: str, hours: int) -> None:
        self.revision += 1
        rows = booking_row(ref, hours=(-1, 1 + hours), external_revision=self.revision, headcount=2)
        take(self.books, "bookings", rows)

    def cancel(self, ref: str, _how: int) -> None:
        self.revision += 1
        take(self.books, "bookings", booking_row(ref, external_revision=self.revision, state="cancelled"))

    def cancel_by_hand(self, ref: str, _how: int) -> None:
        self.books.registry.cancel_booking("xc", ref, actor="chen", reason="asked")

    def extend(self, ref: str, hours: int) -> None:
        until_ms = NOON_MS + (21 + hours) * HOUR_MS
        self.books.registry.move_departure("xc", ref, until_ms, actor="chen", reason="asked")

    def move(self, ref: str, how: int) -> None:
        room = (ROOM, OTHER_ROOM)[how % 2]
        self.books.registry.move_room("xc", ref, room, actor="chen", reason="asked")

    def register(self, ref: str, proofing: int) -> None:
        name, number = canary(len(self.people))
        self.people.append((name, number))
        row = registration_row(ref, name=name, document_number=number, proofing=proofing % 5)
        take(self.books, "registrations", row)

    def walk(self, _ref: str, which: int) -> None:
        held = self.books.registry.passes()
        if held:
            way = ("in", "out")[which % 2]
            self.gate.tells("access.taken", direction=way, pass_id=held[which % len(held)].pass_id)

    def check_out(self, ref: str, _how: int) -> None:
        self.books.registry.check_out("xc", ref, actor="chen")

    def nobody_came(self, ref: str, _how: int) -> None:
        self.books.registry.confirm_no_show("xc", ref, actor="chen")

    def suspend(self, _ref: str, which: int) -> None:
        held = self.books.registry.passes()
        if held:
            self.books.registry.suspend_pass(held[which % len(held)].pass_id, actor="chen")

    def listing(self, _ref: str, how: int) -> None:
        state = ("ACTIVE", "SUSPENDED", "LAPSED", "WITHDRAWING", "REVOKED")[how % 5]
        take(self.books, "listings", listing_row(state=state), listing_row(room=OTHER_ROOM, state=state))

    def code(self, ref: str, how: int) -> None:
        token = self.books.registry.guest_link("xc", ref)
        self.books.registry.bind_code_key(token, None, bytes([how + 1]) * 32)

    def pin(self, ref: str, _how: int) -> None:
        self.books.registry.issue_pin(self.books.registry.guest_link("xc", ref), None)

    def consent(self, ref: str, _how: int) -> None:
        self.books.registry.consent_for_booking("xc", ref, FACE, actor="chen")

    def withdraw(self, ref: str, _how: int) -> None:
        self.books.registry.withdraw_for_booking("xc", ref, "face_access", actor="chen")

    def alarm(self, _ref: str, how: int) -> None:
        kind = ("door.forced", "door.held", "door.secured", "access.duress")[how % 4]
        self.gate.tells(kind, access_point=GATE)
        self.look(_ref, how)

    def look(self, _ref: str, _how: int) -> None:
        """The jobs have their turn: cases and reconciliation."""
        self.gate.says_hello()
        self.books.reconciler.run_touched()
        self.clock.step(ms=1_500)
        self.work()

    def handle(self, _ref: str, how: int) -> None:
        """Somebody does something with a case, as far as they may."""
        user = PEOPLE[how % 3]
        lines = self.desk.queue(user)
        if lines:
            event = BY_PEOPLE[(how * 7) % len(BY_PEOPLE)]
            other = PEOPLE[(how + 1) % 3].name
            until_ms = self.clock.at_ms + HOUR_MS
            wish = CaseWish(event, reason="looked", to=other, until_ms=until_ms, code="resolved")
            self.desk.act(lines[how % len(lines)].case.id, wish, user)

    def alone(self, _ref: str, how: int) -> None:
        """One person tries the whole way of a case by themselves, the check included."""
        user = PEOPLE[how % 3]
        for line in self.desk.queue(user)[:1]:
            for event in (CaseEvent.ACK, CaseEvent.START, CaseEvent.RESOLVE, CaseEvent.VERIFY):
                with suppress(Refused, NotFound):
                    self.desk.act(line.case.id, CaseWish(event, reason="looked", code="resolved"), user)

    def wait(self, _ref: str, hours: int) -> None:
        self.clock.step(hours=hours, ms=MINUTE_MS)
        self.books.reconciler.run_due()

    def close(self) -> None:
        self.gate.close()
        self.books.close()


WORDS = (
    *(
        "book",
        "cancel",
        "cancel_by_hand",
        "extend",
        "move",
        "register",
        "register",
        "walk",
        "walk",
        "check_out",
    ),
    *("nobody_came", "suspend", "listing", "code", "pin", "consent", "withdraw", "alarm", "look", "handle"),
    *("handle", "wait"),
)
ACTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(REFS), st.integers(0, 19)), min_size=6, max_size=16
)

whatever = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def asked(town: Town, text: str) -> list[Any]:
    """Plain SQL on the books: nothing that keeps a rule is asked whether it holds."""
    if town.harmed is not None:
        return list(town.harmed.execute(sa.text(text)))
    with town.books.engine.connect() as db:
        return list(db.execute(sa.text(text)))


@contextmanager
def harm(town: Town, text: str) -> Iterator[None]:
    """For now the books say something else, as ``asked`` reads them; afterwards they are as they were."""
    with town.books.engine.connect() as db, db.begin() as change:
        db.execute(sa.text(text))
        town.harmed = db
        try:
            yield
        finally:
            town.harmed = None
            change.rollback()
