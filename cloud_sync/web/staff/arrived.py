"""Whose pass is at which door: for everybody who is expected, since when the door has it, or that it has it not yet."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.ports_delivery import Deliveries, DeliveryReader, DoorReceipt, NodeUnready, PassReceipts
from cloud_sync.web.board import Speaker, short
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.texts import Texts, mark

SHOWN_MAX = 200  # a busy house has fewer people on their way; whoever looks for one asks for the room
OF_CHARS_MAX = 64
WHY = {
    "missing": mark("%(n)s passes without receipt"),
    "offline": mark("silent: what is taken away today does not reach it"),
    "lease": mark("its lease ends before the day does"),
}

Of = Annotated[str, Query(max_length=OF_CHARS_MAX)]


@dataclass(frozen=True, slots=True)
class DoorLine:
    access_point: str
    name: str
    node: str
    said: str
    held: bool
    silent: bool


@dataclass(frozen=True, slots=True)
class PassBlock:
    pass_id: str
    room: str
    subject: str
    window: str
    version: str
    summary: str
    whole: bool
    doors: tuple[DoorLine, ...]


@dataclass(frozen=True, slots=True)
class UnreadyLine:
    node: str
    name: str
    why: str
    since: str


@dataclass(frozen=True, slots=True)
class PassesPage:
    chrome: Chrome
    now: str
    until: str
    checked: str  # empty: no check has been made yet
    unready: tuple[UnreadyLine, ...]
    passes: tuple[PassBlock, ...]
    left_out: int
    of: str


class PassesPages:
    """``/staff/passes``, and the part of it that is fetched anew while it stands open."""

    def __init__(self, desk: Desk, reader: DeliveryReader) -> None:
        self._desk = desk
        self._reader = reader
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/passes", self.passes, methods=["GET"])
        self.router.add_api_route("/staff/parts/passes", self.part, methods=["GET"])

    def passes(self, request: Request, of: Of = "") -> Response:
        return answer(request, "staff/passes.html", self._page(self._desk.asked(request), of.strip()))

    def part(self, request: Request, of: Of = "") -> Response:
        return answer(request, "staff/_passes.html", self._page(self._desk.asked(request), of.strip()))

    def _page(self, asked: Asked, of: str) -> PassesPage:
        held = self._reader.deliveries(asked.now_ms, of=of, most=SHOWN_MAX)
        return passes_page(asked.chrome, held, asked.by, of)


def passes_page(chrome: Chrome, held: Deliveries, by: Speaker, of: str = "") -> PassesPage:
    return PassesPage(
        chrome=chrome,
        now=by.clock(held.now_ms),
        until=by.day_and_clock(held.until_ms),
        checked="" if held.checked_ms is None else by.day_and_clock(held.checked_ms),
        unready=tuple(_unready(one, held.now_ms, by) for one in held.unready),
        passes=tuple(_block(one, held.now_ms, by) for one in held.passes),
        left_out=held.left_out,
        of=of,
    )


def _unready(one: NodeUnready, now_ms: int, by: Speaker) -> UnreadyLine:
    why = "; ".join(by.say(WHY[word], n=one.missing) for word in one.why if word in WHY)
    return UnreadyLine(one.node, one.name, why, by.near(one.found_ms, now_ms))


def _block(one: PassReceipts, now_ms: int, by: Speaker) -> PassBlock:
    return PassBlock(
        pass_id=one.pass_id,
        room=one.room or "–",
        subject=short(one.subject_ref),
        window=f"{by.day_and_clock(one.not_before_ms)} – {by.day_and_clock(one.not_after_ms)}",
        version=by.say(mark("version %(n)s"), n=one.version),
        summary=_summary(one, by.say),
        whole=not one.missing,
        doors=tuple(_door(door, now_ms, by) for door in one.doors),
    )


def _summary(one: PassReceipts, say: Texts) -> str:
    if not one.missing:
        return say(mark("at all %(of)s doors"), of=len(one.doors))
    return say(mark("not yet at %(n)s of %(of)s doors"), n=one.missing, of=len(one.doors))


def _door(door: DoorReceipt, now_ms: int, by: Speaker) -> DoorLine:
    if door.since_ms is not None:
        said = by.say(mark("has it since %(at)s"), at=by.near(door.since_ms, now_ms))
    elif door.told_ms is not None:
        said = by.say(mark("not yet; on its way since %(at)s"), at=by.near(door.told_ms, now_ms))
    else:
        said = by.say(mark("not yet; not on its way"))
    return DoorLine(
        access_point=door.access_point,
        name=by.name(door.name_zh, door.name_en),
        node=door.node_name,
        said=said,
        held=door.since_ms is not None,
        silent=not door.online,
    )
