"""The community's own rules and bands: data over what everybody starts with, each change a new version (seeds B9)."""

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.conduct import BANDS, RULES, TIERS, Band, BandTable, Rule
from cloud_sync.errors import Refused
from cloud_sync.store.house import Act
from cloud_sync.store.tables_model import band_table, conduct_rule

COLUMNS = ("rule", "category", "zh", "en", "evidence", "points", "tier")
ID = re.compile(r"[A-Z]{1,3}[0-9]{1,4}")
TEXT_MAX, RULES_MAX, POINTS_MAX = 200, 500, 100


def rules_of(act: Act) -> dict[str, Rule]:
    """Every rule at its newest version."""
    held = {rule.id: rule for rule in RULES}
    table = conduct_rule
    found = sa.select(table).where(table.c.community == act.house.community).order_by(table.c.version)
    for row in act.connection.execute(found):
        held[row.rule] = Rule(
            row.rule, row.version, row.category, row.zh, row.en, row.evidence, row.points, row.tier
        )
    return held


def take_rules(act: Act, data: bytes) -> dict[str, int]:
    """Take a CSV file of rules, all or none: how many were new, updated and unchanged.

    Raises:
        Refused: a row cannot be; nothing was changed, and the sentence names the line and the column.
    """
    wishes = _read(data)
    held, counted = rules_of(act), {"new": 0, "updated": 0, "unchanged": 0}
    for wish in wishes:
        before = held.get(wish.id)
        if before is not None and replace(wish, version=before.version) == before:
            counted["unchanged"] += 1
            continue
        version = before.version + 1 if before is not None else 1
        _keep(act, replace(wish, version=version))
        counted["updated" if before is not None else "new"] += 1
    return counted


def _keep(act: Act, rule: Rule) -> None:
    act.insert(
        conduct_rule,
        rule=rule.id,
        version=rule.version,
        category=rule.category,
        zh=rule.zh,
        en=rule.en,
        evidence=rule.evidence,
        points=rule.points,
        tier=rule.tier,
        actor=act.actor,
        at_ms=act.now_ms,
    )
    act.note("rule.version", rule.id, str(rule.version - 1) if rule.version > 1 else None, str(rule.version))


def _read(data: bytes) -> list[Rule]:
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused("rules", "the file is no CSV in UTF-8; save it so and bring it again.") from error
    if not rows or set(rows[0]) != set(COLUMNS) or len(rows) > RULES_MAX:
        raise Refused("rules", f"the file has the columns {', '.join(COLUMNS)} and 1 to {RULES_MAX} rows.")
    read = [_rule(line, row) for line, row in enumerate(rows, start=2)]
    if len({rule.id for rule in read}) < len(read):
        raise Refused("rules", "a rule stands twice in the file.")
    return read


def _rule(line: int, row: Mapping[str, Any]) -> Rule:
    cells = {name: str(row.get(name) or "").strip() for name in COLUMNS}
    if not ID.fullmatch(cells["rule"]):
        raise Refused("rules", f"line {line}: rule is letters and a number, such as C21.")
    for name in ("category", "zh", "en", "evidence"):
        if not cells[name] or len(cells[name]) > TEXT_MAX or not cells[name].isprintable():
            raise Refused("rules", f"line {line}: {name} has 1 to {TEXT_MAX} characters.")
    numbers = {name: int(cells[name]) if cells[name].isdecimal() else -1 for name in ("points", "tier")}
    if not 0 <= numbers["points"] <= POINTS_MAX or numbers["tier"] not in {0, *TIERS}:
        raise Refused("rules", f"line {line}: points are 0 to {POINTS_MAX}, tier is 0 to 4.")
    return Rule(
        cells["rule"],
        1,
        cells["category"],
        cells["zh"],
        cells["en"],
        cells["evidence"],
        numbers["points"],
        numbers["tier"],
    )


def bands_of(act: Act) -> BandTable:
    """The newest table of bands."""
    table = band_table
    newest = (
        sa.select(table)
        .where(table.c.community == act.house.community)
        .order_by(table.c.version.desc())
        .limit(1)
    )
    row = act.connection.execute(newest).one_or_none()
    if row is None:
        return BANDS
    floors = tuple((floor, Band(band)) for floor, band in json.loads(row.floors))
    return BandTable(row.version, row.start_points, floors)


def put_bands(act: Act, start: int, green: int, blue: int, yellow: int) -> BandTable:
    """A new version of the table; every standing is counted by it from now on.

    Raises:
        Refused: the floors do not descend.
    """
    if not 0 < yellow < blue < green <= start <= POINTS_MAX:
        raise Refused("bands", "say 0 < yellow < blue < green <= start; what is below yellow is red.")
    floors = ((green, Band.GREEN), (blue, Band.BLUE), (yellow, Band.YELLOW), (0, Band.RED))
    made = BandTable(bands_of(act).version + 1, start, floors)
    act.insert(
        band_table,
        version=made.version,
        start_points=start,
        floors=json.dumps(floors),
        actor=act.actor,
        at_ms=act.now_ms,
    )
    act.note("bands.version", "bands", str(made.version - 1), str(made.version))
    return made
