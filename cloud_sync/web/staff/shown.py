"""What the staff templates are given: one frozen value per page, in one language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.core.case_types import (
    DELIVERY_FAILED,
    FLOOD,
    POWER_LOW,
    QUIET,
    SILENT_KINDS,
    UNSEEN,
    Case,
    CaseEvent,
    CaseState,
    Family,
)
from cloud_sync.core.roles import Right, may
from cloud_sync.ports import DoorLine, NodeLine, User
from cloud_sync.ports_cases import CaseLine, CaseNote, CaseView, Department
from cloud_sync.ports_commands import CommandView
from cloud_sync.web import words
from cloud_sync.web.board import SEVERITY_TONES, DoorRow, Speaker, Tone, door_row
from cloud_sync.web.render import Chrome
from cloud_sync.web.staff import words as staff_words
from cloud_sync.web.supply_words import supply_in_case
from cloud_sync.web.texts import Texts, mark

HOLDS_MIN = (15, 60, 240)  # minutes a case may be put aside; longer waits want a colleague
ENDED = frozenset({"DONE", "FAILED", "REJECTED", "EXPIRED"})
GATE_OPS = ("release", "admit", "lock", "block", "lockdown", "lockopen")
DOOR_OPS = ("release", "lock", "block", "lockdown", "lockopen")
# What a door that takes no other command still takes; to evacuate a locked-down one, its lockdown is released first.
MODE_OPS = {"LOCKED_DOWN": ("lockdown_release", "lockopen"), "LOCKED_OPEN": ("lockopen_release",)}


@dataclass(frozen=True, slots=True)
class CaseCard:
    """One case in the queue."""

    id: str
    title: str
    place: str
    severity: str
    severity_text: str
    state: str
    state_code: str
    since: str
    since_iso: str
    who: str
    count: int
    overdue: bool
    sounds: bool
    tone: Tone


@dataclass(frozen=True, slots=True)
class Step:
    """One thing this person can do; ``needs`` says which fields its form has."""

    event: str
    title: str
    needs: tuple[str, ...]
    must_say: bool
    main: bool


@dataclass(frozen=True, slots=True)
class HistoryRow:
    at: str
    at_iso: str
    what: str
    who: str
    why: str
    ref: str


@dataclass(frozen=True, slots=True)
class DoorCard:
    """A door on the staff page: its state as last told, and as of when."""

    row: DoorRow
    node: str
    as_of: str
    fresh: bool
    talk: str


@dataclass(frozen=True, slots=True)
class QueuePage:
    chrome: Chrome
    now: str
    banners: tuple[str, ...]
    cases: tuple[CaseCard, ...]
    closed: tuple[CaseCard, ...]
    doors: tuple[DoorCard, ...]
    board: bool  # whether this role has a dashboard to go to
    push_key: str  # empty: waking by the browser is off
    quiet: tuple[CaseCard, ...]  # silenced, explained by another, or under repair
    waiting: int  # people at a gate who are not registered
    zones: bool = False  # whether whole zones can be commanded here
    figures: bool = False  # whether there is a page of figures
    matters: bool = False  # whether what people tell can be taken down here
    field: bool = False  # whether tasks in the field are given here
    shift: bool = False  # whether shifts are signed over here
    inbox: bool = False  # whether departments can be asked here
    passes: bool = False  # whether it can be seen whose pass is at which door
    roll: bool = False  # whether rooms and numbers can be printed

    @property
    def sounding(self) -> int:
        return sum(case.sounds for case in self.cases)


@dataclass(frozen=True, slots=True)
class CasePage:
    chrome: Chrome
    now: str
    banners: tuple[str, ...]
    card: CaseCard
    advice: str
    first_seen: str
    last_seen: str
    ack_due: str
    act_due: str
    resolution: str
    note: str
    resolved_by: str
    verified_by: str
    offered_to: str
    door: DoorCard | None
    supply: str  # of a case of power: how long the battery lasts
    links: tuple[str, ...]
    history: tuple[HistoryRow, ...]
    steps: tuple[Step, ...]
    colleagues: tuple[str, ...]
    codes: tuple[tuple[str, str], ...]
    holds: tuple[tuple[int, str], ...]
    problem: str = ""
    typed: str = ""
    passes: bool = False  # it is about passes that are not at their doors
    minors: str = ""  # the stay of somebody under age that it is about
    more: tuple[tuple[str, str], ...] = ()  # class, department, colour, what explains it and until when
    classes: tuple[tuple[str, str], ...] = ()
    departments: tuple[tuple[str, str], ...] = ()
    colours: tuple[tuple[str, str], ...] = ()
    whistles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DoorPage:
    chrome: Chrome
    now: str
    banners: tuple[str, ...]
    door: DoorCard
    ops: tuple[tuple[str, str, str], ...]  # code, title, what it means
    case: str
    chosen: str = ""
    reason: str = ""
    problem: str = ""
    confirm: bool = False
    visits: str = ""  # the room or dwelling a visitor says
    previews: bool = False  # whether staff may look through its camera
    party: bool = False  # they belong to the party that stays there, and are not registered

    @property
    def chosen_title(self) -> str:
        return next((title for code, title, _ in self.ops if code == self.chosen), "")

    @property
    def chosen_means(self) -> str:
        return next((means for code, _, means in self.ops if code == self.chosen), "")


@dataclass(frozen=True, slots=True)
class CommandPage:
    chrome: Chrome
    id: str
    title: str
    door: str
    access_point: str
    state: str
    state_code: str
    why: str
    ended: bool
    tone: Tone
    case: str


def case_card(line: CaseLine, by: Speaker, now_ms: int) -> CaseCard:
    case = line.case
    return CaseCard(
        id=case.id,
        title=case_title(case, by.say),
        place=case_place(line, by),
        severity=case.severity,
        severity_text=words.say(words.SEVERITIES, case.severity, by.say),
        state=words.say(staff_words.STATES, case.state, by.say),
        state_code=case.state,
        since=by.day_and_clock(case.first_seen_ms),
        since_iso=by.moment(case.first_seen_ms).isoformat(),
        who=case.owner or words.say(staff_words.OWNER_ROLES, case.owner_role, by.say),
        count=case.count,
        overdue=_overdue(case, now_ms),
        sounds=case.sounds and case.kind not in SILENT_KINDS,
        tone=SEVERITY_TONES.get(case.severity, "calm"),
    )


def case_title(case: Case, say: Texts) -> str:
    known = {Family.DISCREPANCY: words.DISCREPANCIES, Family.MATTER: staff_words.MATTERS}
    return words.say(known.get(case.family, staff_words.ALERTS), case.kind, say)


def case_place(line: CaseLine, by: Speaker) -> str:
    """Where it is; the place of a flood is what floods."""
    if line.case.kind == FLOOD.name:
        return words.say(staff_words.ALERTS, line.case.subject, by.say)
    return by.name(line.place_zh, line.place_en)


def _overdue(case: Case, now_ms: int) -> bool:
    due_ms = case.ack_due_ms if case.state in UNSEEN else case.act_due_ms
    waits = case.state in UNSEEN or case.state in (CaseState.ACKED, CaseState.IN_PROGRESS)
    return waits and due_ms is not None and due_ms < now_ms


def door_card(door: DoorLine, node: NodeLine, by: Speaker, now_ms: int, talk: str = "") -> DoorCard:
    heard_ms = now_ms - round(node.silent_for_s * 1000) if node.silent_for_s is not None else 0
    return DoorCard(door_row(door, by), node.name, by.clock(heard_ms), node.online, talk)


def find_door(nodes: Sequence[NodeLine], access_point: str | None) -> tuple[DoorLine, NodeLine] | None:
    doors = ((door, node) for node in nodes for door in node.doors)
    return next(((door, node) for door, node in doors if door.access_point == access_point), None)


def history_row(note: CaseNote, by: Speaker) -> HistoryRow:
    said = (words.say(staff_words.CODES, part, by.say) for part in (note.reason or "").split(" · ") if part)
    return HistoryRow(
        at=by.clock(note.at_ms),
        at_iso=by.moment(note.at_ms).isoformat(),
        what=words.say(staff_words.HAPPENED, note.event, by.say),
        who=note.actor,
        why=" · ".join(said),
        ref=note.ref or "",
    )


_FIELDS: dict[CaseEvent, tuple[str, ...]] = {
    CaseEvent.ACK: ("reason",),
    CaseEvent.RESOLVE: ("code", "reason"),
    CaseEvent.HOLD: ("minutes", "reason"),
    CaseEvent.OFFER: ("to", "reason"),
    CaseEvent.REJECT: ("reason",),
    CaseEvent.REOPEN: ("reason",),
    CaseEvent.TRIAGE: ("class",),
    CaseEvent.WHISTLE: ("department", "reason"),
    CaseEvent.SHELVE: ("minutes", "reason"),
    CaseEvent.TAKE_OUT: ("reason",),
    CaseEvent.RESULT: ("reason",),
    CaseEvent.RETURN: ("reason",),
}
_SAID = frozenset(
    {
        *(CaseEvent.RESOLVE, CaseEvent.HOLD, CaseEvent.REJECT, CaseEvent.REOPEN, CaseEvent.WHISTLE),
        *(CaseEvent.SHELVE, CaseEvent.TAKE_OUT, CaseEvent.RESULT, CaseEvent.RETURN),
    }
)
_SIDE = frozenset(
    {
        *(CaseEvent.HOLD, CaseEvent.OFFER, CaseEvent.REJECT, CaseEvent.WHISTLE, CaseEvent.SHELVE),
        *(CaseEvent.TAKE_OUT, CaseEvent.RETURN),
    }
)


def step_of(event: CaseEvent, case: Case, say: Texts) -> Step:
    grave_over = event is CaseEvent.ACK and case.state is CaseState.RTN_UNACK and case.severity.grave
    return Step(
        event=event,
        title=words.say(staff_words.STEPS, event, say),
        needs=_FIELDS.get(event, ()),
        must_say=event in _SAID or grave_over,
        main=event not in _SIDE,
    )


def inbox_step(event: CaseEvent, say: Texts) -> Step:
    return Step(
        event=event,
        title=words.say(staff_words.STEPS, event, say),
        needs=_FIELDS.get(event, ()),
        must_say=event in _SAID,
        main=event not in _SIDE,
    )


def case_page(
    chrome: Chrome,
    view: CaseView,
    by: Speaker,
    now_ms: int,
    *,
    banners: tuple[str, ...],
    door: DoorCard | None,
    fed_by: NodeLine | None = None,
    users: Sequence[User],
    departments: Sequence[Department] = (),
    problem: str = "",
    typed: str = "",
) -> CasePage:
    case, say = view.line.case, by.say
    return CasePage(
        chrome=chrome,
        now=by.clock(now_ms),
        banners=banners,
        card=case_card(view.line, by, now_ms),
        advice=say(staff_words.ADVICE[case.kind]) if case.kind in staff_words.ADVICE else "",
        first_seen=by.day_and_clock(case.first_seen_ms),
        last_seen=by.day_and_clock(case.last_seen_ms),
        ack_due=by.clock(case.ack_due_ms) if case.ack_due_ms and case.state in UNSEEN else "",
        act_due=by.clock(case.act_due_ms) if case.act_due_ms and case.owner and not case.closed_ms else "",
        resolution=words.say(staff_words.RESULTS, case.resolution, say) if case.resolution else "",
        note=case.note or "",
        resolved_by=case.resolved_by or "",
        verified_by=case.verified_by or "",
        offered_to=case.offered_to or "",
        door=door,
        supply=supply_in_case(fed_by, say) if case.kind == POWER_LOW.name else "",
        links=view.links,
        history=tuple(history_row(note, by) for note in reversed(view.notes)),
        steps=tuple(step_of(event, case, say) for event in view.may),
        colleagues=tuple(
            one.name for one in users if one.name != case.owner and may(one.role, Right.WORK_CASE)
        ),
        codes=tuple((code, say(text)) for code, text in staff_words.CODES.items()),
        holds=tuple((n, say(mark("%(n)s minutes"), n=n)) for n in HOLDS_MIN),
        problem=problem,
        typed=typed,
        passes=case.kind == DELIVERY_FAILED.name,
        minors=case.subject if case.kind == "D20" else "",
        more=tuple(_more(case, by)),
        classes=_classes(view, say),
        departments=tuple((one.id, by.name(one.name_zh, one.name_en)) for one in departments),
        colours=choices(staff_words.COLOURS, say),
        whistles=choices(staff_words.WHISTLES, say),
    )


def choices(known: Mapping[str, str], say: Texts) -> tuple[tuple[str, str], ...]:
    return tuple((str(code), say(text)) for code, text in known.items())


def _classes(view: CaseView, say: Texts) -> tuple[tuple[str, str], ...]:
    """The class that the rule suggests stands first; the officer sets it."""
    return tuple(sorted(choices(staff_words.CLASSES, say), key=lambda one: one[0] != view.suggested))


def _more(case: Case, by: Speaker) -> Iterator[tuple[str, str]]:
    """What only some cases have; each with its word."""
    say = by.say
    if case.matter_class is not None:
        yield say(mark("Class")), words.say(staff_words.CLASSES, case.matter_class, say)
    if case.colour is not None:
        yield say(mark("Department")), case.department or ""
        yield say(mark("Colour")), words.say(staff_words.COLOURS, case.colour, say)
    dues = {
        mark("To be signed by"): case.sign_due_ms if case.state is CaseState.TRANSFERRED else None,
        mark("Contact to be made by"): case.contact_due_ms if case.state is CaseState.DEPT_SIGNED else None,
        mark("To be reported in by"): case.report_due_ms if case.state is CaseState.DEPT_SIGNED else None,
        mark("Silenced until"): case.next_ms if case.state is CaseState.SHELVED else None,
    }
    yield from ((say(word), by.day_and_clock(due_ms)) for word, due_ms in dues.items() if due_ms is not None)
    if case.cause is not None:
        yield say(mark("Explained by")), case.cause
    if case.state in QUIET and case.note:
        yield say(mark("Why it is silent")), case.note


def ops_of(door: DoorLine, user: User, say: Texts) -> tuple[tuple[str, str, str], ...]:
    """What this person may do to this door; a visitor is let in at a gate and nowhere else."""
    ops = MODE_OPS.get(door.mode) or (GATE_OPS if door.kind == "gate" else DOOR_OPS)
    rights = {"admit": Right.ADMIT}
    return tuple(
        (op, say(staff_words.OPS[op]), say(staff_words.OP_MEANS[op]))
        for op in ops
        if may(user.role, rights.get(op, Right.COMMAND_DOOR))
    )


def command_page(chrome: Chrome, view: CommandView, door: str, case: str, say: Texts) -> CommandPage:
    tones: dict[str, Tone] = {"DONE": "good", "FAILED": "bad", "REJECTED": "bad", "EXPIRED": "bad"}
    return CommandPage(
        chrome=chrome,
        id=view.id,
        title=words.say(staff_words.OPS, view.op, say),
        door=door,
        access_point=view.access_point,
        state=words.say(staff_words.COMMAND_STATES, view.state, say),
        state_code=view.state,
        why=words.say(staff_words.COMMAND_WHY, view.why, say) if view.why else "",
        ended=view.state in ENDED,
        tone=tones.get(view.state, "calm"),
        case=case,
    )
