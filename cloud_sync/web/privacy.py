"""How long things are kept, a person's copy, holds, and traces by two people: the officer's page for all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.retention import FILE_AT, Hold, Proof
from cloud_sync.core.roles import Right
from cloud_sync.core.trace import Purpose, TraceKind, TraceState, TraceWish
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_privacy import HiddenStay, PrivacyDesk, TraceLine, TraceView
from cloud_sync.web import words
from cloud_sync.web.accounts import go
from cloud_sync.web.board import short
from cloud_sync.web.guest.export_file import NAME, zip_of
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.texts import Texts, mark

CONFLICT = 409
Short = Annotated[str, Form(max_length=128)]
Line = Annotated[str, Form(max_length=200)]
TraceId = Annotated[str, Path(pattern=r"^TR-[0-9A-Z]{26}$")]
StayId = Annotated[str, Path(pattern=r"^ST-[0-9A-Z]{26}$")]
HoldId = Annotated[str, Path(pattern=r"^LH-[0-9A-Z]{26}$")]

FACES = mark(
    "%(now)s people with a face now, %(ever)s ever; at %(at)s the community files with the authority within 30 working days"
)
CLOCK_WORDS: Mapping[str, str] = MappingProxyType({
    "face.template": mark("Faces that nodes were told to erase"),
    "face.envelope": mark("Sealed faces on their way"),
    "entry.guest": mark("Doors and times of guests"),
    "entry.resident": mark("Doors and times of residents"),
    "presence": mark("Who is in"),
    "registration": mark("Stays with their registration"),
    "stay.unused": mark("Bookings nobody was registered for"),
    "subject": mark("Residents, staff and visitors whose right is over"),
    "consent": mark("Consents"),
    "assessment": mark("Impact assessments"),
    "disclosure": mark("Who looked at sealed fields"),
    "audit": mark("Who changed what"),
    "trace": mark("Traces"),
    "case": mark("Closed cases"),
    "discrepancy": mark("Closed discrepancies"),
    "command": mark("Commands to doors"),
    "message": mark("Messages to guests"),
    "draft": mark("Forms that were not sent"),
    "complaint": mark("Complaints at a door's plate"),
    "arrival": mark("What was said at a gate"),
    "deadletter": mark("Messages that could not be read"),
    "alert.queue": mark("Alarms before they are cases"),
    "session": mark("Logins"),
    "staging": mark("Rows of imported files"),
    "vault.orphan": mark("Sealed fields of nobody"),
})  # fmt: skip
PURPOSES: Mapping[str, str] = MappingProxyType({
    Purpose.POLICE: mark("written request of the police"),
    Purpose.COURT: mark("order of a court"),
    Purpose.DANGER: mark("danger to life or limb"),
    Purpose.COMPLAINT: mark("complaint that has a case"),
    Purpose.OWN: mark("the person asks about themselves"),
})  # fmt: skip
KINDS: Mapping[str, str] = MappingProxyType({
    TraceKind.BOOKING: mark("a booking: source and number"),
    TraceKind.DOOR: mark("a door, four hours at most"),
})  # fmt: skip
STATES: Mapping[str, str] = MappingProxyType({
    TraceState.ASKED: mark("waits for a second person"),
    TraceState.APPROVED: mark("approved"),
    TraceState.REFUSED: mark("refused"),
})  # fmt: skip
REFUSALS: Mapping[str, str] = MappingProxyType({
    "reason": mark("Say in one line why, without names; it is kept with your name."),
    "trace.scope": mark("Name a booking by source and number, or a door."),
    "trace.purpose": mark("Choose one of the purposes."),
    "trace.case": mark("This purpose needs the number of the letter or the case."),
    "trace.window": mark("A booking is looked at for 31 days at most, a door for four hours, never the future."),
    "trace.many": mark("You have asked five times today; a colleague may ask."),
    "trace.same_person": mark("Another person has to decide; you asked for it."),
    "trace.late": mark("Nobody decided within a day; ask again."),
    "trace.decided": mark("This was decided already."),
    "trace.not_approved": mark("Nobody else has approved this; nothing is shown."),
    "trace.over": mark("What was approved is shown for a day; ask again."),
    "hidden.already": mark("This stay is hidden already."),
    "hold.end": mark("A hold ends within a year; make it anew then."),
    "hold.scope": mark("Choose what is kept: a kind of record, or one booking."),
    "guest.erase_open": mark("This stay is not over yet."),
    "not_found": mark("That is not on record; look at the number once more."),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClockRow:
    name: str
    days: int
    oldest: str
    overdue: int
    held: int
    removed: int


@dataclass(frozen=True, slots=True)
class HoldRow:
    hold: str
    what: str
    author: str
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class TraceRow:
    trace: str
    what: str
    purpose: str
    asked_by: str
    asked: str
    state: str


@dataclass(frozen=True, slots=True)
class PrivacyPage:
    chrome: Chrome
    now: str
    proved: str
    clocks: tuple[ClockRow, ...]
    overdue: int
    holds: tuple[HoldRow, ...]
    hidden: tuple[HoldRow, ...]
    traces: tuple[TraceRow, ...]
    faces: str
    faces_warn: bool
    kinds: tuple[tuple[str, str], ...]
    purposes: tuple[tuple[str, str], ...]
    doors: tuple[tuple[str, str], ...]
    kinds_of_record: tuple[tuple[str, str], ...]
    form: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TracePage:
    chrome: Chrome
    row: TraceRow
    reason: str
    case_ref: str
    window: str
    decided_by: str
    mine: bool
    waits: bool
    approved: bool
    watermark: str = ""
    lines: tuple[tuple[str, str, str, str], ...] | None = None
    cut: bool = False
    problem: str = ""


class PrivacyPages:
    def __init__(self, desk: Desk, privacy: PrivacyDesk) -> None:
        self._desk = desk
        self._privacy = privacy
        self._registry = desk.services.registry
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self._own("/privacy", self.show)
        self._own("/privacy/traces", self.ask, "POST")
        self._own("/privacy/traces/{trace}", self.trace)
        self._own("/privacy/traces/{trace}", self.decide, "POST")
        self._own("/privacy/traces/{trace}/lines", self.lines, "POST")
        self._own("/privacy/traces/{trace}/lines", self.trace)  # loaded again: asked for anew, by a button
        self._own("/privacy/copies", self.copy, "POST")
        self._own("/privacy/erasures", self.erase, "POST")
        self._own("/privacy/hidden", self.hide, "POST")
        self._own("/privacy/hidden/{stay}", self.show_again, "POST")
        self._own("/privacy/holds", self.hold, "POST")
        self._own("/privacy/holds/{hold}", self.lift, "POST")

    def _own(self, path: str, call: object, method: str = "GET") -> None:
        self.router.add_api_route(path, call, methods=[method])  # type: ignore[arg-type]

    # --- the page ----------------------------------------------------------------------------------------------

    def show(self, request: Request) -> Response:
        return answer(request, "privacy/officer.html", self._page(self._asked(request)))

    def copy(
        self, request: Request, csrf: Short = "", source: Short = "", ref: Short = "", guest: Short = "", reason: Line = ""
    ) -> Response:  # fmt: skip
        """Everything about one person, as a file; the reason and every field are on record before it is sent."""
        asked = self._form(request, csrf)
        who = asked.session.user.name
        try:
            held = self._registry.export_subject(source.strip(), ref.strip(), guest.strip() or None, actor=who, reason=reason)  # fmt: skip
        except (Refused, NotFound) as error:
            return self._no(request, asked, error)
        name = {"content-disposition": f'attachment; filename="{NAME}"', "cache-control": "no-store"}
        return Response(zip_of(held, self._desk.services.zone), media_type="application/zip", headers=name)

    def erase(
        self, request: Request, csrf: Short = "", source: Short = "", ref: Short = "", guest: Short = "", reason: Line = ""
    ) -> Response:  # fmt: skip
        asked = self._form(request, csrf)
        who = asked.session.user.name
        try:
            self._registry.erase_subject(source.strip(), ref.strip(), guest.strip() or None, actor=who, reason=reason)  # fmt: skip
        except (Refused, NotFound) as error:
            return self._no(request, asked, error)
        return go("/privacy")

    def hold(
        self, request: Request, csrf: Short = "", kind: Short = "", ref: Short = "", clock: Short = "", reason: Line = "", days: Short = ""
    ) -> Response:  # fmt: skip
        asked = self._form(request, csrf)
        number = int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0
        what = clock if kind == "clock" else ref
        try:
            self._privacy.hold(kind, what, reason=reason, days=number, actor=asked.session.user.name)
        except (Refused, NotFound) as error:
            return self._no(request, asked, error)
        return go("/privacy")

    def lift(self, request: Request, hold: HoldId, csrf: Short = "", reason: Line = "") -> Response:
        asked = self._form(request, csrf)
        try:
            self._privacy.lift(hold, reason=reason, actor=asked.session.user.name)
        except (Refused, NotFound) as error:
            return self._no(request, asked, error)
        return go("/privacy")

    def hide(self, request: Request, csrf: Short = "", source: Short = "", ref: Short = "", reason: Line = "") -> Response:  # fmt: skip
        """Gate and operator see nothing of this stay from now on; its doors open as before."""
        asked = self._form(request, csrf)
        who = asked.session.user.name
        try:
            self._privacy.hide_stay(source.strip(), ref.strip(), reason=reason, actor=who)
        except (Refused, NotFound) as error:
            return self._no(request, asked, error)
        return go("/privacy")

    def show_again(self, request: Request, stay: StayId, csrf: Short = "", reason: Line = "") -> Response:
        asked = self._form(request, csrf)
        try:
            self._privacy.show_stay(stay, reason=reason, actor=asked.session.user.name)
        except (Refused, NotFound) as error:
            return self._no(request, asked, error)
        return go("/privacy")

    # --- traces --------------------------------------------------------------------------------------------------

    def ask(
        self, request: Request, csrf: Short = "", kind: Short = "", ref: Short = "", door: Short = "", purpose: Short = "",
        case_ref: Short = "", begins: Short = "", ends: Short = "", reason: Line = "",
    ) -> Response:  # fmt: skip
        """Nothing is looked up: another person has to say yes."""
        asked = self._form(request, csrf)
        form = {"kind": kind, "ref": ref, "door": door, "purpose": purpose, "case_ref": case_ref, "begins": begins, "ends": ends, "reason": reason}  # fmt: skip
        subject = door if kind == TraceKind.DOOR else ref
        wish = TraceWish(kind, subject, purpose, reason, case_ref, self._ms(begins), self._ms(ends))
        try:
            trace = self._privacy.ask_trace(wish, actor=asked.session.user.name)
        except (Refused, NotFound) as error:
            return self._no(request, asked, error, form)
        return go(f"/privacy/traces/{trace}")

    def trace(self, request: Request, trace: TraceId) -> Response:
        asked = self._asked(request)
        return answer(request, "privacy/trace.html", self._trace(asked, self._privacy.trace(trace)))

    def decide(self, request: Request, trace: TraceId, csrf: Short = "", approve: Short = "") -> Response:
        asked = self._form(request, csrf)
        try:
            self._privacy.decide_trace(trace, approve=approve == "yes", actor=asked.session.user.name)
        except Refused as refused:
            return self._trace_no(request, asked, trace, refused)
        return go(f"/privacy/traces/{trace}")

    def lines(self, request: Request, trace: TraceId, csrf: Short = "") -> Response:
        """A form, not an address: every look is a deed of somebody's, and is disclosed to whoever is in it."""
        asked = self._form(request, csrf)
        try:
            shown = self._privacy.show_trace(trace, actor=asked.session.user.name)
        except Refused as refused:
            return self._trace_no(request, asked, trace, refused)
        names = self._door_names(asked)
        who = asked.session.user.name
        page = self._trace(
            asked,
            shown.view,
            watermark=f"{trace} · {who} · {asked.by.day_and_clock(shown.shown_ms)}",
            lines=tuple(_line(one, asked, names) for one in shown.lines),
            cut=shown.cut,
        )
        response = answer(request, "privacy/trace.html", page)
        response.headers["cache-control"] = "no-store"
        return response

    # --- within --------------------------------------------------------------------------------------------------

    def _asked(self, request: Request) -> Asked:
        return self._desk.asked(request, Right.PRIVACY)

    def _form(self, request: Request, csrf: str) -> Asked:
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        return asked

    def _ms(self, text: str) -> int:
        """A local moment as the browser's field gives it; 0 for anything else, which no request can name."""
        try:
            return round(
                datetime.fromisoformat(text).replace(tzinfo=self._desk.services.zone).timestamp() * 1000
            )
        except ValueError:
            return 0

    def _no(
        self, request: Request, asked: Asked, error: Refused | NotFound, form: Mapping[str, str] | None = None
    ) -> Response:
        page = self._page(asked, form, problem=_why(error, asked.by.say))
        return answer(request, "privacy/officer.html", page, CONFLICT)

    def _trace_no(self, request: Request, asked: Asked, trace: str, refused: Refused) -> Response:
        page = self._trace(asked, self._privacy.trace(trace), problem=_why(refused, asked.by.say))
        return answer(request, "privacy/trace.html", page, CONFLICT)

    def _page(self, asked: Asked, form: Mapping[str, str] | None = None, *, problem: str = "") -> PrivacyPage:
        say, by = asked.by.say, asked.by
        proof, faces = self._privacy.proof(), self._privacy.face_persons()
        empty = dict.fromkeys(("kind", "ref", "door", "purpose", "case_ref", "begins", "ends", "reason"), "")
        return PrivacyPage(
            chrome=asked.chrome,
            now=by.clock(asked.now_ms),
            proved=by.day_and_clock(max(line.ran_ms for line in proof)) if proof else "",
            clocks=tuple(_clock(line, asked) for line in proof),
            overdue=sum(line.overdue for line in proof),
            holds=tuple(_hold(one, asked) for one in self._privacy.holds()),
            hidden=tuple(_hidden(one, asked) for one in self._privacy.hidden_stays()),
            traces=tuple(_trace_row(one, asked) for one in self._privacy.traces()),
            faces=say(FACES, now=f"{faces.now:,}", ever=f"{faces.ever:,}", at=f"{FILE_AT:,}"),
            faces_warn=faces.level > 0,
            kinds=tuple((code, say(text)) for code, text in KINDS.items()),
            purposes=tuple((code, say(text)) for code, text in PURPOSES.items()),
            kinds_of_record=tuple((code, say(text)) for code, text in CLOCK_WORDS.items()),
            doors=tuple(sorted(self._door_names(asked).items())),
            form={**empty, **(form or {})},
            problem=problem,
        )

    def _trace(
        self,
        asked: Asked,
        view: TraceView,
        *,
        watermark: str = "",
        lines: tuple[tuple[str, str, str, str], ...] | None = None,
        cut: bool = False,
        problem: str = "",
    ) -> TracePage:
        by, wish = asked.by, view.wish
        return TracePage(
            chrome=asked.chrome,
            row=_trace_row(view, asked),
            reason=wish.reason,
            case_ref=wish.case_ref,
            window=f"{by.day_and_clock(wish.from_ms)} – {by.day_and_clock(wish.until_ms)}",
            decided_by=view.decided_by,
            mine=view.asked_by == asked.session.user.name,
            waits=view.state == TraceState.ASKED,
            approved=view.state == TraceState.APPROVED,
            watermark=watermark,
            lines=lines,
            cut=cut,
            problem=problem,
        )

    def _door_names(self, asked: Asked) -> dict[str, str]:
        nodes = self._desk.nodes(asked)
        return {door.access_point: asked.by.name(door.name_zh, door.name_en) for node in nodes for door in node.doors}  # fmt: skip


def _clock(line: Proof, asked: Asked) -> ClockRow:
    return ClockRow(
        name=words.say(CLOCK_WORDS, line.clock, asked.by.say),
        days=line.keep_ms // DAY_MS,
        oldest=asked.by.day_and_clock(line.oldest_ms) if line.oldest_ms is not None else "–",
        overdue=line.overdue,
        held=line.held,
        removed=line.removed,
    )


def _hold(one: Hold, asked: Asked) -> HoldRow:
    what = words.say(CLOCK_WORDS, one.ref, asked.by.say) if one.kind == "clock" else one.ref
    return HoldRow(one.hold, what, one.author, one.reason, asked.by.day_and_clock(one.until_ms))


def _hidden(one: HiddenStay, asked: Asked) -> HoldRow:
    """As a hold: which stay, by whom, why, and since when."""
    what = f"{one.source} {one.external_ref}"
    return HoldRow(one.stay, what, one.set_by, one.reason, asked.by.day_and_clock(one.set_ms))


def _trace_row(view: TraceView, asked: Asked) -> TraceRow:
    say = asked.by.say
    return TraceRow(
        trace=view.trace,
        what=view.wish.ref,
        purpose=words.say(PURPOSES, view.wish.purpose, say),
        asked_by=view.asked_by,
        asked=asked.by.day_and_clock(view.asked_ms),
        state=words.say(STATES, view.state, say),
    )


def _line(one: TraceLine, asked: Asked, names: Mapping[str, str]) -> tuple[str, str, str, str]:
    """When, where, what, and under which pseudonym."""
    did = words.say(words.EVENTS, one.event, asked.by.say)
    by_what = words.say(words.CREDENTIALS, one.credential_kind, asked.by.say) if one.credential_kind else ""
    return (
        asked.by.day_and_clock(one.at_ms),
        names.get(one.access_point, one.access_point),
        f"{did} ({by_what})" if by_what else did,
        short(one.subject_ref),
    )


def _why(error: Refused | NotFound, say: Texts) -> str:
    rule = error.rule if isinstance(error, Refused) else "not_found"
    return say(REFUSALS.get(rule, REFUSALS["not_found"]))
