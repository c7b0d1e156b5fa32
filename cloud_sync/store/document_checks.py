"""Numbers of documents whose check character is wrong, whoever brought them: the third for one stay is D10 (人证不符).

A row of a file that is refused for it is written down for its stay and nowhere else; the number itself is not.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.evidence import IdentityCheck
from cloud_sync.core.lifecycles import PROVED
from cloud_sync.core.reconcile import Key
from cloud_sync.core.self_registration import CHECKS_MAX
from cloud_sync.store import tables
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.evidence_store import tell, told_body
from cloud_sync.store.house import Act
from cloud_sync.store.tables_rules import evidence

CHECK_FAILED = "guest.check_failed"
FILE_CHECK = "file"  # the key of the evidence that numbers in files failed


def failed_checks(act: Act, stay: str) -> int:
    """How often a document check of this stay failed: counted where it stands for good, in the audit."""
    table = tables.audit
    count = sa.select(sa.func.count()).where(
        table.c.community == act.house.community, table.c.object == stay, table.c.action == CHECK_FAILED
    )
    return int(act.connection.execute(count).scalar_one())


def check_failed(act: Act, source: str, external_ref: str) -> None:
    """A registration in a file has a wrong check character; nobody is known by it, only whose stay it was for.

    A party that is registered whole since has put it right: the same file again is no new failure.
    """
    booking: Any = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        return
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    if _is_whole(act, stay):
        return
    act.note(CHECK_FAILED, str(stay.stay), reason="checksum, in a file")
    if failed_checks(act, str(stay.stay)) >= CHECKS_MAX:
        tell(act, str(stay.stay), FILE_CHECK, IdentityCheck("", "checksum"))
        raise_now(act, Key("D10", str(stay.stay), 0), "S1", (f"{IdentityCheck.__name__}/{FILE_CHECK}",))


def check_passed(act: Act, stay: Any, person: str) -> None:
    """Somebody is verified: where numbers had failed, the check has passed once the whole party is, whoever that was."""
    held = act.row(evidence, subject=str(stay.stay), type=IdentityCheck.__name__, key=FILE_CHECK)
    said = told_body(held) if held is not None else None
    if isinstance(said, IdentityCheck) and said.outcome != "passed" and _is_whole(act, stay):
        tell(act, str(stay.stay), FILE_CHECK, IdentityCheck(person, "passed"))


def _is_whole(act: Act, stay: Any) -> bool:
    """As many are verified as the order says come."""
    proved = [row for row in act.rows(tables.registration, stay=str(stay.stay)) if row.status in PROVED]
    booking: Any = act.row(tables.booking, booking=str(stay.booking))
    return len(proved) >= booking.headcount
