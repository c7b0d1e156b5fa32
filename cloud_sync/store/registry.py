"""The community's records, as the pages, the command line and the distributor may use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.issue import is_due_at_nodes
from cloud_sync.errors import NotFound
from cloud_sync.ports import ImportKind, ImportReport
from cloud_sync.protocol.messages import PassRow
from cloud_sync.store import bookings, guests, imports, intake_files, node_list, places, tables
from cloud_sync.store.engine import reading
from cloud_sync.store.guest_books import GUEST_ROLE, GuestBooks
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.issuing import held_row
from cloud_sync.store.places import AccessPointSpec, NodeJoin, PiaRecord
from cloud_sync.store.retention import Aside
from cloud_sync.store.staff_books import STAFF_ROLE, StaffBooks
from cloud_sync.store.staging import Staging
from cloud_sync.store.subjects import refresh_all
from cloud_sync.store.timeline import advance_time


@dataclass(frozen=True, slots=True)
class PassLine:
    """One pass for inspection: a pseudonym, never a person."""

    pass_id: str
    subject_ref: str
    stay: str
    state: str
    version: int
    not_before_ms: int
    not_after_ms: int
    scope: tuple[str, ...]
    prereq: int
    credentials: int


class SqlRegistry(GuestBooks, StaffBooks):
    """``Registry`` and ``PassSource`` of ports.py; every method is one transaction and safe from any thread."""

    def __init__(self, house: House, staging: Staging) -> None:
        super().__init__(house)
        self._staging = staging

    # --- Registry --------------------------------------------------------------------------------------------

    def import_csv(self, kind: ImportKind, data: bytes, *, actor: str) -> ImportReport:
        """Every row is a transaction of its own and is answered exactly once.

        Raises:
            Refused: the file as a whole cannot be read; nothing was changed.
        """
        return imports.import_csv(self._house, self._staging, kind, data, actor=actor)

    def import_file(self, kind: str, data: bytes, *, actor: str) -> ImportReport:
        """As ``import_csv``, for every kind of file there is.

        Raises:
            Refused: no such kind, or the file as a whole cannot be read; nothing was changed.
        """
        return imports.import_rows(
            self._house, self._staging, kind, intake_files.form_of(kind), data, actor=actor
        )

    def guest_link(self, source: str, external_ref: str, *, actor: str = "service") -> str:
        with self._acting(actor) as act:
            return guests.new_link(act, source, external_ref)

    def bind_code_key(self, guest_token: str, subject_ref: str | None, public_key: bytes) -> tuple[str, str]:
        with acting(self._house, GUEST_ROLE, GUEST_ROLE) as act:
            return guests.bind_key(act, guest_token, subject_ref, public_key)

    def give_consent(
        self,
        guest_token: str,
        purpose: str,
        text_version: str,
        language: str,
        channel: str,
        *,
        guardian_ref: str | None = None,
        subject_ref: str | None = None,
    ) -> str:
        wish = ConsentWish(purpose, text_version, language, channel, guardian_ref)
        return self._consent(
            lambda act: guests.stay_of_token(act, guest_token), subject_ref, wish, GUEST_ROLE
        )

    def withdraw_consent(self, guest_token: str, purpose: str, *, subject_ref: str | None = None) -> None:
        with acting(self._house, GUEST_ROLE, GUEST_ROLE) as act:
            stay = guests.stay_of_token(act, guest_token)
            guests.withdraw(act, stay, guests.member_of(act, stay.stay, subject_ref), purpose)

    # --- consent given to the staff ----------------------------------------------------------------------------

    def consent_for_booking(
        self, source: str, external_ref: str, wish: ConsentWish, *, actor: str, subject_ref: str | None = None
    ) -> str:
        """As ``give_consent``, taken down by staff for a booking."""
        return self._consent(lambda act: _stay_of(act, source, external_ref), subject_ref, wish, actor)

    def withdraw_for_booking(
        self, source: str, external_ref: str, purpose: str, *, actor: str, subject_ref: str | None = None
    ) -> int:
        """How many consents that ended."""
        with self._acting(actor) as act:
            stay = _stay_of(act, source, external_ref)
            return guests.withdraw(act, stay, guests.member_of(act, stay.stay, subject_ref), purpose)

    # --- nodes and doors -----------------------------------------------------------------------------------------

    def add_node(self, join: NodeJoin, *, actor: str = "service") -> None:
        """Register a node with its doors; safe to repeat."""
        with self._acting(actor) as act:
            places.add_node(act, join)
            refresh_all(act)

    def add_node_list(
        self,
        rows: list[node_list.DoorRow],
        keys: Mapping[str, node_list.NodeKeys],
        *,
        dry_run: bool,
        actor: str = "service",
    ) -> tuple[list[str], list[node_list.RowFault]]:
        """All nodes and doors of a list, or a sentence about every wrong row and nothing at all; safe to repeat."""
        with self._acting(actor) as act:
            faults = node_list.faults_of(act, rows, keys)
            if faults or dry_run:
                return list(dict.fromkeys(row["node"] for row in rows)), faults
            nodes = node_list.add_list(act, rows, keys)
            refresh_all(act)
            return nodes, []

    def add_access_point(self, node: str, spec: AccessPointSpec, *, actor: str = "service") -> None:
        with self._acting(actor) as act:
            places.add_access_point(act, node, spec)
            refresh_all(act)

    def record_pia(self, pia: PiaRecord, *, actor: str = "service") -> str:
        with self._acting(actor) as act:
            return places.record_pia(act, pia)

    def enable_face(self, access_point: str, pia_id: str, signage_by: str, *, actor: str = "service") -> None:
        """Switch face on where assessment and sign are on file."""
        with self._acting(actor) as act:
            places.enable_face(act, access_point, pia_id, signage_by)

    def set_near(self, access_point: str, near: str, *, actor: str = "service") -> None:
        """Write down which entrance is next to this one; guests read it while this one's node is silent."""
        with self._acting(actor) as act:
            places.set_near(act, access_point, near)

    def disable_face(self, access_point: str, *, actor: str = "service") -> None:
        with self._acting(actor) as act:
            places.disable_face(act, access_point)

    def doors_of(self, node: str) -> list[dict[str, object]]:
        """The node's doors as its join file tells them.

        Raises:
            NotFound: no such node.
        """
        with reading(self._house.engine).begin() as connection:
            act = self._looking(connection)
            if act.row(tables.node, node=node) is None:
                raise NotFound(f"there is no node {node}; register it first.")
            return [_door(row) for row in act.rows(tables.access_point, node=node)]

    # --- what staff decide -----------------------------------------------------------------------------------------

    def check_out(self, source: str, external_ref: str, *, actor: str) -> str:
        """Checkout by the operator; returns the stay."""
        with self._acting(actor) as act:
            return bookings.check_out(act, _booking(act, source, external_ref))

    def confirm_no_show(self, source: str, external_ref: str, *, actor: str) -> str:
        """Nobody came, says a named person; returns the stay."""
        with self._acting(actor) as act:
            return bookings.confirm_no_show(act, _booking(act, source, external_ref))

    def suspend_pass(self, pass_id: str, *, actor: str) -> None:
        with self._acting(actor) as act:
            bookings.suspend_pass(act, pass_id)

    # --- passes down -------------------------------------------------------------------------------------------

    def rows_for(self, node: str) -> list[PassRow]:
        """The whole pass set of one node as it should be now."""
        now_ms, profile = self._house.clock.now_ms(), self._house.profile
        with reading(self._house.engine).begin() as connection:
            act = self._looking(connection)
            doors = {str(row.access_point) for row in act.rows(tables.access_point, node=node)}
            rows = [held_row(wire) for wire in connection.execute(_wires(act, doors)).scalars()]
        return [
            row
            for row in rows
            if row is not None and doors & set(row.scope) and is_due_at_nodes(row, profile, now_ms)
        ]

    def advance_time(self, *, since_ms: int) -> int:
        """Do what has fallen due by the clock; how many stays or passes moved."""
        return advance_time(self._house, since_ms=since_ms)

    def passes(self) -> list[PassLine]:
        """Every pass, oldest first, without a person."""
        with reading(self._house.engine).begin() as connection:
            found = self._looking(connection).rows(tables.pass_)
        return [_line(row) for row in sorted(found, key=lambda row: str(row.pass_id))]

    def staged(self) -> Aside:
        """What imports left for looking at, under its clock."""
        return Aside("staging", self._staging.forget_before, self._staging.oldest_ms)

    # --- within ------------------------------------------------------------------------------------------------

    def _acting(self, actor: str) -> Any:
        return acting(self._house, actor, STAFF_ROLE)

    def _looking(self, connection: sa.Connection) -> Act:
        return Act(self._house, connection, self._house.clock.now_ms(), "service", "system")


def _booking(act: Act, source: str, external_ref: str) -> Any:
    booking = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    return booking


def _stay_of(act: Act, source: str, external_ref: str) -> Any:
    (stay,) = act.rows(tables.stay, booking=_booking(act, source, external_ref).booking)
    return stay


def _wires(act: Act, doors: set[str]) -> sa.Select[bytes]:
    """The rows that may concern these doors: the text filter is coarse, the caller looks again."""
    table = tables.pass_
    profile, now_ms = act.house.profile, act.now_ms
    named = [table.c.scope.contains(f'"{door}"', autoescape=True) for door in sorted(doors)]
    return sa.select(table.c.wire).where(
        table.c.community == act.house.community,
        table.c.not_before_ms - profile.preload_ms <= now_ms,
        table.c.not_after_ms + profile.erase_after_ms > now_ms,
        sa.or_(sa.false(), *named),
    )


def _door(row: Any) -> dict[str, object]:
    return {
        "access_point": row.access_point,
        "kind": row.kind,
        "location_class": row.location_class,
        "name_zh": row.name_zh,
        "name_en": row.name_en,
        "face_enabled": bool(row.face_enabled),
        "pia_id": row.pia_id,
        "signage_by": row.signage_by,
    }


def _line(row: Any) -> PassLine:
    wire = held_row(row.wire)
    return PassLine(
        row.pass_id,
        row.subject_ref,
        row.stay or "",
        row.state,
        row.version,
        row.not_before_ms,
        row.not_after_ms,
        tuple(places.scope_of(row.scope)),
        wire.prereq if wire else 0,
        len(wire.creds) if wire else 0,
    )
