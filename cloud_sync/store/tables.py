"""The shape of the service's database, in SQLAlchemy Core.  Every table names its community.

Names and document numbers are not here: they stand in the vault, a database of its own (``store.vault``).
Times are integer milliseconds since 1970 UTC (``*_ms``).
"""

import sqlalchemy as sa

from cloud_sync.store.columns import _blob, _int, _key, _table, _text, metadata
from cloud_sync.store.tables_accounts import session, user
from cloud_sync.store.tables_guests import stay_contact
from cloud_sync.store.zone_tables import zone, zone_command, zone_door, zone_result

__all__ = ["metadata", "session", "stay_contact", "user", "zone", "zone_command", "zone_door", "zone_result"]

# --- what the gates told (written by the sink only) --------------------------------------------------------

event = _table(
    "event",
    _key("node"),
    _key("epoch"),
    _key("seq", sa.BigInteger),
    _text("type"),
    _text("access_point", null=True),
    _text("direction", null=True),
    _text("decision", null=True),
    _text("reason", null=True),
    _text("credential_kind", null=True),
    _text("pass_id", null=True),
    _text("subject_ref", null=True),
    _text("class", null=True),
    _text("grant_id", null=True),
    _int("wall_ms"),
    _text("clock_state"),
    _int("live"),
    _int("stored_ms"),
    _text("h"),
    _blob("body"),
    sa.Index("event_by_time", "community", "wall_ms"),
    sa.Index("event_by_pass", "community", "pass_id"),
    sa.Index("event_by_stored", "community", "stored_ms"),  # a live page catches up by it
)
mark = _table("mark", _key("node"), _key("epoch"), _int("upto"), _text("h"), _int("bump"))
gap = _table("gap", _key("node"), _key("epoch"), _key("lo", sa.BigInteger), _int("hi"), _int("first_seen_ms"))
tombstone = _table(
    "tombstone",
    _key("node"),
    _key("epoch"),
    _key("lo", sa.BigInteger),
    _int("hi"),
    _text("reason"),
    _text("h"),
    _int("declared_ms"),
)
conflict = _table(
    "conflict",
    _key("node"),
    _key("epoch"),
    _key("seq", sa.BigInteger),
    _text("stored_h"),
    _text("claimed_h"),
    _int("seen_ms"),
)
deadletter = _table(
    "deadletter",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    _text("node"),
    _text("epoch", null=True),
    _int("seq", null=True),
    _blob("raw"),
    _text("error"),
    _int("seen_ms"),
)
sink_meta = _table("sink_meta", _text("sink_gen"))
counter = _table("counter", _key("node"), _key("type"), _int("n"))
presence = _table(
    "presence",
    _key("pass_id"),
    _text("state"),  # in | out | unknown
    _text("access_point"),
    _int("as_of_ms"),
    _int("first_entry_ms", null=True),
)
touched = _table("touched", _key("subject"), _int("since_ms"))  # reconciliation queue: pass ids and node ids
node_state = _table(
    "node_state",
    _key("node"),
    _text("epoch"),
    _int("head"),
    _int("acked"),
    _int("hello_ms"),
    _int("drained_through_ms"),
    _int("auth_ver"),
    _text("root"),
    _int("erase_ver"),
    _text("online"),  # yes | no (by will)
    _text("clock_state"),
    _int("clock_bound_ms"),
    _text("software"),
    _blob("health"),  # the last State message, JSON
    _text("nonce", null=True),  # of the last hello: a command quotes it where the clock cannot be believed
    _int("outbox", null=True),  # the lag as the last hello told it
    _int("free_mb", null=True),
    _int("wire", null=True),
    _int("clock_heard_ms", null=True),  # its last hello's time less ours; what travelled late looks behind
    _int("clock_off_ms", null=True),  # what is certain of it (core.node_clock)
)

# --- the community ------------------------------------------------------------------------------------------

community = _table(
    "community", _text("name_zh"), _text("name_en"), _text("tz"), _text("profile"), _int("synthetic")
)
node = _table(
    "node",
    _key("node"),
    _text("name"),
    _text("device_public_key"),  # base64 raw Ed25519/P-256, from the join file
    _int("registered_ms"),
    _text("sealing_key", null=True),  # base64 raw X25519; its private half never leaves the node
    _text("sealing_proof", null=True),  # the device key's signature for it
)
access_point = _table(
    "access_point",
    _key("access_point"),
    _text("node"),
    _text("kind"),  # gate | unit | room | garage
    _text("name_zh"),
    _text("name_en"),
    _text("location_class"),
    _int("face_enabled"),
    _text("pia_id", null=True),
    _text("signage_by", null=True),
    _text("near", null=True),  # another access point: where people go while this one opens for nobody
)
pia_record = _table(
    "pia_record",
    _key("id"),
    _text("purpose"),
    _text("necessity"),
    _text("impact"),
    _text("measures"),
    _text("author"),
    _int("review_ms"),
    _int("made_ms"),
    _int("synthetic"),
)
listing = _table(
    "listing",
    _key("listing"),  # FY-<area>-<8>-<check>
    _text("name"),
    _text("unit"),
    _text("operator"),
    _text("state"),
    _int("max_guests"),
)
room = _table(
    "room", _key("room"), _text("listing"), _text("label"), _text("access_points")
)  # JSON list: the way in
booking = _table(
    "booking",
    _key("booking"),
    _text("source"),
    _text("external_ref"),
    _int("external_revision"),
    _text("listing"),
    _text("room"),
    _int("arrival_ms"),
    _int("departure_ms"),
    _int("headcount"),
    _text("state"),
    _int("version"),
    _int("received_ms"),
    sa.UniqueConstraint("community", "source", "external_ref"),
)
stay = _table(
    "stay",
    _key("stay"),
    _text("booking"),
    _text("listing"),
    _text("room"),
    _int("planned_in_ms"),
    _int("planned_out_ms"),
    _int("first_entry_ms", null=True),
    _int("checked_out_ms", null=True),
    _text("state"),
    _text("guest_token_hash"),
)
person = _table(
    "person", _key("person"), _text("doc_hash", null=True), _int("birth_year", null=True), _int("minor")
)
stay_member = _table(
    "stay_member",
    _key("stay"),
    _key("person"),
    _text("role"),
    _text("subject_ref"),
    _text("face_said", null=True),  # yes | no: asked once per stay, whatever the answer
)
guest_visit = _table(  # how far a guest has come on their link
    "guest_visit",
    _key("stay"),
    _text("notice", null=True),  # version of the notice that was read
    _text("rules", null=True),  # and of the house rules
    _int("notice_ms", null=True),
    _int("draft_ms", null=True),  # a draft of the stay stands sealed in the vault since
)
notice = (
    _table(  # what was, or is to be, told to a guest; address and words stand sealed in the vault until sent
        "notice",
        _key("notice"),
        _text("stay"),
        _text("channel"),
        _text("topic"),
        _text("language"),
        _text("state"),  # QUEUED | SENT | FAILED | REFUSED
        _int("attempts"),
        _int("next_ms", null=True),
        _int("made_ms"),
        _int("sent_ms", null=True),
        _text("receipt", null=True),  # what the far side answered
        _text("problem", null=True),
        sa.Index("notice_by_next", "community", "next_ms"),
    )
)
registration = _table(
    "registration",
    _key("registration"),
    _text("stay"),
    _text("person"),
    _text("method"),
    _int("proofing"),
    _text("status"),
    _int("submitted_ms", null=True),
    _int("verified_ms", null=True),
    _int("due_ms"),
)
consent = _table(
    "consent",
    _key("consent"),
    _text("person"),
    _text("stay"),  # asked once per stay: a yes of last spring is no yes for tonight
    _text("purpose"),
    _text("text_version"),
    _text("language"),
    _text("channel"),
    _text("guardian_ref", null=True),
    _int("given_ms"),
    _int("withdrawn_ms", null=True),
    _text("evidence_hash"),
)
pass_ = sa.Table(
    "pass",
    metadata,
    sa.Column("community", sa.Text, primary_key=True),
    _key("pass_id"),
    _text("subject_ref"),
    _text("class"),
    _text("stay", null=True),
    _text("person", null=True),
    _text("scope"),  # JSON list of access points
    _int("not_before_ms"),
    _int("not_after_ms"),
    _text("state"),
    _int("version"),
    _blob("wire"),  # the PassRow as last issued (msgpack): what the nodes are to hold
    _int("erased_ms", null=True),  # when its erase clock was over and everything was done
    sa.Index("pass_by_start", "community", "not_before_ms"),
    sa.Index("pass_by_end", "community", "not_after_ms"),
)
# A resident, a tenant or somebody of the staff, by the reference of the file that brought them.
subject = _table(
    "subject",
    _key("subject"),
    _text("kind"),  # residents | staff | visitors
    _text("ref"),
    _text("person"),
    _text("subject_ref"),
    _text("cls"),
    _text("access_points"),  # JSON list: doors, and groups such as @gate
    _int("valid_from_ms"),
    _int("valid_until_ms"),
    _int("class_only"),
    _int("ended_ms", null=True),
    sa.UniqueConstraint("community", "kind", "ref"),
)
# Somebody at a gate says which booking is theirs; nothing in it is checked when it is written.
arrival = _table(
    "arrival",
    _key("arrival"),
    _text("access_point"),
    _text("said"),
    _int("asked_ms"),
    _int("answered_ms", null=True),
)
credential = _table(
    "credential", _key("cred_id"), _text("pass_id"), _text("kind"), _blob("verifier"), _text("state")
)

# --- passes down --------------------------------------------------------------------------------------------

pass_set = _table(
    "pass_set",
    _key("node"),
    _int("auth_ver"),
    _text("root"),
    _int("erase_ver"),
    _int("built_ms"),
    _int("receipt_ver"),
    _text("receipt_root"),
    _int("receipt_ms", null=True),
)
# A pass that changed, until the nodes' sets follow; one line for each change, so that none is taken for another.
pass_change = _table("pass_change", _key("change"), _text("pass_id"))
pass_wire = _table(  # how a node takes passes: its wire version, and what it last asked for
    "pass_wire", _key("node"), _int("asked_ms"), _int("auth_ver"), _text("leaves")
)
erasure = _table(
    "erasure",
    _key("node"),
    _key("erase_ver", sa.BigInteger),
    _text("template_ref"),
    _text("pass_id"),
    _text("reason"),
    _int("asked_ms"),
    _int("acked_ms", null=True),
    _int("pass_version", null=True),  # the pass's when it was asked; what was sealed before stays out
)

# --- sealed templates between nodes; nobody here can open one -------------------------------------------------

face_node = _table("face_node", _key("node"), _text("approved_by"), _text("reason"), _int("approved_ms"))
face_roster = _table("face_roster", _int("ver"), _blob("body"))
envelope = _table(
    "envelope",
    _key("from_node"),
    _key("to_node"),
    _key("pass_id"),  # one on its way for each: a newer one takes the place of an older
    _text("id"),
    _int("pass_version"),
    _int("not_after_ms"),
    _text("state"),  # stored | kept | refused
    _text("why"),
    _text("told"),  # the last state its sender was told
    _int("stored_ms"),
    _blob("sealed"),  # the ciphertext as it came; emptied with the receipt
    sa.Index("envelope_by_state", "community", "state"),
)

command = _table(
    "command",
    _key("id"),
    _text("node"),
    _text("access_point"),
    _text("op"),
    _text("arg"),
    _text("issuer"),
    _text("reason"),  # stays here: nobody on the bus has to know it
    _text("kid"),
    _int("ctr"),
    _int("iat_ms"),
    _int("exp_ms"),
    _text("state"),  # QUEUED | SENT | ACCEPTED | DONE | FAILED | REJECTED | EXPIRED
    _text("why"),
    _text("mode"),  # the door's, as the answer told
    _int("sent_ms", null=True),
    _int("told_ms", null=True),
    _blob("bytes"),
    sa.UniqueConstraint("community", "kid", "ctr"),
    sa.Index("command_by_state", "community", "state"),
)

# --- what people do about it --------------------------------------------------------------------------------

discrepancy = _table(
    "discrepancy",
    _key("id"),
    _text("kind"),  # D01 … D26
    _text("subject"),
    _int("window_ms"),
    _text("severity"),  # S1 … S4
    _text("state"),  # open | inconclusive | closed
    _int("opened_ms"),
    _int("updated_ms"),
    _int("closed_ms", null=True),
    _text("close_reason", null=True),
    _text("evidence"),  # JSON list of [node, epoch, seq] or record ids
    sa.UniqueConstraint("community", "kind", "subject", "window_ms"),
)
audit = _table(
    "audit",
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    _int("at_ms"),
    _text("actor"),
    _text("role"),
    _text("action"),
    _text("object"),
    _text("before", null=True),
    _text("after", null=True),
    _text("reason", null=True),
    _text("hash"),
)
disclosure = _table(
    "disclosure",
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    _int("at_ms"),
    _text("actor"),
    _text("purpose"),
    _text("person"),
    _text("field"),
    _text("screen"),
    _text("hash"),
)

# --- cases (domain.md §11) ----------------------------------------------------------------------------------

# Events that a case may follow from, put here by the sink's transaction and taken by the jobs.
alert_queue = _table(
    "alert_queue",
    _key("node"),
    _key("epoch"),
    _key("seq", sa.BigInteger),
    _text("type"),
    _text("access_point", null=True),
    _text("contact", null=True),
    _int("seen_ms"),
    _int("stored_ms"),
)
case_ = _table(
    "case_",
    _key("id"),
    _text("family"),  # alert | discrepancy | matter
    _text("kind"),
    _text("severity"),
    _text("state"),
    _text("subject"),
    _text("group_key"),
    _int("opened_ms"),
    _int("first_seen_ms"),
    _int("last_seen_ms"),
    _text("owner_role"),
    _int("active"),
    _int("count"),
    _int("level"),
    _text("node", null=True),
    _text("access_point", null=True),
    _text("owner", null=True),
    _text("offered_to", null=True),
    _int("ack_due_ms", null=True),
    _int("act_due_ms", null=True),
    _int("next_ms", null=True),
    _int("held_ms", null=True),
    _text("resolution", null=True),
    _text("note", null=True),
    _text("resolved_by", null=True),
    _text("verified_by", null=True),
    _int("closed_ms", null=True),
    _text("reopened_from", null=True),
    _int("reopen_count"),
    _text("opener", null=True),
    _text("opener_role", null=True),
    _text("matter_class", null=True),  # big | small | private
    _text("cause", null=True),
    _text("whistle", null=True),  # work | hard
    _text("colour", null=True),
    _text("department", null=True),
    _int("sign_due_ms", null=True),
    _int("contact_due_ms", null=True),
    _int("report_due_ms", null=True),
    sa.Column("burst", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("burst_ms", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    _int("rev"),  # counts every change of any case; open pages ask for what is newer
    sa.Index("case_by_state", "community", "state"),
    sa.Index("case_by_group", "community", "group_key"),
    sa.Index("case_by_rev", "community", "rev"),
)
case_note = _table(
    "case_note",
    _key("case_id"),
    _key("n", sa.BigInteger),
    _int("at_ms"),
    _text("actor"),  # empty: the world or a clock
    _text("event"),
    _text("before", null=True),
    _text("after"),
    _text("reason", null=True),
    _text("ref", null=True),  # the event (node/epoch/seq) or the record behind it
)
case_link = _table(
    "case_link",
    _key("case_id"),
    _key("ref"),  # a discrepancy's id
    sa.Index("case_link_by_ref", "community", "ref"),
)
push_subscription = _table(
    "push_subscription", _key("endpoint"), _text("user"), _text("p256dh"), _text("auth"), _int("made_ms")
)
