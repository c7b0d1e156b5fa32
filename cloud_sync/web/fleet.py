"""Every node in one table: how much it owes, its clock, its versions, its room, and what its face doors compare with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.node_clock import is_off
from cloud_sync.core.roles import Right
from cloud_sync.core.whole import is_late
from cloud_sync.ports import Dashboard, NodeLine
from cloud_sync.protocol.versions import WIRE_VERSION
from cloud_sync.web.board import LATE_PASS_SETS, DoorRow, Speaker, Tone, node_card
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.spans import SECOND_MS, span
from cloud_sync.web.supply_words import is_amiss
from cloud_sync.web.texts import Texts, mark, texts

LOW_DISK_MB = 500  # three days of a busy gate take 20 MB; below this something else is filling the card


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell: what it says, and whether somebody has to look."""

    text: str
    amiss: bool = False


@dataclass(frozen=True, slots=True)
class FaceDoor:
    """A door that compares faces, with what its threshold stands for."""

    access_point: str
    name: str
    people: str
    engine: str
    threshold: str
    tail: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class FleetRow:
    node: str
    name: str
    status: str
    online: bool
    tone: Tone
    complete_to: Figure
    lag: Figure
    events: Figure
    outbox: Figure
    clock: Figure
    software: Figure
    wire: Figure
    passes: Figure
    disk: Figure
    supply: Figure
    doors: int
    faults: tuple[str, ...]
    face_doors: tuple[FaceDoor, ...]


@dataclass(frozen=True, slots=True)
class FleetPage:
    chrome: Chrome
    now: str
    complete_to: str
    whole: bool
    online: int
    amiss: int
    software: tuple[tuple[str, int], ...]  # version, number of nodes; most nodes first
    rows: tuple[FleetRow, ...]


class FleetPages:
    """``/fleet``, and the part of it that is fetched anew while it stands open."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/fleet", self.fleet, methods=["GET"])
        self.router.add_api_route("/parts/fleet", self.part, methods=["GET"])

    def fleet(self, request: Request) -> Response:
        return self._page(request, "fleet.html")

    def part(self, request: Request) -> Response:
        return self._page(request, "_fleet.html")

    def _page(self, request: Request, template: str) -> Response:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        held = self._services.dashboard()
        by = Speaker(texts(language_of(request)), self._services.zone)
        place = by.name(held.name_zh, held.name_en)
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)
        return answer(request, template, fleet_of(chrome, held, by))


def fleet_of(chrome: Chrome, held: Dashboard, by: Speaker) -> FleetPage:
    """The page; whoever owes most stands first."""
    versions = Counter(node.software for node in held.nodes if node.software)
    usual = versions.most_common(1)[0][0] if versions else ""
    nodes = sorted(held.nodes, key=lambda node: (not _needs_look(node, held.now_ms), node.name, node.node))
    rows = tuple(fleet_row(node, held.now_ms, usual, by) for node in nodes)
    return FleetPage(
        chrome=chrome,
        now=by.clock(held.now_ms),
        complete_to=by.near(held.watermark_ms, held.now_ms),
        whole=not held.late,
        online=sum(node.online for node in held.nodes),
        amiss=sum(_needs_look(node, held.now_ms) for node in held.nodes),
        software=tuple(versions.most_common()),
        rows=rows,
    )


def _needs_look(node: NodeLine, now_ms: int) -> bool:
    trouble = node.faults or node.missing or node.clock_state != "TRUSTED" or node.pass_set in LATE_PASS_SETS
    trouble = trouble or is_off(node.clock_off_ms) or is_amiss(node)
    return bool(trouble) or not node.online or is_late(node.drained_through_ms, now_ms) or _disk_low(node)


def _disk_low(node: NodeLine) -> bool:
    return node.free_mb is not None and node.free_mb < LOW_DISK_MB


def fleet_row(node: NodeLine, now_ms: int, usual: str, by: Speaker) -> FleetRow:
    """``usual`` is the software most nodes run; another one is marked, not blamed."""
    card = node_card(node, now_ms, by)
    late = is_late(node.drained_through_ms, now_ms)
    return FleetRow(
        node=node.node,
        name=card.name,
        status=card.status,
        online=card.online,
        tone=card.tone,
        complete_to=Figure(card.complete_to, late),
        lag=Figure(_lag(node, now_ms, by.say), late),
        events=Figure(_events(node, card.events, by.say), bool(node.missing)),
        outbox=Figure("–" if node.outbox is None else f"{node.outbox:,}", late and bool(node.outbox)),
        clock=Figure(_clock(node, card.clock, by.say), card.clock_late or is_off(node.clock_off_ms)),
        software=Figure(node.software or "–", bool(node.software) and node.software != usual),
        wire=Figure(
            "–" if node.wire is None else str(node.wire), node.wire is not None and node.wire != WIRE_VERSION
        ),
        passes=Figure(card.passes, card.passes_late),
        disk=Figure("–" if node.free_mb is None else f"{node.free_mb:,} MB", _disk_low(node)),
        supply=Figure(card.supply, card.supply_amiss),
        doors=len(node.doors),
        faults=card.faults,
        face_doors=_face_doors(card.doors),
    )


def _lag(node: NodeLine, now_ms: int, say: Texts) -> str:
    return span(now_ms - node.drained_through_ms, say) if node.drained_through_ms else "–"


def _events(node: NodeLine, here: str, say: Texts) -> str:
    missing = say(mark("%(n)s missing"), n=f"{node.missing:,}")
    return f"{here} ({missing})" if node.missing else here


def _clock(node: NodeLine, state: str, say: Texts) -> str:
    """The bound says something only where there is a clock; how far it is off, only where somebody has to look."""
    said = f"{state} ±{span(node.clock_bound_ms, say)}" if node.clock_bound_ms >= SECOND_MS else state
    if node.clock_off_ms is None or not is_off(node.clock_off_ms):
        return said
    by = span(abs(node.clock_off_ms), say)
    off = (
        say(mark("%(span)s ahead"), span=by)
        if node.clock_off_ms > 0
        else say(mark("%(span)s behind"), span=by)
    )
    return f"{said}, {off}"


def _face_doors(doors: Sequence[DoorRow]) -> tuple[FaceDoor, ...]:
    return tuple(
        FaceDoor(
            door.access_point, door.name, door.people, door.engine, door.threshold, door.tail, door.simulated
        )
        for door in doors
        if door.people != "–"
    )
