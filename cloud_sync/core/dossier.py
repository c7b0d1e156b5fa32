"""What has to be on file before a listing gets its code: documents, three risk lists, letters to acknowledge.

Documents are noted as declared, seen or absent; no picture of one is ever kept (domain.md §21).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.policy import DAY_MS

REVIEW_WORKING_DAYS = 5
LAPSE_GRACE_MS = 14 * DAY_MS
REVIEW_EVERY_MS = 365 * DAY_MS
STALE_MS = 90 * DAY_MS  # a dossier nobody has verified for longer turns amber


class Risk(StrEnum):
    PUBLIC_ORDER = "public_order"
    ENVIRONMENT = "environment"
    FIRE = "fire"


class Answer(StrEnum):
    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    NOT_HERE = "na"


class Paper(StrEnum):
    """How a document stands: the operator says it is there; somebody of the community has seen it."""

    DECLARED = "declared"
    SEEN = "seen"
    ABSENT = "absent"


class Verified(StrEnum):
    """All the public page ever says about a code."""

    VALID = "valid"
    SUSPENDED = "suspended"
    NOT_VALID = "not_valid"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a risk list.  ``blocks``: while it fails, no code; ``rule``: what a failure may cost otherwise."""

    id: str
    risk: Risk
    zh: str
    en: str
    blocks: bool = True
    rule: str = ""


@dataclass(frozen=True, slots=True)
class DocumentKind:
    id: str
    zh: str
    en: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Letter:
    """A text the operator acknowledges, at one version."""

    kind: str
    version: int
    zh: str
    en: str


CHECKLIST_VERSION = 1
_R = Risk
CHECKLIST: tuple[Item, ...] = (
    Item("P1", _R.PUBLIC_ORDER, "入住登记设备可用，登记到人", "every guest can be registered, one by one"),
    Item("P2", _R.PUBLIC_ORDER, "门锁完好，钥匙与密码由经营者掌握", "locks are whole; keys and codes are the operator's"),
    Item("P3", _R.PUBLIC_ORDER, "室内无针孔摄像等偷拍设备", "no hidden camera inside"),
    Item("P4", _R.PUBLIC_ORDER, "张贴报警与值班电话", "emergency and duty numbers are posted", blocks=False),
    Item("E1", _R.ENVIRONMENT, "垃圾分类与清运有安排", "rubbish is sorted and taken away", blocks=False, rule="C06"),
    Item("E2", _R.ENVIRONMENT, "布草消毒与保洁有记录", "linen and cleaning are on record", blocks=False),
    Item("E3", _R.ENVIRONMENT, "夜间噪声告知住客", "guests are told about noise at night", blocks=False),
    Item("F1", _R.FIRE, "灭火器在有效期内", "the fire extinguisher is in date", rule="C07"),
    Item("F2", _R.FIRE, "独立烟感报警器有效", "the smoke alarm works", rule="C07"),
    Item("F3", _R.FIRE, "逃生通道畅通，张贴疏散图", "the escape route is free, and its plan posted", rule="C07"),
    Item("F4", _R.FIRE, "用电、用气安全，无违规充电", "electricity and gas are safe; no charging against the rules", rule="C08"),
)  # fmt: skip

DOCUMENTS: tuple[DocumentKind, ...] = (
    DocumentKind("ownership", "产权或租赁证明", "proof of ownership or lease"),
    DocumentKind("fire_certificate", "消防安全承诺或证明", "fire-safety certificate"),
    DocumentKind("floor_plan", "房屋平面图", "floor plan"),
    DocumentKind("police_form", "公安登记表", "the police registration form"),
    DocumentKind("staff_list", "从业人员名册", "list of staff"),
    DocumentKind("owner_consent", "房东同意转租书", "the owner's consent to letting", required=False),
    DocumentKind("insurance", "公众责任险", "public liability insurance", required=False),
)  # fmt: skip

LETTERS: tuple[Letter, ...] = (
    Letter(
        "commitment",
        1,
        "本人承诺：如实申报房源，逐人登记入住人员，落实消防与治安责任，接受社区检查与处置。",
        "I undertake to declare the listing truthfully, to register every guest, to keep fire and public safety, "
        "and to accept inspections and their consequences.",
    ),
    Letter(
        "covenant",
        1,
        "遵守小区自治管理公约，尊重邻里安宁，配合每日信息报送。",
        "I keep the covenant of the community, respect the neighbours' quiet, and send the daily return.",
    ),
)


def open_items(answers: Mapping[str, Answer], *, version: int) -> tuple[str, ...]:
    """The items that still stand against a code: unanswered, or failing where that blocks; () when the lists pass."""
    if version != CHECKLIST_VERSION:
        return tuple(item.id for item in CHECKLIST)
    return tuple(
        item.id
        for item in CHECKLIST
        if answers.get(item.id) is None or (item.blocks and answers[item.id] is Answer.FAIL)
    )


def missing_documents(held: Mapping[str, Paper], *, seen: bool) -> tuple[str, ...]:
    """Required documents that are not there; ``seen``: the operator's word is not enough."""
    enough = {Paper.SEEN} if seen else {Paper.SEEN, Paper.DECLARED}
    return tuple(kind.id for kind in DOCUMENTS if kind.required and held.get(kind.id) not in enough)


def missing_letters(acknowledged: Mapping[str, int]) -> tuple[str, ...]:
    """Letters whose version of today the operator has not acknowledged; an older one does not count."""
    return tuple(letter.kind for letter in LETTERS if acknowledged.get(letter.kind) != letter.version)


def verified(state: ListingState | None) -> Verified:
    """What a passer-by learns from a code; a code nobody knows and one not yet given are the same."""
    if state in {ListingState.ACTIVE, ListingState.LAPSED, ListingState.WITHDRAWING}:
        return Verified.VALID
    return Verified.SUSPENDED if state is ListingState.SUSPENDED else Verified.NOT_VALID


def working_days_after(day: date, days: int) -> date:
    """Monday to Friday count; public holidays are not known here and only make the limit kinder."""
    while days > 0:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day
