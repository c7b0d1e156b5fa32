"""The five musts about somebody under age: one page for a stay, each must ticked by whoever did it, under their name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.minors import Must
from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports_staff import MustDone, Suspicion
from cloud_sync.web.accounts import go
from cloud_sync.web.board import Speaker
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.pages import CONFLICT, Reason, Word
from cloud_sync.web.texts import mark

StayId = Annotated[str, Path(pattern=r"^ST-[0-9A-Z]{26}$")]

MUSTS: Mapping[Must, str] = MappingProxyType({
    Must.PROVED: mark("The document was looked at, and the minor is registered and reported"),
    Must.CONTACT: mark("A guardian's telephone number was asked for, tried and written down"),
    Must.RELATION: mark("Who stays with the minor was asked, and how they are related"),
    Must.WATCHED: mark("More rounds, and visitors to this room are looked at before they go up"),
    Must.ANSWERED: mark("Anything suspicious is reported to the police at once, the guardian called, the minor protected"),
})  # fmt: skip
REFUSALS: Mapping[str, str] = MappingProxyType({
    "reason": mark("Say in one line why, without names; it is kept with your name."),
    "minor.done": mark("A colleague has ticked this already."),
    "minor.contact": mark("No guardian's number is on record; prove the minor with it first."),
    "minor.relation": mark("No relation is on record; prove the minor with it first."),
    "minor.proved": mark("The registration is not proved yet; look at the document first."),
})  # fmt: skip
CHANGED = mark("This could not be done; look at the page once more.")


@dataclass(frozen=True, slots=True)
class MustRow:
    must: str
    words: str
    by: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class MinorPage:
    chrome: Chrome
    now: str
    stay: str
    room: str
    alone: bool
    musts: tuple[MustRow, ...]
    left: int
    problem: str = ""
    told: Suspicion | None = None


class MinorPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._registry = desk.services.registry
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/minors/{stay}", self.show, methods=["GET"])
        self.router.add_api_route("/staff/minors/{stay}", self.tick, methods=["POST"])
        self.router.add_api_route("/staff/minors/{stay}/suspicion", self.suspect, methods=["POST"])
        self.router.add_api_route(
            "/staff/minors/{stay}/suspicion", self.show, methods=["GET"]
        )  # loaded again

    def show(self, request: Request, stay: StayId) -> Response:
        asked = self._desk.asked(request, Right.PROVE)
        return answer(request, "staff/minor.html", self._page(asked, stay))

    def tick(
        self, request: Request, stay: StayId, csrf: Word = "", must: Word = "", reason: Reason = ""
    ) -> Response:
        asked = self._desk.asked(request, Right.PROVE)
        check_form(asked.session.csrf, csrf)
        try:
            self._registry.tick_must(stay, must, actor=asked.session.user.name, reason=reason)
        except Refused as refused:
            return self._no(request, asked, stay, refused)
        return go(f"/staff/minors/{stay}")

    def suspect(self, request: Request, stay: StayId, csrf: Word = "", reason: Reason = "") -> Response:
        """Tell the police liaison now, and show whom to call; the number stands on this one answer only."""
        asked = self._desk.asked(request, Right.PROVE)
        check_form(asked.session.csrf, csrf)
        try:
            told = self._registry.report_suspicion(stay, actor=asked.session.user.name, reason=reason)
        except Refused as refused:
            return self._no(request, asked, stay, refused)
        response = answer(request, "staff/minor.html", replace(self._page(asked, stay), told=told))
        response.headers["cache-control"] = "no-store"
        return response

    def _no(self, request: Request, asked: Asked, stay: str, refused: Refused) -> Response:
        problem = asked.by.say(REFUSALS.get(refused.rule, CHANGED))
        return answer(request, "staff/minor.html", self._page(asked, stay, problem), CONFLICT)

    def _page(self, asked: Asked, stay: str, problem: str = "") -> MinorPage:
        care = self._registry.minor_care(stay)
        return MinorPage(
            chrome=asked.chrome,
            now=asked.by.clock(asked.now_ms),
            stay=stay,
            room=care.room,
            alone=care.alone,
            musts=tuple(_row(one, asked.by) for one in care.musts),
            left=sum(1 for one in care.musts if not one.by),
            problem=problem,
        )


def _row(one: MustDone, by: Speaker) -> MustRow:
    at = by.day_and_clock(one.at_ms) if one.by else ""
    return MustRow(one.must, by.say(MUSTS[one.must]), one.by, at, one.reason)
