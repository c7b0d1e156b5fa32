"""What is told about a stay, and when: bookings with their revisions, registrations, receipts of the lodging report."""

from collections.abc import Iterator
from random import Random

from cloud_sync.core.codes import mod11_2
from cloud_sync.synth.homes import Homes
from cloud_sync.synth.rows import Calendar
from cloud_sync.synth.stay import DAY, Member, Stay
from cloud_sync.synth.streams import weighted

MODIFY_SHARE = 0.09
REGISTERED_BY = 4 * 60  # minutes before the planned arrival by which everybody is
REPORT_CLOCK = DAY  # minutes from the first entry until the report is due
METHODS = (("self", 55), ("kiosk", 15), ("operator", 20), ("live-video", 10))
Row = tuple[int, str, tuple[str, ...]]


class Teller:
    """Turns stays into rows of files; ``rng`` is the day's own stream for what is told."""

    def __init__(self, homes: Homes, calendar: Calendar) -> None:
        self._homes, self._calendar = homes, calendar

    def tell(self, rng: Random, stay: Stay) -> Iterator[Row]:
        yield from self._bookings(rng, stay)
        yield from self._registrations(rng, stay)
        if not stay.cancelled:
            yield from self._reports(rng, stay)

    # --- bookings ------------------------------------------------------------------------------------------------

    def _bookings(self, rng: Random, stay: Stay) -> Iterator[Row]:
        revision, last_out = 1, stay.first_out or stay.planned_out
        final_from = stay.received
        if not stay.label and not stay.cancelled and rng.random() < MODIFY_SHARE:
            # The first telling had a later hour of arrival, or one night more besides.
            wrong_out = last_out + DAY if rng.random() < 0.4 else last_out
            yield from self._row(stay, stay.received, 1, stay.planned_in + 60, wrong_out)
            revision, final_from = 2, rng.randrange(stay.received + 1, stay.planned_in - 280)
        elif stay.label == "out_of_order":
            yield from self._row(stay, stay.received, 1, stay.planned_in + 90, last_out)
            yield from self._row(stay, stay.received + 4, 2, stay.planned_in + 60, last_out)
            revision, final_from = 3, stay.received + 2
        yield from self._row(stay, final_from, revision, stay.planned_in, last_out)
        if stay.label == "duplicate_feed":
            yield from self._row(
                stay, final_from + rng.randrange(1, 600), revision, stay.planned_in, last_out
            )
        if stay.extended_at is not None:
            yield from self._row(stay, stay.extended_at, revision + 1, stay.planned_in, stay.planned_out)
        if stay.moved_to >= 0:
            yield from self._row(
                stay, stay.moved_at, revision + 1, stay.planned_in, stay.planned_out, room=stay.moved_to
            )
        cancelled_at = self._cancelled_at(rng, stay, final_from)
        if cancelled_at is not None:
            stay.extras["cancelled_at"] = cancelled_at
            yield from self._row(
                stay, cancelled_at, revision + 1, stay.planned_in, stay.planned_out, state="cancelled"
            )

    def _cancelled_at(self, rng: Random, stay: Stay, told: int) -> int | None:
        """A third on the day of arrival, the others before; with luggage inside: at noon of the second day."""
        if stay.label == "cancelled_with_luggage":
            return (stay.day + 1) * DAY + 12 * 60
        if not stay.cancelled:
            return None
        midnight = stay.day * DAY
        on_the_day = rng.random() < 1 / 3 or told + 1 >= midnight
        first, last = (max(midnight, told + 1), stay.planned_in - 10) if on_the_day else (told + 1, midnight)
        return rng.randrange(first, max(first + 1, last))

    def _row(
        self,
        stay: Stay,
        at: int,
        revision: int,
        arrival: int,
        departure: int,
        *,
        room: int = -1,
        state: str = "confirmed",
    ) -> Iterator[Row]:
        held = self._homes.rooms[room if room >= 0 else stay.room]
        cells = (
            stay.source,
            stay.ref,
            str(revision),
            self._homes.listings[held.listing].code,
            held.ref,
            self._calendar.text(arrival),
            self._calendar.text(departure),
            str(len(stay.members)),
            state,
            stay.lead_name,
        )
        yield at, "bookings", cells

    # --- registrations ---------------------------------------------------------------------------------------------

    def _registrations(self, rng: Random, stay: Stay) -> Iterator[Row]:
        # Whoever cancels in the last hours had been ready to come: an order that nobody is registered for would be D14.
        early = stay.extras.get("cancelled_at", 0) <= stay.planned_in - REGISTERED_BY
        if stay.cancelled and early and rng.random() < 0.5:
            return  # they never got that far
        for k, member in enumerate(stay.members):
            if member.registered_at is None:
                continue
            if k == 0 and stay.label == "D10":
                for attempt in range(3):
                    yield self._registration(
                        rng, stay, k, member, member.registered_at - 12 + attempt * 3, wrong=True
                    )
            yield self._registration(rng, stay, k, member, member.registered_at)

    def _registration(
        self, rng: Random, stay: Stay, k: int, member: Member, at: int, *, wrong: bool = False
    ) -> Row:
        person = member.person
        number = _mistyped(person.document_number) if wrong else person.document_number
        guardian = person.minor and member.guardian
        foreign = person.foreign
        cells = (
            stay.source,
            stay.ref,
            person.name,
            person.document_type,
            number,
            person.birth.isoformat(),
            str((2, 3, 4)[weighted(rng, (60, 30, 10))]),
            person.issuer,
            METHODS[weighted(rng, tuple(share for _, share in METHODS))][0],
            stay.members[0].person.phone if guardian else "",
            "child" if guardian else "",
            # beside it
            str(k),
            person.sex,
            person.phone,
            person.email,
            "yes" if person.smartphone else "no",
            "yes" if person.face else "no",
            person.issuer if foreign else "CHN",
            person.mrz,
        )
        return at, "registrations", cells

    # --- what came back from above -----------------------------------------------------------------------------------

    def _reports(self, rng: Random, stay: Stay) -> Iterator[Row]:
        for k in stay.present:
            member = stay.members[k]
            if member.registered_at is None:
                continue
            entered = max(stay.arrive, member.registered_at)
            due = stay.arrive + REPORT_CLOCK
            sent = entered + rng.randrange(1, 45)
            if stay.label == "D12" and stay.turn % 2 == 0:
                sent = due + rng.randrange(60, 30 * 60)
            if stay.label == "D13":
                yield self._report(stay, k, sent, due, "rejected")
                sent += rng.randrange(3 * 60, 20 * 60)
            yield self._report(stay, k, sent, due, "acked")

    def _report(self, stay: Stay, k: int, at: int, due: int, result: str) -> Row:
        receipt = f"RC-{stay.number:07}-{k}-{result[0]}"
        return at, "reports", (stay.source, stay.ref, str(k), self._calendar.text(due), result, receipt)


def _mistyped(number: str) -> str:
    """The same document with its check character gone wrong."""
    if len(number) != 18:
        return number[:-1] + "*"
    right = mod11_2(number[:17])
    return number[:17] + ("X" if right != "X" else "0")
