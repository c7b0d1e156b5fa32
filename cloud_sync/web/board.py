"""From what the store says to what the dashboard shows: one frozen value per page, in one language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from cloud_sync.ports import Dashboard, DiscrepancyLine, DoorLine, EntryLine, LateNode, NodeLine, Ratio
from cloud_sync.web import words
from cloud_sync.web.language import Lang
from cloud_sync.web.spans import span
from cloud_sync.web.supply_words import is_amiss, supply_said
from cloud_sync.web.texts import Texts, mark

Tone = Literal["good", "calm", "warn", "bad"]

ALARMS = frozenset(
    {
        *("door.forced", "door.held", "door.watchdog", "fire.release", "door.tailgating"),
        *("access.wrong_tries", "access.attack"),
    }
)
# The dashboard's four numbers as they are called among the figures.
ROWS = {
    "expected": "expected_today",
    "arrived": "arrivals_today",
    "in-house": "in_house",
    "denied": "refused_today",
}
LATE_PASS_SETS = ("behind", "unknown")
SEVERITY_TONES: dict[str, Tone] = {"S1": "bad", "S2": "warn"}


@dataclass(frozen=True, slots=True)
class Tile:
    """One number nobody has to take on trust."""

    key: str
    title: str
    meaning: str
    numerator: int
    denominator: int
    as_of: str
    whole: bool  # False: counted from what doors told, and not every node has told everything
    rows: str  # the figure whose rows these are

    @property
    def percent(self) -> str:
        return f"{100 * self.numerator / self.denominator:.0f}%" if self.denominator else "–"


@dataclass(frozen=True, slots=True)
class EntryRow:
    key: str  # unique in the page and the id of the live message
    at: str
    at_iso: str
    door: str
    what: str
    reason: str
    credential: str
    subject: str
    subject_short: str
    source: str
    tone: Tone
    live: bool


@dataclass(frozen=True, slots=True)
class DoorRow:
    access_point: str
    name: str
    kind: str
    mode: str
    contact: str
    alarm: str
    camera: str
    face: str
    engine: str
    liveness: str
    liveness_off: bool
    simulated: bool
    dry_run: bool
    people: str
    threshold: str
    note: str
    fpir: str
    face_mode: str
    tail: str
    verified_simulated: bool
    tone: Tone


@dataclass(frozen=True, slots=True)
class NodeCard:
    node: str
    name: str
    status: str
    online: bool
    tone: Tone
    events: str
    waiting: int
    unknown_since: str  # when a silent node was last heard: what it recorded since then is not known
    complete_to: str
    clock: str
    clock_late: bool
    passes: str
    passes_late: bool
    supply: str  # empty where it has told of none
    supply_amiss: bool
    faults: tuple[str, ...]
    doors: tuple[DoorRow, ...]


@dataclass(frozen=True, slots=True)
class CaseRow:
    id: str
    kind: str
    title: str
    severity: str
    severity_text: str
    subject: str
    opened: str
    state: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class HourBar:
    hour: str
    count: int


@dataclass(frozen=True, slots=True)
class LateLine:
    """A node that keeps the numbers from being whole."""

    node: str
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class Board:
    """Everything of the first page that changes while it is open."""

    name: str
    synthetic: bool
    now: str
    day: str
    complete_to: str
    cursor: str
    empty: bool
    face_demo: bool
    on_trial: bool
    tiles: tuple[Tile, ...]
    nodes: tuple[NodeCard, ...]
    cases: tuple[CaseRow, ...]
    entries: tuple[EntryRow, ...]
    hours: tuple[HourBar, ...]
    late: tuple[LateLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Speaker:
    """A language and a time zone: all that is needed to say a line."""

    say: Texts
    zone: ZoneInfo

    def moment(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, self.zone)

    def clock(self, ms: int) -> str:
        """Time of day, or that it is not known: 0 is no moment."""
        return f"{self.moment(ms):%H:%M:%S}" if ms > 0 else self.say(mark("not yet known"))

    def day_and_clock(self, ms: int) -> str:
        return f"{self.moment(ms):%Y-%m-%d %H:%M}"

    def near(self, ms: int, today_ms: int) -> str:
        """Time of day, with its date where that is not the day of ``today_ms``: 14:00 of another day is no 14:00."""
        if ms > 0 and self.moment(ms).date() != self.moment(today_ms).date():
            return self.day_and_clock(ms)
        return self.clock(ms)

    def name(self, zh: str, en: str) -> str:
        return (zh if self.say.lang is Lang.ZH else en) or zh or en


def entry_key(line: EntryLine) -> str:
    """``stored_ms/node/epoch/seq``: the id a live page comes back with."""
    return f"{line.stored_ms}/{line.node}/{line.epoch}/{line.seq}"


def _entry_tone(line: EntryLine) -> Tone:
    if line.type in ALARMS:
        return "bad"
    if line.decision == "deny":
        return "warn"
    return "good" if line.decision in ("allow", "override") else "calm"


def short(pseudonym: str) -> str:
    """Enough to tell two people of one evening apart: the kind and the random end of the reference."""
    kind, dash, rest = pseudonym.partition("-")
    return f"{kind}{dash}…{rest[-6:]}" if len(rest) > 10 else pseudonym


def entry_row(line: EntryLine, by: Speaker) -> EntryRow:
    return EntryRow(
        key=entry_key(line),
        at=by.near(line.wall_ms, line.stored_ms),
        at_iso=by.moment(line.wall_ms).isoformat(),
        door=by.name(line.access_point_zh, line.access_point_en) or line.access_point,
        what=words.say(words.EVENTS, line.type, by.say),
        reason=words.say_reason(line.reason, by.say),
        credential=words.say(words.CREDENTIALS, line.credential_kind, by.say) if line.credential_kind else "",
        subject=line.subject_ref or "",
        subject_short=short(line.subject_ref or ""),
        source=f"{line.node} #{line.seq}",
        tone=_entry_tone(line),
        live=line.live,
    )


def _tile(key: str, title: str, meaning: str, ratio: Ratio, board: Dashboard, by: Speaker) -> Tile:
    return Tile(
        key,
        by.say(title),
        by.say(meaning),
        ratio.numerator,
        ratio.denominator,
        by.near(ratio.as_of_ms, board.now_ms),
        whole=not board.late or ratio.as_of_ms == board.now_ms,
        rows=ROWS[key],
    )


def tiles_of(board: Dashboard, by: Speaker) -> tuple[Tile, ...]:
    return (
        _tile(
            "expected",
            mark("Expected today"),
            mark("registered, of all stays expected today"),
            board.expected,
            board,
            by,
        ),
        _tile(
            "arrived",
            mark("Arrived"),
            mark("stays with a first entry, of those expected today"),
            board.arrived,
            board,
            by,
        ),
        _tile(
            "in-house",
            mark("In house"),
            mark("people inside, of members of open stays"),
            board.in_house,
            board,
            by,
        ),
        _tile("denied", mark("Refused"), mark("refusals, of all decisions today"), board.denied, board, by),
    )


def _door_tone(door: DoorLine) -> Tone:
    if door.alarm in ("FORCED", "HELD"):
        return "bad"
    trouble = door.alarm == "PRE_ALARM" or door.contact.upper() == "FAULT" or door.camera.upper() == "LOST"
    return "warn" if trouble or door.mode in ("UNKNOWN", "BLOCKED", "LOCKED_DOWN") else "good"


def door_row(door: DoorLine, by: Speaker) -> DoorRow:
    say, by_face = by.say, door.face != "off"
    return DoorRow(
        access_point=door.access_point,
        name=by.name(door.name_zh, door.name_en) or door.access_point,
        kind=words.say(words.KINDS, door.kind, say),
        mode=words.say(words.DOOR_STATES, door.mode.upper(), say),
        contact=words.say(words.DOOR_STATES, door.contact.upper(), say),
        alarm=words.say(words.DOOR_STATES, door.alarm.upper(), say),
        camera=words.say(words.DOOR_STATES, door.camera.upper(), say),
        face=words.say(words.FACES, door.face, say),
        engine=door.engine or "–",
        liveness=words.say(words.LIVENESS, door.liveness if by_face else None, say),
        liveness_off=by_face and door.liveness.startswith("off"),
        simulated=door.engine == "synthetic",
        dry_run=door.dry_run,
        people=str(door.gallery_n) if by_face else "–",
        threshold=f"{door.threshold:.3f}" if door.threshold is not None else "–",
        note="" if door.tail in words.TAILS else door.threshold_note or "",
        fpir=_one_in(door.expected_fpir, say),
        face_mode=words.say(words.FACE_MODES, door.face_mode, say)
        if door.face_mode in words.FACE_MODES
        else "",
        tail=words.say(words.TAILS, door.tail, say) if door.tail in words.TAILS else "",
        verified_simulated=by_face and door.verified_by == "simulated",
        tone=_door_tone(door),
    )


def _one_in(rate: float | None, say: Texts) -> str:
    """A rate small enough to need words: one wrong match in so many strangers."""
    if rate is None or rate <= 0:
        return "–"
    return say(mark("1 in %(n)s strangers"), n=f"{round(1 / rate):,}")


def _node_status(node: NodeLine, say: Texts) -> str:
    if node.online:
        return say(mark("online"))
    if node.silent_for_s is None:
        return say(mark("not heard yet"))
    return say(mark("silent for %(time)s"), time=span(round(node.silent_for_s * 1000), say))


def _node_tone(node: NodeLine, doors: Sequence[DoorRow]) -> Tone:
    if not node.online or any(door.tone == "bad" for door in doors):
        return "bad"
    late = node.faults or is_amiss(node) or node.pass_set in LATE_PASS_SETS or node.clock_state != "TRUSTED"
    return "warn" if late or any(door.tone == "warn" for door in doors) else "good"


def late_line(late: LateNode, now_ms: int, by: Speaker) -> LateLine:
    if not late.since_ms:
        said = by.say(mark("%(node)s has not told anything yet"), node=late.name)
    elif late.online:
        said = by.say(
            mark("%(node)s is still sending what it recorded since %(when)s"),
            node=late.name,
            when=by.near(late.since_ms, now_ms),
        )
    else:
        said = by.say(
            mark("%(node)s is missing since %(when)s"), node=late.name, when=by.near(late.since_ms, now_ms)
        )
    return LateLine(late.node, late.name, said)


def node_card(node: NodeLine, now_ms: int, by: Speaker) -> NodeCard:
    doors = tuple(door_row(door, by) for door in node.doors)
    return NodeCard(
        node=node.node,
        name=node.name,
        status=_node_status(node, by.say),
        online=node.online,
        tone=_node_tone(node, doors),
        events=f"{node.acked:,} / {node.head:,}",
        waiting=max(0, node.head - node.acked),
        unknown_since="" if node.online or not node.hello_ms else by.near(node.hello_ms, now_ms),
        complete_to=by.near(node.drained_through_ms, now_ms),
        clock=words.say(words.CLOCKS, node.clock_state, by.say),
        clock_late=node.clock_state != "TRUSTED",
        passes=words.say(words.PASS_SETS, node.pass_set, by.say),
        passes_late=node.pass_set in LATE_PASS_SETS,
        supply=supply_said(node, by.say),
        supply_amiss=is_amiss(node),
        faults=node.faults,
        doors=doors,
    )


def case_row(line: DiscrepancyLine, by: Speaker) -> CaseRow:
    return CaseRow(
        id=line.id,
        kind=line.kind,
        title=words.say(words.DISCREPANCIES, line.kind, by.say),
        severity=line.severity,
        severity_text=words.say(words.SEVERITIES, line.severity, by.say),
        subject=line.subject,
        opened=by.day_and_clock(line.opened_ms),
        state=words.say(words.CASE_STATES, line.state, by.say),
        tone=SEVERITY_TONES.get(line.severity, "calm"),
    )


def board_of(dashboard: Dashboard, by: Speaker) -> Board:
    nodes = tuple(node_card(node, dashboard.now_ms, by) for node in dashboard.nodes)
    return Board(
        name=by.name(dashboard.name_zh, dashboard.name_en),
        synthetic=dashboard.synthetic,
        now=by.clock(dashboard.now_ms),
        day=f"{by.moment(dashboard.now_ms):%Y-%m-%d}",
        complete_to=by.near(dashboard.watermark_ms, dashboard.now_ms),
        cursor=str(dashboard.now_ms),
        empty=not dashboard.nodes,
        face_demo=any(door.liveness_off for node in nodes for door in node.doors),
        on_trial=any(door.dry_run for node in nodes for door in node.doors),
        tiles=tiles_of(dashboard, by),
        nodes=nodes,
        cases=tuple(case_row(line, by) for line in dashboard.discrepancies),
        entries=tuple(entry_row(line, by) for line in dashboard.entries),
        hours=tuple(HourBar(f"{hour:02d}", n) for hour, n in enumerate(dashboard.arrivals_by_hour)),
        late=tuple(late_line(one, dashboard.now_ms, by) for one in dashboard.late),
    )
