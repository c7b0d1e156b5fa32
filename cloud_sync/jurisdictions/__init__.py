"""The law of each place as data: one TOML file a place, read once, refused as a whole where it cannot be.

A file says nothing about doors and buffers; those are the community's own (``core.policy``).  What a place's rules rest
on stands beside each number, with its grade of evidence; none of it is legal advice.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from cloud_sync.core.jurisdiction import MORE_FIELDS, ClockEvent, GuestKind, Jurisdiction, ReportClock, Within
from cloud_sync.core.policy import CN_DEFAULT, FACE_ACCESS, FACE_LOOKALIKE, PolicyProfile

FIELDS = (
    "name",
    "document_type",
    "document_issuer",
    "document_number",
    "birth_date",
    "nationality",
    "guardian_contact",
    "relation",
    *MORE_FIELDS,
)
_KEYS = {
    "title", "version", "home", "reportable", "age_of_majority", "face_age_min", "separate_from", "signature_from",
    "minors", "face", "cancelled", "keep_days", "proofing", "required", "clock", "source",
    "reports_to",
}  # fmt: skip


class ProfileFault(ValueError):
    """A profile's file cannot be; the sentence says which file and what."""


@cache
def policies() -> Mapping[str, PolicyProfile]:
    """Every profile by its name, which is its file's."""
    folder = files("cloud_sync.jurisdictions")
    found = sorted(
        (page.name, page.read_text("utf-8")) for page in folder.iterdir() if page.name.endswith(".toml")
    )
    return MappingProxyType(
        {name.removesuffix(".toml"): read(name.removesuffix(".toml"), text) for name, text in found}
    )


def policy_of(name: str) -> PolicyProfile:
    """The profile of this name; ``KeyError`` where there is none, which the configuration has already refused."""
    return policies()[name]


def read(name: str, text: str) -> PolicyProfile:
    """One profile from its file.

    Raises:
        ProfileFault: a key nobody knows, a value that cannot be.
    """
    try:
        page = tomllib.loads(text)
        unknown = page.keys() - _KEYS
        if unknown:
            raise ProfileFault(f"{', '.join(sorted(unknown))} is not known here")
        law = _law(name, page)
        return _policy(law, page)
    except (KeyError, ValueError, TypeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ProfileFault(f"profile {name}: {what}; correct its file.") from error


def _law(name: str, page: Mapping[str, Any]) -> Jurisdiction:
    minors, face, cancelled = (
        page.get("minors", "withhold"),
        page.get("face", "allowed"),
        page.get("cancelled", "purge"),
    )
    _one_of("minors", minors, "withhold", "alert")
    _one_of("face", face, "allowed", "forbidden")
    _one_of("cancelled", cancelled, "purge", "report")
    least, most = page["keep_days"]
    return Jurisdiction(
        name=name,
        title=page["title"],
        version=page["version"],
        home=frozenset(page["home"]),
        reportable=_kinds(page["reportable"]),
        clocks=tuple(_clock(one) for one in page.get("clock", ())),
        required=MappingProxyType({kind: _fields(page["required"], kind) for kind in GuestKind}),
        proofing=MappingProxyType(
            {GuestKind(kind): _level(level) for kind, level in page["proofing"].items()}
        ),
        separate_from=page.get("separate_from", 0),
        signature_from=page.get("signature_from"),
        minors=minors,
        face=face,
        cancelled=cancelled,
        keep_days=(least, most or None),
    )


def _policy(law: Jurisdiction, page: Mapping[str, Any]) -> PolicyProfile:
    """Buffers and texts are those of the default; what the law decides is taken from it."""
    face = {FACE_ACCESS, FACE_LOOKALIKE} if law.face == "forbidden" else set()
    texts = {purpose: text for purpose, text in CN_DEFAULT.consent_texts.items() if purpose not in face}
    return replace(
        CN_DEFAULT,
        name=law.name,
        version=law.version,
        proofing_min=min(law.proofing.values()),
        age_of_majority=page["age_of_majority"],
        face_age_min=page["face_age_min"],
        consent_texts=MappingProxyType(texts),
        reports_to=tuple(page.get("reports_to", ())),
        jurisdiction=law,
    )


def _one_of(name: str, value: object, *choices: str) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r} and has to be one of {', '.join(choices)}")


def _level(level: int) -> int:
    if level not in range(5):
        raise ValueError(f"proofing {level} is not a level from 0 to 4")
    return level


def _kinds(words: list[str]) -> frozenset[GuestKind]:
    return frozenset(GuestKind(word) for word in words)


def _fields(required: Mapping[str, list[str]], kind: GuestKind) -> tuple[str, ...]:
    wanted = (*required["all"], *required.get(kind, ()))
    unknown = [name for name in wanted if name not in FIELDS]
    if unknown:
        raise ValueError(f"the vault has no field {', '.join(unknown)}")
    return wanted


def _clock(one: Mapping[str, Any]) -> ReportClock:
    (within,) = [word for word in Within if word in one]
    amount = 0 if within is Within.SAME_DAY else int(one[within])
    guests = _kinds(one.get("guests", [*GuestKind]))
    return ReportClock(ClockEvent(one["from"]), within, amount, guests, one.get("stay_hours_under"))
