"""A history of the size of dongfang, written straight into the service's tables: stays, guests, passes and events.

It is for measuring, so it has the counts, the ways in and the row sizes of the real thing, and a known share of stays
that some rule finds; what a community really does is the synthetic community's business.  It goes past every act and the
sink, in bulk and without waiting for the disk: how fast it is written says nothing of the service.
"""

import json
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.engine import driver
from cloud_sync.store.tables_booking import daily_return

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
ZONE = ZoneInfo("Asia/Shanghai")
BEGAN_MS = 1_767_225_600_000 - 8 * HOUR_MS  # 2026-01-01 00:00 in Shanghai
ARRIVALS = 1_500  # people a day
EVENTS = 70_000  # a day, of guests, residents and staff
GUEST_EVENTS = 11.4  # per guest in house and day
LISTINGS, ROOMS, OPERATORS = 895, 3_627, 550
BUILDINGS, GATES = 41, 10
NIGHTS = ((1, 58), (2, 26), (3, 10), (4, 4), (5, 2))
PARTIES = ((1, 38), (2, 44), (3, 11), (4, 7))
RESIDENTS = 6_000
WRONG_EVERY = 25  # one stay in so many has an unregistered companion
NAMES = [f"AP-{n:03d}" for n in range(BUILDINGS + GATES)]

Row = dict[str, Any]


@dataclass(slots=True)
class Written:
    stays: int = 0
    guests: int = 0
    events: int = 0


class History:
    """Writes day after day; the same seed writes the same."""

    def __init__(self, engine: sa.Engine, community: str, seed: int = 7, began_ms: int = BEGAN_MS) -> None:
        self._engine = engine
        self._began_ms = began_ms
        self._community = community
        self._dice = random.Random(seed)
        self._seqs = dict.fromkeys(NAMES, 0)
        self._free_ms = [0] * ROOMS
        self.written = Written()

    def places(self) -> None:
        """Nodes, doors, listings and rooms."""
        nodes: list[Row] = []
        points: list[Row] = []
        for at, name in enumerate(NAMES):
            gate = at >= BUILDINGS
            nodes.append(
                {"node": name, "name": name, "device_public_key": "", "registered_ms": self._began_ms}
            )
            point = {"access_point": name, "node": name, "kind": "gate" if gate else "unit"}
            words = {"name_zh": name, "name_en": name, "location_class": "common", "face_enabled": 0}
            points.append({**point, **words})
        listings = [
            {
                "listing": f"L{at:04d}",
                "name": f"L{at}",
                "unit": f"U{at:04d}",
                "operator": f"O{at % OPERATORS}",
                "state": "ACTIVE",
                "max_guests": 16,
            }
            for at in range(LISTINGS)
        ]
        rooms = [
            {
                "room": f"R{at:04d}",
                "listing": f"L{at % LISTINGS:04d}",
                "label": str(at),
                "access_points": json.dumps([*NAMES[BUILDINGS:], NAMES[at % LISTINGS % BUILDINGS]]),
            }
            for at in range(ROOMS)
        ]
        self._put(tables.node, nodes)
        self._put(tables.access_point, points)
        self._put(tables.listing, listings)
        self._put(tables.room, rooms)

    def day(self, number: int) -> None:
        """Everybody who arrives on this day with all they will do, and what residents and staff do on it."""
        begin_ms = self._began_ms + number * DAY_MS
        rows: dict[sa.Table, list[Row]] = {}
        events: list[Row] = []
        arrived = 0
        while arrived < ARRIVALS:
            arrived += self._stay(begin_ms, rows, events)
        guests = len(events)
        for _ in range(EVENTS // 2 - guests // 2):
            who = f"PS-R{self._dice.randrange(RESIDENTS)}"
            self._passage(
                who, self._dice.choice(NAMES), begin_ms + self._dice.randrange(DAY_MS), "in", events
            )
        rows[daily_return] = self._returns(begin_ms)
        if number == 0:
            rows[daily_return] += self._returns(begin_ms - DAY_MS)
        for table, held in rows.items():
            self._put(table, held)
        events.sort(key=lambda event: event["wall_ms"])
        for event in events:
            self._number(event)
        self._put(tables.event, events)
        self.written.events += len(events)

    def _returns(self, begin_ms: int) -> list[Row]:
        """Every operator's, filed the next morning."""
        day = datetime.fromtimestamp(begin_ms / 1000, ZONE).date().isoformat()
        told = {
            "day": day,
            "guests": 2,
            "filed_ms": begin_ms + 33 * HOUR_MS,
            "filed_by": "operator",
            "version": 1,
        }
        return [{"operator": f"O{at}", **told} for at in range(OPERATORS)]

    def end(self, days: int) -> int:
        """The nodes have told everything until the last of it; returns that moment."""
        now_ms = self._began_ms + (days + 1) * DAY_MS
        zero: Row = {"head": 0, "acked": 0, "auth_ver": 0, "root": "", "erase_ver": 0, "health": b"{}"}
        states = [
            {
                **zero,
                "node": name,
                "epoch": "e1",
                "hello_ms": now_ms,
                "drained_through_ms": now_ms,
                "online": "yes",
                "clock_state": "TRUSTED",
                "clock_bound_ms": 20,
                "software": "1",
            }
            for name in NAMES
        ]
        self._put(tables.node_state, states)
        with self._engine.begin() as db:
            db.execute(sa.text("analyze"))
        return now_ms

    def _stay(self, begin_ms: int, rows: dict[sa.Table, list[Row]], events: list[Row]) -> int:
        dice, self.written.stays = self._dice, self.written.stays + 1
        stay = f"ST-{self.written.stays:07d}"
        nights, heads = _drawn(dice, NIGHTS), _drawn(dice, PARTIES)
        in_ms = begin_ms + 14 * HOUR_MS
        out_ms = begin_ms + nights * DAY_MS + 12 * HOUR_MS
        room = next(r for r in iter(lambda: dice.randrange(ROOMS), None) if self._free_ms[r] <= in_ms)
        self._free_ms[room] = out_ms
        came_ms = in_ms + dice.randrange(6 * HOUR_MS)
        left_ms = out_ms - dice.randrange(2 * HOUR_MS)
        listing = f"L{room % LISTINGS:04d}"
        place = {"listing": listing, "room": f"R{room:04d}"}
        booking = {"source": "xc", "external_ref": stay, "external_revision": 1, "headcount": heads}
        times = {"arrival_ms": in_ms, "departure_ms": out_ms, "received_ms": in_ms - DAY_MS}
        _add(
            rows,
            tables.booking,
            booking=f"BK-{stay}",
            state="CONFIRMED",
            version=1,
            **place,
            **booking,
            **times,
        )
        _add(
            rows,
            tables.stay,
            stay=stay,
            booking=f"BK-{stay}",
            planned_in_ms=in_ms,
            planned_out_ms=out_ms,
            first_entry_ms=came_ms,
            checked_out_ms=left_ms,
            state="CLOSED",
            guest_token_hash="",
            **place,
        )
        wrong = self.written.stays % WRONG_EVERY == 0
        unit = NAMES[room % LISTINGS % BUILDINGS]
        for head in range(heads):
            proved = not (wrong and head == heads - 1)
            self._guest(rows, events, stay, head, proved, unit, (came_ms, left_ms, in_ms, out_ms))
        return heads

    def _guest(
        self,
        rows: dict[sa.Table, list[Row]],
        events: list[Row],
        stay: str,
        head: int,
        proved: bool,
        unit: str,
        times: Sequence[int],
    ) -> None:
        came_ms, left_ms, in_ms, out_ms = times
        person, pass_id = f"PN-{stay}-{head}", f"PS-{stay}-{head}"
        self.written.guests += 1
        _add(rows, tables.person, person=person, doc_hash=f"h{stay}{head}", birth_year=1990, minor=0)
        _add(rows, tables.stay_member, stay=stay, person=person, role="companion", subject_ref=pass_id)
        _add(
            rows,
            tables.registration,
            registration=f"RG-{stay}-{head}",
            stay=stay,
            person=person,
            method="self",
            proofing=4 if proved else 0,
            status="VERIFIED" if proved else "SUBMITTED",
            submitted_ms=in_ms - HOUR_MS,
            verified_ms=in_ms if proved else None,
            due_ms=in_ms,
        )
        window = {"not_before_ms": in_ms, "not_after_ms": out_ms, "state": "EXPIRED", "version": 1}
        named = {"subject_ref": pass_id, "class": "guest", "stay": stay, "person": person}
        _add(
            rows,
            tables.pass_,
            pass_id=pass_id,
            scope=json.dumps([*NAMES[BUILDINGS:], unit]),
            wire=b"",
            **window,
            **named,
        )
        self._ways(pass_id, unit, came_ms, left_ms, events)
        last = {"access_point": NAMES[-1], "as_of_ms": left_ms, "first_entry_ms": came_ms}
        _add(rows, tables.presence, pass_id=pass_id, state="out" if proved else "in", **last)

    def _ways(self, pass_id: str, unit: str, came_ms: int, left_ms: int, events: list[Row]) -> None:
        """In at a gate and the unit door, out again, in again, as often as guests go; at last out."""
        passages = max(4, round((left_ms - came_ms) / DAY_MS * GUEST_EVENTS / 2) // 4 * 4)
        step_ms = (left_ms - came_ms) // passages
        for at in range(passages):
            way = "in" if at % 4 < 2 else "out"
            door = unit if at % 4 in (1, 2) else self._dice.choice(NAMES[BUILDINGS:])
            self._passage(pass_id, door, came_ms + at * step_ms, way, events)

    def _passage(self, pass_id: str, door: str, at_ms: int, way: str, events: list[Row]) -> None:
        """A grant and its passage, as a door tells them."""
        grant = f"{len(events):x}-{at_ms:x}"
        for kind, later_ms in (("access.granted", 0), ("access.taken", 2_000)):
            events.append(
                {
                    "node": door,
                    "epoch": "e1",
                    "type": kind,
                    "access_point": door,
                    "direction": way,
                    "decision": "allow",
                    "reason": "Granted",
                    "credential_kind": "qr",
                    "pass_id": pass_id,
                    "subject_ref": pass_id,
                    "class": "guest",
                    "grant_id": grant,
                    "wall_ms": at_ms + later_ms,
                    "clock_state": "TRUSTED",
                    "live": 1,
                    "stored_ms": at_ms + later_ms + 50,
                    "h": "0123456789abcdef",
                }
            )

    def _number(self, event: Row) -> None:
        """Its place in its node's ledger, and its words."""
        self._seqs[event["node"]] += 1
        event["seq"] = self._seqs[event["node"]]
        words = {name: event[name] for name in ("type", "access_point", "direction", "pass_id", "grant_id")}
        told = {"boot_id": "b1", "mono_ms": event["wall_ms"], "clock_state": "TRUSTED", "clock_bound_ms": 20}
        rest = {
            "mode": "LOCKED",
            "contact": "CLOSED",
            "decision": "allow",
            "reason": "Granted",
            "auth_ver": 1,
        }
        event["body"] = json.dumps({**words, **told, **rest}).encode()

    def _put(self, table: sa.Table, rows: list[Row]) -> None:
        """All of them in one transaction; every row of a table has the same columns."""
        names = list(rows[0])
        columns = ", ".join(f'"{name}"' for name in ("community", *names))
        values = ((self._community, *(row[name] for name in names)) for row in rows)
        if self._engine.dialect.name == "postgresql":
            with self._engine.begin() as db:
                raw: Any = db.connection.driver_connection
                with (
                    raw.cursor() as cursor,
                    cursor.copy(f'copy "{table.name}" ({columns}) from stdin') as put,
                ):
                    for one in values:
                        put.write_row(one)
            return
        places = ", ".join("?" * (len(names) + 1))
        with closing(driver(self._engine)) as file:
            file.execute("pragma synchronous = off")
            file.execute("begin immediate")
            file.executemany(f'insert into "{table.name}" ({columns}) values ({places})', values)
            file.execute("commit")


def _add(rows: dict[sa.Table, list[Row]], table: sa.Table, **values: Any) -> None:
    rows.setdefault(table, []).append(values)


def _drawn(dice: random.Random, weights: Sequence[tuple[int, int]]) -> int:
    return dice.choices([value for value, _ in weights], [weight for _, weight in weights])[0]
