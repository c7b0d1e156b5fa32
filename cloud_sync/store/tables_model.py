"""Units and their dossiers, operators, what a listing's code rests on, points and sanctions; part of the shape of ``tables``.

Names, telephone numbers and documents of operators stand in the vault under the operator's id, like any person's.
"""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

# The history of a unit or a listing is its audit rows; a page asks for them by what they are about.

unit = _table(
    "unit",
    _key("unit"),
    _text("building"),
    _text("stair"),
    _text("floor"),
    _text("door_no"),
    _text("grid"),
    _text("use"),  # self | long_let | short_let | vacant | unknown
    _text("ownership"),  # own | lease | shared | unknown
    _int("made_ms"),
    _int("verified_ms", null=True),
    _text("verified_by", null=True),
)
grid = _table(  # as the street keeps them; once there are any, what names a grid names one of these
    "grid",
    _key("grid"),
    _text("parent", null=True),
    _text("level"),  # community | grid | micro
    _text("name"),
    _int("households"),
    _int("made_ms"),
)
# Who lives there is nobody's business here: how many of each class, and as of when.
unit_residents = _table("unit_residents", _key("unit"), _key("cls"), _int("n"), _int("as_of_ms"))
operator = _table(
    "operator",
    _key("operator"),
    _text("kind"),  # person | company
    _text("user", null=True),  # the login that speaks for it
    _text("status"),  # ACTIVE | LEFT
    _int("made_ms"),
    _int("left_ms", null=True),
    _text(
        "channel", null=True
    ),  # a way of [notify]; NULL: told by its page alone; the address is in the vault
    _text("language", null=True),
)
operator_notice = _table(  # what an operator is told without looking: a line of its page, and a message where it has a channel
    "operator_notice",
    _key("notice"),
    _text("operator"),
    _text("topic"),  # cancelled_inside | listing_suspended | listing_banned | longer_asked
    _text("listing"),
    _text("about"),  # the booking, by source and number; "" where it is about the listing
    _text("reason"),
    _text("channel"),
    _text("language"),
    _text("state"),  # PAGE | QUEUED | SENT | FAILED | REFUSED
    _int("attempts"),
    _int("next_ms", null=True),
    _int("made_ms"),
    _int("sent_ms", null=True),
    _text("receipt", null=True),
    _text("problem", null=True),
    sa.Index("operator_notice_by_next", "community", "next_ms"),
    sa.Index("operator_notice_by_operator", "community", "operator", "made_ms"),
)
operator_staff = _table(
    "operator_staff",
    _key("operator"),
    _key("ref"),  # of the staff file that brought them
    _text("role"),
    _int("from_ms"),
    _int("until_ms", null=True),
    _int("training_ms", null=True),
    _int("health_until_ms", null=True),
)
duty = _table(  # a role with dates and a place; somebody with any acts only within one that is current
    "duty",
    _key("duty"),
    _text("user"),
    _text("role"),
    _text("scope"),  # community | grid:<id> | building:<id> | operator:<id>
    _int("from_ms"),
    _int("until_ms", null=True),
    _text("given_by"),
    sa.Index("duty_by_user", "community", "user"),
)
interest = _table(  # somebody is a relative, partner or landlord of an operator
    "interest",
    _key("user"),
    _key("operator"),
    _text("kind"),
    _text("flagged_by"),
    _int("at_ms"),
    _int("until_ms", null=True),
)
letter_ack = _table(
    "letter_ack",
    _key("operator"),
    _key("kind"),
    _key("version", sa.BigInteger),
    _text("actor"),
    _text("language"),
    _text("text_hash"),
    _int("at_ms"),
)
listing_file = _table(
    "listing_file",
    _key("listing"),
    _text("filed_by"),
    _text("ownership"),
    _int("area_m2"),
    _text("platform_refs"),  # JSON list
    _int("made_ms"),
    _int("filed_ms", null=True),
    _text("reviewer", null=True),
    _int("decide_by_ms", null=True),
    _int("coded_ms", null=True),
    _int("next_review_ms", null=True),
    _int("lapsed_ms", null=True),
    _int("suspended_ms", null=True),
    _text("reason", null=True),  # of the last decision, for the operator
    sa.Index("listing_file_by_review", "community", "next_review_ms"),
)
room_file = _table("room_file", _key("room"), _text("listing"), _int("beds"), _int("max_guests"))
listing_document = _table(
    "listing_document",
    _key("listing"),
    _key("kind"),
    _text("state"),  # declared | seen | absent; never a picture
    _text("actor"),
    _int("at_ms"),
    _int("until_ms", null=True),
)
inspection = _table(
    "inspection",
    _key("inspection"),
    _text("listing"),
    _int("version"),  # of the risk lists
    _text("actor"),
    _int("at_ms"),
    sa.Index("inspection_by_listing", "community", "listing"),
)
inspection_item = _table(
    "inspection_item", _key("inspection"), _key("item"), _text("answer"), _text("note", null=True)
)
points_entry = _table(
    "points_entry",
    _key("id"),
    _text("listing"),
    _text("rule"),
    _int("rule_version"),
    _int("delta"),
    _text("evidence"),  # JSON list of references
    _text("proposed_by"),
    _int("proposed_ms"),
    _text("state"),
    _text("decided_by", null=True),
    _int("effective_ms", null=True),
    _int("expires_ms", null=True),
    _text("appealed_by", null=True),
    _text("appeal", null=True),
    _int("appeal_ms", null=True),
    _text("reason", null=True),
    _int("next_ms", null=True),  # when a clock acts by itself
    sa.Index("points_by_listing", "community", "listing"),
    sa.Index("points_by_next", "community", "next_ms"),
)
sanction = _table(
    "sanction",
    _key("id"),
    _text("listing"),
    _int("tier"),
    _text("rule"),
    _int("rule_version"),
    _int("cents"),  # of a deduction; else 0
    _text("proposed_by"),
    _int("proposed_ms"),
    _text("reason"),
    _text("state"),
    _text("first_by", null=True),
    _text("second_by", null=True),
    _int("in_force_ms", null=True),
    _text("appealed_by", null=True),
    _text("appeal", null=True),
    _int("appeal_ms", null=True),
    _text("decided_by", null=True),
    sa.Index("sanction_by_listing", "community", "listing"),
    sa.Index("sanction_by_state", "community", "state"),
)
capacity_exception = _table(  # more people than the listing takes, for stays that are over by then
    "capacity_exception",
    _key("id"),
    _text("listing"),
    _int("extra"),
    _text("reason"),
    _text("approved_by"),
    _int("approved_ms"),
    _int("until_ms"),
    _text("ended_by", null=True),  # before its time
    sa.Index("capacity_exception_by_listing", "community", "listing", "until_ms"),
)
deposit_entry = _table(  # append-only: the balance is the sum
    "deposit_entry",
    _key("id"),
    _text("operator"),
    _text("kind"),  # paid | deducted | refunded
    _int("cents"),
    _text("rule", null=True),
    _text("sanction", null=True),
    _text("actor"),
    _text("second", null=True),
    _int("at_ms"),
    sa.Index("deposit_by_operator", "community", "operator"),
)
finding = _table(
    "finding",
    _key("id"),
    _text("unit"),
    _text("kind"),  # occupied_no_code | …
    _text("note"),
    _text("found_by"),
    _int("found_ms"),
    _text("state"),
    _text("decided_by", null=True),
    _int("decided_ms", null=True),
    _text("reason", null=True),
    _text("case_id", null=True),
    sa.Index("finding_by_state", "community", "state"),
)
conduct_rule = _table(  # the community's own rules, over those everybody starts with; an older version stays for what cites it
    "conduct_rule",
    _key("rule"),
    _key("version", sa.BigInteger),
    _text("category"),
    _text("zh"),
    _text("en"),
    _text("evidence"),
    _int("points"),
    _int("tier"),
    _text("actor"),
    _int("at_ms"),
)
band_table = _table(
    "band_table",
    _key("version", sa.BigInteger),
    _int("start_points"),
    _text("floors"),
    _text("actor"),
    _int("at_ms"),
)
