"""A community of real people by its settings, for whom reports go to stand-ins on this machine and to nobody else."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.connectors.upstream.courier import Courier
from cloud_sync.connectors.upstream.ways import installed, open_upstream
from cloud_sync.core.codes import listing_code
from cloud_sync.ports_upstream import SubmissionBook
from cloud_sync.store import tables
from cloud_sync.store.tables_upstream import upstream_log, upstream_submission
from cloud_sync.store.upstream_queue import Recipient, SqlSubmissions
from cloud_sync.store.upstream_read import StoredUpstream
from tests.fakes.community_house import (
    CODE,
    SteppedClock,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    take,
)

EXTRA = {
    "family_name": "Testbird",
    "given_names": "Canary",
    "sex": "F",
    "birth_place": "FRA",
    "place_of_issue": "FRA",
    "nationality": "FRA",
    "residence": "FRA\n75001\nParis\n1 Rue du Test",
    "phone": "+33 0 00 00 00 00",
}
NAME = "Canary Testbird"
# A listing takes so many people at once and no more: a storm of guests needs several.
GUESTS_MAX = 90
CODES = (CODE, *(listing_code("000001", f"ST0RM{n:03}") for n in range(1, 16)))
GUARDIAN = "guardian 028 0000 0000"
# What no recipient may ever be told, whatever it asks for.
NEVER = ("EN-canary-event", "face-canary-template", GUARDIAN)


def settings(folder: Path, urls: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The tables of ``[upstream]`` for these addresses; ``csv_drop`` has a folder instead."""
    secrets = {name: folder / f"{name}.secret" for name in ("token", "pass-it", "key-it", "pass-es")}
    for name, path in secrets.items():
        path.write_text(f"{name}\n")
    tables_ = {
        "lodging_report": {"unit_code": "510107", "token_file": str(secrets["token"])},
        "alloggiati_web": {
            "user": "IT1",
            "password_file": str(secrets["pass-it"]),
            "key_file": str(secrets["key-it"]),
            "states": {"ITA": "100000100", "FRA": "100000215"},
        },
        "ses_hospedajes": {
            "user": "ws-es",
            "password_file": str(secrets["pass-es"]),
            "landlord": "0000000001",
            "establishments": {code: f"{12345 + n:010}" for n, code in enumerate(CODES)},
        },
    }
    told: dict[str, dict[str, Any]] = {
        name: {**tables_[name], "url": url, "rehearsal": True, "within_s": 0.4}
        for name, url in urls.items()
        if name != "csv_drop"
    }
    if "csv_drop" in urls:
        told["csv_drop"] = {"folder": str(folder / "drop"), "authority": "the station"}
    return told


@dataclass
class UpstreamHouse:
    """``urls``: the recipients that are told, by their stand-in's address."""

    folder: Path
    urls: Mapping[str, str]
    database: str = ""
    synthetic: bool = False
    clock: SteppedClock = field(default_factory=SteppedClock)
    taken: int = 0  # guests so far

    def __post_init__(self) -> None:
        books = new_house(self.folder, self.clock, synthetic=self.synthetic, database=self.database)
        profile = replace(books.house.profile, reports_to=tuple(self.urls))
        self.books: Books = replace(books, house=replace(books.house, profile=profile))
        self.house = self.books.house
        self.connectors = open_upstream(settings(self.folder, self.urls))
        self.book = self.new_book()
        self.reader = StoredUpstream(self.house)
        take(self.books, "listings", listing_row(max_guests=GUESTS_MAX, unit="1-0"))

    def new_book(self) -> SqlSubmissions:
        return SqlSubmissions(
            self.house, {name: Recipient(way.shape, way.rule) for name, way in installed().items()}
        )

    def courier(self, book: SubmissionBook | None = None) -> Courier:
        return Courier(book or self.book, self.connectors)

    # --- guests ------------------------------------------------------------------------------------------------------

    def guest(self, ref: str = "1001", document: str = "X1234567", *, entered: bool = True) -> str:
        """A booked, registered and (as far as gates know) arrived guest; returns the person."""
        return self.guests([(ref, document)], entered=entered)[0]

    def guests(self, wanted: Sequence[tuple[str, str]], *, entered: bool = True) -> list[str]:
        # A room for each: stays of one room are neighbours, and each new one looks at all of them.
        codes = {ref: CODES[(self.taken + n) // GUESTS_MAX] for n, (ref, _) in enumerate(wanted)}
        self.taken += len(wanted)
        places = {ref: {"listing": code, "room": f"{code}-{ref}"} for ref, code in codes.items()}
        rows = [
            listing_row(max_guests=GUESTS_MAX, unit=f"1-{CODES.index(codes[ref])}", **places[ref])
            for ref in places
        ]
        assert set(take(self.books, "listings", *rows)) <= {"new", "unchanged", "updated"}
        take(self.books, "bookings", *(booking_row(ref, headcount=1, **places[ref]) for ref, _ in wanted))
        people = [
            registration_row(
                ref,
                name=NAME,
                document_type="passport",
                document_issuer="FRA",
                document_number=document,
                birth_date="1988-05-04",
            )
            for ref, document in wanted
        ]
        assert set(take(self.books, "registrations", *people)) == {"new"}
        with self.books.engine.begin() as db:
            booking, member = tables.booking, tables.stay_member
            query = sa.select(booking.c.external_ref, tables.stay.c.stay, member.c.person).where(
                tables.stay.c.booking == booking.c.booking, member.c.stay == tables.stay.c.stay
            )
            found = {row.external_ref: (row.stay, row.person) for row in db.execute(query)}
            if entered:
                stays = [found[ref][0] for ref, _ in wanted]
                change = sa.update(tables.stay).where(tables.stay.c.stay.in_(stays))
                db.execute(change.values(first_entry_ms=self.clock.now_ms(), state="IN_HOUSE"))
        people_ids = [found[ref][1] for ref, _ in wanted]
        for person in people_ids:
            self.house.vault.seal_all(person, {**EXTRA, "guardian_contact": GUARDIAN})
        return people_ids

    def registration(self, person: str) -> Any:
        with self.books.engine.connect() as db:
            table = tables.registration
            return db.execute(sa.select(table).where(table.c.person == person)).one()

    # --- the queue ------------------------------------------------------------------------------------------------------

    def rows(self) -> list[Any]:
        with self.books.engine.connect() as db:
            return list(
                db.execute(
                    sa.select(upstream_submission).order_by(
                        upstream_submission.c.made_ms, upstream_submission.c.turn
                    )
                )
            )

    def row(self) -> Any:
        (row,) = self.rows()
        return row

    def log(self) -> list[Any]:
        with self.books.engine.connect() as db:
            return list(db.execute(sa.select(upstream_log).order_by(upstream_log.c.n)))

    def open_discrepancies(self) -> list[tuple[str, str, str]]:
        table = tables.discrepancy
        query = sa.select(table.c.kind, table.c.severity, table.c.subject).where(table.c.state == "open")
        with self.books.engine.connect() as db:
            return sorted(tuple(row) for row in db.execute(query))

    def rounds(self, most: int = 60) -> None:
        """Deliver until nothing is due any more, the clock jumping to whatever is next."""
        courier = self.courier()
        for _ in range(most):
            courier()
            if not self.jump():
                return
        raise AssertionError([(row.id, row.state, row.problem) for row in self.rows() if row.next_ms])

    def jump(self) -> bool:
        """To when the next report is due; False when none ever is."""
        with self.books.engine.connect() as db:
            column = upstream_submission.c.next_ms
            next_ms = db.execute(sa.select(sa.func.min(column))).scalar()
        if next_ms is None:
            return False
        self.clock.at_ms = max(self.clock.at_ms, next_ms)
        return True

    def close(self) -> None:
        self.books.close()


class Died(BaseException):
    """A worker's machine lost its power."""


class DyingBook:
    """The real queue, for a worker that may die after it has sent and before it has noted what came back."""

    def __init__(self, book: SqlSubmissions, dies: Any) -> None:
        self._book = book
        self._dies = dies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    def note(self, due: Any, outcome: Any) -> None:
        if self._dies():
            raise Died
        self._book.note(due, outcome)


def in_threads(*works: Any) -> None:
    """Run these together and fail with the first of their faults."""
    with ThreadPoolExecutor(len(works)) as pool:
        for one in [pool.submit(work) for work in works]:
            one.result(60)
