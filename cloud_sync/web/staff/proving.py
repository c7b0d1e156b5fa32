"""Prove a guest who stands here, and answer who has said at a gate which booking is theirs."""

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right, may
from cloud_sync.core.self_registration import FORM_FIELDS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_guest import FormAnswer
from cloud_sync.ports_staff import PROOFING_OF, Party, Proof, ProofMethod, Proved
from cloud_sync.web.guest.more import more_fields
from cloud_sync.web.guest.shown import say_faults
from cloud_sync.web.render import answer
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.prove_shown import (
    REFUSALS,
    REGISTRATIONS,
    LinkPage,
    ProvedCard,
    ProvePage,
    arrival_row,
    party_card,
    proved_card,
)
from cloud_sync.web.texts import Texts

CONFLICT = 409
UNPROCESSABLE = 422
Ref = Annotated[str, Query(max_length=64)]
ArrivalId = Annotated[str, Path(pattern=r"^AR-[0-9A-Z]{26}$")]
FIELDS_MAX = len(FORM_FIELDS) + 6  # booking, place in the party, how, why, and the page's own token


async def typed(request: Request) -> dict[str, str]:
    """The fields of a form that are text; a file somebody sends along is not looked at."""
    form = await request.form(max_files=0, max_fields=FIELDS_MAX)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Typed = Annotated[dict[str, str], Depends(typed)]
EMPTY = dict.fromkeys(FORM_FIELDS, "")


class ProvePages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._registry = desk.services.registry
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/prove", self.show, methods=["GET"])
        self.router.add_api_route("/staff/prove", self.prove, methods=["POST"])
        self.router.add_api_route("/staff/arrivals", self.arrivals, methods=["GET"])
        self.router.add_api_route("/staff/arrivals/{arrival}/link", self.link, methods=["POST"])

    def show(self, request: Request, source: Ref = "", ref: Ref = "") -> Response:
        asked = self._desk.asked(request, Right.PROVE)
        return self._answer(request, asked, {"source": source, "external_ref": ref})

    def arrivals(self, request: Request) -> Response:
        """Who waits, anew: for an open page."""
        asked = self._desk.asked(request, Right.PROVE)
        return answer(request, "staff/_arrivals.html", self._page(asked, {}))

    def prove(self, request: Request, form: Typed) -> Response:
        asked = self._desk.asked(request, Right.PROVE)
        check_form(asked.session.csrf, form.get("csrf", ""))
        try:
            if (
                self._party(asked, form.get("source", "").strip(), form.get("external_ref", "").strip())
                is None
            ):
                raise NotFound("there is no such booking.")
            done = self._registry.prove(_proof(form), actor=asked.session.user.name)
        except (Refused, NotFound) as error:
            return self._answer(request, asked, form, problem=_why(error, asked.by.say), status=CONFLICT)
        if isinstance(done, FormAnswer):
            faults = say_faults(done, asked.by.say)
            return self._answer(request, asked, form, faults=faults, status=UNPROCESSABLE)
        booking = {name: form.get(name, "") for name in ("source", "external_ref")}
        return self._answer(request, asked, booking, done=self._proved(asked, done))

    def link(self, request: Request, arrival: ArrivalId, form: Typed) -> Response:
        """A fresh link as a code for the phone of whoever stands here; nothing of it is kept on this page."""
        asked = self._desk.asked(request, Right.PROVE)
        check_form(asked.session.csrf, form.get("csrf", ""))
        booking = form.get("source", ""), form.get("external_ref", "")
        try:
            token = self._registry.answer_arrival(arrival, *booking, actor=asked.session.user.name)
        except (Refused, NotFound) as error:
            return self._answer(request, asked, {}, problem=_why(error, asked.by.say), status=CONFLICT)
        address = f"{_pages(request, self._desk.services)}/g/{token}"
        picture = segno.make(address, error="m", micro=False).svg_data_uri(scale=6, border=4)
        return answer(request, "staff/link.html", LinkPage(asked.chrome, address, picture, " ".join(booking)))

    def _answer(
        self,
        request: Request,
        asked: Asked,
        form: dict[str, str],
        *,
        problem: str = "",
        faults: dict[str, str] | None = None,
        done: ProvedCard | None = None,
        status: int = 200,
    ) -> Response:
        page = self._page(asked, form, problem=problem, faults=faults, done=done)
        return answer(request, "staff/prove.html", page, 404 if page.unknown and status == 200 else status)

    def _page(
        self,
        asked: Asked,
        form: dict[str, str],
        *,
        problem: str = "",
        faults: dict[str, str] | None = None,
        done: ProvedCard | None = None,
    ) -> ProvePage:
        source, ref = form.get("source", "").strip(), form.get("external_ref", "").strip()
        fits = self._registry.bookings_of(ref) if ref and not source else ()
        if len(fits) == 1:
            source, ref = fits[0]
        party = self._party(asked, source, ref)
        return ProvePage(
            chrome=asked.chrome,
            now=asked.by.clock(asked.now_ms),
            arrivals=tuple(arrival_row(row, asked.by) for row in self._registry.arrivals()),
            source=source,
            external_ref=ref,
            party=party_card(party, asked.by) if party is not None else None,
            unknown=bool(ref) and party is None and not fits,
            fits=fits if party is None else (),
            form={**EMPTY, **{name: form.get(name, "") for name in FORM_FIELDS}},
            faults=faults or {},
            more=more_fields(party.asks, asked.by.say, signs=True) if party is not None else (),
            method=form.get("method", "staff"),
            member=form.get("member", _next(party)),
            reason=form.get("reason", ""),
            problem=problem,
            done=done,
        )

    def _party(self, asked: Asked, source: str, ref: str) -> Party | None:
        if not source or not ref:
            return None
        try:
            return self._registry.party(source, ref, privy=may(asked.session.user.role, Right.PRIVACY))
        except NotFound:
            return None

    def _proved(self, asked: Asked, done: Proved) -> ProvedCard:
        doors = {door.access_point: door for node in self._desk.nodes(asked) for door in node.doors}
        names = tuple(
            asked.by.name(doors[one].name_zh, doors[one].name_en) if one in doors else one
            for one in done.doors
        )
        return proved_card(done, names, asked.by)


def _proof(form: dict[str, str]) -> Proof:
    return Proof(
        source=form.get("source", "").strip(),
        external_ref=form.get("external_ref", "").strip(),
        method=_method(form.get("method", "")),
        reason=form.get("reason", ""),
        form={name: form.get(name, "") for name in FORM_FIELDS},
        subject_ref=form.get("member", ""),
    )


def _next(party: Party | None) -> str:
    """Who is probably meant: the first of the party who is not proved yet, else somebody new ("")."""
    members = party.members if party is not None else ()
    return next((one.subject_ref for one in members if one.registration in REGISTRATIONS), "")


def _method(text: str) -> ProofMethod:
    for method in PROOFING_OF:
        if method == text:
            return method
    raise Refused("prove.method", "say whether you saw the person here or on a call.")


def _pages(request: Request, services: Services) -> str:
    """How the guest's phone reaches us: as the owner says, else as this device did."""
    return services.pages_url or str(request.base_url).rstrip("/")


def _why(error: Refused | NotFound, say: Texts) -> str:
    rule = error.rule if isinstance(error, Refused) else "not_found"
    return say(REFUSALS.get(rule, REFUSALS["not_found"]))
