"""D07, D12, D16 to D18 and D24 to D26: units, listings, operators, doors and clocks (domain.md §10)."""

from collections.abc import Iterator

from cloud_sync.core.books import Books, PathBook, TopicBook
from cloud_sync.core.evidence import (
    Advertisement,
    Capacity,
    Complaint,
    DailyReturn,
    Evidence,
    Household,
    Inspection,
    Overdue,
    PathTimes,
    ResidentPattern,
    TemplateMatch,
    UnitVisit,
)
from cloud_sync.core.policy import PolicyProfile, RuleThresholds
from cloud_sync.core.reconcile import Key, Verdict, Word

FACE = "face"
# What each sign of a hidden listing weighs; one alone opens the question, an inspector's own eyes weigh most.
SIGNS = {"visits": 3, "advertised": 3, "inspected": 5, "complaint": 3, "unlocks": 3, "entries": 3}
HIDDEN_LEAST = 3


def hidden_listing(topic: TopicBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D07: signs that a unit without a code is let.  A score opens the question; a named person answers it."""
    if topic.listing:
        return
    signs = _signs(topic, books.now_ms, profile.rules)
    key = Key("D07", topic.subject, 0)
    score = sum(SIGNS[name] for name in signs)
    if topic.coded or score < HIDDEN_LEAST:
        yield Verdict(key, Word.CLEAR, note="a code was issued, or no sign is left")
        return
    refs = {ref for found in signs.values() for ref in found}
    yield Verdict(key, Word.RAISE, "S2", tuple(sorted(refs)), note=f"score {score}: {', '.join(signs)}")


def _signs(topic: TopicBook, now_ms: int, rules: RuleThresholds) -> dict[str, tuple[str, ...]]:
    recent = [t for t in topic.told if t.since_ms > now_ms - rules.visit_days_ms]
    visits = [(t, t.body) for t in recent if isinstance(t.body, UnitVisit)]
    guests = {body.pass_id: told.ref for told, body in visits if body.visitor}
    unlocks = sum(body.unlocks for _, body in visits)
    found = {
        "visits": tuple(guests.values()) if len(guests) >= rules.visits_least else (),
        "unlocks": tuple(t.ref for t, _ in visits)
        if unlocks >= rules.unlocks_least and len({body.pass_id for _, body in visits}) > 1
        else (),
        "advertised": _refs(topic.told, Advertisement),
        "inspected": tuple(
            t.ref for t in topic.told if isinstance(t.body, Inspection) and t.body.operating and t.stands
        ),
        "complaint": _refs(topic.told, Complaint),
        "entries": topic.uncoded_entries,
    }
    return {name: refs for name, refs in found.items() if refs}


def _refs(told: tuple[Evidence, ...], kind: type[object]) -> tuple[str, ...]:
    return tuple(one.ref for one in told if isinstance(one.body, kind) and one.stands)


def return_missing(topic: TopicBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D12 for an operator: the return of a day is missing; each day is a window of its own."""
    for told in topic.told:
        if not isinstance(told.body, DailyReturn):
            continue
        key, due_ms = Key("D12", topic.subject, told.since_ms), told.body.due_ms
        if not told.stands or told.body.filed or books.now_ms <= due_ms:
            yield Verdict(key, Word.CLEAR, note="filed, or not due")
            continue
        grave = books.now_ms > due_ms + profile.rules.report_legal_ms
        yield Verdict(key, Word.RAISE, "S1" if grave else "S2", (told.ref,))


def wrong_code(topic: TopicBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D16: a page offers this listing under no code, or under another's."""
    if not topic.listing:
        return
    wrong = tuple(
        told.ref
        for told in topic.told
        if isinstance(told.body, Advertisement) and told.stands and told.body.shown_code != topic.subject
    )
    yield _raised("D16", topic, "S3", wrong, "the page shows the code")


def capacity_wrong(topic: TopicBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D17: rooms or beds as booked or seen are not those of the register."""
    wrong = tuple(
        told.ref
        for told in topic.told
        if isinstance(told.body, Capacity)
        and told.stands
        and (told.body.rooms_seen, told.body.beds_seen) != (told.body.rooms_kept, told.body.beds_kept)
    )
    yield _raised("D17", topic, "S3", wrong, "the register was updated")


def resident_pattern(topic: TopicBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D18 for a resident's pass: used by turns as if it were let."""
    yield _raised("D18", topic, "S3", _refs(topic.told, ResidentPattern), "reclassed")


def faces_alike(topic: TopicBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D09 for a pass: the enrolling node found its face under another document."""
    yield _raised("D09", topic, "S2", _refs(topic.told, TemplateMatch), "explained")


def dossier_stale(topic: TopicBook, books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D24: a household that matched nothing, or that nobody has verified for a quarter of a year."""
    stale = tuple(
        told.ref
        for told in topic.told
        if isinstance(told.body, Household)
        and told.stands
        and (
            told.body.bucket in ("unmatched", "conflict")
            or books.now_ms - told.body.verified_ms > profile.rules.dossier_ms
        )
    )
    yield _raised("D24", topic, "S4", stale, "matched and verified")


def kept_too_long(topic: TopicBook, _books: Books, _profile: PolicyProfile) -> Iterator[Verdict]:
    """D26: something is past its clock."""
    past = tuple(
        told.ref
        for told in topic.told
        if isinstance(told.body, Overdue) and told.stands and told.body.count > 0
    )
    yield _raised("D26", topic, "S1", past, "nothing is past its clock")


def _raised(kind: str, topic: TopicBook, severity: str, evidence: tuple[str, ...], clear: str) -> Verdict:
    key = Key(kind, topic.subject, 0)
    if evidence:
        return Verdict(key, Word.RAISE, severity, tuple(sorted(evidence)))
    return Verdict(key, Word.CLEAR, note=clear)


def path_failing(path: PathBook, profile: PolicyProfile) -> Verdict:
    """D25 by counts: within a day, fewer than 95 % of known codes and cards were let in at this door."""
    key, rules = Key("D25", path.access_point, 0), profile.rules
    failing = tuple(
        f"{kind}: {good} of {judged}"
        for kind, good, judged in path.counts
        if kind != FACE and judged >= rules.path_least and good < rules.path_success * judged
    )
    if failing:
        return Verdict(key, Word.RAISE, "S2", failing)
    return Verdict(key, Word.CLEAR, note="recovered")


def path_slow(topic: TopicBook, _books: Books, profile: PolicyProfile) -> Iterator[Verdict]:
    """D25 by time: on the newest day, a way without a face took more than half as long again as a face."""
    told = [t for t in topic.told if isinstance(t.body, PathTimes) and t.stands]
    newest_ms = max((t.since_ms for t in told), default=0)
    times = {
        t.body.kind: (t.body.median_ms, t.ref)
        for t in told
        if isinstance(t.body, PathTimes)
        and t.since_ms == newest_ms
        and t.body.passages >= profile.rules.path_least
    }
    face_ms = times.get(FACE, (0, ""))[0]
    slow = tuple(
        ref
        for kind, (ms, ref) in times.items()
        if kind != FACE and face_ms and ms > profile.rules.path_slower * face_ms
    )
    key = Key("D25", f"{topic.subject}/times", 0)
    if slow:
        yield Verdict(key, Word.RAISE, "S2", tuple(sorted(slow)))
    else:
        yield Verdict(key, Word.CLEAR, note="recovered")
