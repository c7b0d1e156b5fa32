"""Reconciliation's own tables, and the ways into the others that it needs; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.columns import _int, _key, _table, _text

# What no other book holds: told by people and other programs, typed in ``core.evidence``.
evidence = _table(
    "evidence",
    _key("subject"),
    _key("type"),
    _key("key"),
    _int("since_ms"),
    _int("ended_ms", null=True),
    _text("body"),  # JSON, the fields of the type
    _text("writer"),
    _int("told_ms"),
)
# What a discrepancy asks for, once per step.  ``points`` and ``tier`` are proposals that a named person decides;
# whoever takes one up sets ``taken_ms``.
follow_up = _table(
    "follow_up",
    _key("discrepancy"),
    _key("step"),
    _text("kind"),
    _text("subject"),
    _text("listing", null=True),
    _text("operator", null=True),
    _int("made_ms"),
    _int("taken_ms", null=True),
    _int("withdrawn_ms", null=True),  # the discrepancy was cleared before anybody took it up
    sa.Index("follow_up_by_step", "community", "step", "made_ms"),
)
spot_draw = _table(
    "spot_draw",
    _key("draw"),
    _int("made_ms"),
    _text("made_by"),
    _text("commitment"),  # SHA-256 of the seed, published before anybody knows who is drawn
    _int("drawn_ms", null=True),
    _text("seed", null=True),  # published with the result
    _int("population", null=True),
    _text("population_hash", null=True),
)
spot_check = _table(
    "spot_check",
    _key("draw"),
    _key("stay"),
    _int("place"),  # in the order of the draw, from 1
    _int("registered"),  # members verified when it was drawn
    _int("found", null=True),  # people the check found
    _int("checked_ms", null=True),
    _text("checked_by", null=True),
)

# SQLite takes a partial index only where the question repeats its condition word by word: these are those words.
DOOR_WORDS = "type IN ('door.forced', 'door.held', 'access.not_taken')"
COMPANY_WORDS = "type = 'access.tailgate'"
TO_OPEN_WORDS = "state = 'ARMED'"
TO_END_WORDS = "state IN ('ACTIVE', 'EXIT_ONLY', 'SUSPENDED')"
TO_ERASE_WORDS = "erased_ms IS NULL AND state IN ('EXPIRED', 'REVOKED')"
BESIDE_WORDS = "kind IN ('D06', 'D07') AND state IN ('open', 'inconclusive')"
DECISION_WORDS = "type IN ('access.granted', 'access.denied', 'override')"


def _index(name: str, table: sa.Table, *columns: str, where: str = "") -> None:
    condition = sa.text(where) if where else None
    found = [table.c.community, *(table.c[column] for column in columns)]
    sa.Index(name, *found, sqlite_where=condition, postgresql_where=condition)


_index("stay_by_listing", tables.stay, "listing", "planned_out_ms")
_index("stay_by_end", tables.stay, "planned_out_ms")
_index("stay_by_booking", tables.stay, "booking")
_index("stay_by_room", tables.stay, "room", "planned_in_ms")
_index("stay_by_start", tables.stay, "planned_in_ms")
_index("stay_by_state", tables.stay, "state", "planned_out_ms")
_index("pass_by_stay", tables.pass_, "stay")
_index("pass_by_person", tables.pass_, "person")
_index("pass_to_open", tables.pass_, "not_before_ms", where=TO_OPEN_WORDS)
_index("pass_to_end", tables.pass_, "not_after_ms", where=TO_END_WORDS)
_index("pass_to_erase", tables.pass_, "not_after_ms", where=TO_ERASE_WORDS)
_index("access_point_by_kind", tables.access_point, "kind")
_index("access_point_by_node", tables.access_point, "node")
_index("credential_by_pass", tables.credential, "pass_id")
_index("consent_by_stay", tables.consent, "stay")
_index("presence_by_time", tables.presence, "as_of_ms")
_index("registration_by_person", tables.registration, "person")
_index("registration_by_due", tables.registration, "due_ms")
_index("registration_by_stay", tables.registration, "stay")
_index("stay_member_by_person", tables.stay_member, "person")
_index("person_by_document", tables.person, "doc_hash")
_index("listing_by_state", tables.listing, "state")
_index("listing_by_unit", tables.listing, "unit")
_index("discrepancy_by_subject", tables.discrepancy, "subject")
_index("discrepancy_by_state", tables.discrepancy, "state")
_index("discrepancy_beside", tables.discrepancy, "subject", where=BESIDE_WORDS)
_index("audit_by_action", tables.audit, "action", "at_ms")
_index("audit_by_object", tables.audit, "object")
_index("event_of_a_door", tables.event, "node", "wall_ms", where=DOOR_WORDS)
_index("event_of_company", tables.event, "wall_ms", where=COMPANY_WORDS)
_index(
    "event_of_decision",
    tables.event,
    "type",
    "credential_kind",
    "access_point",
    "wall_ms",
    where=DECISION_WORDS,
)
