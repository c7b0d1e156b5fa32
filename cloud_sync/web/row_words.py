"""Words for the rows behind numbers: what their columns are called, and what the codes in them mean."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.web import registry_words, upstream, words
from cloud_sync.web.listings import words as listing_words
from cloud_sync.web.morning import COLUMNS as MORNING
from cloud_sync.web.morning import FAMILIES, METHODS
from cloud_sync.web.staff import words as staff_words
from cloud_sync.web.staff.prove_shown import STAYS
from cloud_sync.web.texts import mark

COLUMNS: Mapping[str, str] = MappingProxyType({
    **MORNING,
    "discrepancy": mark("Discrepancy"),
    "closed_ms": mark("Closed"),
    "opened_ms": mark("Open since"),
    "stay": mark("Stay"),
    "stay_state": mark("State of the stay"),
    "left_ms": mark("Checked out"),
    "registration": mark("Registration"),
    "said": mark("Said"),
    "listing": mark("Listing"),
    "listing_state": mark("State of the listing"),
    "unit": mark("Dwelling"),
    "dwelling": mark("Dwelling"),
    "use": mark("Used as"),
    "beds": mark("Beds"),
    "day": mark("Day"),
    "letting": mark("Seen operating"),
    "households": mark("Households"),
    "registered": mark("Registered"),
    "run": mark("File"),
    "line": mark("Line of the file"),
    "bucket": mark("What became of it"),
    "draw": mark("Draw"),
    "place": mark("Place in the draw"),
    "found": mark("People found"),
    "software": mark("Software"),
    "sequence": mark("Number in the node's record"),
    "access_point": mark("Door"),
    "door_kind": mark("Kind of door"),
    "at_ms": mark("When"),
    "event": mark("What happened"),
    "credential": mark("Credential"),
    "span": mark("How long"),
    "report": mark("Report"),
    "recipient": mark("Recipient"),
    "report_state": mark("State of the report"),
    "made_ms": mark("Made"),
    "due_ms": mark("Due"),
    "ended_ms": mark("Ended"),
    "erasure": mark("Erasure"),
    "asked_ms": mark("Asked"),
    "done_ms": mark("Done"),
    "trace": mark("Trace"),
    "trace_state": mark("State of the trace"),
    "consent": mark("Consent"),
    "given_ms": mark("Given"),
    "withdrawn_ms": mark("Withdrawn"),
    "points": mark("Points"),
    "entry": mark("Entry"),
    "entry_state": mark("State of the entry"),
})  # fmt: skip
TRACES: Mapping[str, str] = MappingProxyType({
    "ASKED": mark("waits for a second person"),
    "APPROVED": mark("approved"),
    "REFUSED": mark("refused"),
    "LAPSED": mark("lapsed"),
})  # fmt: skip
KINDS: Mapping[str, str] = MappingProxyType(
    {**words.DISCREPANCIES, **staff_words.ALERTS, **staff_words.MATTERS}
)
CODES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "kind": KINDS,
    "severity": words.SEVERITIES,
    "owner": staff_words.OWNER_ROLES,
    "family": {**FAMILIES, "matter": mark("reported by a person")},
    "case_state": staff_words.STATES,
    "stay_state": STAYS,
    "method": METHODS,
    "said": {"yes": mark("yes"), "no": mark("no")},
    "listing_state": listing_words.STATES,
    "use": listing_words.USES,
    "bucket": {bucket.value: text for bucket, text in registry_words.BUCKETS.items()},
    "door_kind": words.KINDS,
    "event": words.EVENTS,
    "credential": words.CREDENTIALS,
    "recipient": upstream.RECIPIENTS,
    "report_state": upstream.STATES,
    "trace_state": TRACES,
    "entry_state": listing_words.CONDUCT,
})  # fmt: skip
