"""Who comes on a day, when, for how long, and into which room (domain.md §18.4)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

from cloud_sync.synth.deal import Dealer
from cloud_sync.synth.demand import arrivals
from cloud_sync.synth.factors import NIGHTS, PARTY
from cloud_sync.synth.homes import OPEN_STATES, Homes
from cloud_sync.synth.hours import ArrivalHours
from cloud_sync.synth.names import other_writing
from cloud_sync.synth.people import People, Person
from cloud_sync.synth.rooms import RoomBook
from cloud_sync.synth.shape import DataSet, Shape
from cloud_sync.synth.stay import ABSENT, DAY, GRACE, Member, Stay
from cloud_sync.synth.streams import Streams, weighted

SOURCES = ("tujia", "platform-b", "direct", "ical-a")
CANCEL_SHARE = 0.11  # of all bookings
EXTEND_SHARE = 0.06 / 0.42  # of the stays of two nights and more
NOON = 12 * 60
BOOK_AHEAD = 290  # minutes a booking is there before its planned arrival; registration is due 240 before
TWO_PEOPLE = frozenset({"D06", "D20"})
TWO_NIGHTS = frozenset({"room_move", "cancelled_with_luggage"})
LONG_STAY = 31
LEAD_MAX = 21  # days a booking is made ahead, at most
PERMITS = (("hk_mo_permit", "H00000000"), ("hk_mo_permit", "M00000000"), ("tw_permit", "00000000"))


class RoomsUsedUp(ValueError):
    """More people were asked for than the community has beds."""


class Parties:
    """Every stay and cancelled booking, day of arrival after day of arrival."""

    def __init__(self, shape: Shape, dataset: DataSet, homes: Homes, streams: Streams) -> None:
        self._shape, self._homes, self._streams = shape, homes, streams
        self._start = dataset.start
        self._people = People(streams.of("people"), dataset.start)
        self._dealer = Dealer(streams, dataset.block)
        self._counts = arrivals(streams.of("arrivals"), dataset.start, shape.arrivals)
        self._book = RoomBook([r for r in homes.rooms if homes.listings[r.listing].state in OPEN_STATES])
        # Whoever may not take guests, and does.  Not the reviewed: a new listing is not a crime.
        self._closed = [r for r in homes.rooms if homes.listings[r.listing].state in ("SUSPENDED", "REVOKED")]
        self._hours = ArrivalHours(streams.of("arrival hours"))
        self._other_hours = ArrivalHours(streams.of("hours of the cancelled"))
        self._number = 0
        self._owed = 0.0  # cancelled bookings still to be made
        self._permits = [0] * len(PERMITS)  # until which minute each of the all-zero documents is in use

    def next_day(self, day: int) -> Iterator[Stay]:
        """All bookings for one day of arrival; days are asked for in order."""
        rng = self._streams.of(f"stays/{day}")
        self._people.today = self._start + timedelta(days=day)
        self._book.begin(day)
        left = next(self._counts)
        before: Stay | None = None
        while left > 0:
            stay = self._stay(rng, day, left, before)
            left -= len(stay.present)
            self._owed += CANCEL_SHARE / (1 - CANCEL_SHARE)
            before = stay
            yield stay
        while self._owed >= 1:
            self._owed -= 1
            cancelled = self._cancelled(rng, day)
            if cancelled is not None:
                yield cancelled

    # --- one party ---------------------------------------------------------------------------------------------

    def _stay(self, rng: Random, day: int, left: int, before: Stay | None) -> Stay:
        label, turn = self._label(left, before)
        size = min(1 + weighted(rng, PARTY), left)
        if label in TWO_PEOPLE or (label in ("D01", "D02") and turn % 3 == 1):
            size = 2 if label == "D06" else max(size, 2)
        nights = self._nights(rng, label)
        arrive = day * DAY + self._hours.minute()
        stay = self._plan(
            rng, day, nights, arrive, self._party(rng, size, arrive + nights * DAY), label, turn
        )
        _shape_label(rng, stay, self._people, before)
        self._settle(rng, stay)
        _extend(rng, stay)
        return stay

    def _label(self, left: int, before: Stay | None) -> tuple[str, int]:
        """A label this stay can carry; the others wait for the next."""
        label = self._dealer.deal()
        needs_two = label in TWO_PEOPLE or (label in ("D01", "D02") and self._dealer.turns[label] % 3 == 1)
        nobody = label == "D09" and (before is None or before.label != "" or before.members[0].person.minor)
        if (needs_two and left < 2) or nobody or (label == "D08" and not self._closed):
            self._dealer.keep(label)
            return "", 0
        return label, self._dealer.turn(label) if label else 0

    def _nights(self, rng: Random, label: str) -> int:
        nights = NIGHTS[weighted(rng, tuple(share for _, share in NIGHTS))][0]
        if label == "D18":
            return LONG_STAY + rng.randrange(10)
        least = 4 if label == "D04" else 2 if label in TWO_NIGHTS else 1
        return max(nights, least)

    def _party(self, rng: Random, size: int, until: int) -> list[Member]:
        """The lead is grown up; 6 % of all people are minors, 3 % of the parties foreign, 5 % of people 65 or older."""
        foreign = rng.random() < 0.03
        people = [self._people.one("old" if rng.random() < 0.06 else "adult", foreign=foreign)]
        for _ in range(size - 1):
            at = rng.random()
            kind = "minor" if at < 0.127 else "old" if at < 0.17 else "adult"
            people.append(
                self._people.one(
                    "minor" if kind == "minor" else "old" if kind == "old" else "adult", foreign=foreign
                )
            )
        if not foreign and rng.random() < 0.01:
            people[0] = self._permit(rng, people[0], until)
        return [Member(person, _credential(rng, person), None) for person in people]

    def _permit(self, rng: Random, person: Person, until: int) -> Person:
        """One of the three all-zero permits, if nobody else in the house has it now."""
        at = rng.randrange(len(PERMITS))
        if self._permits[at] > until - 8 * DAY:
            return person
        self._permits[at] = until + 2 * DAY
        kind, number = PERMITS[at]
        return _with_document(person, kind, number)

    def _plan(
        self, rng: Random, day: int, nights: int, arrive: int, members: list[Member], label: str, turn: int
    ) -> Stay:
        planned_in = min(day * DAY + 20 * 60, (arrive - 20) // 30 * 30)
        self._number += 1
        source = "ical-a" if label == "ical_late" else SOURCES[weighted(rng, (45, 30, 15, 10))]
        stay = Stay(
            number=self._number,
            day=day,
            source=source,
            ref=f"{source[:1].upper()}{self._number:07}",
            listing=-1,
            room=-1,
            members=members,
            planned_in=planned_in,
            planned_out=(day + nights) * DAY + NOON,
            arrive=arrive,
            leave=(day + nights) * DAY + _departure_minute(rng),
            nights=nights,
            label=label,
            turn=turn,
        )
        stay.received = _received(rng, stay)
        lead = members[0].person.name
        stay.lead_name = other_writing(rng, lead) if label == "name_variant" else lead
        first = max(stay.received + 5, planned_in - 2 * DAY)
        at = rng.randrange(first, planned_in - 250)
        for k, member in enumerate(members):
            member.registered_at = at + k
        return stay

    def _settle(self, rng: Random, stay: Stay) -> None:
        """A room of their own until they leave; the label decides for whom there is none."""
        if stay.label == "D08":
            largest = max(room.occupancy for room in self._closed)
            del stay.members[largest:]
            fitting = [room for room in self._closed if room.occupancy >= len(stay.members)]
            self._lodge(stay, rng.choice(fitting).index)
            return
        self._lodge(stay, self._room_for(rng, stay))
        held = max(stay.leave, stay.planned_out)
        self._book.hold(stay.room, held)
        if stay.label == "room_move":
            other = self._book.take(rng, len(stay.members), stay.day * DAY)
            if other is None:
                stay.label = ""
            else:
                self._book.hold(other, held)
                stay.moved_to, stay.moved_at = other, (stay.day + 1) * DAY + rng.randrange(600, 780)
        elif stay.label == "D11":
            mine = self._homes.listings[stay.listing].rooms
            others = [room for room in mine if room != stay.room]
            stay.used_room = rng.choice(others or self._homes.listings[stay.listing - 1].rooms)
        elif stay.label == "D06":
            if self._homes.rooms[stay.room].occupancy == len(stay.members):
                self._crowd(stay)
            else:
                stay.label = ""  # all small rooms are taken: there is space enough

    def _lodge(self, stay: Stay, room: int) -> None:
        stay.room = stay.used_room = room
        stay.listing = self._homes.rooms[room].listing

    def _room_for(self, rng: Random, stay: Stay) -> int:
        """A room that is free or will be today; in a full house a party is only as large as the rooms left."""
        while True:
            people = 1 if stay.label == "D06" else len(stay.members)
            room = self._book.take(rng, people, stay.arrive)
            if room is not None:
                return room
            waiting = self._book.take_waiting(people)
            if waiting is not None:
                room, minute = waiting
                stay.waited = minute > stay.arrive
                stay.arrive = max(stay.arrive, minute)
                return room
            if people == 1:
                raise RoomsUsedUp(f"{self._shape.code} has no room left on day {stay.day}")
            stay.members.pop()
            if stay.label in TWO_PEOPLE or (stay.label in ("D01", "D02") and stay.turn % 3 == 1):
                stay.label = ""  # it was about the one who stays at home now

    def _crowd(self, stay: Stay) -> None:
        """One more is declared than the room may hold, after everybody else, and never comes."""
        last = max(member.registered_at or 0 for member in stay.members) + 1
        extra = Member(self._people.one(), "qr", last, enters=False)
        stay.members.append(extra)

    # --- bookings that come to nothing ---------------------------------------------------------------------------

    def _cancelled(self, rng: Random, day: int) -> Stay | None:
        nights = self._nights(rng, "")
        arrive = day * DAY + self._other_hours.minute()
        size = 1 + weighted(rng, PARTY)
        room = self._book.take(rng, size, arrive)
        if room is None:
            return None  # fully booked: nobody could have booked and cancelled
        stay = self._plan(rng, day, nights, arrive, self._party(rng, size, arrive), "", 0)
        self._book.hold(room, stay.planned_out)
        self._lodge(stay, room)
        stay.cancelled = True
        for member in stay.members:
            member.enters = False
        return stay


def _with_document(person: Person, kind: str, number: str) -> Person:
    return replace(person, document_type=kind, document_number=number, issuer="CHN", mrz="")


def _shape_label(rng: Random, stay: Stay, people: People, before: Stay | None) -> None:
    """What the label changes about the people and the times; the room comes later."""
    label, turn, members = stay.label, stay.turn, stay.members
    if label in ABSENT or (label == "D02" and turn % 3 != 1):
        for member in members:
            member.enters = False
    elif label == "D02":
        members[-1].enters = False
    elif label == "D01":
        _unregistered(rng, stay)
    elif label == "D03":
        stay.leave = stay.planned_out + GRACE + rng.randrange(60, 20 * 60)
    elif label == "D04":
        stay.leave = (stay.day + 1) * DAY + rng.randrange(9 * 60, 11 * 60)
    elif label == "D14":
        late = max(stay.planned_in - rng.randrange(10, 180), stay.received + 10)
        for k, member in enumerate(members):
            member.registered_at = min(late + k, stay.arrive - 5)
    elif label == "D20":
        members[-1] = Member(people.one("minor"), "qr", members[0].registered_at, guardian=False)
    elif label == "D09" and before is not None:
        members[0].person = before.members[0].person
        stay.partner = before.key
        stay.lead_name = members[0].person.name
    elif label == "D19":
        members[0].credential = "qr"
    elif label == "cancelled_with_luggage":
        stay.leave = (stay.day + 1) * DAY + rng.randrange(13 * 60, 14 * 60)


def _unregistered(rng: Random, stay: Stay) -> None:
    """0: the whole party comes first and registers later; 1: one companion never does; 2: nobody ever does."""
    variant = stay.turn % 3
    if variant == 1:
        stay.members[-1].registered_at = None
        return
    later = stay.arrive + rng.randrange(2 * 60, 9 * 60)
    for k, member in enumerate(stay.members):
        member.registered_at = later + k if variant == 0 else None


def _extend(rng: Random, stay: Stay) -> None:
    """The last night was asked for in time: in the morning, or (a fifth) after ten in the evening before."""
    if stay.label or stay.nights < 2 or rng.random() >= EXTEND_SHARE:
        return
    stay.first_out = stay.planned_out - DAY
    day = stay.first_out // DAY
    evening = rng.random() < 0.2
    stay.extended_at = (
        (day - 1) * DAY + rng.randrange(22 * 60, 24 * 60)
        if evening
        else day * DAY + rng.randrange(8 * 60, 11 * 60 + 30)
    )


def _departure_minute(rng: Random) -> int:
    """N(10:40, 1.2 h) before noon; 8 % use the grace after it."""
    if rng.random() < 0.08:
        return NOON + rng.randrange(1, GRACE - 10)
    while True:
        minute = int(rng.gauss(10 * 60 + 40, 72))
        if 6 * 60 <= minute < NOON - 5:
            return minute


def _received(rng: Random, stay: Stay) -> int:
    """30 % on the same day, the median two days before, at most three weeks."""
    latest = stay.planned_in - BOOK_AHEAD
    if stay.label == "ical_late":
        return latest - rng.randrange(0, 60)
    kind = weighted(rng, (30, 14, 14, 26, 16))
    midnight = stay.day * DAY
    if kind == 0:
        return (
            rng.randrange(midnight + min(10, latest - midnight - 1), latest)
            if latest > midnight + 1
            else latest
        )
    lead = (0, 1, 2, rng.randrange(3, 8), rng.randrange(8, LEAD_MAX))[kind]
    return min(midnight - lead * DAY + rng.randrange(7 * 60, 23 * 60 + 30), latest)


def _credential(rng: Random, person: Person) -> str:
    if person.face:
        return "face"
    if not person.smartphone or person.minor:
        return "card" if rng.random() < 0.5 else "pin"
    return "qr" if rng.random() < 0.9 else "pin"
