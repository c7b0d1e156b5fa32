"""Figures about what people work on: open discrepancies, cases, reports to authorities, consents and erasures."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_types import OPEN, UNSEEN, CaseEvent, CaseState, Family
from cloud_sync.core.community_metrics import AGES, OLDEST
from cloud_sync.core.figures import Figure, OpenLine, OpenOnes
from cloud_sync.core.lifecycles_upstream import SubmissionState
from cloud_sync.core.policy import DAY_MS, FACE_ACCESS
from cloud_sync.core.retention import FILE_AT
from cloud_sync.core.trace import TraceState
from cloud_sync.store import tables
from cloud_sync.store.figure_sql import Look, listed, same, spans, whole
from cloud_sync.store.privacy_desk import count_face_persons
from cloud_sync.store.tables_privacy import trace_request
from cloud_sync.store.tables_upstream import upstream_submission

GRAVE = ("S1", "S2")
REOPENED_WITHIN_MS = 14 * DAY_MS  # later it is a story of its own (domain.md §11.3)
HANDED_OVER = (CaseEvent.OFFER, CaseEvent.ACCEPT)
DECIDES = (
    CaseEvent.RESOLVE,
    CaseEvent.ACK,
)  # an acknowledgement decides where the condition was over already
_FOUND, _CASE, _NOTE, _LINK, _SENT = (
    tables.discrepancy,
    tables.case_,
    tables.case_note,
    tables.case_link,
    upstream_submission,
)
_S = SubmissionState


# --- what is open -----------------------------------------------------------------------------------------------


def _each_open(look: Look) -> sa.Subquery:
    """Every open discrepancy with its age, and whose eyes its open case asks for."""
    age_ms = look.now_ms - _FOUND.c.opened_ms
    age = sa.case(*((age_ms < most_ms, name) for name, most_ms in AGES), else_=OLDEST).label("age")
    linked = _LINK.join(_CASE, (_CASE.c.community == _LINK.c.community) & (_CASE.c.id == _LINK.c.case_id))
    of_it = (_LINK.c.community == _FOUND.c.community, _LINK.c.ref == _FOUND.c.id, _CASE.c.state.in_(OPEN))
    owner = sa.select(sa.func.min(_CASE.c.owner_role)).select_from(linked).where(*of_it).scalar_subquery()
    case = sa.select(sa.func.min(_CASE.c.id)).select_from(linked).where(*of_it).scalar_subquery()
    columns = (_FOUND.c.id, _FOUND.c.kind, _FOUND.c.severity, _FOUND.c.subject, _FOUND.c.opened_ms)
    return (
        sa.select(*columns, age, sa.func.coalesce(owner, "").label("owner"), case.label("case"))
        .where(look.mine(_FOUND), _FOUND.c.state == "open")
        .subquery()
    )


def open_lines(look: Look) -> tuple[OpenLine, ...]:
    """Open discrepancies by kind, severity, age, and whose eyes their open case asks for."""
    each = _each_open(look)
    keys = (each.c.kind, each.c.severity, each.c.age, each.c.owner)
    found = look.db.execute(sa.select(*keys, sa.func.count()).group_by(*keys))
    order = {name: at for at, name in enumerate((*(name for name, _ in AGES), OLDEST))}
    lines = [OpenLine(row[0], row[1], row[2], row[3], int(row[4])) for row in found]
    return tuple(sorted(lines, key=lambda one: (one.kind, one.severity, order[one.age], one.owner)))


def open_ones(look: Look, **narrow: str) -> OpenOnes:
    """The discrepancies of one field of that matrix: of a kind, a severity, an age, or of several of them."""
    each = _each_open(look)
    fitting = [each.c[name] == value for name, value in narrow.items() if value]
    count = look.number(sa.select(sa.func.count()).select_from(each).where(*fitting))
    query = sa.select(
        each.c.id.label("discrepancy"),
        each.c.kind,
        each.c.severity,
        each.c.subject,
        each.c.opened_ms,
        each.c.owner,
        each.c.case,
    )
    rows = listed(look, query.where(*fitting).order_by(each.c.opened_ms, each.c.id))
    return OpenOnes(look.now_ms, count, tuple(rows))


CLOSED = ("closed", CaseState.CLOSED)  # of a discrepancy, of a case


def discrepancies(look: Look) -> Iterator[Figure]:
    """The grave ones among those open, and how long those took that were closed in the period."""
    is_open = _FOUND.c.state == "open"
    grave = look.count(_FOUND, is_open, _FOUND.c.severity.in_(GRAVE))
    yield look.figure("discrepancies_grave", grave, look.count(_FOUND, is_open))
    yield from _spans(look, closing(look, _FOUND), "discrepancy_close_median", "discrepancy_close_p90")


def closing(look: Look, table: sa.Table) -> sa.Select[Any]:
    """How long discrepancies or cases took that were closed in the period."""
    took = (table.c.closed_ms - table.c.opened_ms).label("span")
    return sa.select(whole(), took).where(
        look.mine(table), table.c.state.in_(CLOSED), look.within(table.c.closed_ms)
    )


def _spans(look: Look, took: sa.Select[Any], median: str, p90: str = "") -> Iterator[Figure]:
    """The quantiles of the second column of a question; what more columns it has is for its rows."""
    found = spans(look, took.with_only_columns(*list(took.selected_columns)[:2])).get("")
    yield look.figure(median, found.median if found else 0, found.n if found else 0)
    if p90:
        yield look.figure(p90, found.p90 if found else 0, found.n if found else 0)


def cases(look: Look) -> Iterator[Figure]:
    """Cases nobody has looked at of those open; closed against opened in the period; opened again; never handed over."""
    unseen = look.count(_CASE, _CASE.c.state.in_(UNSEEN))
    yield look.figure("cases_open", unseen, look.count(_CASE, _CASE.c.state.in_(OPEN)))
    closed = look.count(_CASE, *closed_cases(look))
    yield look.figure("cases_closed", closed, look.count(_CASE, look.within(_CASE.c.opened_ms)))
    yield from _spans(look, closing(look, _CASE), "case_close_median", "case_close_p90")
    yield from _decided(look)
    again = look.count(_CASE, look.within(_CASE.c.opened_ms), soon_again())
    yield look.figure("cases_reopened", again, closed)
    first_only = look.count(_CASE, *closed_cases(look), ~handed_over())
    yield look.figure("cases_first_receiver", first_only, closed)
    yield from _spans(look, signed_whistles(look), "whistle_to_check_in")
    yield from _spans(look, whistled_closes(look), "whistle_to_close")


def closed_cases(look: Look) -> tuple[sa.ColumnElement[bool], ...]:
    """Cases closed in the period."""
    return look.mine(_CASE), _CASE.c.state == CaseState.CLOSED, look.within(_CASE.c.closed_ms)


def soon_again() -> sa.ColumnElement[bool]:
    """Whether a case goes on with one that was closed a fortnight ago at most."""
    before = _CASE.alias("before")
    return sa.exists().where(
        before.c.community == _CASE.c.community,
        before.c.id == _CASE.c.reopened_from,
        before.c.closed_ms >= _CASE.c.opened_ms - REOPENED_WITHIN_MS,
    )


def handed_over() -> sa.ColumnElement[bool]:
    of_case = (_NOTE.c.community == _CASE.c.community) & (_NOTE.c.case_id == _CASE.c.id)
    return sa.exists().where(of_case, _NOTE.c.event.in_(HANDED_OVER))


def _first(look: Look, event: CaseEvent) -> sa.Subquery:
    keys = (_NOTE.c.community, _NOTE.c.case_id)
    first = sa.select(*keys, sa.func.min(_NOTE.c.at_ms).label("at_ms"))
    return first.where(look.mine(_NOTE), _NOTE.c.event == event).group_by(*keys).subquery()


def signed_whistles(look: Look) -> sa.Select[Any]:
    """From the first whistle of a case to the signature of a department; whistles of the period."""
    first, signed = _first(look, CaseEvent.WHISTLE), _first(look, CaseEvent.SIGN)
    took = (signed.c.at_ms - first.c.at_ms).label("span")
    return (
        sa.select(whole(), took, first.c.case_id.label("case"), first.c.at_ms.label("at_ms"))
        .select_from(first.join(signed, same(first, signed, "case_id")))
        .where(look.within(first.c.at_ms))
    )


def whistled_closes(look: Look) -> sa.Select[Any]:
    """From the first whistle of a case to its close; cases closed in the period."""
    first = _first(look, CaseEvent.WHISTLE)
    of_case = (first.c.community == _CASE.c.community) & (first.c.case_id == _CASE.c.id)
    took = (_CASE.c.closed_ms - first.c.at_ms).label("span")
    return (
        sa.select(whole(), took, _CASE.c.id.label("case"), _CASE.c.closed_ms)
        .select_from(first.join(_CASE, of_case))
        .where(look.within(_CASE.c.closed_ms))
    )


def first_decisions(look: Look) -> sa.Subquery:
    """When a person had said for the first time what a case was; the check by another is not in it."""
    return (
        sa.select(_NOTE.c.case_id, sa.func.min(_NOTE.c.at_ms).label("at_ms"))
        .where(
            look.mine(_NOTE),
            _NOTE.c.event.in_(DECIDES),
            _NOTE.c.after.in_((CaseState.RESOLVED, CaseState.CLOSED)),
        )
        .group_by(_NOTE.c.case_id)
        .subquery()
    )


def decided_alerts(look: Look) -> sa.Select[Any]:
    """How long alerts waited that were decided in the period."""
    first = first_decisions(look)
    took = (first.c.at_ms - _CASE.c.opened_ms).label("span")
    return (
        sa.select(whole(), took, _CASE.c.id.label("case"), _CASE.c.kind, _CASE.c.opened_ms)
        .select_from(_CASE.join(first, first.c.case_id == _CASE.c.id))
        .where(look.mine(_CASE), _CASE.c.family == Family.ALERT, look.within(first.c.at_ms))
    )


def _decided(look: Look) -> Iterator[Figure]:
    """How long alerts waited until a person had said for the first time what it was."""
    first = first_decisions(look)
    alerts = (_CASE.c.family == Family.ALERT, look.within(_CASE.c.opened_ms))
    decided = sa.exists().where(first.c.case_id == _CASE.c.id)
    yield look.figure("alerts_decided", look.count(_CASE, *alerts, decided), look.count(_CASE, *alerts))
    yield from _spans(look, decided_alerts(look), "alert_decision_median", "alert_decision_p90")


# --- authorities --------------------------------------------------------------------------------------------------


def reports(look: Look) -> Iterator[Figure]:
    """及时上报率, and every report made in the period by adapter and state; the oldest that waits, whenever it was made."""
    due = (
        look.within(_SENT.c.due_ms),
        _SENT.c.state != _S.WITHDRAWN,
    )
    in_time = (_SENT.c.state == _S.ACKED, _SENT.c.ended_ms <= _SENT.c.due_ms)
    yield look.figure("timely_report_rate", look.count(_SENT, *due, *in_time), look.count(_SENT, *due))
    pending = _SENT.c.state.in_((_S.QUEUED, _S.SENT))
    made = look.within(_SENT.c.made_ms)

    def how_many(*where: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
        return sa.func.sum(sa.case((sa.and_(*where), 1), else_=0))

    query = (
        sa.select(
            _SENT.c.connector,
            how_many(made),
            how_many(made, _SENT.c.state == _S.ACKED),
            how_many(made, _SENT.c.sends > 0),
            how_many(made, _SENT.c.state.in_((_S.REJECTED, _S.DEAD_LETTER))),
            how_many(made, pending),
            how_many(pending),
            sa.func.min(sa.case((pending, _SENT.c.made_ms))),
        )
        .where(look.mine(_SENT), _SENT.c.state != _S.WITHDRAWN)
        .group_by(_SENT.c.connector)
        .order_by(_SENT.c.connector)
    )
    for name, all_, acked, sent, rejected, waiting, ever, oldest_ms in look.db.execute(query):
        yield look.figure("reports_acked", int(acked), int(all_), name)
        yield look.figure("reports_sent", int(sent), int(all_), name)
        yield look.figure("reports_rejected", int(rejected), int(all_), name)
        yield look.figure("reports_pending", int(waiting), int(all_), name)
        age_ms = look.now_ms - int(oldest_ms) if oldest_ms is not None else 0
        yield look.figure("reports_oldest", age_ms, int(ever), name)


# --- privacy --------------------------------------------------------------------------------------------------------


def erased(look: Look) -> sa.Select[Any]:
    """How long erasures took that were asked in the period and confirmed."""
    table = tables.erasure
    took = (table.c.acked_ms - table.c.asked_ms).label("span")
    return sa.select(whole(), took, table.c.node, table.c.erase_ver.label("erasure"), table.c.asked_ms).where(
        look.mine(table), look.within(table.c.asked_ms), table.c.acked_ms.is_not(None)
    )


def privacy(look: Look) -> Iterator[Figure]:
    """People who agreed to their face; how fast nodes erase; what guests answered when they were asked."""
    people = count_face_persons(look.db)
    yield look.figure("face_people_now", people.now, FILE_AT)
    yield look.figure("face_people_ever", people.ever, FILE_AT)
    found = spans(look, erased(look).with_only_columns(*list(erased(look).selected_columns)[:2])).get("")
    yield look.figure("erase_p95", found.p95 if found else 0, found.n if found else 0)
    erasure, consent = tables.erasure, tables.consent
    owed = erasure.c.acked_ms.is_(None)
    late = look.count(erasure, owed, erasure.c.asked_ms < look.now_ms - look.house.profile.drift_ms)
    yield look.figure("erasures_overdue", late, look.count(erasure, owed))
    yield from _asked(look)
    given = (consent.c.purpose == FACE_ACCESS, look.within(consent.c.given_ms))
    withdrawn = look.count(consent, *given, consent.c.withdrawn_ms.is_not(None))
    yield look.figure("consents_withdrawn", withdrawn, look.count(consent, *given))
    waits = trace_request.c.state == TraceState.ASKED
    asked = look.count(trace_request, waits | look.within(trace_request.c.asked_ms))
    yield look.figure("traces_open", look.count(trace_request, waits), asked)


def _asked(look: Look) -> Iterator[Figure]:
    """What members of stays that began in the period said when they were asked about their face."""
    member, stay = tables.stay_member, tables.stay
    query = (
        sa.select(member.c.face_said, sa.func.count())
        .select_from(member.join(stay, same(member, stay, "stay")))
        .where(
            look.mine(member),
            member.c.face_said.is_not(None),
            look.within(stay.c.planned_in_ms),
        )
        .group_by(member.c.face_said)
    )
    said = look.counts(query)
    yield look.figure("consents_given", said.get("yes", 0), sum(said.values()))
    yield look.figure("consents_refused", said.get("no", 0), sum(said.values()))
