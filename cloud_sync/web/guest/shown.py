"""What the guest's templates are given: frozen values in the guest's language, ready to print."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from cloud_sync.core.lifecycles import STAY_OVER
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.core.self_registration import CHECKS_MAX, FormFault
from cloud_sync.ports_guest import FormAnswer, GuestDoor, GuestMember, GuestView
from cloud_sync.web.board import Speaker
from cloud_sync.web.guest import steps, words
from cloud_sync.web.guest.departure import Departure, departure_of
from cloud_sync.web.guest.more import EMERGENCY, MORE, MoreField, emergency_fields, more_fields, why_asked
from cloud_sync.web.guest.way import Way, way_of
from cloud_sync.web.language import Choice, Lang, guest_language, guest_languages, other_languages, remember
from cloud_sync.web.render import environment
from cloud_sync.web.services import GuestHelp, Services
from cloud_sync.web.texts import Texts, mark, texts

# Said where the community has written no rules of its own.
PLAIN_RULES = (
    mark("Everybody who stays the night is registered here; add whoever comes with you."),
    mark("Please be quiet between 22:00 and 8:00."),
    mark("No smoking in lifts, stairs and corridors."),
    mark("The way out is always free; in a fire follow the signs and do not use the lift."),
)
ROLES: Mapping[str, str] = {
    "lead": mark("who booked"),
    "companion": mark("companion"),
    "minor": mark("under age"),
}


# What the records may answer when a phone binds its key.
AT_BINDING = ("credential", "link", "guest.member")
PARTS: Mapping[str, str] = {
    "data": mark("What you told us"),
    "stay": mark("Your stay"),
    "member": mark("Your place in the party"),
    "registrations": mark("Registrations"),
    "consents": mark("Consents"),
    "passes": mark("Passes"),
    "credentials": mark("Codes and PINs, without their secrets"),
    "entries": mark("Doors and times"),
    "looked_at": mark("Who opened a sealed field of yours"),
    "messages": mark("Messages sent about this stay"),
    "discrepancies": mark("Open questions about this stay"),
    "booking": mark("Booking"),
    "presence": mark("Who is in"),
    "face_erasures": mark("Nodes that were asked to erase your face"),
    "deliveries": mark("Nodes that have your pass"),
    "stay_wish": mark("Days of departure you asked for"),
    "visit": mark("How far you came on these pages"),
    "cases": mark("Cases about this stay"),
    "case_note": mark("What happened in these cases"),
    "changes": mark("Who changed what"),
    "face": mark("Your face"),
    "kept": mark("What is kept, and until when at the latest"),
}
DOCUMENTS: Mapping[str, str] = {
    "resident_id": mark("Resident identity card (China)"),
    "passport": mark("Passport"),
    "hk_mo_permit": mark("Travel permit, Hong Kong and Macao"),
    "tw_permit": mark("Travel permit, Taiwan"),
}
OWN_FIELDS: Mapping[str, str] = {
    "name": mark("Name, as in the document"),
    "birth_date": mark("Birth date"),
    "document_type": mark("Kind of document"),
    "document_issuer": mark("Issued by"),
    "document_number": mark("Number of the document"),
    "nationality": mark("Nationality"),
    "guardian_contact": mark("Guardian"),
    "relation": mark("Relation"),
    "contact": mark("Where your link was sent"),
    **{name: label for name, (label, _) in MORE.items()},
    **EMERGENCY,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds every page of a guest."""

    lang: Lang
    choices: tuple[Choice, ...]  # this page in the other languages
    community: str
    synthetic: bool
    phone: str
    home: str  # /g/<token>, or "" where there is no valid link


@dataclass(frozen=True, slots=True)
class PersonRow:
    subject_ref: str
    label: str
    registered: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class DataPart:
    """One kind of row in an export: its name, and each row as (column, value)."""

    name: str
    rows: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class GuestPage:
    """One value for all templates: each prints what it needs of the same moment."""

    frame: Frame
    view: GuestView | None = None
    me: GuestMember | None = None
    problem: str = ""
    form: Mapping[str, str] | None = None
    faults: Mapping[str, str] | None = None
    more: tuple[MoreField, ...] = ()
    emergency: str = ""  # why some of them are asked, and until when
    departure: Departure | None = None
    zone_read: bool = False  # the fields were just filled from the lines of a document
    tries_left: int = CHECKS_MAX
    people: tuple[PersonRow, ...] = ()
    missing: int = 0
    rules: tuple[str, ...] = ()
    rules_version: str = ""
    way_in: str = ""
    way: Way | None = None
    face_doors: tuple[str, ...] = ()
    detours: tuple[str, ...] = ()  # a sentence for each door that may open for nobody just now
    opens: str = ""
    ends: str = ""
    move_by: str = ""
    bulletins: tuple[tuple[str, str], ...] = ()  # the words, and until when
    standing: str = ""
    usable: bool = False  # code and PIN have a pass to open with, now or soon
    waiting: bool = False  # for a person of the staff; the page looks again by itself
    pin: str = ""
    as_of: str = ""  # shown by a phone that has kept the page and has no network
    now_ms: int = 0
    erase_h: int = 0
    said: Mapping[str, str] | None = None  # sentences the phone may need without a network
    data: tuple["DataPart", ...] = ()
    over: bool = False  # everybody has left, or nobody came: what nothing orders to keep may end
    title: str = ""


@dataclass(frozen=True, slots=True)
class Printer:
    """From the records' values to pages, in the language of one request."""

    services: Services

    def frame(self, request: Request, token: str, view: GuestView | None) -> Frame:
        lang = guest_language(request)
        by = self.speaker(lang)
        return Frame(
            lang=lang,
            choices=other_languages(request, lang, guest_languages()),
            community=by.name(view.community_zh, view.community_en) if view else "",
            synthetic=view.synthetic if view else False,
            phone=self.services.guest.phone,
            home=f"/g/{token}" if view else "",
        )

    def speaker(self, lang: Lang) -> Speaker:
        return Speaker(texts(lang), self.services.zone)

    def page(self, request: Request, token: str, view: GuestView, who: str | None = None) -> GuestPage:
        """Everything that follows from the records; a caller adds what only it knows."""
        frame = self.frame(request, token, view)
        by, me = self.speaker(frame.lang), view.member(who)
        doors = {door: by.name(door.name_zh, door.name_en) for door in view.doors}
        standing = steps.standing(view, me)
        return GuestPage(
            frame=frame,
            view=view,
            me=me,
            people=people(view, me, by.say),
            missing=steps.missing_people(view),
            more=(*more_fields(view.asks, by.say), *emergency_fields(view.emergency, by.say)),
            emergency=why_asked(view.emergency, by),
            departure=departure_of(view, by, self.services.clock.now_ms()),
            tries_left=max(0, CHECKS_MAX - view.failed_checks),
            rules=rules_of(self.services.guest, by.say),
            rules_version=rules_version(self.services.guest),
            way_in=by.name(self.services.guest.way_in_zh, self.services.guest.way_in_en),
            way=way_of(view.doors, view.place, by),
            detours=tuple(detour(door, by) for door in view.doors if door.silent and view.is_open),
            face_doors=tuple(name for door, name in doors.items() if door.face),
            opens=by.day_and_clock(view.planned_in_ms),
            ends=by.day_and_clock(view.planned_out_ms),
            move_by=by.day_and_clock(view.move_by_ms) if view.move_by_ms is not None else "",
            bulletins=tuple(
                (by.name(one.text_zh, one.text_en), by.day_and_clock(one.ends_ms)) for one in view.bulletins
            ),
            standing=say_standing(standing, by.say),
            usable=view.is_open and standing not in ("ended", "guest.checks"),
            over=view.stay_state in STAY_OVER,
            waiting=standing in ("waiting", "alone_minor", "guest.checks", "listing"),
            as_of=by.day_and_clock(self.services.clock.now_ms()),
            now_ms=self.services.clock.now_ms(),
            erase_h=view.erase_after_ms // HOUR_MS,
            said=phone_words(by.say),
        )


def detour(door: GuestDoor, by: Speaker) -> str:
    """Where to go instead; where nobody wrote that down, or this pass does not open it, to the staff."""
    name, near = by.name(door.name_zh, door.name_en), by.name(door.near_zh, door.near_en)
    if near:
        return by.say(
            mark("%(door)s may not open just now. Use %(near)s: your pass opens it too."),
            door=name,
            near=near,
        )
    return by.say(mark("%(door)s may not open just now. If it does not, call the gate staff."), door=name)


def people(view: GuestView, me: GuestMember, say: Texts) -> tuple[PersonRow, ...]:
    """Numbers instead of names: whoever holds the link sees how many, not who."""
    return tuple(
        PersonRow(
            one.subject_ref,
            say(mark("Guest %(n)s (%(role)s)"), n=number, role=say(ROLES[one.role])),
            steps.is_registered(one),
            one.subject_ref == me.subject_ref,
        )
        for number, one in enumerate(view.members, start=1)
    )


def rules_of(help_: GuestHelp, say: Texts) -> tuple[str, ...]:
    own = help_.rules_zh if say.lang is Lang.ZH else help_.rules_en
    return own or help_.rules_zh or help_.rules_en or tuple(say(rule) for rule in PLAIN_RULES)


def rules_version(help_: GuestHelp) -> str:
    """Follows from the words themselves: a changed rule cannot keep its old version."""
    written = "\0".join((*help_.rules_zh, *help_.rules_en)) or "\0".join(PLAIN_RULES)
    return f"rules-{hashlib.sha256(written.encode()).hexdigest()[:8]}"


def say_standing(word: str, say: Texts) -> str:
    if not word:
        return ""
    return (words.PHONE.get(word) or words.of_rule(word)).sentence(say)


def phone_words(say: Texts) -> dict[str, str]:
    """Every sentence the script may show by itself, refusals of the records included."""
    bound = {rule: said for rule, said in words.RULES.items() if rule.startswith(AT_BINDING)}
    return {word: said.sentence(say) for word, said in {**bound, **words.PHONE}.items()}


def say_faults(answer: FormAnswer, say: Texts) -> dict[str, str]:
    return {name: words.FIELDS[FormFault(fault)].sentence(say) for name, fault in answer.faults.items()}


def readable(held: Mapping[str, Any], by: Speaker) -> tuple[DataPart, ...]:
    """An export for reading: moments as dates, empty parts left out; the file keeps everything as it is stored."""
    parts = {
        name: rows if isinstance(rows, list) else [rows] for name, rows in held.items() if name != "made_ms"
    }
    return tuple(
        DataPart(by.say(PARTS.get(name, name)), tuple(_row(row, by) for row in rows))
        for name, rows in parts.items()
        if any(rows)
    )


def _row(row: Mapping[str, Any], by: Speaker) -> tuple[tuple[str, str], ...]:
    return tuple((by.say(OWN_FIELDS.get(name, name)), _value(name, value, by)) for name, value in row.items())


def _value(name: str, value: Any, by: Speaker) -> str:
    if name == "document_type":
        return by.say(DOCUMENTS.get(value, value))
    if value is None or value == "":
        return "–"
    return by.day_and_clock(value) if name.endswith("_ms") else str(value)


def answered(request: Request, template: str, page: GuestPage, status: int = 200) -> HTMLResponse:
    html = environment(page.frame.lang).get_template(f"guest/{template}.html").render(page=page)
    response = HTMLResponse(html, status_code=status)
    remember(request, response)
    response.headers["content-language"] = page.frame.lang.tag
    response.headers["vary"] = "Cookie, Accept-Language"
    return response
