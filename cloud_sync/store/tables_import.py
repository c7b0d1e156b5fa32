"""The registry's roll, the spreadsheets laid beside it, and what people decided; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

# A dwelling; its key is its door, written one way (core.addresses).
roll_unit = _table(
    "roll_unit",
    _key("unit"),
    _text("lookup"),
    _text("phase"),
    _text("stair"),
    _text("place"),
    _int("made_ms"),
    sa.Index("roll_unit_by_lookup", "community", "lookup"),
)
# Who lives there: the name itself is in the vault, its forms under a key here, so that names are compared unopened.
roll_person = _table(
    "roll_person",
    _key("person"),
    _text("unit"),
    _text("forms"),
    _text("document"),  # doc_hash, or empty
    _int("made_ms"),
    _int("until_ms", null=True),
    sa.Index("roll_person_by_unit", "community", "unit"),
    sa.Index("roll_person_by_document", "community", "document"),
)
# One file of one kind; the same bytes are the same run whenever they come.
import_run = _table(
    "import_run",
    _key("run"),
    _text("kind"),
    _text("file"),
    _int("rows"),
    _int("exact"),
    _int("fuzzy"),
    _int("conflict"),
    _int("unmatched"),
    _int("rejected"),
    _text("actor"),
    _int("at_ms"),
)
import_row = _table(
    "import_row",
    _key("run"),
    _key("sheet"),
    _key("line", sa.BigInteger),
    _text("bucket"),
    _text("reason"),
    _text("detail"),
    _text("unit"),
    _text("person"),
    _text(
        "matter"
    ),  # a keyed hash of what the row says: the same in every file; its cells are sealed under it
    _int("adopted"),
    sa.Index("import_row_by_bucket", "community", "bucket", "matter"),
    sa.Index("import_row_by_matter", "community", "matter"),
)
import_decision = _table(
    "import_decision",
    _key("matter"),
    _text("decision"),  # same | keep | add | replace
    _text("actor"),
    _text("reason"),
    _int("at_ms"),
)
# What somebody found who went from door to door; the two sides of a gap have one day.
census = _table(
    "census",
    _key("as_of"),  # 2026-01-01
    _int("households"),
    _int("letting"),  # how many let rooms, registered or not
    _int("registered"),
    _int("told_ms"),
    _text("told_by"),
)
