"""What the truth table calls things, in the words of the service that was fed: stays, passes and people have its ids."""

from collections.abc import Iterator

import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.score.folder import Folder, moment_ms
from cloud_sync.score.people import People
from cloud_sync.score.truth import Row
from cloud_sync.store import tables
from cloud_sync.store.asking import mine
from cloud_sync.store.engine import reading

_PASSES = sa.select(tables.pass_.c.pass_id, tables.pass_.c.person).where(
    mine(tables.pass_), tables.pass_.c.stay == sa.bindparam("stay")
)


def truth_rows(folder: Folder, books: Books, people: People) -> list[Row]:
    """Every row of the truth table with the subjects that a finding about it may have."""
    return [
        Row(
            number,
            row["kind"],
            row["subject"],
            moment_ms(row["window_start"]),
            moment_ms(row["window_end"]),
            row["note"],
            frozenset(_names(row, books, people)),
        )
        for number, row in enumerate(folder.truth(), start=2)  # as lines of the file are counted
    ]


def _names(row: dict[str, str], books: Books, people: People) -> Iterator[str]:
    sort, name = row["subject"].split(":", 1)
    if sort == "member":
        yield from _of_member(name, people)
    elif sort in ("stay", "stays"):
        for booking in name.split("|"):
            yield from _of_stay(booking, books, people)
        if row["evidence"].startswith(
            "listing "
        ):  # nobody may stay there, so the booking may have made no stay
            yield row["evidence"].removeprefix("listing ")
    else:
        yield name


def _of_member(who: str, people: People) -> Iterator[str]:
    stay = people.stay_of(who.rsplit(" ", 1)[0])
    if stay is not None:
        yield stay
    held = people.holder(who)
    if held is not None:
        yield held.pass_id


def _of_stay(booking: str, books: Books, people: People) -> Iterator[str]:
    stay = people.stay_of(booking)
    if stay is None:
        return
    yield stay
    with reading(books.engine).begin() as db:
        for pass_id, person in db.execute(_PASSES, {"mine": books.house.community, "stay": stay}):
            yield str(pass_id)
            yield str(person)
