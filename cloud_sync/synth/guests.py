"""Where the guests go on a day, as the doors see it (domain.md §18.5)."""

from collections.abc import Sequence
from random import Random

from cloud_sync.synth.doors import Line, Trouble, counted, denied, guarded, taken
from cloud_sync.synth.homes import Homes
from cloud_sync.synth.others import GUARDS_COUNT
from cloud_sync.synth.place import Place
from cloud_sync.synth.stay import DAY, Stay
from cloud_sync.synth.streams import poisson

# 2.1 trips for each night, of which coming and leaving are 0.6: the rest falls into the 11.1 waking hours that one
# night has on average between the first arrival and the last departure.
TRIPS_PER_HOUR = 1.5 / 11.1
EXTRA_UNLOCKS = 0.9 / 11.1
WAKING = (8 * 60, 22 * 60 + 30)
MINUTE = 60_000
NOT_WALKABLE_MS = (
    15_000  # between two gates; the rule of D19 says twenty seconds, for the whole of both clocks' bounds
)
GUARDS = tuple(f"S-G{k + 1}" for k in range(GUARDS_COUNT))


class Guests:
    """Everybody who is in the house or will be; days are asked for in order."""

    def __init__(self, place: Place, homes: Homes) -> None:
        self._place, self._homes = place, homes
        self._coming: dict[int, list[Stay]] = {}
        self._inside: list[Stay] = []

    def expect(self, stay: Stay) -> None:
        """A stay that somebody comes for, or tries to."""
        if stay.present or stay.label == "D08":
            self._coming.setdefault(stay.arrive // DAY, []).append(stay)

    def day(self, rng: Random, trouble: Trouble, day: int) -> list[Line]:
        out: list[Line] = []
        for stay in self._coming.pop(day, ()):
            if stay.label == "D08":
                self._turned_away(rng, out, stay)
            else:
                self._inside.append(stay)
        still: list[Stay] = []
        for stay in self._inside:
            self._stay(rng, trouble, out, stay, day)
            if stay.leave >= (day + 1) * DAY:
                still.append(stay)
        self._inside = still
        return out

    def night(self) -> dict[int, int]:
        """People in the house at the end of the day, by operator."""
        found: dict[int, int] = {}
        for stay in self._inside:
            operator = self._homes.listings[stay.listing].operator
            found[operator] = found.get(operator, 0) + len(stay.present)
        return found

    # --- one stay on one day ---------------------------------------------------------------------------------------

    def _stay(self, rng: Random, trouble: Trouble, out: list[Line], stay: Stay, day: int) -> None:
        first, last = max(stay.arrive, day * DAY), min(stay.leave, (day + 1) * DAY)
        wakes, sleeps = max(first + 25, day * DAY + WAKING[0]), min(last - 25, day * DAY + WAKING[1])
        hours = max(0, sleeps - wakes) / 60
        for k in stay.present:
            walk = _Walk(self, rng, trouble, out, stay, k)
            if stay.arrive >= day * DAY:
                walk.into(stay.arrive * MINUTE + k * 4_000 + rng.randrange(3_000))
            for leave, back in _trips(rng, wakes, sleeps, poisson(rng, TRIPS_PER_HOUR * hours)):
                walk.out_of(leave)
                walk.into(back)
            for _ in range(poisson(rng, EXTRA_UNLOCKS * hours)):
                walk.unlock(int(rng.uniform(wakes, sleeps)) * MINUTE)
            if stay.leave < (day + 1) * DAY:
                walk.out_of(stay.leave * MINUTE - 240_000 + k * 3_000)

    def _turned_away(self, rng: Random, out: list[Line], stay: Stay) -> None:
        gate = rng.choice(self._place.gates_in)
        who, credential = stay.who(0), stay.members[0].credential
        for seconds in (0, 25):
            at = stay.arrive * MINUTE + seconds * 1000
            out.append((at, gate, denied(who, "guest", credential, "x:ListingNotPermitting")))


def _trips(rng: Random, wakes: int, sleeps: int, count: int) -> Sequence[tuple[int, int]]:
    """(leave, back) in ms, one after the other, with time between to walk through three doors."""
    if not count:
        return ()
    times = sorted(rng.uniform(wakes, sleeps) * MINUTE for _ in range(2 * count))
    moved = [int(at) + k * 200_000 for k, at in enumerate(times)]
    return [(moved[k], moved[k + 1]) for k in range(0, 2 * count, 2)]


class _Walk:
    """One member of a party on the way between the street and the room."""

    def __init__(
        self, guests: Guests, rng: Random, trouble: Trouble, out: list[Line], stay: Stay, k: int
    ) -> None:
        place, homes = guests._place, guests._homes  # noqa: SLF001 - one file, one thing
        self._rng, self._trouble, self._out, self._stay, self._k = rng, trouble, out, stay, k
        self._place, self._moved = place, -1
        self._door = self._later = self._way(homes, stay.listing)
        if stay.moved_to >= 0:
            self._moved = stay.moved_at
            self._later = self._way(homes, homes.rooms[stay.moved_to].listing)
        self._who = (stay.who(k), "guest", stay.members[k].credential)
        self._locks = len(place.points)

    def _way(self, homes: Homes, listing: int) -> int | None:
        """The door of the house that they take on this day, if there is one."""
        unit = homes.listings[listing].unit
        door, lobby = (
            self._place.unit_points.get((unit.building, unit.door)),
            self._place.lobbies.get(unit.building),
        )
        if lobby is not None and (door is None or self._rng.random() < 0.15):
            return lobby
        return door

    def _house(self, ms: int) -> int | None:
        """The door of the house that they live in then."""
        return self._later if 0 <= self._moved <= ms // MINUTE else self._door

    def into(self, ms: int) -> None:
        gate = self._rng.choice(self._place.gates_in)
        self._pass(ms, gate, "in")
        if self._stay.label == "D19" and self._k == 0:
            other = next((g for g in self._place.gates_in if g != gate), gate)
            self._out.append((ms + NOT_WALKABLE_MS, other, taken("in", *self._who)))
        if (door := self._house(ms + 160_000)) is not None:
            self._pass(ms + 70_000 + self._rng.randrange(60_000), door, "in")
        self.unlock(ms + 160_000 + self._rng.randrange(30_000))

    def out_of(self, ms: int) -> None:
        if (door := self._house(ms)) is not None:
            self._pass(ms, door, "out")
        self._pass(ms + 60_000 + self._rng.randrange(60_000), self._rng.choice(self._place.gates_out), "out")

    def unlock(self, ms: int) -> None:
        self._pass(ms, self._locks + self._stay.lock_at(ms // MINUTE), "in")

    def _pass(self, ms: int, point: int, direction: str) -> None:
        stay = self._stay
        registered = stay.members[self._k].registered_at
        if registered is None or registered > ms // MINUTE:
            self._let_in(ms, point, direction)
            return
        many = stay.label == "D05" and self._k == 0 and direction == "in"
        grant = f"{stay.number:07}{ms:015}" if many else ""
        self._trouble.passage(self._out, ms, point, taken(direction, *self._who, grant), self._who)
        if many:
            self._out.append((ms + 3_000, point, counted(grant, len(stay.members) + 1)))

    def _let_in(self, ms: int, point: int, direction: str) -> None:
        """Not registered: the guard opens; only the lead has a pass that can be named."""
        named = f'"who":"{self._who[0]}","class":"guest"' if self._k == 0 else f'"host":"{self._stay.who(0)}"'
        actor = GUARDS[point % len(GUARDS)]
        self._out.append((ms, point, guarded("access.granted", direction, named, actor)))
        self._out.append((ms + 2_000, point, guarded("access.taken", direction, named, actor)))
