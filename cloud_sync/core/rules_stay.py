"""D01 to D04: what was registered against who passed (domain.md §10)."""

from collections.abc import Iterator

from cloud_sync.core.books import Books, MemberBook, StayBook
from cloud_sync.core.evidence import LetIn
from cloud_sync.core.lifecycles import STAY_AHEAD, STAY_OVER, StayState
from cloud_sync.core.policy import DAY_MS, PolicyProfile
from cloud_sync.core.reconcile import LATE_EVIDENCE, Key, Verdict, Word

NEVER_CAME = frozenset({StayState.NO_SHOW, StayState.CANCELLED_BEFORE})


def entered_not_registered(stay: StayBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D01: somebody of this stay passed without a verified registration; closes when it is verified or they left.

    Or staff let in a companion who has no pass, and fewer are registered than were booked and came.  Positive evidence
    needs no watermark: nothing that is still on the way can undo an entry.
    """
    key = Key("D01", stay.stay, stay.planned_in_ms)
    members = [m for m in stay.members if m.entries and not m.verified and m.presence != "out"]
    let_in = _companions(stay)
    if not members and not let_in:
        yield Verdict(key, Word.CLEAR, note="registered by now, or gone")
        return
    grave = any(m.minor for m in members) or any(e.night for m in members for e in m.entries)
    grave = grave or any(at_night for at_night, _ in let_in)
    evidence = {entry.ref for m in members for entry in m.entries} | {ref for _, ref in let_in}
    yield Verdict(key, Word.RAISE, "S1" if grave else "S2", tuple(sorted(evidence)))


def _companions(stay: StayBook) -> list[tuple[bool, str]]:
    """(at night, what says so) of companions whom staff let in, while somebody of the party is still not registered."""
    told = [(t.body.at_night, t.ref) for t in stay.told if isinstance(t.body, LetIn) and t.stands]
    came = max(stay.headcount, 2)  # whoever is let in comes to somebody
    return told if stay.registered < came and stay.state not in STAY_OVER else []


def never_entered(stay: StayBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D02: registered, twelve hours late, and no door saw any of the party; or one of a party that is inside."""
    yield _party_never_entered(stay, books, profile)
    for member in stay.members:
        yield _member_never_entered(stay, member, books, profile)


def _party_never_entered(stay: StayBook, books: Books, profile: PolicyProfile) -> Verdict:
    key = Key("D02", stay.stay, stay.planned_in_ms)
    if any(m.entries for m in stay.members):
        return Verdict(key, Word.CLEAR, note=f"{LATE_EVIDENCE}an entry arrived")
    if stay.state is not StayState.REGISTERED:
        return Verdict(key, Word.CLEAR, note=f"the stay is {stay.state}")
    due_ms = stay.planned_in_ms + profile.no_show_after_ms
    return once_drained(key, stay, books, due_ms, "S3", (stay.stay,), "not late yet")


def _member_never_entered(
    stay: StayBook, member: MemberBook, books: Books, profile: PolicyProfile
) -> Verdict:
    """For one person: registered without any use of a credential though others of the party entered."""
    key = Key("D02", member.pass_id, stay.planned_in_ms)
    others = any(m.entries for m in stay.members if m.pass_id != member.pass_id)
    if member.used or not others or not member.verified:
        return Verdict(key, Word.CLEAR, note=f"{LATE_EVIDENCE}the pass was used, or the party is not inside")
    if stay.state in NEVER_CAME:
        return Verdict(key, Word.CLEAR, note=f"the stay is {stay.state}")
    due_ms = stay.planned_in_ms + profile.no_show_after_ms
    return once_drained(key, stay, books, due_ms, "S2", (stay.stay, member.pass_id), "not late yet")


def overstay(stay: StayBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D03: grace is over, nobody checked out, and somebody was last seen going in or is not known to have left.

    Whoever goes in again after grace is D03 too where the stay was taken for over, for they had been seen leaving.
    """
    if stay.state in STAY_AHEAD and not any(m.entries for m in stay.members):
        return
    key = Key("D03", stay.stay, stay.planned_out_ms)
    inside = [m for m in stay.members if m.entries and m.presence != "out"]
    grace_ms = stay.planned_out_ms + profile.grace_ms
    over_ms = max(grace_ms, stay.checked_out_ms or 0)
    late = tuple(sorted(e.ref for m in inside for e in m.entries if e.since_ms > over_ms))
    if not inside or (stay.checked_out_ms is not None and not late):
        yield Verdict(key, Word.CLEAR, note="checked out, or last seen leaving")
        return
    severity = "S2" if books.now_ms > stay.planned_out_ms + DAY_MS else "S3"
    if late:
        yield Verdict(key, Word.RAISE, severity, late)
    else:
        yield once_drained(key, stay, books, grace_ms, severity, (stay.stay,), "not over yet")


def left_unseen(stay: StayBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D04: everybody who came was last seen leaving, a day ago and more before the end, and nobody checked out."""
    key = Key("D04", stay.stay, stay.planned_in_ms)
    came = [m for m in stay.members if m.entries]
    if not came or stay.checked_out_ms is not None or any(m.presence != "out" for m in came):
        yield Verdict(key, Word.CLEAR, note="checked out, or back")
        return
    last = max((e.until_ms for m in came for e in m.outs), default=None)
    if last is None or last + profile.rules.unseen_exit_ms >= stay.planned_out_ms:
        yield Verdict(key, Word.CLEAR, note="left about when the stay ends")
        return
    due_ms = last + profile.rules.unseen_exit_ms
    evidence = tuple(sorted(m.outs[-1].ref for m in came if m.outs))
    yield once_drained(key, stay, books, due_ms, "S4", evidence, "may come back today")


def once_drained(
    key: Key, stay: StayBook, books: Books, due_ms: int, severity: str, evidence: tuple[str, ...], early: str
) -> Verdict:
    """Absence counts only after ``due_ms`` and only where every door on the way has told all it saw till then."""
    if books.now_ms <= due_ms:
        return Verdict(key, Word.CLEAR, note=early)
    word = Word.RAISE if books.drained_through(stay.nodes, due_ms) else Word.INCONCLUSIVE
    return Verdict(key, word, severity, evidence)
