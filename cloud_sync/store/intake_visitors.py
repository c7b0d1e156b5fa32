"""Visitors' passes as a gatehouse or a residents' app hands them over: the pass, and the dwelling it names (D07 a)."""

from collections.abc import Mapping

from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.core.rights import VISIT_MAX_MIN
from cloud_sync.ports import RowAnswer
from cloud_sync.store import tables
from cloud_sync.store.dossier_books import check_unit
from cloud_sync.store.house import Act
from cloud_sync.store.imports import Form
from cloud_sync.store.minors_told import visitor_to
from cloud_sync.store.rows import RowFault, choice_in, moment_in, needed_in, ref_in
from cloud_sync.store.subjects import SubjectWish, take_subject
from cloud_sync.store.visitors import check_no_rooms, visited

CLASS = "day_visitor"
CREDENTIALS = ("qr",)  # a visitor comes with a signed code and nothing else


def _visitor(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    unit, wish = needed_in(cells, "host_unit"), _wish(act, cells)
    check_unit(act, unit)
    check_no_rooms(act, wish.access_points)
    answer = take_subject(act, line, wish)
    subject = act.row(tables.subject, kind="visitors", ref=wish.ref)
    assert subject is not None
    (held,) = act.rows(tables.pass_, person=str(subject.person))
    if visited(act, unit, str(held.pass_id), wish.valid_from_ms) == "new":
        visitor_to(act, unit, str(held.pass_id), wish.valid_from_ms, "a visitor's pass of a file")
    return answer


def _wish(act: Act, cells: Mapping[str, str]) -> SubjectWish:
    begins, ends = (moment_in(cells, name, act.house) for name in ("valid_from", "valid_until"))
    if not 0 < ends - begins <= VISIT_MAX_MIN[CLASS] * MINUTE_MS:
        raise RowFault(
            f"a visit lasts from valid_from to valid_until, {VISIT_MAX_MIN[CLASS] // 60} h at most"
        )
    choice_in(cells, "credential", CREDENTIALS, CREDENTIALS[0])
    return SubjectWish(
        kind="visitors",
        ref=ref_in(cells, "ref"),
        name="",
        cls=CLASS,
        access_points=tuple(needed_in(cells, "access_points").split()),
        valid_from_ms=begins,
        valid_until_ms=ends,
        class_only=False,
        ended=False,
    )


VISITORS = Form(
    needed=("ref", "host_unit", "access_points", "valid_from", "valid_until"),
    optional=("at", "credential"),
    personal=frozenset(),
    key=("ref",),
    take=_visitor,
)
