"""A notice to whoever stays in a place for a while: whom it is for, how long it runs, and what may be written in it."""

from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.core.policy import DAY_MS

TEXT_MAX = 500
RUN_MOST_MS = 14 * DAY_MS


class Audience(StrEnum):
    COMMUNITY = "community"
    BUILDING = "building"
    UNIT = "unit"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class BulletinWish:
    """``ref`` is the building, unit or listing; "" for the whole community.  The same is said in both languages."""

    audience: str
    ref: str
    text_zh: str
    text_en: str
    ends_ms: int


def fault_of(wish: BulletinWish, now_ms: int) -> str:
    """A word for what is wrong with it, or nothing: audience | text | ends."""
    if wish.audience not in list(Audience) or (wish.audience == Audience.COMMUNITY) != (not wish.ref):
        return "audience"
    if not (_is_plain(wish.text_zh) and _is_plain(wish.text_en)):
        return "text"
    return "" if now_ms < wish.ends_ms <= now_ms + RUN_MOST_MS else "ends"


def _is_plain(text: str) -> bool:
    """Something, not too long, and nothing but letters, marks and line ends."""
    return bool(text.strip()) and len(text) <= TEXT_MAX and text.replace("\n", "").isprintable()
