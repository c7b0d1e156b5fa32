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
from cloud_sync.core.trace import Telling, TellingRule, TraceKind, TraceState, TraceWish
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_privacy import HiddenStay, PrivacyDesk, TraceView
from cloud_sync.web import words
from cloud_sync.web.accounts import go
from cloud_sync.web.breaches import BreachRow, breach_row
from cloud_sync.web.guest.export_file import NAME, zip_of
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.texts import Texts, mark
from cloud_sync.web.trace_words import (
    GROUNDS,
    KINDS,
    PURPOSES,
    TELLINGS,
    TracePage,
    TraceRow,
    say_told,
    trace_line,
    trace_row,
)

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
    "emergency.answer": mark("What was asked in a declared emergency"),
    "emergency": mark("Declared emergencies"),
    "rollout": mark("Releases that went out to nodes"),
    "breach": mark("Lost nodes with faces"),
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
    "trace.telling": mark("Say whether the person is told, later, or not."),
    "trace.ground": mark("Say on which ground the person is not told."),
    "trace.until": mark("Telling is put off until a day within a year."),
    "trace.told": mark("They were told; nothing can be put off any more."),
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
class PrivacyPage:
    chrome: Chrome
    now: str
    proved: str
    clocks: tuple[ClockRow, ...]
    overdue: int
    holds: tuple[HoldRow, ...]
    hidden: tuple[HoldRow, ...]
    traces: tuple[TraceRow, ...]
    breaches: tuple[BreachRow, ...]
    owed: tuple[TraceRow, ...]
    faces: str
    faces_warn: bool
    kinds: tuple[tuple[str, str], ...]
    purposes: tuple[tuple[str, str], ...]
    doors: tuple[tuple[str, str], ...]
    kinds_of_record: tuple[tuple[str, str], ...]
    form: Mapping[str, str]
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
        self._own("/privacy/traces/{trace}/telling", self.telling, "POST")
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

    def decide(
        self, request: Request, trace: TraceId, csrf: Short = "", approve: Short = "", telling: Short = "", ground: Short = "", until: Short = ""
    ) -> Response:  # fmt: skip
        asked = self._form(request, csrf)
        rule, who = self._rule(telling, ground, until), asked.session.user.name
        try:
            self._privacy.decide_trace(trace, approve=approve == "yes", actor=who, telling=rule)
        except Refused as refused:
            return self._trace_no(request, asked, trace, refused)
        return go(f"/privacy/traces/{trace}")

    def telling(
        self, request: Request, trace: TraceId, csrf: Short = "", telling: Short = "", ground: Short = "", until: Short = ""
    ) -> Response:  # fmt: skip
        """A rule after the first: they are told now, or it is said anew why not."""
        asked = self._form(request, csrf)
        try:
            self._privacy.record_telling(
                trace, self._rule(telling, ground, until), actor=asked.session.user.name
            )
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
            lines=tuple(trace_line(one, asked, names) for one in shown.lines),
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

    def _rule(self, telling: str, ground: str, until: str) -> TellingRule:
        return TellingRule(telling, ground, self._ms(until) if telling == Telling.DEFERRED else None)

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
            breaches=tuple(breach_row(one, asked) for one in self._privacy.breaches()),
            traces=tuple(trace_row(one, asked) for one in self._privacy.traces()),
            owed=tuple(trace_row(one, asked) for one in self._privacy.traces_owed()),
            hidden=tuple(_hidden(one, asked) for one in self._privacy.hidden_stays()),
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
            row=trace_row(view, asked),
            reason=wish.reason,
            case_ref=wish.case_ref,
            window=f"{by.day_and_clock(wish.from_ms)} – {by.day_and_clock(wish.until_ms)}",
            decided_by=view.decided_by,
            mine=view.asked_by == asked.session.user.name,
            waits=view.state == TraceState.ASKED,
            approved=view.state == TraceState.APPROVED,
            telling=say_told(view.told[-1], by) if view.told else "",
            told=tuple(say_told(one, by) for one in view.told),
            open=not view.told or view.told[-1].rule.rule != Telling.TOLD,
            tellings=tuple((code, by.say(text)) for code, text in TELLINGS.items()),
            grounds=tuple((code, by.say(text)) for code, text in GROUNDS.items()),
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


def _why(error: Refused | NotFound, say: Texts) -> str:
    rule = error.rule if isinstance(error, Refused) else "not_found"
    return say(REFUSALS.get(rule, REFUSALS["not_found"]))
