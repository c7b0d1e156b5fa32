"""Departments that can be asked, what people reported, and tasks in the field; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

department = _table("department", _key("department"), _text("name_zh"), _text("name_en"), _int("made_ms"))
department_staff = _table("department_staff", _key("department"), _key("user"), _int("since_ms"))
# One report of a matter; several may lead to one case.  Who has the link may ask how it stands, and nobody is named.
matter_report = _table(
    "matter_report",
    _key("report"),
    _text("case_id"),
    _text("token_hash"),
    _int("at_ms"),
    sa.Index("matter_report_by_case", "community", "case_id"),
    sa.Index("matter_report_by_token", "token_hash"),
)
sweep = _table(
    "sweep",
    _key("sweep"),
    _text("kind"),  # patrol | sweep | verification
    _text("made_by"),
    _int("made_ms"),
    _int("due_ms"),
    _text("reason"),
)
field_task = _table(
    "field_task",
    _key("task"),
    _text("sweep"),
    _text("unit"),
    _text("state"),
    _text("claimed_by", null=True),
    _int("claimed_ms", null=True),
    _int("due_ms"),
    _text("result", null=True),
    _text("note", null=True),
    _int("reported_ms", null=True),
    _text("checked_by", null=True),
    _int("checked_ms", null=True),
    _text("finding", null=True),
    sa.Index("field_task_by_sweep", "community", "sweep"),
    sa.Index("field_task_by_state", "community", "state", "due_ms"),
)
