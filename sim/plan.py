"""Writing a night from its seed: the gate, its guests, their comings and goings, and what goes wrong."""

import random
from collections.abc import Callable, Iterator
from hashlib import blake2b

from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.events import AccessPointId, CredentialKind, PassId, SubjectRef
from edge.core.passes import ENTRY_PREREQS, Credential, LocationClass, Pass, PassState, Prereq, SubjectClass
from sim.box import DOOR
from sim.house import BEGIN_MS
from sim.script import BEGIN_NS, HOUR_NS, MS_NS, NIGHT_NS, S_NS, Deed, Guest, Night, Value
from sim.wires import Fitted

HOUR_MS = 3_600_000
Dice = random.Random
# One passage every eight minutes or so, and never closer than their own deeds need.
PASSAGES = 92
ROUND_NS = 100 * 60 * S_NS
LOCATION = LocationClass.GATE


def night_seed(seed: int, k: int) -> int:
    """What night ``k`` of a run is drawn from; nights do not depend on each other."""
    return int.from_bytes(blake2b(f"{seed}/{k}".encode(), digest_size=8).digest(), "big")


def write_night(seed: int, k: int) -> Night:
    dice = random.Random(night_seed(seed, k))
    fitted = draw_gate(dice)
    guests = draw_guests(dice)
    deeds = sorted([*traffic(dice, guests), *mishaps(dice, fitted, guests)], key=lambda deed: deed.at_ns)
    return Night(fitted, guests, tuple(deeds))


LOCKS = [LockProfile.STRIKE_FAIL_SECURE, *LockProfile]


def draw_gate(dice: Dice) -> Fitted:
    lock = dice.choice(LOCKS)
    motor = lock is LockProfile.MOTOR_BOLT
    magnet = lock is LockProfile.MAGLOCK_FAIL_SAFE
    profile = DoorProfile(
        access_point=DOOR,
        lock=lock,
        rex_unlocks=lock is LockProfile.BARRIER or dice.random() < (0.9 if magnet else 0.6),
        t_release_ms=dice.choice([5_000, 5_000, 10_000]),
        t_relock_delay_ms=dice.choice([0, 500, 500, 2_000]),
        t_open_ms=dice.choice([15_000, 15_000, 30_000, 600_000]),
        t_prealarm_ms=dice.choice([5_000, 5_000, 0]),
        t_rex_ms=dice.choice([3_000, 3_000, 8_000]),
        t_forced_confirm_ms=dice.choice([0, 0, 0, 700]),
        t_max_energise_ms=dice.choice([65_000, 65_000, 30_000]),
        lockdown_release_by_two=dice.random() < 0.5,
    )
    return Fitted(
        profile, shows_bolt=motor or dice.random() < 0.4, peer=dice.random() < 0.3, signed=dice.random() < 0.3
    )


# --- guests ----------------------------------------------------------------------------------------------------


def draw_guests(dice: Dice) -> tuple[Guest, ...]:
    """Guests whose pass is good all night, and one of each kind that is not, or not always."""
    end = BEGIN_MS + 3 * 24 * HOUR_MS
    rows = [_row(f"g{n:02}", SubjectClass.GUEST, end) for n in range(12)]
    rows += [_row(f"r{n}", SubjectClass.RESIDENT, end) for n in range(2)]
    rows.append(_row("quiet", SubjectClass.GUEST, end, prereq=ENTRY_PREREQS | Prereq.CLASS_ONLY))
    rows.append(_row("courier", SubjectClass.COURIER, end))
    rows.append(_row("operator", SubjectClass.OPERATOR, end))
    rows.append(_row("leaver", SubjectClass.GUEST, BEGIN_MS + dice.randrange(1, 11) * HOUR_MS))
    rows.append(_row("early", SubjectClass.GUEST, end, begin=BEGIN_MS + dice.randrange(3, 12) * HOUR_MS))
    rows.append(_row("unregistered", SubjectClass.GUEST, end, prereq=Prereq.LISTING | Prereq.STAY))
    rows.append(_row("closed", SubjectClass.GUEST, end, prereq=Prereq.LISTING | Prereq.REGISTERED))
    rows.append(_row("revoked", SubjectClass.GUEST, end, state=PassState.REVOKED))
    rows.append(_row("suspended", SubjectClass.GUEST, end, state=PassState.SUSPENDED))
    rows.append(_row("elsewhere", SubjectClass.GUEST, end, door=AccessPointId("AP-other")))
    return tuple(_guest(dice, row, n) for n, row in enumerate(rows))


def _row(
    name: str,
    cls: SubjectClass,
    end_ms: int,
    *,
    begin: int = BEGIN_MS - 24 * HOUR_MS,
    prereq: Prereq = ENTRY_PREREQS,
    state: PassState = PassState.ARMED,
    door: AccessPointId = DOOR,
) -> Pass:
    key = _key(name)
    creds = [Credential(CredentialKind.QR, _key(f"qr {name}").hex(), key)]
    creds.append(Credential(CredentialKind.PIN, _key(f"pin {name}").hex(), _key(f"pin key {name}")))
    return Pass(
        pass_id=PassId(f"P-{name}"), pass_version=1, subject_ref=SubjectRef(f"S-{name}"), cls=cls, state=state,
        scope=frozenset({door}), schedule="", not_before_ms=begin, not_after_ms=end_ms, prereq=prereq, policy=1,
        creds=tuple(creds),
    )  # fmt: skip


def _key(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _guest(dice: Dice, row: Pass, n: int) -> Guest:
    skew_ms = dice.choice([0, 0, 0, 400, -25_000, 31_000, -62_000])
    return Guest(row.pass_id.removeprefix("P-"), row, row.creds[0].verifier, skew_ms, f"{731_000 + n * 37}")


# --- comings and goings ------------------------------------------------------------------------------------------


def traffic(dice: Dice, guests: tuple[Guest, ...]) -> Iterator[Deed]:
    """People who come home and people who go out, in a slot of their own each."""
    slot = NIGHT_NS // PASSAGES
    good = [guest.name for guest in guests[:15]]
    for n in range(PASSAGES):
        at = BEGIN_NS + n * slot + dice.randrange(slot // 4)
        if dice.random() < 0.4:
            yield Deed(at, "leave", _gait(dice))
        else:
            yield _coming(dice, at, good)
    odd = [guest.name for guest in guests[15:]]
    for _ in range(14):
        at = BEGIN_NS + dice.randrange(NIGHT_NS)
        yield Deed(at, "visit", {"who": dice.choice(odd), "by": dice.choice(["code", "pin"]), **_gait(dice)})


def _coming(dice: Dice, at: int, good: list[str]) -> Deed:
    who = dice.choice(good)
    by = "pin" if dice.random() < 0.2 else "code"
    roll = dice.random()
    if roll < 0.08:
        return Deed(
            at,
            "pair",
            {"who": who, "other": dice.choice(good), "gap_ms": dice.randrange(9_000), **_gait(dice)},
        )
    if roll < 0.14:
        return Deed(
            at, "twice", {"who": who, "gap_ms": dice.choice([0, 200, 3_500, 9_000, 33_000]), **_gait(dice)}
        )
    if roll < 0.19:
        return Deed(at, "tailgated", {"who": who, "others": dice.randrange(1, 4), **_gait(dice)})
    if roll < 0.26:
        return Deed(at, "luggage", {"who": who, **_gait(dice), "open_ms": dice.randrange(8_000, 120_000)})
    if roll < 0.30:
        return Deed(at, "stays_out", {"who": who})
    return Deed(at, "visit", {"who": who, "by": by, **_gait(dice)})


def _gait(dice: Dice) -> dict[str, Value]:
    """How soon after the lock they open, and for how long."""
    pace = dice.choice([300, 700, 1_200, 2_600])
    return {"pace_ms": pace, "open_ms": dice.choice([400, 1_500, 2_500, 4_000, 6_000])}


# --- what goes wrong -----------------------------------------------------------------------------------------------


def mishaps(dice: Dice, fitted: Fitted, guests: tuple[Guest, ...]) -> Iterator[Deed]:
    """Between six and sixteen of them; one at least is a fault."""
    yield from _fault(dice, _some_time(dice), fitted)
    for _ in range(dice.randrange(6, 16)):
        at = _some_time(dice)
        roll = dice.random()
        if roll < 0.5:
            yield from _fault(dice, at, fitted)
        elif roll < 0.7:
            yield command(dice, at)
            yield Deed(
                at + dice.choice([40, 300, 900]) * S_NS,
                "command",
                {"op": "lock", "kind": "good", "kid": "k1"},
            )
        elif roll < 0.92:
            yield from dice.choice(SPELLS)(dice, at)
        else:
            yield _drawn(dice, TURN)(dice, at, fitted)
    for round_ns in range(BEGIN_NS + HOUR_NS, BEGIN_NS + NIGHT_NS, ROUND_NS):
        yield from put_right(round_ns + dice.randrange(600) * S_NS)
    for _ in range(6):
        yield _wrong(dice, _some_time(dice), guests)


def _fault(dice: Dice, at: int, fitted: Fitted) -> Iterator[Deed]:
    """A fault, and people who are at the door just then: before it, in it, and when it ends."""
    fault = _drawn(dice, FAULT)(dice, at, fitted)
    yield fault
    lasts_ms = int(fault.how.get("for_ms", fault.how.get("back_ms", fault.how.get("burns_ms", 4_000))))
    for _ in range(dice.randrange(1, 4)):
        from_ms = dice.choice([-4_000, -2_000, -500, 300, lasts_ms // 2, lasts_ms - 1_000, lasts_ms + 500])
        yield from _somebody(dice, max(BEGIN_NS, at + (from_ms + dice.randrange(900)) * MS_NS))


def _somebody(dice: Dice, at: int) -> Iterator[Deed]:
    roll = dice.random()
    if roll < 0.35:
        yield Deed(at, "leave", _gait(dice))
    elif roll < 0.7:
        yield Deed(at, "visit", {"who": f"g{dice.randrange(12):02}", "by": "code", **_gait(dice)})
    elif roll < 0.85:
        yield Deed(
            at, "visit", {"who": dice.choice(["r0", "courier", "operator"]), "by": "pin", **_gait(dice)}
        )
    else:
        who, other = (f"g{n:02}" for n in dice.sample(range(12), 2))
        gap = dice.choice([300, 1_500, 4_000])
        yield Deed(at, "pair", {"who": who, "other": other, "gap_ms": gap, **_gait(dice)})


def _some_time(dice: Dice) -> int:
    return BEGIN_NS + dice.randrange(60 * S_NS, NIGHT_NS - 1_000 * S_NS) // MS_NS * MS_NS


def _wrong(dice: Dice, at: int, guests: tuple[Guest, ...]) -> Deed:
    """A phone or a person that should not get in by this."""
    who = dice.choice(guests).name
    kind = dice.choice(["screenshot", "stranger", "forged", "clock", "broken", "foreign", "guess", "guesses"])
    return Deed(
        at, "wrong", {"who": who, "kind": kind, "gap_ms": dice.choice([5_000, 31_000, 70_000, 200_000])}
    )


def command(dice: Dice, at: int, op: str = "") -> Deed:
    """Somebody at a desk, or somebody who would like to be."""
    kinds = ["good", "good", "good", "twice", "retained", "replayed", "expired", "long", "ahead", "forged",
             "elsewhere", "unknown_key", "stale_counter"]  # fmt: skip
    return Deed(
        at,
        "command",
        {"op": op or dice.choice(OPS), "kind": dice.choice(kinds), "kid": dice.choice(["k1", "k2"])},
    )


OPS = ["release", "release", "release", "lock", "unlock", "block", "lockdown", "lockdown_release", "lockopen",
       "lockopen_release"]  # fmt: skip


def _spell(first: str, last: str) -> Callable[[Dice, int], Iterator[Deed]]:
    """A mode for a while, and back: people come and go in it."""

    def write(dice: Dice, at: int) -> Iterator[Deed]:
        for_ns = dice.choice([20, 90, 400, 1_500]) * S_NS
        yield Deed(at, "command", {"op": first, "kind": "good", "kid": "k1"})
        for n in range(dice.randrange(1, 4)):
            someone = dice.choice([Deed(0, "leave", _gait(dice)), Deed(0, "visit", {"who": f"g{dice.randrange(12):02}",
                                   "by": "code", **_gait(dice)})])  # fmt: skip
            yield Deed(at + for_ns * (n + 1) // 5, someone.what, someone.how)
        if dice.random() < 0.3:
            yield Deed(at + for_ns // 2, "forced", {"open_ms": dice.randrange(500, 40_000)})
        if dice.random() < 0.25:
            yield Deed(at + for_ns * 2 // 3, "node_falls", {"after_record": False, "back_ms": 1_500})
        if dice.random() < 0.3:
            yield command(dice, at + for_ns * 3 // 5)
        yield Deed(at + for_ns, "command", {"op": last, "kind": "good", "kid": "k1"})

    return write


def _close_together(dice: Dice, at: int) -> Iterator[Deed]:
    """A person is in the door, or just before it, when somebody at a desk, a schedule or a fire says otherwise."""
    stays = dice.choice([1_500, 60_000, 120_000])
    who = f"g{dice.randrange(12):02}"
    yield Deed(at, "luggage", {"who": who, "pace_ms": dice.choice([300, 2_000, 8_000]), "open_ms": stays})
    for gap in dice.sample([1, 3, 4, 9, 30, 70, 100], 2):
        yield _says(dice, at + gap * S_NS)
    yield from put_right(at + 240 * S_NS)


def _shut_over_somebody(dice: Dice, at: int) -> Iterator[Deed]:
    """Block or lockdown while somebody stands in the door, or a vehicle under the arm, for longer than the watchdog."""
    who = f"g{dice.randrange(12):02}"
    stays = dice.choice([20_000, 90_000, 150_000])
    yield Deed(at, "luggage", {"who": who, "pace_ms": 1_200, "open_ms": stays})
    op = dice.choice(["block", "block", "lockdown"])
    yield Deed(at + 5 * S_NS, "command", {"op": op, "kind": "good", "kid": "k1"})
    yield from put_right(at + 240 * S_NS)


def _says(dice: Dice, at: int) -> Deed:
    if dice.random() < 0.25:
        return Deed(at, dice.choice(["sched_open", "sched_close"]))
    if dice.random() < 0.15:
        return Deed(at, "fire", {"burns_ms": 20_000, "reset_ms": 40_000, "edge": "seen"})
    return Deed(at, "command", {"op": dice.choice(OPS), "kind": "good", "kid": dice.choice(["k1", "k2"])})


def _said_twice(dice: Dice, at: int) -> Iterator[Deed]:
    """Two desks, or one that is not sure: what a door does already, and what crosses a fire."""
    first = dice.choice(OPS)
    yield Deed(at, "command", {"op": first, "kind": "good", "kid": "k1"})
    if dice.random() < 0.4:
        yield Deed(at + 2 * S_NS, "fire", {"burns_ms": 20_000, "reset_ms": 40_000, "edge": "seen"})
    for n in range(1, 4):
        op = first if dice.random() < 0.5 else dice.choice(OPS)
        yield Deed(at + n * 9 * S_NS, "command", {"op": op, "kind": "good", "kid": dice.choice(["k1", "k2"])})
    if dice.random() < 0.3:
        yield Deed(at + 40 * S_NS, "node_falls", {"after_record": False, "back_ms": 1_500})
    yield from put_right(at + 120 * S_NS)


def put_right(at: int) -> Iterator[Deed]:
    """The guard on the round: whatever was forgotten is ended, by two people where it takes two."""
    ends = [
        ("lockdown_release", "k1"),
        ("lockdown_release", "k2"),
        ("lockopen_release", "k1"),
        ("lock", "k1"),
    ]
    for n, (op, kid) in enumerate(ends):
        yield Deed(at + n * 4 * S_NS, "command", {"op": op, "kind": "good", "kid": kid})


def _opening_hours(dice: Dice, at: int) -> Iterator[Deed]:
    """The schedule opens the door for a while."""
    for_ns = dice.choice([30, 300, 1_200]) * S_NS
    yield Deed(at, "sched_open")
    for n in range(dice.randrange(1, 5)):
        who = f"g{dice.randrange(12):02}"
        yield Deed(at + for_ns * (n + 1) // 6, "visit", {"who": who, "by": "code", **_gait(dice)})
    last = dice.choice(["sched_close", "sched_close", "luggage_at_close"])
    if last == "luggage_at_close":
        yield Deed(at + for_ns - 5 * S_NS, "luggage", {"who": "g00", "pace_ms": 500, "open_ms": 60_000})
    yield Deed(at + for_ns, "sched_close")


def _lockdown(dice: Dice, at: int) -> Iterator[Deed]:
    """Nobody gets in, everybody gets out; ended by one person, by two, or by one who asks twice."""
    yield from _spell("lockdown", "lockdown_release")(dice, at)
    end = at + 1_500 * S_NS
    kid = dice.choice(["k1", "k2"])
    yield Deed(end, "command", {"op": "lockdown_release", "kind": "good", "kid": kid})
    gap = dice.choice([5, 20, 100]) * S_NS
    for n in (1, 2, 3):
        yield Deed(
            end + n * gap, "command", {"op": "lockdown_release", "kind": "good", "kid": f"k{n % 2 + 1}"}
        )
    yield Deed(end + 200 * S_NS, "command", {"op": "lockdown_release", "kind": "good", "kid": "k1"})
    yield Deed(end + 205 * S_NS, "command", {"op": "lockdown_release", "kind": "good", "kid": "k2"})


def _fire_unheard(dice: Dice, at: int) -> Iterator[Deed]:
    """It burns, and is out, while the node cannot hear gate-io."""
    for_ms = dice.choice([5_000, 60_000])
    yield Deed(at, "line_cut", {"for_ms": for_ms})
    burns: dict[str, Value] = {
        "burns_ms": dice.choice([for_ms // 3, for_ms * 2]),
        "reset_ms": 120_000,
        "edge": "seen",
    }
    yield Deed(at + S_NS, "fire", burns)
    if dice.random() < 0.5:
        yield Deed(at + 2 * S_NS, "command", {"op": "lockopen", "kind": "good", "kid": "k1"})
    yield from _somebody(dice, at + dice.randrange(2 * for_ms) * MS_NS)
    yield from put_right(at + 240 * S_NS)


def _latches_spoilt(dice: Dice, at: int) -> Iterator[Deed]:
    """gate-io comes back with a latch file it cannot read: every door stays open until a person ends it."""
    if dice.random() < 0.3:
        yield Deed(at - 3 * S_NS, "command", {"op": dice.choice(OPS), "kind": "good", "kid": "k1"})
    yield Deed(at, "latches_spoil", {"back_ms": dice.choice([200, 2_000])})
    yield from _somebody(dice, at + dice.randrange(20) * S_NS)
    yield from put_right(at + 120 * S_NS)


def _evacuation(dice: Dice, at: int) -> Iterator[Deed]:
    """Everything stands open until a person ends it; now and then it burns meanwhile, or the box falls."""
    for_ns = dice.choice([30, 300]) * S_NS
    yield Deed(at, "command", {"op": "lockopen", "kind": "good", "kid": "k1"})
    if dice.random() < 0.4:
        yield Deed(at + for_ns // 5, "fire", {"burns_ms": 4_000, "reset_ms": 2_000, "edge": "seen"})
    if dice.random() < 0.3:
        yield Deed(at + for_ns // 4, "command", {"op": dice.choice(OPS), "kind": "good", "kid": "k2"})
    if dice.random() < 0.3:
        yield Deed(at + for_ns // 3, dice.choice(["sched_open", "sched_close"]))
    if dice.random() < 0.5:
        yield Deed(at + for_ns * 2 // 5, "box_falls", {"back_ms": dice.choice([200, 2_000])})
    if dice.random() < 0.5:
        yield Deed(at + for_ns * 3 // 10, "node_falls", {"after_record": False, "back_ms": 1_500})
    yield Deed(at + for_ns // 2, "visit", {"who": "g01", "by": "code", **_gait(dice)})
    yield Deed(at + for_ns, "command", {"op": "lockopen_release", "kind": "good", "kid": "k1"})
    yield Deed(at + for_ns + 30 * S_NS, "command", {"op": "lockopen_release", "kind": "good", "kid": "k1"})


SPELLS: list[Callable[[Dice, int], Iterator[Deed]]] = [
    _spell("block", "lock"),
    _spell("block", "unlock"),
    _spell("unlock", "lock"),
    _spell("unlock", "block"),
    _opening_hours,
    _lockdown,
    _evacuation,
    _evacuation,
    _fire_unheard,
    _latches_spoilt,
    _close_together,
    _close_together,
    _said_twice,
    _shut_over_somebody,
    _shut_over_somebody,
]


def _a(what: str, **choices: list[Value]) -> Callable[[Dice, int, Fitted], Deed]:
    def draw(dice: Dice, at: int, _fitted: Fitted) -> Deed:
        return Deed(at, what, {name: dice.choice(values) for name, values in choices.items()})

    return draw


SHORT: list[Value] = [200, 3_000, 20_000, 90_000]
LONG: list[Value] = [20_000, 200_000, 1_500_000]
FAULT: list[tuple[int, Callable[[Dice, int, Fitted], Deed]]] = [
    (3, _a("node_falls", after_record=[False, True], back_ms=[800, 1_500, 10_000, 90_000])),
    (3, _a("box_falls", back_ms=[200, 1_000, 12_000])),
    (2, _a("line_cut", for_ms=[200, 3_000, 30_000])),
    (2, _a("link_down", for_ms=[30_000, 1_800_000, 3 * HOUR_MS], days=[0, 8, 31])),
    (2, _a("clock_steps", by_ms=[-HOUR_MS, -200_000, -90_000, 5_000, HOUR_MS], for_ms=[60_000, 900_000])),
    (1, _a("cold_boot", by_ms=[-3 * HOUR_MS, 0], for_ms=[60_000, 900_000])),
    (2, _a("contact_breaks", for_ms=LONG, pass_through=[False, True])),
    (1, _a("bolt_breaks", for_ms=LONG)),
    (1, _a("jam", released=[False, True], for_ms=LONG)),
    (2, _a("rex_chatter", times=[3, 8, 20], gap_ms=[120, 400, 2_500])),
    (1, _a("mains_fail", for_ms=LONG)),
    (1, _a("camera", state=["LOST", "DEGRADED"], for_ms=LONG)),
    (3, _a("forced", open_ms=[300, 2_000, 15_000, 40_000, 130_000])),
    (1, _a("jam_told", for_ms=SHORT)),
    (2, _a("lock_silent", for_ms=SHORT)),
    (1, _a("lost_edge", point=["contact", "rex", "fire"])),
    (1, _a("disk_full", for_ms=SHORT)),
    (1, _a("slow_line", lag_ms=[90, 149, 151, 320, 700], for_ms=LONG)),
    (3, _a("fire", burns_ms=[1_500, 40_000, 300_000], reset_ms=[2_000, 60_000], edge=["seen", "lost"])),
    (2, _a("peer_fire", burns_ms=[1_500, 40_000], reset_ms=[2_000, 60_000])),
]  # fmt: skip
# Turns of a night that nobody would call a fault.
TURN = [
    (1, _a("tamper", for_ms=SHORT)),
    (2, _a("revoke", who=["g00", "g03", "r0"], with_link=["up", "down"])),
    (2, _a("old_slot", who=["g00", "g03", "r0"], after_ms=[60_000, 900_000])),
    (1, _a("extend", who=["leaver"])),
]


Draw = Callable[[Dice, int, Fitted], Deed]


def _drawn(dice: Dice, table: list[tuple[int, Draw]]) -> Draw:
    return dice.choices([draw for _, draw in table], [weight for weight, _ in table])[0]
