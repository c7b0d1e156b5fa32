"""The words of a trace, and its rows as a page prints them: asked, decided, shown, and whether the person is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.trace import Ground, Purpose, Telling, TraceKind, TraceState
from cloud_sync.ports_privacy import TraceLine, TraceTold, TraceView
from cloud_sync.web import words
from cloud_sync.web.board import Speaker, short
from cloud_sync.web.render import Chrome
from cloud_sync.web.staff.desk import Asked
from cloud_sync.web.texts import mark

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
TELLINGS: Mapping[str, str] = MappingProxyType({
    Telling.TOLD: mark("the person is told: it stands in their own data at once"),
    Telling.DEFERRED: mark("the person is told later: it stands in their own data from that day on"),
    Telling.NOT_TOLD: mark("the person is not told"),
})  # fmt: skip
GROUNDS: Mapping[str, str] = MappingProxyType({
    Ground.SECRECY: mark("a law orders secrecy"),
    Ground.DUTY: mark("telling would hinder an authority in its duty"),
    Ground.DANGER: mark("telling would put somebody in danger"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TraceRow:
    trace: str
    what: str
    purpose: str
    asked_by: str
    asked: str
    state: str


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
    telling: str  # the rule that stands, "" before
    told: tuple[str, ...]  # every rule that was written down, with who and when
    open: bool  # a rule may still follow
    tellings: tuple[tuple[str, str], ...]
    grounds: tuple[tuple[str, str], ...]
    watermark: str = ""
    lines: tuple[tuple[str, str, str, str], ...] | None = None
    cut: bool = False
    problem: str = ""


def trace_row(view: TraceView, asked: Asked) -> TraceRow:
    say = asked.by.say
    return TraceRow(
        trace=view.trace,
        what=view.wish.ref,
        purpose=words.say(PURPOSES, view.wish.purpose, say),
        asked_by=view.asked_by,
        asked=asked.by.day_and_clock(view.asked_ms),
        state=words.say(STATES, view.state, say),
    )


def say_told(one: TraceTold, by: Speaker) -> str:
    """The rule, its ground, its day, and who wrote it down."""
    parts = [words.say(TELLINGS, one.rule.rule, by.say)]
    if one.rule.until_ms is not None:
        parts.append(by.say(mark("until %(day)s"), day=by.day_and_clock(one.rule.until_ms)))
    if one.rule.ground:
        parts.append(words.say(GROUNDS, one.rule.ground, by.say))
    return " · ".join((*parts, one.decided_by, by.day_and_clock(one.at_ms)))


def trace_line(one: TraceLine, asked: Asked, names: Mapping[str, str]) -> tuple[str, str, str, str]:
    """When, where, what, and under which pseudonym."""
    did = words.say(words.EVENTS, one.event, asked.by.say)
    by_what = words.say(words.CREDENTIALS, one.credential_kind, asked.by.say) if one.credential_kind else ""
    return (
        asked.by.day_and_clock(one.at_ms),
        names.get(one.access_point, one.access_point),
        f"{did} ({by_what})" if by_what else did,
        short(one.subject_ref),
    )
