"""Spot checks on the database: promised, drawn, visited, published (domain.md §12, true-registration estimate)."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from cloud_sync.core.evidence import Headcount
from cloud_sync.core.lifecycles import STAY_INSIDE
from cloud_sync.core.spot_check import SAMPLE_MAX, SEED_BYTES, Share, commitment, draw, population_hash
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, ask_set, many, mine
from cloud_sync.store.book_stays import is_proved, registered_of
from cloud_sync.store.engine import reading
from cloud_sync.store.evidence_store import end, tell
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_rules import evidence, spot_check, spot_draw

PEOPLE_MAX = 100
_INSIDE = sa.select(tables.stay.c.stay).where(mine(tables.stay), tables.stay.c.state.in_(many("states")))
_VISITS = (
    sa.select(spot_check)
    .where(mine(spot_check), spot_check.c.draw == sa.bindparam("name"))
    .order_by(spot_check.c.place)
)
_CHECKED = sa.select(spot_check.c.registered, spot_check.c.found).where(
    mine(spot_check), spot_check.c.found.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Visit:
    stay: str
    place: int
    registered: int
    found: int | None


@dataclass(frozen=True, slots=True)
class Draw:
    """``seed`` is empty until the list is drawn: before that only its commitment is known to anybody."""

    name: str
    commitment: str
    seed: str
    population: int
    population_hash: str
    visits: tuple[Visit, ...]

    @property
    def share(self) -> Share:
        return share_of((visit.registered, visit.found) for visit in self.visits)


def share_of(found: Iterable[tuple[int, int | None]]) -> Share:
    """Fully registered among those visited: nobody was found who was not registered."""
    seen = [(registered, people) for registered, people in found if people is not None]
    return Share(sum(people <= registered for registered, people in seen), len(seen))


class SpotChecks:
    """One community's."""

    def __init__(self, house: House) -> None:
        self._house = house

    def promise(self, *, actor: str) -> Draw:
        """A new draw: its seed is made and sealed with the community's secrets, its commitment is to be published."""
        with acting(self._house, actor, "staff") as act:
            name = act.new_id("SC")
            seed = self._house.randomness(SEED_BYTES)
            self._house.vault.seal(name, "draft", seed.hex())
            act.on_failure.append(lambda: self._house.vault.forget(name))
            act.insert(spot_draw, draw=name, made_ms=act.now_ms, made_by=actor, commitment=commitment(seed))
            act.note("spot_check.promise", name, None, commitment(seed))
        return self.read(name)

    def begin(self, name: str, size: int, *, actor: str) -> Draw:
        """Draw from the stays in house now, and publish the seed with the list.

        Raises:
            NotFound: no such draw was promised.
            Refused: it was drawn before, or the size is out of range.
        """
        if not 1 <= size <= SAMPLE_MAX:
            raise Refused("spot_check.size", f"a spot check visits 1 to {SAMPLE_MAX} stays.")
        if self.read(name).seed:
            raise Refused("spot_check.again", f"{name} was drawn; a second draw is a new one.")
        # Opening a seal is written down by itself, so before the act that draws; whoever is second finds no seal.
        opened = self._house.vault.open_field(
            name, "draft", actor=actor, purpose="spot check", screen="spot-check"
        )
        with acting(self._house, actor, "staff") as act:
            self._draw(act, name, bytes.fromhex(opened), size)
            act.note("spot_check.draw", name, None, f"{size}")
        self._house.vault.forget(name)
        return self.read(name)

    def _draw(self, act: Act, name: str, seed: bytes, size: int) -> None:
        inside = ask_set(act, _INSIDE, states=sorted(STAY_INSIDE))
        drawn = draw(seed, name, inside, size)
        held = registered_of(act, drawn)
        for place, stay in enumerate(drawn, start=1):
            proved = sum(is_proved(act, row) for row in held.get(stay, {}).values())
            act.insert(spot_check, draw=name, stay=stay, place=place, registered=proved)
        values = {"seed": seed.hex(), "population": len(inside), "population_hash": population_hash(inside)}
        act.update(spot_draw, {"draw": name}, drawn_ms=act.now_ms, **values)

    def visited(self, name: str, stay: str, found: int, *, actor: str) -> None:
        """How many people the check found; more than registered is evidence for D05, no more clears it.

        Raises:
            NotFound: this stay was not drawn.
            Refused: somebody was there already, or the number cannot be.
        """
        if not 0 <= found <= PEOPLE_MAX:
            raise Refused("spot_check.found", f"a check finds 0 to {PEOPLE_MAX} people.")
        key = {"draw": name, "stay": stay}
        with acting(self._house, actor, "staff") as act:
            held = act.row(spot_check, **key)
            if held is None:
                raise NotFound(f"{stay} was not drawn in {name}.")
            if held.found is not None:
                raise Refused("spot_check.again", f"{stay} was visited already; a second look is a new draw.")
            act.update(spot_check, key, found=found, checked_ms=act.now_ms, checked_by=actor)
            if found > int(str(held.registered)):
                tell(act, stay, name, Headcount(found, 0, at_night=False, source="spot_check"))
            else:
                _end_counts(act, stay)
            act.note("spot_check.visit", stay, None, str(found), name)

    def read(self, name: str) -> Draw:
        """Raises: NotFound when no such draw was promised."""
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "spot-check", "system")
            held = act.row(spot_draw, draw=name)
            if held is None:
                raise NotFound(f"no draw {name} was promised.")
            rows = ask(act, _VISITS, name=name)
        visits = tuple(Visit(row.stay, row.place, row.registered, row.found) for row in rows)
        return Draw(
            name,
            str(held.commitment),
            str(held.seed or ""),
            int(str(held.population or 0)),
            str(held.population_hash or ""),
            visits,
        )

    def estimate(self) -> Share:
        """Fully registered among everybody ever visited."""
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "spot-check", "system")
            return share_of([(row.registered, row.found) for row in ask(act, _CHECKED)])


def _end_counts(act: Act, stay: str) -> None:
    """Somebody looked and found nobody too many: earlier counts are answered."""
    for row in act.rows(evidence, subject=stay, type=Headcount.__name__):
        if row.ended_ms is None:
            end(act, stay, Headcount.__name__, str(row.key))
