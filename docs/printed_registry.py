"""Tables of ``registry-import.md``, printed from the program."""

from cloud_sync.core.columns import NAMES
from cloud_sync.core.roll import Bucket, Reason
from cloud_sync.web.language import Lang
from cloud_sync.web.registry_words import BUCKETS, REASONS
from cloud_sync.web.texts import texts

# In which bucket a reason puts a row.
_OF = {
    Bucket.EXACT: ("agrees", "document"),
    Bucket.FUZZY: ("sound", "one_edit", "stair_missing", "one_of_several", "listing_by_door"),
    Bucket.CONFLICT: (
        "other_name", "document_other_name", "name_other_document", "document_elsewhere", "several_dwellings",
        "several_persons", "taken_before", "listing_other_door", "door_other_listing",
    ),
    Bucket.UNMATCHED: ("no_dwelling", "other_place", "nobody_recorded", "new_member", "no_listing"),
}  # fmt: skip


def buckets() -> str:
    """Every reason under its bucket, in both languages; what is named nowhere above is a rejection."""
    said = {reason for reasons in _OF.values() for reason in reasons}
    rejected = tuple(reason.value for reason in Reason if reason.value not in said)
    zh = texts(Lang.ZH)
    lines = ["| bucket | reason | in words | 页面用语 |", "|---|---|---|---|"]
    for bucket, reasons in {**_OF, Bucket.REJECTED: rejected}.items():
        for reason in reasons:
            words = REASONS[Reason(reason)]
            lines.append(f"| {bucket} ({zh(BUCKETS[bucket])}) | `{reason}` | {words} | {zh(words)} |")
    return "\n".join(lines)


def headings() -> str:
    lines = ["| what | headings it goes by |", "|---|---|"]
    lines += [f"| {field} | {', '.join(names)} |" for field, names in NAMES.items()]
    return "\n".join(lines)
