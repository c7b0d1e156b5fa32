"""What the register's templates are given: frozen values in one language, ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloud_sync.core.conduct import TIERS, Rule
from cloud_sync.core.dossier import CHECKLIST, DOCUMENTS, Answer, Paper, Risk
from cloud_sync.core.roles import Right, may
from cloud_sync.ports_model import (
    FindingView,
    ListingRow,
    ListingView,
    PointsView,
    SanctionView,
    StepView,
    UnitView,
    WorkQueue,
)
from cloud_sync.web import words as codes
from cloud_sync.web.board import Speaker, Tone
from cloud_sync.web.language import Lang
from cloud_sync.web.listings import words
from cloud_sync.web.render import Chrome
from cloud_sync.web.texts import mark

TONES: dict[str, Tone] = {
    "ACTIVE": "good",
    "LAPSED": "warn",
    "SUSPENDED": "warn",
    "REVOKED": "bad",
    "CLOSED": "bad",
}
Choice = tuple[str, str]
Rules = Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class Line:
    """One listing in a list."""

    listing: str
    name: str
    unit: str
    operator: str
    state: str
    tone: Tone
    band: str
    left: int
    reviewer: str
    due: str
    late: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """One thing a person decides: points, a sanction or a finding."""

    id: str
    kind: str  # the last word of the address it is decided at
    listing: str
    unit: str
    title: str
    detail: str
    state: str
    by: str
    at: str
    appeal: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Past:
    at: str
    what: str
    who: str
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class RegisterPage:
    chrome: Chrome
    now: str
    rows: tuple[Line, ...]
    states: tuple[tuple[str, str, int], ...]
    chosen: str
    figures: bool = False  # whether there is a page of figures
    complaints: bool = False  # and one of complaints
    operators: bool = False  # and one of operators, for this role


@dataclass(frozen=True, slots=True)
class QueuePage:
    chrome: Chrome
    now: str
    filed: tuple[Line, ...]
    in_review: tuple[Line, ...]
    lapsed: tuple[Line, ...]
    proposals: tuple[Proposal, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ListingPage:
    chrome: Chrome
    now: str
    line: Line
    facts: tuple[tuple[str, str], ...]
    expected: tuple[str, ...]
    missing: tuple[str, ...]
    interested: bool
    rooms: tuple[tuple[str, str, str], ...]  # room, what it holds, its doors
    exceptions: tuple[tuple[str, int, str, str, str], ...]  # id, how many more, until, who approved it, why
    documents: tuple[tuple[str, str, str], ...]  # id, name, how it stands
    papers: tuple[Choice, ...]
    risks: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]  # list, its items: id, text, answer
    answers: tuple[Choice, ...]
    inspected: str
    decisions: tuple[Choice, ...]
    reviewers: tuple[str, ...]  # to choose from while it waits for one
    rules: tuple[Choice, ...]
    tiers: tuple[Choice, ...]
    conduct: tuple[Proposal, ...]
    history: tuple[Past, ...]
    coded: bool
    may_review: bool
    may_propose: bool
    problem: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class UnitPage:
    chrome: Chrome
    now: str
    unit: str
    facts: tuple[tuple[str, str], ...]
    stale: bool
    listings: tuple[str, ...]
    history: tuple[Past, ...]
    kinds: tuple[Choice, ...]
    may_review: bool
    problem: str = ""


def line_of(row: ListingRow, by: Speaker, now_ms: int) -> Line:
    due_ms = row.decide_by_ms if row.state == "IN_REVIEW" else None
    return Line(
        row.listing,
        row.name,
        row.unit,
        row.operator,
        codes.say(words.STATES, row.state, by.say),
        TONES.get(row.state, "calm"),
        codes.say(words.BANDS, row.standing.band, by.say),
        row.standing.left,
        row.reviewer,
        by.day_and_clock(due_ms) if due_ms else "",
        due_ms is not None and due_ms < now_ms,
    )


def _choices(events: tuple[str, ...], by: Speaker) -> tuple[Choice, ...]:
    return tuple((event, codes.say(words.DECISIONS, event, by.say)) for event in events)


def rule_text(rule: str, rules: Rules, by: Speaker) -> str:
    found = rules.get(rule)
    if found is None:
        return rule
    return f"{found.id} {found.zh if by.say.lang is Lang.ZH else found.en}"


def points_shown(row: PointsView, by: Speaker, role: str, rules: Rules) -> Proposal:
    events = {"PROPOSED": ("confirm", "dismiss"), "UNDER_APPEAL": ("uphold", "reverse")}.get(row.state, ())
    return Proposal(
        row.id,
        "points",
        row.listing,
        "",
        f"{row.delta} · {rule_text(row.rule, rules, by)}",
        " · ".join(row.evidence),
        codes.say(words.CONDUCT, row.state, by.say),
        row.proposed_by,
        by.day_and_clock(row.proposed_ms),
        row.appeal,
        _choices(events if may(role, Right.CONFIRM_CONDUCT) else (), by),
    )


def sanction_shown(row: SanctionView, by: Speaker, role: str, rules: Rules) -> Proposal:
    events: tuple[str, ...] = ()
    if row.state == "PROPOSED":
        right = Right.SECOND_APPROVAL if row.first_by else Right.CONFIRM_CONDUCT
        events = ("confirm",) if may(role, right) else ()
        events += ("dismiss",) if may(role, Right.CONFIRM_CONDUCT) else ()
    elif row.state == "UNDER_APPEAL" and may(role, Right.CONFIRM_CONDUCT):
        events = ("uphold", "lift")
    approved = " + ".join(name for name in (row.first_by, row.second_by) if name)
    return Proposal(
        row.id,
        "sanctions",
        row.listing,
        "",
        f"{codes.say(words.TIERS, str(row.tier), by.say)} · {rule_text(row.rule, rules, by)}",
        " · ".join(part for part in (row.reason, approved) if part),
        codes.say(words.CONDUCT, row.state, by.say),
        row.proposed_by,
        by.day_and_clock(row.proposed_ms),
        row.appeal,
        _choices(events, by),
    )


def finding_shown(row: FindingView, by: Speaker, role: str) -> Proposal:
    events = ("confirm", "dismiss") if may(role, Right.CONFIRM_CONDUCT) else ()
    return Proposal(
        row.id,
        "findings",
        "",
        row.unit,
        f"{row.unit} · {codes.say(words.FINDINGS, row.kind, by.say)}",
        row.note,
        codes.say(words.CONDUCT, row.state, by.say),
        row.found_by,
        by.day_and_clock(row.found_ms),
        "",
        _choices(events, by),
    )


def past_of(steps: tuple[StepView, ...], by: Speaker) -> tuple[Past, ...]:
    return tuple(
        Past(
            by.day_and_clock(step.at_ms),
            codes.say(words.STEPS, step.action, by.say),
            f"{step.actor} ({step.role})",
            " → ".join(codes.say(words.CHANGES, one, by.say) for one in (step.before, step.after) if one),
            step.reason,
        )
        for step in steps
    )


def queue_shown(
    chrome: Chrome, held: WorkQueue, by: Speaker, now_ms: int, role: str, rules: Rules, problem: str = ""
) -> QueuePage:
    proposals = (
        *(finding_shown(one, by, role) for one in held.findings),
        *(sanction_shown(one, by, role, rules) for one in held.sanctions),
        *(points_shown(one, by, role, rules) for one in held.points),
    )
    return QueuePage(
        chrome,
        by.clock(now_ms),
        tuple(line_of(row, by, now_ms) for row in held.filed),
        tuple(line_of(row, by, now_ms) for row in held.in_review),
        tuple(line_of(row, by, now_ms) for row in held.lapsed),
        proposals,
        problem,
    )


def facts_of(view: ListingView, by: Speaker) -> tuple[tuple[str, str], ...]:
    """Name and value of every fact that there is."""
    say, row = by.say, view.row
    lines = (
        (say(mark("Operator")), row.operator),
        (say(mark("Filed by")), view.filed_by),
        (say(mark("Reviewer")), row.reviewer),
        (say(mark("Most guests")), str(view.max_guests)),
        (say(mark("Deposit")), f"{view.deposit_cents / 100:.2f}" if view.deposit_cents else ""),
        (say(mark("Code given")), by.day_and_clock(view.coded_ms) if view.coded_ms else ""),
        (say(mark("Next review")), by.day_and_clock(view.next_review_ms) if view.next_review_ms else ""),
        (say(mark("Guests inside")), str(view.in_house)),
    )
    return tuple((name, value) for name, value in lines if value)


def listing_shown(
    chrome: Chrome,
    view: ListingView,
    by: Speaker,
    now_ms: int,
    role: str,
    reviewers: tuple[str, ...],
    rules: Rules,
    problem: str = "",
    typed: str = "",
) -> ListingPage:
    say = by.say
    lacks = view.missing
    state = view.row.state
    conduct = (
        *(sanction_shown(one, by, role, rules) for one in view.sanctions),
        *(points_shown(one, by, role, rules) for one in view.points),
    )
    reviewing = may(role, Right.REVIEW_LISTING)
    return ListingPage(
        chrome=chrome,
        now=by.clock(now_ms),
        line=line_of(view.row, by, now_ms),
        facts=facts_of(view, by),
        expected=tuple(f"{source} {ref}" for source, ref in view.expected),
        missing=tuple(words.named(one, say) for one in (*lacks.documents, *lacks.letters, *lacks.items)),
        interested=lacks.interested,
        rooms=tuple((one.room, f"{one.beds} / {one.max_guests}", " ".join(one.doors)) for one in view.rooms),
        exceptions=tuple(
            (one.id, one.extra, by.day_and_clock(one.until_ms), one.approved_by, one.reason)
            for one in view.exceptions
        ),
        documents=tuple(
            (
                kind.id,
                words.named(kind.id, say),
                codes.say(words.PAPERS, view.documents.get(kind.id, "absent"), say),
            )
            for kind in DOCUMENTS
        ),
        papers=tuple((one.value, codes.say(words.PAPERS, one, say)) for one in Paper),
        risks=tuple(
            (
                codes.say(words.RISKS, risk, say),
                tuple(
                    (item.id, words.named(item.id, say), str(view.answers.get(item.id, "")))
                    for item in CHECKLIST
                    if item.risk is risk
                ),
            )
            for risk in Risk
        ),
        answers=tuple((one.value, codes.say(words.ANSWERS, one, say)) for one in Answer),
        inspected=by.day_and_clock(view.inspected_ms) if view.inspected_ms else "",
        decisions=_choices(view.may if reviewing else (), by),
        reviewers=reviewers if state == "FILED" and reviewing else (),
        rules=tuple((rule, rule_text(rule, rules, by)) for rule in rules),
        tiers=tuple((str(tier), codes.say(words.TIERS, str(tier), say)) for tier in TIERS),
        conduct=conduct,
        history=past_of(view.history, by),
        coded=view.coded_ms is not None or state in {"ACTIVE", "LAPSED", "SUSPENDED"},
        may_review=reviewing,
        may_propose=may(role, Right.CONFIRM_CONDUCT) and state in {"ACTIVE", "LAPSED", "SUSPENDED"},
        problem=problem,
        typed=typed,
    )


def unit_shown(
    chrome: Chrome, view: UnitView, by: Speaker, now_ms: int, role: str, problem: str = ""
) -> UnitPage:
    wish, say = view.wish, by.say
    verified = by.day_and_clock(view.verified_ms) if view.verified_ms else say(mark("never"))
    facts = (
        (say(mark("Building")), wish.building),
        (say(mark("Grid")), wish.grid),
        (say(mark("Used as")), codes.say(words.USES, wish.use, say)),
        (say(mark("Last verified")), f"{verified} {view.verified_by}".strip()),
        *(
            (codes.say(words.USES, cls, say), f"{n} · {by.day_and_clock(at)}")
            for cls, n, at in view.residents
        ),
    )
    return UnitPage(
        chrome,
        by.clock(now_ms),
        wish.unit,
        tuple((name, value) for name, value in facts if value),
        view.stale,
        view.listings,
        past_of(view.history, by),
        tuple((kind, codes.say(words.FINDINGS, kind, say)) for kind in words.FINDINGS),
        may(role, Right.REVIEW_LISTING),
        problem,
    )
