"""D01, D02 and D03: what was registered against who passed (domain.md §10)."""

from collections.abc import Iterator

from cloud_sync.core.books import Books, MemberBook, StayBook
from cloud_sync.core.lifecycles import STAY_AHEAD, StayState
from cloud_sync.core.policy import DAY_MS, PolicyProfile
from cloud_sync.core.reconcile import Key, Verdict, Word


def entered_not_registered(stay: StayBook) -> Verdict:
    """D01: somebody of this stay passed without a verified registration; closes when it is verified or they left.

    Positive evidence needs no watermark: nothing that is still on the way can undo an entry.
    """
    key = Key("D01", stay.stay, stay.planned_in_ms)
    members = [m for m in stay.members if m.entries and not m.verified and m.presence != "out"]
    if not members:
        return Verdict(key, Word.CLEAR, note="registered by now, or gone")
    grave = any(m.minor for m in members) or any(e.night for m in members for e in m.entries)
    evidence = tuple(sorted(entry.ref for m in members for entry in m.entries))
    return Verdict(key, Word.RAISE, "S1" if grave else "S2", evidence)


def registered_never_entered(stay: StayBook, books: Books, profile: PolicyProfile) -> Verdict:
    """D02 for the whole party: registered, twelve hours late, and no door saw any of them."""
    key = Key("D02", stay.stay, stay.planned_in_ms)
    if any(m.entries for m in stay.members):
        return Verdict(key, Word.CLEAR, note="late evidence: an entry arrived")
    if stay.state is not StayState.REGISTERED:
        return Verdict(key, Word.CLEAR, note=f"the stay is {stay.state}")
    due_ms = stay.planned_in_ms + profile.no_show_after_ms
    return _once_drained(key, stay, books, due_ms, "S3", (stay.stay,), "not late yet")


def member_never_entered(stay: StayBook, member: MemberBook, books: Books, profile: PolicyProfile) -> Verdict:
    """D02 for one person: registered without any use of a credential though others of the party entered."""
    key = Key("D02", member.pass_id, stay.planned_in_ms)
    others = any(m.entries for m in stay.members if m.pass_id != member.pass_id)
    if member.used or not others or not member.verified:
        return Verdict(key, Word.CLEAR, note="late evidence: the pass was used, or the party is not inside")
    if stay.state is StayState.NO_SHOW or stay.state is StayState.CANCELLED_BEFORE:
        return Verdict(key, Word.CLEAR, note=f"the stay is {stay.state}")
    due_ms = stay.planned_in_ms + profile.no_show_after_ms
    return _once_drained(key, stay, books, due_ms, "S2", (stay.stay, member.pass_id), "not late yet")


def overstay(stay: StayBook, books: Books, profile: PolicyProfile) -> Verdict:
    """D03: grace is over, nobody checked out, and somebody was last seen going in or is not known to have left."""
    key = Key("D03", stay.stay, stay.planned_out_ms)
    inside = [m for m in stay.members if m.entries and m.presence != "out"]
    if stay.checked_out_ms is not None or not inside:
        return Verdict(key, Word.CLEAR, note="checked out, or last seen leaving")
    grace_ms = stay.planned_out_ms + profile.grace_ms
    severity = "S2" if books.now_ms > stay.planned_out_ms + DAY_MS else "S3"
    late = tuple(
        sorted(
            e.ref
            for m in inside
            for e in m.entries
            if _surely_after(e.wall_ms, e.clock, e.bound_ms, grace_ms)
        )
    )
    if late:
        return Verdict(key, Word.RAISE, severity, late)
    return _once_drained(key, stay, books, grace_ms, severity, (stay.stay,), "not over yet")


def _surely_after(wall_ms: int, clock: str, bound_ms: int, moment_ms: int) -> bool:
    """An event whose clock is UNTRUSTED has no sure time; the others have theirs within the bound."""
    return clock != "UNTRUSTED" and wall_ms - bound_ms > moment_ms


def _once_drained(
    key: Key, stay: StayBook, books: Books, due_ms: int, severity: str, evidence: tuple[str, ...], early: str
) -> Verdict:
    """Absence counts only after ``due_ms`` and only where every door on the way has told all it saw till then."""
    if books.now_ms <= due_ms:
        return Verdict(key, Word.CLEAR, note=early)
    word = Word.RAISE if books.drained_through(stay.nodes, due_ms) else Word.INCONCLUSIVE
    return Verdict(key, word, severity, evidence)


def judge_stay(stay: StayBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """Every verdict about one stay and its members."""
    yield entered_not_registered(stay)
    yield registered_never_entered(stay, books, profile)
    for member in stay.members:
        yield member_never_entered(stay, member, books, profile)
    if stay.state not in STAY_AHEAD or any(m.entries for m in stay.members):
        yield overstay(stay, books, profile)


def subjects_of(stay: StayBook) -> Iterator[tuple[str, str]]:
    """The (kind, subject) pairs that ``judge_stay`` looks at in full."""
    yield from ((kind, stay.stay) for kind in ("D01", "D02", "D03"))
    yield from (("D02", member.pass_id) for member in stay.members)
