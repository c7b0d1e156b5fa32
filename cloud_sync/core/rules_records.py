"""D08, D10 to D15 and D18 of one stay: what the records say against each other (domain.md §10)."""

from collections.abc import Iterator

from cloud_sync.core.books import Books, MemberBook, StayBook
from cloud_sync.core.evidence import IdentityCheck, Submission, WrongFact
from cloud_sync.core.lifecycles import STAY_OPEN, BookingState, PassState, RegistrationState, StayState
from cloud_sync.core.listing_access import access_by_listing_state
from cloud_sync.core.policy import PolicyProfile
from cloud_sync.core.reconcile import Key, Verdict, Word
from cloud_sync.core.rules_stay import NEVER_CAME

_R = RegistrationState
UNREPORTED = frozenset({_R.VERIFIED, _R.REPORTED, _R.REPORT_RETRY, _R.REPORT_REJECTED})
OVER = frozenset(
    {StayState.CANCELLED_BEFORE, StayState.NO_SHOW, StayState.CHECKED_OUT, StayState.CLOSED}
)  # after these no pass of the stay lets anybody in
LIVE = frozenset({PassState.ARMED, PassState.ACTIVE})


def _key(kind: str, stay: StayBook) -> Key:
    return Key(kind, stay.stay, stay.planned_in_ms)


def shut_still_used(stay: StayBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D08: a stay, a registration or a first entry that is newer than the end of the listing's permission."""
    key, since_ms = _key("D08", stay), stay.shut_ms
    if since_ms is None or stay.state in NEVER_CAME or stay.booking_state is BookingState.CANCELLED:
        yield Verdict(key, Word.CLEAR, note="the listing permits it, or the stay was cancelled")
        return
    confirmed = access_by_listing_state(stay.listing_state).confirmed_before and stay.booked_ms <= since_ms
    first = stay.first_entry
    entered = [first.ref] if first is not None and first.since_ms > since_ms and not confirmed else []
    tried = [
        m.registration
        for m in stay.members
        if m.submitted_ms is not None and m.submitted_ms > since_ms and not confirmed
    ]
    booked = [stay.stay] if stay.booked_ms > since_ms else []
    if evidence := (*entered, *tried, *booked):
        yield Verdict(key, Word.RAISE, "S1" if entered else "S2", tuple(sorted(evidence)))
    else:
        yield Verdict(key, Word.CLEAR, note="nothing is newer than the end of the permission")


def person_mismatch(stay: StayBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D10: the last check of a person, or of a document nobody stands for yet, did not pass."""
    key = Key("D10", stay.stay, 0)
    checks = [
        (told.since_ms, told.ref, told.body)
        for told in stay.told  # in order of time
        if isinstance(told.body, IdentityCheck) and told.stands
    ]
    last = {body.person: (body.outcome, ref) for _, ref, body in checks}
    failed = tuple(sorted(ref for outcome, ref in last.values() if outcome != "passed"))
    if failed:
        yield Verdict(key, Word.RAISE, "S1", failed)
    else:
        yield Verdict(key, Word.CLEAR, note="checked again and passed")


def facts_wrong(stay: StayBook, _books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D11: the wrong stair again and again, another room's lock that opened, dates off by more than a day, or a fact
    that somebody found wrong."""
    key, rules = _key("D11", stay), profile.rules
    evidence = {t.ref for t in stay.told if isinstance(t.body, WrongFact) and t.stands}
    evidence |= {one.ref for m in stay.members for one in m.elsewhere}
    refused = [one.ref for m in stay.members for one in m.refused]
    if len(refused) >= rules.wrong_doors:
        evidence |= set(refused)
    first = stay.first_entry
    if first is not None and _surely_off(
        first.since_ms, first.until_ms, stay.planned_in_ms, rules.dates_off_ms
    ):
        evidence.add(first.ref)
    # An order that was cancelled while its guests were inside names no departure any more.
    out_ms = stay.checked_out_ms if stay.booking_state is not BookingState.CANCELLED else None
    if out_ms is not None and _surely_off(out_ms, out_ms, stay.planned_out_ms, rules.dates_off_ms):
        evidence.add(stay.stay)
    if evidence:
        yield Verdict(key, Word.RAISE, "S3", tuple(sorted(evidence)))
    else:
        yield Verdict(key, Word.CLEAR, note="corrected")


def _surely_off(since_ms: int, until_ms: int, planned_ms: int, most_ms: int) -> bool:
    """True when the whole interval lies that far from the plan, on one side."""
    return since_ms - planned_ms > most_ms or planned_ms - until_ms > most_ms


def report_late(stay: StayBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D12 for a stay: a registration that is due to be reported and has no acknowledgement."""
    key = _key("D12", stay)
    late = _late_submissions(stay, books.now_ms)
    if profile.rules.reports_upstream and stay.state not in NEVER_CAME:
        late += [(m.due_ms, m.registration) for m in stay.members if _unreported(m, books.now_ms)]
    if not late:
        yield Verdict(key, Word.CLEAR, note="acknowledged, or not due")
        return
    oldest_ms = min(due_ms for due_ms, _ in late)
    grave = books.now_ms > oldest_ms + profile.rules.report_legal_ms
    yield Verdict(key, Word.RAISE, "S1" if grave else "S2", tuple(sorted(ref for _, ref in late)))


def _late_submissions(stay: StayBook, now_ms: int) -> list[tuple[int, str]]:
    return [
        (told.body.due_ms, told.ref)
        for told in stay.told
        if isinstance(told.body, Submission)
        and told.stands
        and told.body.state != "acked"
        and now_ms > told.body.due_ms
    ]


def _unreported(member: MemberBook, now_ms: int) -> bool:
    return member.reported in UNREPORTED and now_ms > member.due_ms


def report_rejected(stay: StayBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D13: the far side refused what was reported."""
    key = _key("D13", stay)
    told = [
        t.ref for t in stay.told if isinstance(t.body, Submission) and t.stands and t.body.state == "rejected"
    ]
    held = [m.registration for m in stay.members if m.reported is _R.REPORT_REJECTED]
    if evidence := tuple(sorted({*told, *held})):
        yield Verdict(key, Word.RAISE, "S2", evidence)
    else:
        yield Verdict(key, Word.CLEAR, note="acknowledged")


def near_unregistered(stay: StayBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D14: the guests are due in a few hours, the order is confirmed, and nobody is registered."""
    key = _key("D14", stay)
    near = stay.planned_in_ms - profile.rules.near_arrival_ms < books.now_ms < stay.planned_out_ms
    waits = stay.state is StayState.EXPECTED and stay.booking_state is BookingState.CONFIRMED
    if near and waits and not stay.registered and stay.first_entry is None:  # else D01 says more
        yield Verdict(key, Word.RAISE, "S4", (stay.stay,))
    else:
        yield Verdict(key, Word.CLEAR, note="registered, cancelled, or not near")


def pass_without_basis(stay: StayBook, _books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D15: a pass that would open although its stay is over, or somebody who went in after it was."""
    key = _key("D15", stay)
    if stay.state not in OVER and not _listing_gone(stay):
        yield Verdict(key, Word.CLEAR, note="the stay carries its passes")
        return
    over_ms = stay.checked_out_ms if stay.state not in NEVER_CAME else 0
    evidence = {m.pass_id for m in stay.members if m.pass_state in LIVE}
    if stay.state in OVER and over_ms is not None:
        late_ms = over_ms + profile.rules.after_checkout_ms
        inside = [m for m in stay.members if m.presence == "in"]
        evidence |= {e.ref for m in inside for e in m.entries if e.since_ms > late_ms}
    if evidence:
        yield Verdict(key, Word.RAISE, "S1", tuple(sorted(evidence)))
    else:
        yield Verdict(key, Word.CLEAR, note="none remain")


def _listing_gone(stay: StayBook) -> bool:
    return access_by_listing_state(stay.listing_state).in_house == "exit_only"


def long_guest(stay: StayBook, _books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D18 for a guest: a stay of more than thirty days is a tenancy, and wants another registration."""
    key = _key("D18", stay)
    long = stay.planned_out_ms - stay.planned_in_ms > profile.rules.tenancy_ms
    if long and stay.state in STAY_OPEN:
        yield Verdict(key, Word.RAISE, "S3", (stay.stay,))
    else:
        yield Verdict(key, Word.CLEAR, note="short, or over")
