"""A declared emergency (domain.md story 45, A20): which further fields may be asked, by whose word, and until when.

Nothing of this is asked in ordinary times.  The end is part of the declaration; behind it the fields are refused and what was
taken ends with the next night of retention.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cloud_sync.core.policy import DAY_MS

# What an emergency of health may ask; each is a sealed field of the vault.  Nothing else can be declared.
EMERGENCY_FIELDS = ("temperature", "symptoms", "came_from")
LASTS_MOST_MS = 90 * DAY_MS  # one that is needed longer is declared anew, and thought about anew
APPROVE_WITHIN_MS = DAY_MS
WORDS_MAX = 200
ANSWER_MAX = 120
_TEMPERATURE = re.compile(r"[0-9]{2}(\.[0-9])?")
_LOWEST, _HIGHEST = Decimal(30), Decimal(45)


@dataclass(frozen=True, slots=True)
class EmergencyWish:
    purpose: str
    basis: str  # the law or order it rests on
    fields: tuple[str, ...]
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Emergency:
    """``approved_ms`` None: only proposed, and nothing is asked yet."""

    id: str
    purpose: str
    basis: str
    fields: tuple[str, ...]
    proposed_by: str
    proposed_ms: int
    approved_by: str | None
    approved_ms: int | None
    ends_ms: int
    ended_ms: int | None = None

    @property
    def over_ms(self) -> int:
        return self.ends_ms if self.ended_ms is None else self.ended_ms

    def is_active(self, now_ms: int) -> bool:
        return self.approved_ms is not None and now_ms < self.over_ms

    def waits(self, now_ms: int) -> bool:
        """Somebody else may still approve it."""
        return self.approved_ms is None and self.ended_ms is None and self.in_time(now_ms)

    def in_time(self, now_ms: int) -> bool:
        return now_ms - self.proposed_ms <= APPROVE_WITHIN_MS and now_ms < self.ends_ms


def fault_of(wish: EmergencyWish, now_ms: int) -> str:
    """A word for what is wrong, or nothing: words | fields | end."""
    words = (wish.purpose, wish.basis)
    if not all(0 < len(text.strip()) <= WORDS_MAX and text.isprintable() for text in words):
        return "words"
    if (
        not wish.fields
        or len(set(wish.fields)) != len(wish.fields)
        or set(wish.fields) - set(EMERGENCY_FIELDS)
    ):
        return "fields"
    return "" if now_ms < wish.ends_ms <= now_ms + LASTS_MOST_MS else "end"


def odd_answers(values: Mapping[str, str]) -> tuple[str, ...]:
    """The fields whose answer cannot be one."""
    return tuple(name for name, value in values.items() if not _fits(name, value))


def _fits(name: str, value: str) -> bool:
    if name == "temperature":
        return bool(_TEMPERATURE.fullmatch(value)) and _LOWEST <= Decimal(value) <= _HIGHEST
    return len(value) <= ANSWER_MAX and value.isprintable()


def answers_in(form: Mapping[str, str], fields: Collection[str]) -> dict[str, str]:
    """What was said to the fields that are asked now; anything else of the form is not even looked at."""
    return {
        name: value for name in EMERGENCY_FIELDS if name in fields and (value := form.get(name, "").strip())
    }
