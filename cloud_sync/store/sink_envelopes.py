"""What nodes say about envelopes, in the sink's transaction: kept opaque, judged by their address only."""

from cloud_sync.protocol.messages import PREREQ_FACE_CONSENT, Sealed, SealedAck, encode
from cloud_sync.store.issuing import held_row
from cloud_sync.store.sink_db import SinkDb

# One on its way for each sender, receiver and pass; of 14 KB each, so that a receiver that is away for a month
# costs 70 MB at the very most.
WAITING_MAX = 5_000

_KEEP = """
insert into envelope (community, from_node, to_node, pass_id, id, pass_version, not_after_ms, state, why, told,
                      stored_ms, sealed)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)
on conflict (community, from_node, to_node, pass_id) do update set
    id = excluded.id, pass_version = excluded.pass_version, not_after_ms = excluded.not_after_ms,
    state = excluded.state, why = excluded.why, told = '', stored_ms = excluded.stored_ms, sealed = excluded.sealed
"""


class Envelopes:
    """Writes for one sink transaction; a node is believed about its own envelopes only."""

    def __init__(self, db: SinkDb, community: str, now_ms: int) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms

    def offered(self, node: str, sealed: Sealed) -> None:
        """Store it, or say why not; the same one again is only answered again."""
        if sealed.from_ != node:
            return  # nobody to answer: it names another as its sender
        if self._is_here(node, sealed):
            self._db.execute(
                "update envelope set told = '' where community = ? and id = ?", (self._community, sealed.id)
            )
            return
        why = self._objection(node, sealed)
        state, frame = ("refused", b"") if why else ("stored", encode(sealed))
        address = (self._community, node, sealed.to, sealed.pass_id, sealed.id, sealed.pass_version)
        self._db.execute(_KEEP, (*address, sealed.not_after, state, why, self._now_ms, frame))

    def answered(self, node: str, answer: SealedAck) -> None:
        """The receiver's word ends it; the ciphertext goes with the same commit."""
        if answer.state != "stored":
            self._db.execute(
                "update envelope set state = ?, why = ?, sealed = ? "
                "where community = ? and id = ? and to_node = ? and state = 'stored'",
                (answer.state, answer.why, b"", self._community, answer.id, node),
            )

    def _is_here(self, node: str, sealed: Sealed) -> bool:
        found = self._one(
            "select 1 from envelope where community = ? and id = ? and from_node = ? and to_node = ?",
            sealed.id,
            node,
            sealed.to,
        )
        return found is not None

    def _objection(self, node: str, sealed: Sealed) -> str:
        """Why it is not carried, or nothing."""
        if sealed.not_after <= self._now_ms:
            return "expired"
        if not self._is_approved(node) or not self._is_approved(sealed.to):
            return "not_approved"
        if self._is_erased(sealed):
            return "erased"
        if not self._consents(sealed.pass_id):
            return "no_consent"
        waiting = self._one(
            "select count(*) from envelope where community = ? and to_node = ? and state = 'stored'",
            sealed.to,
        )
        return "full" if waiting is not None and int(str(waiting[0])) >= WAITING_MAX else ""

    def _is_approved(self, node: str) -> bool:
        return self._one("select 1 from face_node where community = ? and node = ?", node) is not None

    def _is_erased(self, sealed: Sealed) -> bool:
        """Its receiver was asked to erase this pass after it was sealed: it must not come back."""
        found = self._one(
            "select max(pass_version) from erasure where community = ? and node = ? and pass_id = ?",
            sealed.to,
            sealed.pass_id,
        )
        version = found[0] if found is not None else None
        return isinstance(version, int) and sealed.pass_version <= version

    def _consents(self, pass_id: str) -> bool:
        found = self._one("select wire from pass where community = ? and pass_id = ?", pass_id)
        row = held_row(found[0]) if found is not None and isinstance(found[0], bytes) else None
        return row is not None and bool(row.prereq & PREREQ_FACE_CONSENT)

    def _one(self, sql: str, *values: str) -> tuple[object, ...] | None:
        row: tuple[object, ...] | None = self._db.execute(sql, (self._community, *values)).fetchone()
        return row
