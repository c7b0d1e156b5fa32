"""The shift: who is on, what the next person has to know, and the hand-over by name; printable, and kept as it was signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.case_types import FLOOD, Family
from cloud_sync.core.roles import Right, may
from cloud_sync.core.shifts import Group, ShiftState
from cloud_sync.errors import Refused
from cloud_sync.ports_shifts import Sheet, SheetCase, SheetCommand, ShiftDesk, ShiftLine
from cloud_sync.web import words as common
from cloud_sync.web.accounts import go
from cloud_sync.web.board import Speaker
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff import words
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.pages import CONFLICT, Word
from cloud_sync.web.texts import mark

EARLIER_SHOWN = 30
ShiftId = Annotated[str, Path(pattern=r"^SH-[0-9A-Z]{26}$")]
Said = Annotated[str, Form(max_length=500)]

GROUPS: Mapping[Group, str] = {
    Group.UNSEEN: mark("Nobody has looked yet"),
    Group.TAKEN: mark("Acknowledged, somebody has it"),
    Group.AWAY: mark("With a department"),
    Group.TO_CHECK: mark("Settled, to be checked by another person"),
    Group.SHELVED: mark("Silenced for a while"),
    Group.EXPLAINED: mark("Explained by another case"),
    Group.OUT: mark("Out of service"),
    Group.CLOSED: mark("Closed in this shift"),
}
COMMANDS = mark("Commands given")
DOORS = mark("Doors forced or held open")
NOTES = mark("Notes of this shift")
PROBLEMS: Mapping[str, str] = {
    "reason": mark("Say it in one line, without names of guests."),
    "shift.ON": mark("You are on shift already."),
    "shift.sign": mark("Only who is on this shift signs it, and to a colleague who works at the gate."),
    "shift.take over": mark("This shift was signed over to somebody else, or is over."),
}
NOT_NOW = mark("This shift has moved on meanwhile; look at it again.")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of a list of the report; ``href`` is empty where there is nothing more to see."""

    at: str
    what: str
    place: str
    who: str
    more: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class SheetPart:
    """One list, and the anchor its number leads to; the number is how many rows stand there."""

    id: str
    title: str
    rows: tuple[SheetRow, ...]
    cut: bool

    @property
    def n(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class SheetShown:
    since: str
    until: str
    parts: tuple[SheetPart, ...]


@dataclass(frozen=True, slots=True)
class ShiftRow:
    id: str
    user: str
    since: str
    signed: str
    to: str
    note: str
    over: str
    handed: int
    mine: bool  # the reader's own, to be signed
    to_me: bool  # signed over to the reader


@dataclass(frozen=True, slots=True)
class ShiftPage:
    chrome: Chrome
    now: str
    on: tuple[ShiftRow, ...]
    begins: bool  # the reader is not on shift
    colleagues: tuple[str, ...]
    sheet: SheetShown
    earlier: tuple[ShiftRow, ...]
    problem: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class KeptPage:
    chrome: Chrome
    shift: ShiftRow
    sheet: SheetShown
    handed: tuple[str, ...]


class ShiftPages:
    def __init__(self, desk: Desk, shifts: ShiftDesk) -> None:
        self._desk, self._shifts = desk, shifts
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/shift", self.show, methods=["GET"])
        self.router.add_api_route("/staff/shift", self.act, methods=["POST"])
        self.router.add_api_route("/staff/shift/{shift}", self.kept, methods=["GET"])
        self.router.add_api_route("/staff/shift/{shift}", self.hand_over, methods=["POST"])

    def show(self, request: Request) -> Response:
        return answer(request, "staff/shift.html", self._page(self._desk.asked(request)))

    def act(self, request: Request, csrf: Word = "", event: Word = "", note: Said = "") -> Response:
        """Begin a shift, or write something down for whoever comes next."""
        asked = self._desk.asked(request, Right.WORK_CASE)
        check_form(asked.session.csrf, csrf)
        try:
            if event == "begin":
                self._shifts.begin(asked.session.user)
            else:
                self._shifts.note(note, asked.session.user)
        except Refused as refused:
            return self._refused(request, asked, refused, note)
        return go("/staff/shift")

    def kept(self, request: Request, shift: ShiftId) -> Response:
        asked = self._desk.asked(request)
        line, sheet = self._shifts.kept(shift)
        page = KeptPage(asked.chrome, _row(line, asked), _shown(sheet, asked.by), line.handed)
        return answer(request, "staff/shift_kept.html", page)

    def hand_over(
        self,
        request: Request,
        shift: ShiftId,
        csrf: Word = "",
        event: Word = "",
        to: Word = "",
        note: Said = "",
    ) -> Response:
        asked = self._desk.asked(request, Right.WORK_CASE)
        check_form(asked.session.csrf, csrf)
        try:
            if event == "sign":
                self._shifts.sign(shift, to, note, asked.session.user)
            else:
                self._shifts.take_over(shift, asked.session.user)
        except Refused as refused:
            return self._refused(request, asked, refused, note)
        return go(f"/staff/shift/{shift}" if event == "sign" else "/staff/shift")

    def _refused(self, request: Request, asked: Asked, refused: Refused, typed: str) -> Response:
        problem = asked.by.say(PROBLEMS.get(refused.rule, NOT_NOW))
        return answer(request, "staff/shift.html", self._page(asked, problem, typed), CONFLICT)

    def _page(self, asked: Asked, problem: str = "", typed: str = "") -> ShiftPage:
        on, me = self._shifts.on(), asked.session.user.name
        mine = [line.from_ms for line in on if line.user == me and line.state == ShiftState.ON]
        since_ms = mine[0] if mine else min((line.from_ms for line in on), default=asked.now_ms)
        users = self._desk.services.accounts.users()
        return ShiftPage(
            chrome=asked.chrome,
            now=asked.by.day_and_clock(asked.now_ms),
            on=tuple(_row(line, asked) for line in on),
            begins=not mine,
            colleagues=tuple(one.name for one in users if one.name != me and may(one.role, Right.WORK_CASE)),
            sheet=_shown(self._shifts.sheet(since_ms), asked.by),
            earlier=tuple(_row(line, asked) for line in self._shifts.earlier(most=EARLIER_SHOWN)),
            problem=problem,
            typed=typed,
        )


def _row(line: ShiftLine, asked: Asked) -> ShiftRow:
    by, me = asked.by, asked.session.user.name
    return ShiftRow(
        id=line.shift,
        user=line.user,
        since=by.day_and_clock(line.from_ms),
        signed=by.day_and_clock(line.signed_ms) if line.signed_ms is not None else "",
        to=line.to,
        note=line.note,
        over=by.day_and_clock(line.over_ms) if line.over_ms is not None else "",
        handed=len(line.handed),
        mine=line.user == me and line.state != ShiftState.OVER,
        to_me=line.to == me and line.state == ShiftState.SIGNED,
    )


def _shown(sheet: Sheet, by: Speaker) -> SheetShown:
    say, cut = by.say, frozenset(sheet.cut)
    parts = [
        SheetPart(
            group.value, say(title), tuple(_case(one, by) for one in sheet.of(group)), cut="cases" in cut
        )
        for group, title in GROUPS.items()
    ]
    doors = tuple(
        SheetRow(
            by.day_and_clock(one.at_ms),
            common.say(common.EVENTS, one.type, say),
            by.name(one.place_zh, one.place_en),
            "",
            "",
        )
        for one in sheet.doors
    )
    notes = tuple(SheetRow(by.day_and_clock(one.at_ms), one.text, "", one.actor, "") for one in sheet.notes)
    commands = tuple(_command(one, by) for one in sheet.commands)
    parts += [
        SheetPart("commands", say(COMMANDS), commands, cut="commands" in cut),
        SheetPart("doors", say(DOORS), doors, cut="doors" in cut),
        SheetPart("notes", say(NOTES), notes, cut="notes" in cut),
    ]
    return SheetShown(by.day_and_clock(sheet.from_ms), by.day_and_clock(sheet.until_ms), tuple(parts))


def _case(case: SheetCase, by: Speaker) -> SheetRow:
    known = {Family.DISCREPANCY.value: common.DISCREPANCIES, Family.MATTER.value: words.MATTERS}
    title = common.say(known.get(case.family, words.ALERTS), case.kind, by.say)
    flood = case.kind == FLOOD.name
    place = common.say(words.ALERTS, case.about, by.say) if flood else by.name(case.place_zh, case.place_en)
    return SheetRow(
        at=by.day_and_clock(case.since_ms),
        what=f"{common.say(common.SEVERITIES, case.severity, by.say)}: {title}",
        place=place,
        who=case.owner,
        more=common.say(words.STATES, case.state, by.say),
        href=f"/staff/cases/{case.id}",
    )


def _command(one: SheetCommand, by: Speaker) -> SheetRow:
    ops = words.ZONE_OPS if one.zone else words.OPS
    return SheetRow(
        at=by.day_and_clock(one.at_ms),
        what=common.say(ops, one.op, by.say),
        place=by.name(one.place_zh, one.place_en),
        who=" + ".join(name for name in (one.actor, one.second) if name),
        more="" if one.zone else common.say(words.COMMAND_STATES, one.state, by.say),
        href=f"/staff/zones/{one.id}" if one.zone else f"/staff/commands/{one.id}",
    )
