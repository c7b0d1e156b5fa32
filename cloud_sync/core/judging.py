"""Every rule over the books it reads.  Adding a rule is a line in a table here and one in ``discrepancies``."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from cloud_sync.core.books import Books, StayBook, TopicBook
from cloud_sync.core.policy import PolicyProfile
from cloud_sync.core.reconcile import Evaluation, Verdict, gather
from cloud_sync.core.rules_node import drift, judge_doors, judge_holes
from cloud_sync.core.rules_party import (
    credential_shared,
    minor_exceptions,
    more_than_registered,
    one_identity_twice,
    over_capacity,
)
from cloud_sync.core.rules_records import (
    facts_wrong,
    long_guest,
    near_unregistered,
    pass_without_basis,
    person_mismatch,
    report_late,
    report_rejected,
    shut_still_used,
)
from cloud_sync.core.rules_stay import entered_not_registered, left_unseen, never_entered, overstay
from cloud_sync.core.rules_topics import (
    capacity_wrong,
    dossier_stale,
    faces_alike,
    hidden_listing,
    kept_too_long,
    path_failing,
    path_slow,
    resident_pattern,
    return_missing,
    wrong_code,
)

StayRule = Callable[[StayBook, Books, PolicyProfile], Iterator[Verdict]]
TopicRule = Callable[[TopicBook, Books, PolicyProfile], Iterator[Verdict]]

STAY_RULES: Mapping[str, StayRule] = MappingProxyType(
    {
        "D01": entered_not_registered,
        "D02": never_entered,
        "D03": overstay,
        "D04": left_unseen,
        "D05": more_than_registered,
        "D08": shut_still_used,
        "D10": person_mismatch,
        "D11": facts_wrong,
        "D12": report_late,
        "D13": report_rejected,
        "D14": near_unregistered,
        "D15": pass_without_basis,
        "D18": long_guest,
        "D19": credential_shared,
        "D20": minor_exceptions,
    }
)
BY_MEMBER = ("D02", "D19")  # these also have, or only have, the passes of a stay as subjects
TOPIC_RULES: Mapping[str, TopicRule] = MappingProxyType(
    {
        "D07": hidden_listing,
        "D09": faces_alike,
        "D12": return_missing,
        "D16": wrong_code,
        "D17": capacity_wrong,
        "D18": resident_pattern,
        "D24": dossier_stale,
        "D25": path_slow,
        "D26": kept_too_long,
    }
)


def evaluate(books: Books, profile: PolicyProfile) -> Evaluation:
    """Every verdict these books allow, of the kinds that are not off.

    D23 is never retracted here: a person explains a door.
    """
    looked_at: list[tuple[str, str]] = []
    verdicts: list[Verdict] = []
    for judge in (_stays, _listings, _persons, _topics, _nodes):
        for subject, found in judge(books, profile):
            looked_at += subject
            verdicts += found
    off = profile.rules.off
    return gather(looked_at, (one for one in verdicts if one.key.kind not in off))


_Judged = Iterator[tuple[list[tuple[str, str]], list[Verdict]]]


def _stays(books: Books, profile: PolicyProfile) -> _Judged:
    for stay in books.stays:
        subjects = [(kind, stay.stay) for kind in STAY_RULES]
        subjects += [(kind, member.pass_id) for member in stay.members for kind in BY_MEMBER]
        yield subjects, [v for rule in STAY_RULES.values() for v in rule(stay, books, profile)]


def _listings(books: Books, _profile: PolicyProfile) -> _Judged:
    for listing in books.listings:
        yield [("D06", stay) for stay in listing.judged], list(over_capacity(listing))


def _persons(books: Books, profile: PolicyProfile) -> _Judged:
    for person in books.persons:
        yield [("D09", person.person)], list(one_identity_twice(person, profile))


def _topics(books: Books, profile: PolicyProfile) -> _Judged:
    for topic in books.topics:
        subjects = [(kind, topic.subject) for kind in TOPIC_RULES if kind != "D25"]
        subjects.append(("D25", f"{topic.subject}/times"))
        yield subjects, [v for rule in TOPIC_RULES.values() for v in rule(topic, books, profile)]


def _nodes(books: Books, profile: PolicyProfile) -> _Judged:
    for node in books.nodes:
        verdicts = [drift(node, books.now_ms, profile), *judge_holes(node, books.now_ms, profile)]
        yield [("D21", node.node), ("D22", node.node)], verdicts
    yield [], list(judge_doors(books.doors))
    for path in books.paths:
        yield [("D25", path.access_point)], [path_failing(path, profile)]
