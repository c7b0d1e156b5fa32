"""The measures of the case machine itself (domain.md §11.9): how much it asks of people, and how fast they answer."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_groups import FLOOD_MS
from cloud_sync.core.case_more import UNVERIFIED
from cloud_sync.core.case_types import (
    CHATTER,
    FLOOD,
    OPEN,
    QUIET,
    CaseEvent,
    CaseState,
    Family,
    Severity,
)
from cloud_sync.core.figures import Figure
from cloud_sync.core.policy import DAY_MS
from cloud_sync.store import tables
from cloud_sync.store.figure_sql import Look, same, spans
from cloud_sync.store.figures_desk import signed_whistles, whistled_closes

_CASE, _NOTE = tables.case_, tables.case_note
STRETCH_MS = FLOOD_MS  # ten minutes: what the trade counts alarms in
STALE_MS = DAY_MS
NO_CLASS = "none"
SETTLED = (CaseState.RESOLVED, CaseState.CLOSED)


def alerts(look: Look) -> tuple[sa.ColumnElement[bool], ...]:
    """Alerts that opened a case in the period."""
    return look.mine(_CASE), _CASE.c.family == Family.ALERT, look.within(_CASE.c.opened_ms)


def opened(look: Look) -> tuple[sa.ColumnElement[bool], ...]:
    return look.mine(_CASE), look.within(_CASE.c.opened_ms)


def hands(look: Look) -> sa.Select[tuple[str]]:
    """Everybody who did something with an alert in the period, each once."""
    return (
        sa.select(_NOTE.c.actor)
        .select_from(_NOTE.join(_CASE, of_case(_NOTE)))
        .where(
            look.mine(_NOTE), _CASE.c.family == Family.ALERT, _NOTE.c.actor != "", look.within(_NOTE.c.at_ms)
        )
        .distinct()
    )


def of_case(notes: sa.FromClause) -> sa.ColumnElement[bool]:
    return (notes.c.community == _CASE.c.community) & (notes.c.case_id == _CASE.c.id)


def stretch() -> sa.ColumnElement[int]:
    """Which ten minutes of the clock it was opened in."""
    return _CASE.c.opened_ms // sa.literal_column(str(STRETCH_MS), sa.BigInteger)


def last_note(look: Look) -> sa.Subquery:
    """When something was last written about each case."""
    newest = sa.func.max(_NOTE.c.at_ms).label("noted_ms")
    keys = (_NOTE.c.community, _NOTE.c.case_id)
    return sa.select(*keys, newest).where(look.mine(_NOTE)).group_by(*keys).subquery()


def first_note(look: Look, *where: sa.ColumnElement[bool]) -> sa.Subquery:
    """When the first note of a kind was written about each case."""
    oldest = sa.func.min(_NOTE.c.at_ms).label("at_ms")
    keys = (_NOTE.c.community, _NOTE.c.case_id)
    return sa.select(*keys, oldest).where(look.mine(_NOTE), *where).group_by(*keys).subquery()


def kind_of() -> sa.ColumnElement[str]:
    return (_CASE.c.family + "/" + _CASE.c.kind).label("part")


def detected(look: Look) -> sa.Select[Any]:
    """From what was seen to its case, of cases opened in the period; by family and kind."""
    took = _CASE.c.opened_ms - _CASE.c.first_seen_ms
    return sa.select(kind_of(), sa.case((took > 0, took), else_=0).label("span")).where(*opened(look))


def taken_up(look: Look) -> sa.Select[Any]:
    """From the case to the first person who did anything with it, where that was in the period."""
    first = first_note(look, _NOTE.c.actor != "", _NOTE.c.event != CaseEvent.RAISE)
    took = sa.select(kind_of(), (first.c.at_ms - _CASE.c.opened_ms).label("span"))
    return took.select_from(_CASE.join(first, of_case(first))).where(look.within(first.c.at_ms))


def settled(look: Look) -> sa.Select[Any]:
    """From the case to the first time it was resolved or closed, where that was in the period."""
    first = first_note(look, _NOTE.c.after.in_(SETTLED))
    took = sa.select(kind_of(), (first.c.at_ms - _CASE.c.opened_ms).label("span"))
    return took.select_from(_CASE.join(first, of_case(first))).where(look.within(first.c.at_ms))


def triages(look: Look) -> sa.Subquery:
    """Every triage of the period, with the number of those of its case that came before."""
    before = _NOTE.alias("before")
    earlier = (
        sa.select(sa.func.count())
        .select_from(before)
        .where(same(before, _NOTE, "case_id"), before.c.event == CaseEvent.TRIAGE, before.c.n < _NOTE.c.n)
        .scalar_subquery()
    )
    return (
        sa.select(_NOTE.c.case_id, _NOTE.c.at_ms, earlier.label("earlier"))
        .where(look.mine(_NOTE), _NOTE.c.event == CaseEvent.TRIAGE, look.within(_NOTE.c.at_ms))
        .subquery()
    )


def class_of() -> sa.ColumnElement[str]:
    """Words and not a value, for PostgreSQL takes two values of one question for two different ones."""
    return sa.func.coalesce(_CASE.c.matter_class, sa.literal_column(f"'{NO_CLASS}'"))


def machine(look: Look) -> Iterator[Figure]:
    """Load, floods, chatter, what is stale or silenced, the mix; then how long each step takes; then what was done twice."""
    yield from _load(look)
    yield from _standing(look)
    for name, took in (
        ("time_to_detect", detected),
        ("time_to_report", taken_up),
        ("time_to_resolve", settled),
    ):
        query = took(look) if name == "time_to_detect" else took(look).where(look.mine(_CASE))
        for part, found in sorted(spans(look, query).items()):
            yield look.figure(name, found.median, found.n, part)
    for name, query in (
        ("whistle_to_check_in_p90", signed_whistles(look)),
        ("whistle_to_close_p90", whistled_closes(look)),
    ):
        all_of_it = spans(look, query.with_only_columns(*list(query.selected_columns)[:2])).get("")
        yield look.figure(name, all_of_it.p90 if all_of_it else 0, all_of_it.n if all_of_it else 0)
    yield from _again(look)


def _load(look: Look) -> Iterator[Figure]:
    count = look.count(_CASE, *alerts(look))
    people = look.number(sa.select(sa.func.count()).select_from(hands(look).subquery()))
    stretches = -(-(look.until_ms - look.since_ms) // STRETCH_MS)
    yield look.figure("alarms_per_person", count, people * stretches)
    each = sa.select(sa.func.count().label("n")).where(*alerts(look)).group_by(stretch()).subquery()
    yield look.figure("alarms_busiest", look.number(sa.select(sa.func.max(each.c.n))), None)
    yield look.figure("floods", look.count(_CASE, *opened(look), _CASE.c.kind == FLOOD.name), None)
    sources = sa.select(sa.func.count(sa.distinct(_CASE.c.subject))).where(
        *opened(look), _CASE.c.kind == CHATTER.name
    )
    yield look.figure("chatter_sources", look.number(sources), None)
    mix = look.counts(
        sa.select(_CASE.c.severity, sa.func.count()).where(*alerts(look)).group_by(_CASE.c.severity)
    )
    for severity in Severity:
        yield look.figure("priority_mix", mix.get(severity, 0), count, severity)


def _standing(look: Look) -> Iterator[Figure]:
    noted = last_note(look)
    asked = _CASE.c.state.in_(OPEN - QUIET)
    stale = sa.exists().where(of_case(noted), noted.c.noted_ms > look.now_ms - STALE_MS)
    yield look.figure("cases_stale", look.count(_CASE, asked, ~stale), look.count(_CASE, asked))
    is_open = _CASE.c.state.in_(OPEN)
    shelved = look.count(_CASE, _CASE.c.state == CaseState.SHELVED)
    yield look.figure("shelved_now", shelved, look.count(_CASE, is_open))


def _again(look: Look) -> Iterator[Figure]:
    each = triages(look)
    everything = sa.select(sa.func.count()).select_from(each)
    yield look.figure("retriaged", look.number(everything.where(each.c.earlier > 0)), look.number(everything))
    closed = (_CASE.c.state == CaseState.CLOSED, look.within(_CASE.c.closed_ms))
    unseen = look.count(_CASE, *closed, _CASE.c.resolution == UNVERIFIED)
    yield look.figure("closed_unverified", unseen, look.count(_CASE, *closed))
    families = look.counts(
        sa.select(_CASE.c.family, sa.func.count()).where(*opened(look)).group_by(_CASE.c.family)
    )
    for family in Family:
        yield look.figure("cases_by_family", families.get(family, 0), sum(families.values()), family)
    matters = (*opened(look), _CASE.c.family == Family.MATTER)
    classes = look.counts(sa.select(class_of(), sa.func.count()).where(*matters).group_by(class_of()))
    for class_ in sorted(classes):
        yield look.figure("matters_by_class", classes[class_], sum(classes.values()), class_)
