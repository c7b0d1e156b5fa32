"""The roll-call: rooms and how many people, to be printed for whoever has to look for them; nobody's name."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.ports_morning import Counted, MorningReader
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.staff.desk import Desk


@dataclass(frozen=True, slots=True)
class RollRow:
    """``inside``: last seen going in; ``people``: everybody of the open stays of this room."""

    room: str
    inside: int
    people: int


@dataclass(frozen=True, slots=True)
class RollPage:
    chrome: Chrome
    now: str
    complete_to: str
    rows: tuple[RollRow, ...]
    inside: int
    people: int


class RollPages:
    """``/staff/roll``."""

    def __init__(self, desk: Desk, reader: MorningReader) -> None:
        self._desk = desk
        self._reader = reader
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/roll", self.roll, methods=["GET"])

    def roll(self, request: Request) -> Response:
        asked = self._desk.asked(request)
        services = self._desk.services
        now = datetime.fromtimestamp(asked.now_ms / 1000, UTC).astimezone(services.zone)
        held = self._reader.morning(services.community, now, now.date())
        rows = roll_of(held.measures["in_house"].rows)
        page = RollPage(
            chrome=asked.chrome,
            now=asked.by.day_and_clock(asked.now_ms),
            complete_to=asked.by.near(held.watermark_ms, asked.now_ms),
            rows=rows,
            inside=sum(row.inside for row in rows),
            people=sum(row.people for row in rows),
        )
        return answer(request, "staff/roll.html", page)


def roll_of(members: Iterable[Counted]) -> tuple[RollRow, ...]:
    """Each room once, in the order of its label."""
    people: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    for member in members:
        room = str(member.cells["room"])
        people[room] += 1
        inside[room] += member.counts
    return tuple(RollRow(room, inside[room], people[room]) for room in sorted(people))
