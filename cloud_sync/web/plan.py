"""The plan of the community: its buildings with doors and nodes, each with its state by colour, shape and letter.

No book holds where a door stands, so this is no map: what belongs to one building stands together, in order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right, may
from cloud_sync.ports import Dashboard, DoorLine, NodeLine
from cloud_sync.ports_plan import PlanReader
from cloud_sync.web.board import Speaker, door_row, node_card
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.texts import mark, texts

Sign = Literal["alarm", "fault", "shut", "free", "silent", "good"]
# The sign of a state: its letter, and what it means.  The shape is the style sheet's, one for each.
SIGNS: Mapping[Sign, tuple[str, str]] = MappingProxyType({
    "alarm": ("!", mark("alarm: forced or held open")),
    "fault": ("F", mark("something is broken, or its state is not known")),
    "shut": ("×", mark("blocked or locked down")),
    "free": ("O", mark("held open or unlocked")),
    "silent": ("?", mark("not heard: its state is not known")),
    "good": ("✓", mark("in order")),
})  # fmt: skip
ORDER = {sign: at for at, sign in enumerate(SIGNS)}
AT_THE_EDGE = ("gate", "garage")  # doors that lead to every building
DRAWN_MAX = 24  # signs in one building, the gravest; every other is on the page of its node
ACROSS = 5
STEP, SIDE, TOP = 46, 20, 20
WIDTH = 2 * SIDE + (ACROSS - 1) * STEP


@dataclass(frozen=True, slots=True)
class Mark:
    """One door or node where it is drawn."""

    key: str
    node: bool
    name: str
    kind: str
    sign: Sign
    letter: str
    said: str
    href: str
    x: int = 0
    y: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """One building, or the edge of the community, with its signs in rows."""

    key: str
    title: str
    height: int
    marks: tuple[Mark, ...]
    more: int


@dataclass(frozen=True, slots=True)
class PlanPage:
    chrome: Chrome
    now: str
    whole: bool
    width: int
    blocks: tuple[Block, ...]
    legend: tuple[
        tuple[str, str, str, int], ...
    ]  # of all, drawn or not: sign, letter, what it means, how many


class PlanPages:
    """``/plan``, and the part of it that is fetched anew while it stands open."""

    def __init__(self, services: Services, reader: PlanReader) -> None:
        self._services = services
        self._reader = reader
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/plan", self.plan, methods=["GET"])
        self.router.add_api_route("/parts/plan", self.part, methods=["GET"])

    def plan(self, request: Request) -> Response:
        return self._page(request, "plan.html")

    def part(self, request: Request) -> Response:
        return self._page(request, "_plan.html")

    def _page(self, request: Request, template: str) -> Response:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        services = self._services
        held = services.dashboard()
        by = Speaker(texts(language_of(request)), services.zone)
        acts = services.cases is not None and services.commands is not None
        doors = acts and may(session.user.role, Right.COMMAND_DOOR)
        groups = groups_of(held, self._reader.buildings(services.community), by, doors=doors)
        place = by.name(held.name_zh, held.name_en)
        page = PlanPage(
            chrome=chrome_of(request, user=session.user.name, csrf=session.csrf, place=place),
            now=by.clock(held.now_ms),
            whole=not held.late,
            width=WIDTH,
            blocks=tuple(_block(at, *group, by) for at, group in enumerate(groups)),
            legend=_legend([one.sign for _, marks in groups for one in marks], by),
        )
        return answer(request, template, page)


def sign_of(node: NodeLine, door: DoorLine) -> Sign:
    """What to see first; an alarm told before the node fell silent is still one."""
    if door.alarm in ("FORCED", "HELD"):
        return "alarm"
    if not node.online:
        return "silent"
    mode = door.mode.upper()
    broken = "FAULT" in (door.contact.upper(), door.alarm.upper()) or door.camera.upper() == "LOST"
    if broken or mode == "UNKNOWN" or door.alarm == "PRE_ALARM":
        return "fault"
    if mode in ("BLOCKED", "LOCKED_DOWN"):
        return "shut"
    return "free" if mode in ("UNLOCKED", "LOCKED_OPEN") else "good"


Place = tuple[int, str]


def groups_of(
    held: Dashboard, buildings: Mapping[str, str], by: Speaker, *, doors: bool
) -> list[tuple[Place, list[Mark]]]:
    """The edge first, then buildings in order, then doors of which no dossier says the building, by their node."""
    groups: dict[Place, list[Mark]] = {}
    for node in held.nodes:
        places = [_place(node, door, buildings) for door in node.doors]
        home = max(places, key=places.count, default=(2, node.name))
        groups.setdefault(home, []).append(_node(node, held.now_ms, by))
        for place, door in zip(places, node.doors, strict=True):
            groups.setdefault(place, []).append(_door(node, door, by, doors=doors))
    return sorted(groups.items(), key=lambda group: (group[0][0], _natural(group[0][1])))


def _place(node: NodeLine, door: DoorLine, buildings: Mapping[str, str]) -> Place:
    if door.kind in AT_THE_EDGE:
        return 0, ""
    building = buildings.get(door.access_point, "")
    return (1, building) if building else (2, node.name)


def _natural(name: str) -> tuple[int, str]:
    """Building 10 after building 9."""
    digits = "".join(sign for sign in name if sign.isdigit())
    return int(digits[:9] or 0), name


def _node(node: NodeLine, now_ms: int, by: Speaker) -> Mark:
    card = node_card(node, now_ms, by)
    own = node.faults or card.clock_late or card.passes_late
    sign: Sign = "silent" if not node.online else "fault" if own else "good"
    told = (
        (card.clock_late, mark("clock %(state)s"), card.clock),
        (card.passes_late, mark("passes %(state)s"), card.passes),
    )
    amiss = [by.say(text, state=state) for late, text, state in told if late and node.online]
    said = "; ".join((card.status, *amiss, *node.faults))
    return Mark(
        node.node, True, node.name, by.say(mark("node")), sign, SIGNS[sign][0], said, f"/nodes/{node.node}"
    )


def _door(node: NodeLine, door: DoorLine, by: Speaker, *, doors: bool) -> Mark:
    row = door_row(door, by)
    sign = sign_of(node, door)
    told = [by.say(SIGNS["silent"][1])] if sign == "silent" else [row.mode, row.contact]
    if sign != "silent" and door.camera.upper() == "LOST":
        told.append(by.say(mark("camera %(state)s"), state=row.camera))
    if door.alarm not in ("NORMAL", "unknown"):
        told.append(row.alarm)
    href = f"/staff/doors/{door.access_point}" if doors else f"/nodes/{node.node}"
    return Mark(door.access_point, False, row.name, row.kind, sign, SIGNS[sign][0], ", ".join(told), href)


def _block(at: int, place: Place, marks: Sequence[Mark], by: Speaker) -> Block:
    ranked = sorted(marks, key=lambda one: (not one.node, ORDER[one.sign], _natural(one.name)))
    drawn = tuple(
        replace(one, x=SIDE + STEP * (n % ACROSS), y=TOP + STEP * (n // ACROSS))
        for n, one in enumerate(ranked[:DRAWN_MAX])
    )
    rows = -(-len(drawn) // ACROSS)
    title = {
        0: by.say(mark("Gates and garages")),
        1: by.say(mark("Building %(name)s"), name=place[1]),
        2: place[1],
    }[place[0]]
    return Block(
        key=f"block-{at}",
        title=title,
        height=2 * TOP + STEP * (rows - 1),
        marks=drawn,
        more=len(ranked) - len(drawn),
    )


def _legend(signs: Sequence[Sign], by: Speaker) -> tuple[tuple[str, str, str, int], ...]:
    return tuple(
        (sign, letter, by.say(meaning), signs.count(sign)) for sign, (letter, meaning) in SIGNS.items()
    )
