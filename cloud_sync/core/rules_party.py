"""D05, D06, D09, D19 and D20: how many came, who they are elsewhere, and minors (domain.md §10)."""

from collections.abc import Iterator
from itertools import pairwise

from cloud_sync.core.books import Books, ListingBook, MemberBook, Moment, PersonBook, StayBook
from cloud_sync.core.evidence import Headcount, MinorConcern
from cloud_sync.core.lifecycles import StayState
from cloud_sync.core.policy import PolicyProfile, RuleThresholds
from cloud_sync.core.reconcile import Key, Verdict, Word
from cloud_sync.core.rules_stay import NEVER_CAME


def more_than_registered(stay: StayBook, _books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D05: again and again more people inside than registered, as the doors counted them; or somebody counted.

    A companion who is a registered member not known to be inside at that moment is no stranger.
    """
    key = Key("D05", stay.stay, stay.planned_in_ms)
    most, evidence = _most_at_doors(stay, profile.rules)
    for told in stay.told:
        if isinstance(told.body, Headcount) and told.stands and _crowd(told.body, stay, profile.rules):
            most = max(most, told.body.people)
            evidence += (told.ref,)
    if not evidence:
        yield Verdict(key, Word.CLEAR, note="as many as are registered")
        return
    grave = stay.max_guests > 0 and most > stay.max_guests * profile.rules.crowd_factor
    yield Verdict(key, Word.RAISE, "S1" if grave else "S2", tuple(sorted(evidence)))


def _most_at_doors(stay: StayBook, rules: RuleThresholds) -> tuple[int, tuple[str, ...]]:
    found: list[tuple[int, str]] = []
    for member in stay.members:
        for company in member.company:
            others = [m for m in stay.members if m.pass_id != member.pass_id]
            inside = 1 + sum(m.inside_at(company.at.since_ms) for m in others)
            if inside + company.extra > max(stay.registered, 1):
                found.append((inside + company.extra, company.at.ref))
    if len(found) < rules.company_least:
        return 0, ()
    return max(people for people, _ in found), tuple(ref for _, ref in found)


def _crowd(count: Headcount, stay: StayBook, rules: RuleThresholds) -> bool:
    if count.people <= stay.registered:
        return False
    return count.source == "spot_check" or (count.at_night and count.minutes >= rules.crowd_minutes)


def over_capacity(book: ListingBook) -> Iterator[Verdict]:
    """D06: with this stay more people are registered in the listing at once than it may hold, the last to come; or more
    are registered or ordered for a room than it may hold; an exception that was approved is taken off."""
    for stay in book.stays:
        if stay.stay not in book.judged:
            continue
        key = Key("D06", stay.stay, stay.planned_in_ms)
        before = [
            other
            for other in book.stays
            if other.counts
            and (other.planned_in_ms, other.stay) < (stay.planned_in_ms, stay.stay)
            and other.planned_out_ms > stay.planned_in_ms
        ]
        people = stay.registered + sum(other.registered for other in before)
        crowded = 0 < stay.room_max < max(stay.registered, stay.headcount) - stay.extra
        if stay.counts and (crowded or (stay.registered and 0 < book.max_guests < people - stay.extra)):
            evidence = (stay.stay, *sorted(other.stay for other in before if other.registered))
            yield Verdict(key, Word.RAISE, "S2", evidence)
        else:
            yield Verdict(key, Word.CLEAR, note="within what the listing may hold")


def one_identity_twice(book: PersonBook, profile: PolicyProfile) -> Iterator[Verdict]:
    """D09: one document inside two stays at once, with entries at both; the window is the later stay's."""
    stays = sorted(book.stays, key=lambda one: (one.planned_in_ms, one.stay))
    found: dict[int, set[str]] = {}
    for at, later in enumerate(stays):
        for earlier in stays[:at]:
            both_ms = min(earlier.until_ms, later.until_ms) - max(earlier.since_ms, later.since_ms)
            if both_ms > profile.rules.two_stays_ms:
                refs = {earlier.stay, later.stay, *earlier.refs, *later.refs}
                found.setdefault(later.planned_in_ms, set()).update(refs)
    for window_ms in {one.planned_in_ms for one in stays}:
        key = Key("D09", book.person, window_ms)
        if window_ms in found:
            yield Verdict(key, Word.RAISE, "S2", tuple(sorted(found[window_ms])))
        else:
            yield Verdict(key, Word.CLEAR, note="in one stay at a time")


def credential_shared(stay: StayBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D19: one pass at two gates faster than anybody walks, or again and again in without a way out between."""
    for member in stay.members:
        key = Key("D19", member.pass_id, stay.planned_in_ms)
        evidence = {*_too_fast(member, books, profile.rules), *_only_in(member, books, profile.rules)}
        if evidence:
            yield Verdict(key, Word.RAISE, "S2", tuple(sorted(evidence)))
        else:
            yield Verdict(key, Word.CLEAR, note="one person can have walked these ways")


def _at_gates(moments: tuple[Moment, ...], books: Books) -> list[Moment]:
    return [one for one in moments if one.door in books.gates]


def _too_fast(member: MemberBook, books: Books, rules: RuleThresholds) -> Iterator[str]:
    """Pairs that are too near for the whole of both intervals."""
    seen = sorted(_at_gates(member.entries + member.outs, books), key=lambda one: one.since_ms)
    for first, second in pairwise(seen):
        apart_ms = max(second.until_ms - first.since_ms, first.until_ms - second.since_ms)
        if first.door != second.door and apart_ms < rules.walk_least_ms and _node(first) != _node(second):
            yield first.ref
            yield second.ref


def _only_in(member: MemberBook, books: Books, rules: RuleThresholds) -> Iterator[str]:
    """Only where ways out are told at all: a free handle on the inside tells none."""
    outs = _at_gates(member.outs, books)
    if not outs:
        return
    ins = _at_gates(member.entries, books)
    bounds = [0, *sorted(one.since_ms for one in outs), 1 << 62]
    for since_ms, until_ms in pairwise(bounds):
        row = [one.ref for one in ins if since_ms <= one.since_ms and one.until_ms < until_ms]
        if len(row) > rules.ins_most:
            yield from row


def _node(moment: Moment) -> str:
    return moment.ref.partition("/")[0]


def minor_exceptions(stay: StayBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D20: a minor without guardian or relation, or with somebody or something a person has to look at."""
    key = Key("D20", stay.stay, stay.planned_in_ms)
    minors = [m for m in stay.members if m.minor]
    concerns = [t.ref for t in stay.told if isinstance(t.body, MinorConcern) and t.stands]
    # Of a stay that is closed the guardian's number may have been erased, as it has to be.
    alone = [m.pass_id for m in minors if not m.guarded and stay.state is not StayState.CLOSED]
    if stay.state in NEVER_CAME or not (concerns or alone):
        yield Verdict(key, Word.CLEAR, note="nothing about a minor is open")
        return
    yield Verdict(key, Word.RAISE, "S1", tuple(sorted({*concerns, *alone})))
