"""One stay as it really happened, and what was told about it.  Times are minutes since the run's first midnight."""

from dataclasses import dataclass, field

from cloud_sync.synth.people import Person

DAY = 24 * 60
GRACE = 60  # what a guest may be late by the house's custom; whoever stays longer does so on purpose here

# The labels whose people never come in.
ABSENT = frozenset({"D08", "no_show"})


@dataclass(slots=True)
class Member:
    person: Person
    credential: str
    registered_at: int | None  # None: never
    enters: bool = True
    guardian: bool = True  # of a minor: contact and relation are told


@dataclass(slots=True)
class Stay:
    number: int
    day: int  # of arrival, as booked
    source: str
    ref: str
    listing: int
    room: int  # as registered at the start
    members: list[Member]
    planned_in: int
    planned_out: int
    arrive: int
    leave: int
    nights: int
    label: str  # what is wrong with it, or ""
    turn: int  # which of the label's variants
    waited: bool = False  # the room was not free when they came
    used_room: int = -1  # whose lock they open; ``room`` unless something is wrong
    moved_to: int = -1
    moved_at: int = 0
    cancelled: bool = False
    partner: str = ""  # the other stay with the same document
    received: int = 0
    lead_name: str = ""  # as the platform wrote it
    extended_at: int | None = None
    first_out: int = 0  # the departure before an extension
    extras: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.source} {self.ref}"

    @property
    def present(self) -> list[int]:
        return [k for k, member in enumerate(self.members) if member.enters]

    def who(self, member: int) -> str:
        """How events name a guest: the booking and the place in the party, 0 being the lead."""
        return f"{self.source} {self.ref} {member}"

    def lock_at(self, minute: int) -> int:
        """The room whose lock they open."""
        return self.moved_to if self.moved_to >= 0 and minute >= self.moved_at else self.used_room
