"""The twenty-six kinds (domain.md §10) as a table: weight, owner, how they close, what follows, what they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from cloud_sync.core.case_types import OwnerRole

Book = Literal[
    "stay", "stay or pass", "pass", "person", "unit", "listing", "operator", "node", "door", "clock"
]


class Step(StrEnum):
    """What a discrepancy asks somebody to do.  None of these is done by a machine to a person's disadvantage."""

    ALERT = "alert"  # staff at the gate
    NOTICE = "notice"  # to the operator, or the guest
    TASK = "task"  # somebody looks
    CORRECTION = "correction"  # of what was reported to an authority
    WITHHOLD = "withhold"  # a pass not yet armed stays unarmed until a person has looked
    RESYNC = "resync"
    WHISTLE = "whistle"  # to the street
    POINTS = "points"  # a proposal; a named person confirms it
    TIER = "tier"  # a step of the sanction ladder, proposed


# These wait for a named person; nothing else in the program acts on them.
PROPOSALS = frozenset({Step.POINTS, Step.TIER})


@dataclass(frozen=True, slots=True)
class Kind:
    """``by_hand``: the evidence comes from people or other programs through the table of evidence, not from the books."""

    id: str
    en: str
    zh: str
    subject: Book
    severities: str
    close: Literal["data", "human"]
    owner: OwnerRole
    steps: tuple[Step, ...]
    closes_when: str
    by_hand: tuple[str, ...] = ()


_O, _S = OwnerRole, Step
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.id: kind
        for kind in (
            Kind(
                "D01",
                "entered, not registered",
                "有进未登",
                "stay",
                "S1 minor or night, else S2",
                "data",
                _O.GUARD,
                (_S.ALERT, _S.NOTICE, _S.POINTS),
                "registration verified, or the person left",
                ("LetIn",),
            ),
            Kind(
                "D02",
                "registered, never entered",
                "登而未入",
                "stay or pass",
                "S3; S2 for one member",
                "data",
                _O.OPERATOR,
                (_S.NOTICE, _S.CORRECTION),
                "no-show confirmed, or an entry arrives",
            ),
            Kind(
                "D03",
                "overstay",
                "逾期未离",
                "stay",
                "S3; S2 after a day",
                "data",
                _O.OPERATOR,
                (_S.NOTICE, _S.TASK),
                "checkout, extension, last exit",
            ),
            Kind(
                "D04",
                "early departure unseen",
                "提前离店",
                "stay",
                "S4",
                "data",
                _O.OPERATOR,
                (_S.NOTICE,),
                "checkout, or somebody is back",
            ),
            Kind(
                "D05",
                "more people than registered",
                "人数不符",
                "stay",
                "S2; S1 above 1.5 × the maximum",
                "human",
                _O.OPERATOR,
                (_S.NOTICE, _S.TASK),
                "members added, or a check finds none",
                ("Headcount",),
            ),
            Kind(
                "D06",
                "over capacity",
                "超床位",
                "stay",
                "S2",
                "data",
                _O.OPERATOR,
                (_S.NOTICE, _S.POINTS),
                "reduced, the maximum raised, or an exception approved",
            ),
            Kind(
                "D07",
                "uncoded unit operating",
                "无码经营",
                "unit",
                "S2",
                "human",
                _O.OFFICER,
                (_S.TASK, _S.WHISTLE, _S.NOTICE),
                "code issued, activity stopped, or false alarm",
                ("UnitVisit", "Advertisement", "Inspection", "Complaint"),
            ),
            Kind(
                "D08",
                "suspended or withdrawn listing still used",
                "停业仍营",
                "stay",
                "S1 entry; S2 attempt",
                "human",
                _O.OFFICER,
                (_S.TASK, _S.TIER),
                "stay cancelled or relocated",
            ),
            Kind(
                "D09",
                "duplicate identity",
                "一证多住",
                "person",
                "S2",
                "human",
                _O.OFFICER,
                (_S.WITHHOLD, _S.TASK),
                "merged, or explained",
                ("TemplateMatch",),
            ),
            Kind(
                "D10",
                "document, name or person mismatch",
                "人证不符",
                "stay",
                "S1",
                "human",
                _O.GUARD,
                (_S.WITHHOLD, _S.TASK),
                "verified again",
                ("IdentityCheck",),
            ),
            Kind(
                "D11",
                "registration facts wrong",
                "登记不实",
                "stay",
                "S3",
                "data",
                _O.OPERATOR,
                (_S.NOTICE, _S.CORRECTION),
                "corrected",
                ("WrongFact",),
            ),
            Kind(
                "D12",
                "late or missing upload",
                "上报迟漏",
                "stay",
                "S2 past our clock; S1 a day later",
                "data",
                _O.OPERATOR,
                (_S.NOTICE, _S.POINTS),
                "acknowledged, or the return filed",
                ("Submission", "DailyReturn"),
            ),
            Kind(
                "D13",
                "upstream rejected",
                "上报被拒",
                "stay",
                "S2",
                "data",
                _O.OPERATOR,
                (_S.CORRECTION,),
                "acknowledged",
                ("Submission",),
            ),
            Kind(
                "D14",
                "booking without registration near arrival",
                "临到未登",
                "stay",
                "S4",
                "data",
                _O.OPERATOR,
                (_S.NOTICE,),
                "registered or cancelled",
            ),
            Kind(
                "D15",
                "pass without basis",
                "无据授权",
                "stay",
                "S1",
                "data",
                _O.GUARD,
                (_S.ALERT,),
                "none remain",
            ),
            Kind(
                "D16",
                "advertised without or with a wrong code",
                "平台标识不符",
                "listing",
                "S3",
                "data",
                _O.OPERATOR,
                (_S.NOTICE,),
                "the page shows the code",
                ("Advertisement",),
            ),
            Kind(
                "D17",
                "capacity facts wrong",
                "房源不实",
                "listing",
                "S3",
                "data",
                _O.OFFICER,
                (_S.TASK,),
                "the register updated",
                ("Capacity",),
            ),
            Kind(
                "D18",
                "class mismatch",
                "身份类别不符",
                "stay or pass",
                "S3",
                "human",
                _O.OFFICER,
                (_S.TASK,),
                "reclassed",
                ("ResidentPattern",),
            ),
            Kind(
                "D19",
                "credential shared",
                "一码多用",
                "pass",
                "S2",
                "human",
                _O.GUARD,
                (_S.NOTICE, _S.TASK),
                "explained",
            ),
            Kind(
                "D20",
                "minor exceptions",
                "未成年人异常",
                "stay",
                "S1",
                "human",
                _O.GUARD,
                (_S.ALERT, _S.TASK),
                "the five-musts checklist is complete",
                ("MinorConcern",),
            ),
            Kind(
                "D21",
                "gate–registry drift",
                "门禁账实不符",
                "node",
                "S1 revoke or erase; else S3",
                "data",
                _O.OFFICER,
                (_S.RESYNC, _S.TASK),
                "equal",
            ),
            Kind(
                "D22",
                "event gap",
                "事件缺号",
                "node",
                "S2",
                "data",
                _O.OFFICER,
                (_S.RESYNC,),
                "filled, or explained",
            ),
            Kind(
                "D23",
                "door facts against events",
                "门态不符",
                "door",
                "S1 forced; else S3",
                "data",
                _O.GUARD,
                (_S.TASK,),
                "explained",
            ),
            Kind(
                "D24",
                "household dossier stale or unmatched",
                "档案未匹配",
                "unit",
                "S4",
                "data",
                _O.OFFICER,
                (_S.TASK,),
                "matched and verified",
                ("Household",),
            ),
            Kind(
                "D25",
                "face alternative failing",
                "替代方式失效",
                "door",
                "S2",
                "data",
                _O.OFFICER,
                (_S.TASK,),
                "recovered",
                ("PathTimes",),
            ),
            Kind(
                "D26",
                "retention breach",
                "超期留存",
                "clock",
                "S1",
                "data",
                _O.OFFICER,
                (_S.TASK,),
                "nothing is past its clock",
                ("Overdue",),
            ),
        )
    }
)
