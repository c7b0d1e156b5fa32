"""The registry's roll: which dwellings there are and who lives there, found again for a batch of rows at a time.

Names are compared by forms under a key of the community; the names themselves stay in the vault.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

import sqlalchemy as sa

from cloud_sync.core.addresses import Door, read_address
from cloud_sync.core.names import NameForms, forms_of
from cloud_sync.core.roll import Dwelling, Listed, Resident, dwellings_of
from cloud_sync.store import tables
from cloud_sync.store.house import Act, House
from cloud_sync.store.tables_import import roll_person, roll_unit

FORM_BYTES = 6  # names are compared within one dwelling: among a handful, 48 bits are plenty
ASKED_AT_ONCE = (
    500  # values in one question; SQLite takes 32,766, a plan for that many takes longer than the answer
)


def form_key(house: House) -> Callable[[str], str]:
    """What hides a form of a name: equal forms stay equal, and nobody without the key can try names."""
    key = blake2b(b"gatehouse roll names", key=house.k_community[:64], digest_size=32).digest()
    return partial(_hidden, key)


def _hidden(key: bytes, form: str) -> str:
    return blake2b(form.encode(), key=key, digest_size=FORM_BYTES).hexdigest()


def written(forms: NameForms) -> str:
    sets = (forms.sounds, forms.gaps, forms.cuts)
    return "|".join((forms.plain, *(",".join(sorted(one)) for one in sets)))


def read_forms(text: str) -> NameForms:
    plain, *sets = text.split("|")
    sounds, gaps, cuts = (frozenset(one.split(",")) - {""} for one in sets)
    return NameForms(plain, sounds, gaps, cuts)


@dataclass(frozen=True, slots=True)
class Beside:
    """What the registry holds that a batch of rows may concern."""

    dwellings: Mapping[str, Sequence[Dwelling]]  # by lookup
    residents: Mapping[str, Sequence[Resident]]  # by unit
    documents: Mapping[str, Sequence[Resident]]  # by document

    def of(self, door: Door, document: str) -> tuple[Sequence[Dwelling], list[Resident]]:
        """The dwellings with this building and room, and everybody a row about it could mean."""
        dwellings = self.dwellings.get(door.lookup, ())
        people = {one.person: one for home in dwellings for one in self.residents.get(home.unit, ())}
        people |= {one.person: one for one in self.documents.get(document, ())}
        return dwellings, list(people.values())


def beside(act: Act, doors: Iterable[Door], documents: Iterable[str]) -> Beside:
    """A few questions to the roll for a whole batch."""
    asked = set(doors)
    dwellings: dict[str, list[Dwelling]] = defaultdict(list)
    columns = (roll_unit.c["lookup"], roll_unit.c.unit, roll_unit.c.phase, roll_unit.c.stair)
    # A door that names everything is one dwelling or none; the others may be any with their building and room.
    whole = {door.key for door in asked if door.phase and door.stair}
    partly = {door.lookup for door in asked if not (door.phase and door.stair)}
    found = {
        *_in(act, columns, roll_unit.c.unit, whole),
        *_in(act, columns, roll_unit.c["lookup"], partly),
    }
    for lookup, *dwelling in sorted(found):
        dwellings[lookup].append(Dwelling(*dwelling))
    units = {home.unit for door in asked for home in dwellings_of(door, dwellings.get(door.lookup, ()))}
    residents = _residents(act, roll_person.c.unit, units)
    by_document = _residents(act, roll_person.c.document, set(documents) - {""})
    return Beside(dwellings, _by(residents, lambda one: one.unit), _by(by_document, lambda one: one.document))


def _residents(act: Act, column: sa.Column[str], values: set[str]) -> list[Resident]:
    """Whoever has not left, in the order in which they came."""
    columns = (roll_person.c.person, roll_person.c.unit, roll_person.c.forms, roll_person.c.document)
    here = roll_person.c.until_ms.is_(None)
    return [
        Resident(person, unit, read_forms(forms), document)
        for person, unit, forms, document in sorted(_in(act, columns, column, values, here))
    ]


def _by(residents: Iterable[Resident], key: Callable[[Resident], str]) -> dict[str, list[Resident]]:
    found: dict[str, list[Resident]] = defaultdict(list)
    for one in residents:
        found[key(one)].append(one)
    return found


def _in(
    act: Act,
    columns: Sequence[sa.ColumnElement[str]],
    column: sa.Column[str],
    values: set[str],
    *more: sa.ColumnElement[bool],
) -> Iterator[tuple[str, ...]]:
    """Rows whose ``column`` is one of ``values``."""
    asked, table = sorted(values), column.table
    for at in range(0, len(asked), ASKED_AT_ONCE):
        some = asked[at : at + ASKED_AT_ONCE]
        mine = table.c.community == act.house.community
        found = act.connection.execute(sa.select(*columns).where(mine, column.in_(some), *more))
        yield from (tuple(row) for row in found)


def places(act: Act) -> frozenset[str]:
    """What this community's estates are called in its own roll."""
    found = sa.select(roll_unit.c.place).distinct().where(roll_unit.c.community == act.house.community)
    return frozenset(name for name in act.connection.execute(found).scalars() if name)


def listings(act: Act) -> dict[str, list[Listed]]:
    """Every listing by the building and room of its dwelling, and by its code; some hundreds in one community."""
    found: dict[str, list[Listed]] = defaultdict(list)
    for row in sorted(act.rows(tables.listing), key=lambda one: str(one.listing)):
        door = read_address(row.unit)
        listed = Listed(row.listing, door if isinstance(door, Door) else None)
        found[row.listing].append(listed)
        if listed.door is not None:
            found[listed.door.lookup].append(listed)
    return found


@dataclass(frozen=True, slots=True)
class NewResident:
    """Somebody to be put on the roll; ``sealed`` goes into the vault and nowhere else."""

    person: str
    unit: str
    forms: str
    document: str
    sealed: Mapping[str, str]


def newcomer(act: Act, unit: str, name: str, document: str, number: str) -> NewResident:
    sealed = {"name": name} | ({"document_number": number} if number else {})
    forms = written(forms_of(name).keyed(form_key(act.house)))
    return NewResident(act.new_id("RP"), unit, forms, document, sealed)


def put_units(act: Act, doors: Iterable[Door]) -> int:
    """Dwellings that are not on the roll yet; how many that were."""
    wanted = {door.key: door for door in doors}
    held = {unit for (unit,) in _in(act, (roll_unit.c.unit,), roll_unit.c.unit, set(wanted))}
    new = [
        {
            "community": act.house.community,
            "unit": key,
            "lookup": door.lookup,
            "phase": door.phase,
            "stair": door.stair,
            "place": door.place,
            "made_ms": act.now_ms,
        }
        for key, door in wanted.items()
        if key not in held
    ]
    if new:
        act.connection.execute(sa.insert(roll_unit), new)
    return len(new)


def put_residents(act: Act, people: Sequence[NewResident]) -> None:
    """The vault first: who is on the roll has a name there; an act that fails leaves nobody's name behind."""
    if not people:
        return
    act.on_failure.append(lambda: [act.house.vault.forget(one.person) for one in people])
    act.house.vault.seal_many({one.person: one.sealed for one in people})
    rows = [
        {
            "community": act.house.community,
            "person": one.person,
            "unit": one.unit,
            "forms": one.forms,
            "document": one.document,
            "made_ms": act.now_ms,
            "until_ms": None,
        }
        for one in people
    ]
    act.connection.execute(sa.insert(roll_person), rows)


def end_resident(act: Act, person: str) -> None:
    act.update(roll_person, {"person": person}, until_ms=act.now_ms)
