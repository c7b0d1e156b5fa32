"""The rules between doors as the program has them: each table asks the very function a door asks."""

from docs.printed import table
from edge.core import anti_passback, interlock, tailgating
from edge.core.anti_passback import Place, Record, ResetWhy, Strictness
from edge.core.decision_types import Ruling
from edge.core.door_hours import DoorHours, Standing, wish
from edge.core.door_types import Contact, DoorState, LifeSafety, Mode
from edge.core.passes import SubjectClass
from edge.core.tailgating import Cue, Habit, Passage
from edge.core.ways import UNSEEN, Way

SAYS = {
    Ruling.NOT_CONFIGURED: "not asked",
    Ruling.MET: "opens",
    Ruling.FLAGGED: "opens, and the grant says `passback`",
    Ruling.BROKEN: "refused",
}
YES, NO = "yes", "–"
NOW_MS = 1_800_000_000_000
ENTRY = Way("street", "yard")


def passback() -> str:
    """What anti-passback says of one pass before the way from street to yard."""
    minutes = 60_000
    records = {
        "nothing, or another day's": None,
        "in the street": Record(Place("street", NOW_MS - minutes), sure=True, forgiven=False),
        "in the yard, a minute ago": Record(Place("yard", NOW_MS - minutes), sure=True, forgiven=False),
        "in the yard, ten minutes ago": Record(
            Place("yard", NOW_MS - 10 * minutes), sure=True, forgiven=False
        ),
        "in the yard, and somebody unknown crossed since": Record(
            Place("yard", NOW_MS - minutes), sure=False, forgiven=False
        ),
    }
    asked = (Strictness.SOFT, Strictness.TIMED, Strictness.HARD)
    rows = [
        (said, *(SAYS[anti_passback.judged(one, ENTRY, record, NOW_MS, time_known=True)] for one in asked))
        for said, record in records.items()
    ]
    return table(("the pass is recorded", *(f"`{one}`" for one in asked)), rows)


def unseen() -> str:
    """Facts after which nobody is refused for where they were."""
    return ", ".join(f"`{kind}`" for kind in sorted(UNSEEN))


def reset_reasons() -> str:
    return ", ".join(f"`{why}`" for why in ResetWhy)


def lane() -> str:
    """What an interlock says while the other door of its group is like this."""
    shut = DoorState(mode=Mode.LOCKED, contact=Contact.CLOSED)
    peers = {
        "shut and locked": shut,
        "shut, and released for somebody": DoorState(mode=Mode.ACCESSED, contact=Contact.CLOSED),
        "shut, and standing unlocked": DoorState(mode=Mode.UNLOCKED, contact=Contact.CLOSED),
        "open": DoorState(mode=Mode.LOCKED, contact=Contact.OPEN),
        "of an unknown or broken contact": DoorState(mode=Mode.LOCKED, contact=Contact.FAULT),
        "released by fire": DoorState(
            mode=Mode.LOCKED_OPEN, contact=Contact.OPEN, life_safety=LifeSafety.FIRE
        ),
        "open for an evacuation": DoorState(mode=Mode.LOCKED_OPEN, contact=Contact.OPEN),
    }
    rows = [(said, SAYS[interlock.judged(shut, [peer])]) for said, peer in peers.items()]
    return table(("the other door is", "a pass at this one"), rows)


def hours() -> str:
    """What a schedule asks of its door; the opening began at 100."""
    free, staff = DoorHours("day"), DoorHours("day", frozenset({SubjectClass.OPERATOR}))
    rows = []
    for said, what, standing, since, told in (
        ("its hours have begun", free, Standing(), 100, None),
        ("begun, first person not there", staff, Standing(), 100, None),
        ("begun, first person went in", staff, Standing(first_ms=150), 100, None),
        ("begun, and a person commanded the door since", free, Standing(overruled_ms=150), 100, None),
        ("begun, and the door was asked before", free, Standing(), 100, 100),
        ("its hours are over, and it was asked", free, Standing(), None, 100),
        ("over, and it was never asked", free, Standing(), None, None),
    ):
        asks = [wish(what, standing, since, told, mode) or NO for mode in (Mode.LOCKED, Mode.UNLOCKED)]
        rows.append((said, *map(str, asks)))
    return table(("", "LOCKED", "UNLOCKED"), rows)


def cues() -> str:
    """Which senses say what, from the rule itself."""
    habit = Habit(open_ms=(4_000,) * tailgating.LONG_LEAST)
    plain = Passage(grants=frozenset({"g"}), opened_ms=0, faces=1, bodies=1)  # type: ignore[arg-type]
    rows = []
    for said, changed, open_ms in (
        ("one face, one body, as long as usual", {}, 4_000),
        ("two faces in one picture", {"faces": 2}, 4_000),
        ("open longer than usual", {}, 4_001),
        ("open longer than usual, and held", {"held": True}, 4_001),
        ("two bodies within a second", {"bodies": 2, "close_bodies": True}, 4_000),
        ("two faces, and longer than usual", {"faces": 2}, 4_001),
        (
            "two bodies, and two passes",
            {"bodies": 2, "close_bodies": True, "grants": frozenset({"g", "h"})},
            4_001,
        ),
        ("two faces and two bodies within a second", {"faces": 2, "bodies": 2, "close_bodies": True}, 4_000),
    ):
        fields = {name: getattr(plain, name) for name in plain.__slots__}
        found = tailgating.verdict(Passage(**{**fields, **changed}), habit, open_ms)
        assert found is not None
        marks = [YES if cue in found.cues else NO for cue in Cue]
        rows.append((said, *marks, YES if found.flagged else NO))
    return table(("a passage of one grant", *(f"`{cue}`" for cue in Cue), "written down"), rows)


def figures() -> str:
    """The constants behind the words."""
    return table(
        ("figure", "value"),
        [
            ("passages a door remembers", str(tailgating.PASSAGES_KEPT)),
            ("passages before `long` says anything", str(tailgating.LONG_LEAST)),
            ("two bodies are near", f"≤ {tailgating.SECOND_BODY_MS} ms"),
            (
                "above its own rate",
                f"≥ {tailgating.RECENT_LEAST} of {tailgating.RECENT}, > {tailgating.TIMES:g} times the rate before",
            ),
            ("a record is forgiven", f"at {anti_passback.FORGIVEN_AT_MINUTE // 60:02d}:00 local time"),
            ("T_apb_soft", f"{anti_passback.T_APB_SOFT_MS // 60_000} min, 0 to 24 h"),
            ("a yes is waited for in a lane", f"≤ {interlock.CLAIM_NS // 1_000_000_000} s"),
        ],
    )
