"""Notices to whoever stays here tonight: the officer writes one, sees which stays it has reached, and withdraws it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.bulletins import TEXT_MAX, Audience, BulletinWish
from cloud_sync.core.roles import Right
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_bulletins import Audiences, BulletinDesk, BulletinView
from cloud_sync.web import words
from cloud_sync.web.accounts import go
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.texts import Texts, mark

CONFLICT = 409
Short = Annotated[str, Form(max_length=128)]
Words = Annotated[str, Form(max_length=4 * TEXT_MAX)]
BulletinId = Annotated[str, Path(pattern=r"^BU-[0-9A-Z]{26}$")]

AUDIENCES: Mapping[str, str] = MappingProxyType({
    Audience.COMMUNITY: mark("the whole community"),
    Audience.BUILDING: mark("a building"),
    Audience.UNIT: mark("a unit"),
    Audience.LISTING: mark("a listing"),
})  # fmt: skip
REFUSALS: Mapping[str, str] = MappingProxyType({
    "bulletin.audience": mark("Choose the whole community, or one building, unit or listing."),
    "bulletin.text": mark("Write it in Chinese and in English, 500 characters each at most, plain text only."),
    "bulletin.ends": mark("A notice ends within 14 days, and not in the past."),
    "bulletin.many": mark("Twenty notices run already; withdraw one first."),
    "not_found": mark("That is not on record; look at the number once more."),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class BulletinRow:
    bulletin: str
    audience: str
    text: str
    made: str
    ends: str
    state: str
    runs: bool
    counts: str


@dataclass(frozen=True, slots=True)
class BulletinPage:
    chrome: Chrome
    now: str
    rows: tuple[BulletinRow, ...]
    audiences: tuple[tuple[str, str], ...]
    there: Audiences
    form: Mapping[str, str]
    most: int
    problem: str = ""


class BulletinPages:
    """``/bulletins``; who may write is in the table of roles."""

    def __init__(self, desk: Desk, bulletins: BulletinDesk) -> None:
        self._desk = desk
        self._bulletins = bulletins
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/bulletins", self.show, methods=["GET"])
        self.router.add_api_route("/bulletins", self.write, methods=["POST"])
        self.router.add_api_route("/bulletins/{bulletin}", self.withdraw, methods=["POST"])

    def show(self, request: Request) -> Response:
        asked = self._desk.asked(request, Right.TELL_GUESTS)
        return answer(request, "staff/bulletins.html", self._page(asked))

    def write(
        self, request: Request, csrf: Short = "", audience: Short = "", building: Short = "", unit: Short = "",
        listing: Short = "", zh: Words = "", en: Words = "", ends: Short = "",
    ) -> Response:  # fmt: skip
        asked = self._form(request, csrf)
        places = {Audience.BUILDING: building, Audience.UNIT: unit, Audience.LISTING: listing}
        form = {"audience": audience, "building": building, "unit": unit, "listing": listing, "zh": zh, "en": en, "ends": ends}  # fmt: skip
        place = next((ref for kind, ref in places.items() if kind == audience), "")
        wish = BulletinWish(audience, place, _lines(zh), _lines(en), self._ms(ends))
        try:
            self._bulletins.write(wish, actor=asked.session.user.name)
        except Refused as refused:
            return self._no(request, asked, refused.rule, form)
        return go("/bulletins")

    def withdraw(self, request: Request, bulletin: BulletinId, csrf: Short = "") -> Response:
        asked = self._form(request, csrf)
        try:
            self._bulletins.withdraw(bulletin, actor=asked.session.user.name)
        except NotFound:
            return self._no(request, asked, "not_found")
        return go("/bulletins")

    def _form(self, request: Request, csrf: str) -> Asked:
        asked = self._desk.asked(request, Right.TELL_GUESTS)
        check_form(asked.session.csrf, csrf)
        return asked

    def _ms(self, text: str) -> int:
        """A local moment as the browser's field gives it; 0, which is over, for anything else."""
        try:
            moment = datetime.fromisoformat(text).replace(tzinfo=self._desk.services.zone)
            return round(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            return 0

    def _no(
        self, request: Request, asked: Asked, rule: str, form: Mapping[str, str] | None = None
    ) -> Response:
        said = asked.by.say(REFUSALS.get(rule, REFUSALS["not_found"]))
        return answer(request, "staff/bulletins.html", self._page(asked, form, problem=said), CONFLICT)

    def _page(
        self, asked: Asked, form: Mapping[str, str] | None = None, *, problem: str = ""
    ) -> BulletinPage:
        empty = dict.fromkeys(("audience", "building", "unit", "listing", "zh", "en", "ends"), "")
        return BulletinPage(
            chrome=asked.chrome,
            now=asked.by.clock(asked.now_ms),
            rows=tuple(_row(one, asked) for one in self._bulletins.bulletins()),
            audiences=tuple((code, asked.by.say(text)) for code, text in AUDIENCES.items()),
            there=self._bulletins.audiences(),
            form={**empty, **(form or {})},
            most=TEXT_MAX,
            problem=problem,
        )


def _lines(text: str) -> str:
    """Browsers send line ends their own way."""
    return text.replace("\r\n", "\n").strip()


def _row(one: BulletinView, asked: Asked) -> BulletinRow:
    by, wish = asked.by, one.wish
    return BulletinRow(
        bulletin=one.bulletin,
        audience=f"{words.say(AUDIENCES, wish.audience, by.say)} {wish.ref}".strip(),
        text=by.name(wish.text_zh, wish.text_en),
        made=f"{one.made_by}, {by.day_and_clock(one.made_ms)}",
        ends=by.day_and_clock(wish.ends_ms),
        state=_state(one, by.say),
        runs=one.runs,
        counts=by.say(
            mark("%(stays)s stays · shown to %(shown)s · messages sent: %(sent)s of %(written)s"),
            stays=one.stays,
            shown=one.shown,
            sent=one.sent,
            written=one.written,
        ),
    )


def _state(one: BulletinView, say: Texts) -> str:
    if one.withdrawn_by:
        return say(mark("withdrawn by %(who)s"), who=one.withdrawn_by)
    return say(mark("runs")) if one.runs else say(mark("is over"))
