"""The rows behind each figure of doors, discrepancies, cases, reports and privacy, asked by the questions that count them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_more import UNVERIFIED
from cloud_sync.core.case_types import CHATTER, FLOOD, OPEN, POWER_LOW, QUIET, UNSEEN, CaseState, Family
from cloud_sync.core.figures import FigureRow
from cloud_sync.core.lifecycles_upstream import SubmissionState
from cloud_sync.core.policy import FACE_ACCESS
from cloud_sync.core.trace import TraceState
from cloud_sync.store import figures_desk as desk
from cloud_sync.store import figures_doors as doors
from cloud_sync.store import figures_machine as machine
from cloud_sync.store import tables
from cloud_sync.store.figure_rows import Lister, Rows, flag, nothing
from cloud_sync.store.figure_sql import Look, listed, same
from cloud_sync.store.pass_sets import is_online
from cloud_sync.store.tables_privacy import trace_request
from cloud_sync.store.tables_rules import DECISION_WORDS
from cloud_sync.store.tables_upstream import upstream_submission

_EVENT, _NODE, _STATE, _CASE, _FOUND, _SENT = (
    tables.event,
    tables.node,
    tables.node_state,
    tables.case_,
    tables.discrepancy,
    upstream_submission,
)
_CASE_COLUMNS = (
    _CASE.c.id.label("case"),
    _CASE.c.family,
    _CASE.c.kind,
    _CASE.c.severity,
    _CASE.c.state.label("case_state"),
    _CASE.c.opened_ms,
)
_S = SubmissionState


# --- doors and nodes ------------------------------------------------------------------------------------------------


def _nodes(look: Look, name: str, part: str) -> Rows:
    query = sa.select(_NODE.c.node, _STATE).select_from(_NODE.outerjoin(_STATE, same(_NODE, _STATE, "node")))
    for row in look.db.execute(query.where(look.mine(_NODE)).order_by(_NODE.c.node)):
        heard = bool(row.hello_ms)
        told = row.drained_through_ms if heard else None
        outbox = 0 if not heard else row.outbox if row.outbox is not None else max(0, row.head - row.acked)
        said: dict[str, str | int | None] = {"node": row.node}
        if name == "gates_online":
            counts, of = int(heard and is_online(row.online, row.hello_ms, look.now_ms)), 1
        elif name == "gates_outbox":
            counts, of = outbox, 0
            said["outbox"] = outbox
        elif name == "gates_lag_most":
            counts = of = int(bool(told))
            said["span"] = look.now_ms - told if told else None
        elif name == "gates_clock_most":
            counts = of = int(heard)
            said["span"] = row.clock_bound_ms
        else:
            counts, of = int(heard and (row.software or "–") == part), int(heard)
            said["software"] = row.software
        if of or name == "gates_outbox":
            yield FigureRow(counts, of, said)


def _battery(look: Look, _name: str, _part: str) -> Rows:
    place = tables.access_point
    dark = (_CASE.c.kind == POWER_LOW.name, _CASE.c.state.in_(OPEN), _CASE.c.active == 1)
    alarmed = sa.exists().where(same(_CASE, place, "access_point"), *dark)
    query = sa.select(flag(alarmed), place.c.access_point, place.c.kind.label("door_kind"), place.c.node)
    yield from listed(look, query.where(look.mine(place)).order_by(place.c.access_point))


def _decisions(look: Look, name: str, part: str) -> Rows:
    """Decisions of the period, the newest first: of a credential, a gate or some hours where the figure is of one."""
    by_hand = _EVENT.c.type == doors.OVERRIDE
    credential = sa.func.coalesce(_EVENT.c.credential_kind, doors.NO_CREDENTIAL)
    holds: sa.ColumnElement[bool] = by_hand
    where: list[Any] = [sa.text(DECISION_WORDS), look.mine(_EVENT), look.within(_EVENT.c.wall_ms)]
    if name == "decisions_by_credential" and part != doors.OVERRIDE:
        holds = ~by_hand & (credential == part)
    elif name == "path_success":
        holds = _EVENT.c.type == doors.GRANTED
        where += [~by_hand, credential == part]
    elif name == "override_by_gate":
        where.append(sa.func.coalesce(_EVENT.c.access_point, "") == part)
    elif name == "override_by_shift":
        where.append(doors.in_shift(look, doors.SHIFTS.index(part)))
    columns = (
        _EVENT.c.type.label("event"),
        _EVENT.c.credential_kind.label("credential"),
        _EVENT.c.access_point,
    )
    source = (_EVENT.c.node, _EVENT.c.seq.label("sequence"))
    query = sa.select(flag(holds), _EVENT.c.wall_ms.label("at_ms"), *columns, *source).where(*where)
    yield from listed(look, query.order_by(_EVENT.c.wall_ms.desc(), _EVENT.c.seq.desc()))


def _passages(look: Look, _name: str, part: str) -> Rows:
    found = doors.passages(look).subquery()
    query = sa.select(found.c.credential, found.c.access_point, found.c.at_ms, found.c.ms.label("span"))
    yield from listed(look, query.where(found.c.credential == part).order_by(found.c.ms, found.c.at_ms))


# --- spans: the rows, the shortest first ----------------------------------------------------------------------------


def _spans(
    took: Callable[[Look], sa.Select[Any]], *columns: sa.ColumnElement[Any], parts: bool = False
) -> Lister:
    """A figure of how long things took: its rows with their own spans; the first column of the question is the part."""

    def rows(look: Look, _name: str, part: str) -> Rows:
        query = took(look).add_columns(*columns)
        first, *rest = query.selected_columns
        if parts:
            query = query.where(first.element == part if isinstance(first, sa.Label) else first == part)
        span = next(column for column in rest if column.name == "span")
        yield from listed(look, query.with_only_columns(*rest).order_by(span))

    return rows


def _mine(took: Callable[[Look], sa.Select[Any]]) -> Callable[[Look], sa.Select[Any]]:
    return lambda look: took(look).where(look.mine(_CASE))


# --- discrepancies and cases ----------------------------------------------------------------------------------------


def _grave(look: Look, _name: str, _part: str) -> Rows:
    columns = (
        _FOUND.c.id.label("discrepancy"),
        _FOUND.c.kind,
        _FOUND.c.severity,
        _FOUND.c.subject,
        _FOUND.c.opened_ms,
    )
    query = sa.select(flag(_FOUND.c.severity.in_(desk.GRAVE)), *columns)
    query = query.where(look.mine(_FOUND), _FOUND.c.state == "open")
    yield from listed(look, query.order_by(_FOUND.c.severity, _FOUND.c.opened_ms, _FOUND.c.id))


def _cases(look: Look, name: str, part: str) -> Rows:
    """One list of cases, of which some count; or two lists, one for each side of the figure."""
    opened, closed = machine.opened(look), desk.closed_cases(look)
    alerts = machine.alerts(look)
    every = look.mine(_CASE)
    noted, decided = machine.last_note(look), desk.first_decisions(look)
    fresh = sa.exists().where(machine.of_case(noted), noted.c.noted_ms > look.now_ms - machine.STALE_MS)
    one: dict[str, tuple[tuple[sa.ColumnElement[bool], ...], sa.ColumnElement[bool]]] = {
        "cases_open": ((every, _CASE.c.state.in_(OPEN)), _CASE.c.state.in_(UNSEEN)),
        "alerts_decided": (alerts, sa.exists().where(decided.c.case_id == _CASE.c.id)),
        "cases_first_receiver": (closed, ~desk.handed_over()),
        "cases_stale": ((every, _CASE.c.state.in_(OPEN - QUIET)), ~fresh),
        "shelved_now": ((every, _CASE.c.state.in_(OPEN)), _CASE.c.state == CaseState.SHELVED),
        "priority_mix": (alerts, _CASE.c.severity == part),
        "cases_by_family": (opened, _CASE.c.family == part),
        "matters_by_class": ((*opened, _CASE.c.family == Family.MATTER), machine.class_of() == part),
        "closed_unverified": (closed, _CASE.c.resolution == UNVERIFIED),
        "floods": ((*opened, _CASE.c.kind == FLOOD.name), sa.true()),
    }
    if name in one:
        where, holds = one[name]
        query = sa.select(flag(holds), *_CASE_COLUMNS).where(*where)
        yield from listed(look, query.order_by(_CASE.c.opened_ms.desc(), _CASE.c.id))
        return
    ours, theirs = ((*opened, desk.soon_again()), closed) if name == "cases_reopened" else (closed, opened)
    for where, side in ((ours, "of"), (theirs, "counts")):
        query = sa.select(nothing(side), *_CASE_COLUMNS, _CASE.c.closed_ms).where(*where)
        yield from listed(look, query.order_by(_CASE.c.opened_ms.desc(), _CASE.c.id))


def _load(look: Look, name: str, _part: str) -> Rows:
    """Alerts that opened a case; what they are divided by is time and people, which are no rows."""
    query = sa.select(nothing("of"), *_CASE_COLUMNS).where(*machine.alerts(look))
    if name == "alarms_busiest":
        full = sa.select(machine.stretch()).where(*machine.alerts(look)).group_by(machine.stretch())
        full = full.order_by(sa.func.count().desc(), machine.stretch()).limit(1)
        query = query.where(machine.stretch() == full.scalar_subquery())
    yield from listed(look, query.order_by(_CASE.c.opened_ms.desc(), _CASE.c.id))


def _chatter(look: Look, _name: str, _part: str) -> Rows:
    query = sa.select(_CASE.c.subject, sa.func.max(_CASE.c.opened_ms).label("opened_ms"))
    query = query.where(*machine.opened(look), _CASE.c.kind == CHATTER.name).group_by(_CASE.c.subject)
    yield from listed(look, query.order_by(_CASE.c.subject))


def _triages(look: Look, _name: str, _part: str) -> Rows:
    each = machine.triages(look)
    query = sa.select(flag(each.c.earlier > 0), each.c.case_id.label("case"), each.c.at_ms)
    yield from listed(look, query.order_by(each.c.at_ms.desc(), each.c.case_id))


# --- reports and privacy --------------------------------------------------------------------------------------------


def _reports(look: Look, name: str, part: str) -> Rows:
    pending = _SENT.c.state.in_((_S.QUEUED, _S.SENT))
    where = [look.mine(_SENT), _SENT.c.state != _S.WITHDRAWN]
    holds = {
        "timely_report_rate": (_SENT.c.state == _S.ACKED) & (_SENT.c.ended_ms <= _SENT.c.due_ms),
        "reports_acked": _SENT.c.state == _S.ACKED,
        "reports_sent": _SENT.c.sends > 0,
        "reports_rejected": _SENT.c.state.in_((_S.REJECTED, _S.DEAD_LETTER)),
        "reports_pending": pending,
        "reports_oldest": pending,
    }[name]
    if name == "timely_report_rate":
        where.append(look.within(_SENT.c.due_ms))
    else:
        where += [
            _SENT.c.connector == part,
            pending if name == "reports_oldest" else look.within(_SENT.c.made_ms),
        ]
    columns: list[sa.ColumnElement[Any]] = [
        _SENT.c.id.label("report"),
        _SENT.c.connector.label("recipient"),
        _SENT.c.state.label("report_state"),
        _SENT.c.made_ms,
        _SENT.c.due_ms,
        _SENT.c.ended_ms,
    ]
    if name == "reports_oldest":
        columns.append((look.now_ms - _SENT.c.made_ms).label("span"))
    query = sa.select(flag(holds), *columns).where(*where)
    yield from listed(look, query.order_by(_SENT.c.made_ms, _SENT.c.id))


def _faces(look: Look, name: str, _part: str) -> Rows:
    """Each person once, by their newest consent; of which community of this database it is, is not said."""
    consent, person = tables.consent, tables.person
    who = sa.func.coalesce(person.c.doc_hash, consent.c.person)
    joined = consent.outerjoin(person, same(consent, person, "person"))
    newest = sa.func.max(consent.c.consent).label("consent")
    given = sa.func.max(consent.c.given_ms).label("given_ms")
    query: Any = (
        sa.select(nothing("of"), newest, given).select_from(joined).where(consent.c.purpose == FACE_ACCESS)
    )
    if name == "face_people_now":
        query = query.where(consent.c.withdrawn_ms.is_(None))
    yield from listed(look, query.group_by(who).order_by(given.desc()))


def _owed(look: Look, _name: str, _part: str) -> Rows:
    table = tables.erasure
    late = flag(table.c.asked_ms < look.now_ms - look.house.profile.drift_ms)
    query = sa.select(late, table.c.node, table.c.erase_ver.label("erasure"), table.c.asked_ms)
    query = query.where(look.mine(table), table.c.acked_ms.is_(None))
    yield from listed(look, query.order_by(table.c.asked_ms))


def _asked(look: Look, name: str, _part: str) -> Rows:
    member, stay = tables.stay_member, tables.stay
    said = "yes" if name == "consents_given" else "no"
    cells = (member.c.stay, member.c.subject_ref.label("subject"), member.c.face_said.label("said"))
    query = sa.select(flag(member.c.face_said == said), *cells)
    query = query.select_from(member.join(stay, same(member, stay, "stay")))
    query = query.where(look.mine(member), member.c.face_said.is_not(None), look.within(stay.c.planned_in_ms))
    yield from listed(look, query.order_by(member.c.stay, member.c.person))


def _withdrawn(look: Look, _name: str, _part: str) -> Rows:
    table = tables.consent
    query = sa.select(
        flag(table.c.withdrawn_ms.is_not(None)),
        table.c.consent,
        table.c.stay,
        table.c.given_ms,
        table.c.withdrawn_ms,
    )
    given = (look.mine(table), table.c.purpose == FACE_ACCESS, look.within(table.c.given_ms))
    yield from listed(look, query.where(*given).order_by(table.c.given_ms.desc()))


def _traces(look: Look, _name: str, _part: str) -> Rows:
    table = trace_request
    waits = table.c.state == TraceState.ASKED
    query = sa.select(flag(waits), table.c.trace, table.c.state.label("trace_state"), table.c.asked_ms)
    query = query.where(look.mine(table), waits | look.within(table.c.asked_ms))
    yield from listed(look, query.order_by(table.c.asked_ms.desc(), table.c.trace))


_OF_CASE = (_CASE.c.id.label("case"), _CASE.c.severity, _CASE.c.opened_ms)
_OF_DISCREPANCY = (_FOUND.c.id.label("discrepancy"), _FOUND.c.kind, _FOUND.c.severity, _FOUND.c.opened_ms)
LISTERS: Mapping[str, Lister] = MappingProxyType({
    **dict.fromkeys(("gates_online", "gates_lag_most", "gates_outbox", "gates_clock_most", "gates_by_software"), _nodes),
    "gates_on_battery": _battery,
    **dict.fromkeys(("decisions_by_credential", "path_success", "override_rate", "override_by_gate", "override_by_shift"), _decisions),
    "path_median": _passages,
    "discrepancies_grave": _grave,
    **dict.fromkeys(("discrepancy_close_median", "discrepancy_close_p90"), _spans(lambda look: desk.closing(look, _FOUND), *_OF_DISCREPANCY)),
    **dict.fromkeys(("case_close_median", "case_close_p90"), _spans(lambda look: desk.closing(look, _CASE), _CASE.c.kind, *_OF_CASE)),
    **dict.fromkeys(("alert_decision_median", "alert_decision_p90"), _spans(desk.decided_alerts)),
    **dict.fromkeys(("whistle_to_check_in", "whistle_to_check_in_p90"), _spans(desk.signed_whistles)),
    **dict.fromkeys(("whistle_to_close", "whistle_to_close_p90"), _spans(desk.whistled_closes)),
    "time_to_detect": _spans(machine.detected, *_OF_CASE, parts=True),
    "time_to_report": _spans(_mine(machine.taken_up), *_OF_CASE, parts=True),
    "time_to_resolve": _spans(_mine(machine.settled), *_OF_CASE, parts=True),
    **dict.fromkeys((
        "cases_open", "cases_closed", "alerts_decided", "cases_reopened", "cases_first_receiver", "cases_stale", "shelved_now",
        "priority_mix", "cases_by_family", "matters_by_class", "closed_unverified", "floods",
    ), _cases),
    **dict.fromkeys(("alarms_per_person", "alarms_busiest"), _load),
    "chatter_sources": _chatter,
    "retriaged": _triages,
    **dict.fromkeys(("timely_report_rate", "reports_acked", "reports_sent", "reports_rejected", "reports_pending", "reports_oldest"), _reports),
    **dict.fromkeys(("face_people_now", "face_people_ever"), _faces),
    "erase_p95": _spans(desk.erased),
    "erasures_overdue": _owed,
    **dict.fromkeys(("consents_given", "consents_refused"), _asked),
    "consents_withdrawn": _withdrawn,
    "traces_open": _traces,
})  # fmt: skip
