"""A door of code and face: stricter for whoever enrolled, the same door by the code alone for everybody else."""

import asyncio
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import code
from cloud_sync.protocol.messages import Cred
from edge.core.credentials import TRIES_MAX
from edge.core.door_events import CameraChanged
from edge.core.door_types import Camera
from edge.core.face_mode import FaceMode
from edge.runtime.two_step import FACE_WITHIN_NS, OneToOneDesk, open_desk
from tests.fakes.faces_at_a_door import INFO, mean_of, walk
from tests.fakes.lone_gate import HOUR_MS, NOW_MS, LoneGate, pass_row

ADAS, BOS, NOBODYS = "482913", "771204", "111111"
CONSENTED = 15
S_NS = 1_000_000_000
PHONE, CREDENTIAL = Ed25519PrivateKey.generate(), bytes(range(16))
STEP = code.step_at(NOW_MS / 1000)
SHOWN = code.compose(CREDENTIAL, STEP, PHONE.sign(code.unsigned(CREDENTIAL, STEP)))
FORGED = code.compose(CREDENTIAL, STEP, Ed25519PrivateKey.generate().sign(code.unsigned(CREDENTIAL, STEP)))
STALE = code.compose(CREDENTIAL, STEP - 9, PHONE.sign(code.unsigned(CREDENTIAL, STEP - 9)))


def rows():
    phone = Cred("qr", CREDENTIAL.hex(), PHONE.public_key().public_bytes_raw())
    ada = pass_row("PS-ada", pin=ADAS, prereq=CONSENTED)
    return [
        type(ada)(
            **{n: getattr(ada, n) for n in ada.__struct_fields__ if n != "creds"}, creds=[*ada.creds, phone]
        ),
        pass_row("PS-bo", pin=BOS, prereq=7),  # no consent, no template
    ]


def door(*, enrolled=("PS-ada",), passes=None) -> LoneGate:
    lone = LoneGate(passes or rows())
    desk = open_desk(FaceMode.ONE_TO_ONE, INFO, fpir_wanted=0.001)
    assert isinstance(desk, OneToOneDesk)
    faces = {"PS-ada": "ada", "PS-bo": "bo"}
    desk.put_gallery([(who, mean_of(faces[who])) for who in enrolled], version=1, k=3)
    lone.gate.desk, lone.gate.face_mode = desk, FaceMode.ONE_TO_ONE
    return lone


async def awake(lone: LoneGate) -> LoneGate:
    await lone.boot()
    await lone.gate.on_event(CameraChanged(Camera.OK))
    lone.facts.clear()
    return lone


def play(lone: LoneGate, *, pin: str = "", qr: str = "", face: str | None = None, looks: int = 12, then=None):
    """A code, then somebody's face (None: too dark to be seen) for two and a half seconds."""

    async def scene() -> LoneGate:
        await awake(lone)
        if pin:
            await lone.gate.on_pin(pin)
        if qr:
            await lone.gate.on_code(qr, lone.at_ns)
        if then is not None:
            await then(lone)
        for one in walk(face, lone.at_ns + 100_000_000, looks):
            lone.at_ns = one.t_ns
            await lone.gate.on_face(one)
        lone.at_ns += FACE_WITHIN_NS
        await lone.gate.on_nobody(lone.at_ns)
        return lone

    return asyncio.run(scene())


@pytest.mark.parametrize("shown", [{"pin": ADAS}, {"qr": SHOWN}], ids=["pin", "qr"])
def test_code_and_the_right_face_open(shown):
    lone = play(door(), face="ada", **shown)
    granted = lone.facts[0]
    assert (granted.type, granted.pass_id) == ("access.granted", "PS-ada")
    assert granted.credential_kind == next(iter(shown))
    assert (granted.match.gallery_n, granted.match.score_bucket in ("near", "clear", "high")) == (1, True)
    assert len(lone.pulses) == 1


@pytest.mark.story("7c", "27e")
def test_the_right_code_with_another_face_opens_nothing():
    lone = play(door(), pin=ADAS, face="eve")
    assert [fact.type for fact in lone.facts] == ["access.denied"]
    assert (lone.facts[0].reason, lone.facts[0].match) == ("CredentialNotFound", None)
    assert lone.pulses == []


@pytest.mark.story("7c", "27e")
def test_a_face_without_a_code_opens_nothing_and_is_not_compared(monkeypatch):
    lone = door()
    monkeypatch.setattr(OneToOneDesk, "look", lambda *_: pytest.fail("somebody was looked at before a code"))
    assert (play(lone, face="ada").facts, lone.pulses) == ([], [])


WRONG = {
    "wrong pin, any face": {"pin": NOBODYS, "face": "ada"},
    "right pin, wrong face": {"pin": ADAS, "face": "eve"},
    "wrong pin, nobody seen": {"pin": NOBODYS, "face": None},
    "right pin, nobody seen": {"pin": ADAS, "face": None},
    "forged code": {"qr": FORGED, "face": "ada"},
    "old code": {"qr": STALE, "face": "ada"},
    "right code, wrong face": {"qr": SHOWN, "face": "eve"},
    "wrong pin, camera goes": {"pin": NOBODYS, "face": None, "looks": 0},
    "right pin, camera goes": {"pin": ADAS, "face": None, "looks": 0},
}


def words_seen(lone: LoneGate) -> list[str]:
    """The screens one after the other, without repetitions."""
    return [word for n, word in enumerate(lone.shown) if n == 0 or word != lone.shown[n - 1]]


@pytest.mark.parametrize(("one", "other"), [
    ("wrong pin, any face", "right pin, wrong face"),
    ("wrong pin, nobody seen", "right pin, nobody seen"),
    ("wrong pin, camera goes", "right pin, camera goes"),
    ("forged code", "right code, wrong face"),
    ("old code", "right code, wrong face"),
])  # fmt: skip
def test_nobody_can_tell_a_wrong_code_from_a_wrong_face(one, other):
    """Same words in the same order, same light, the same number of looks before the answer, same patience."""
    lost = {"then": _camera_lost} if "camera goes" in one else {}
    first, second = play(door(), **WRONG[one], **lost), play(door(), **WRONG[other], **lost)
    assert words_seen(first) == words_seen(second)
    assert "two_refused" in words_seen(first)
    assert not {"pin_refused", "next_code", "use_code", "see_guard", "register"} & set(
        first.shown + second.shown
    )
    assert first.shown.index("two_refused") == second.shown.index("two_refused")
    assert first.kinds == second.kinds == ["access.denied"]
    assert first.pulses == second.pulses == []


async def _camera_lost(lone: LoneGate) -> None:
    await lone.gate.on_event(CameraChanged(Camera.LOST))
    lone.facts[:] = [fact for fact in lone.facts if fact.type == "access.denied"]


def test_whoever_has_no_face_here_enters_by_the_code_alone():
    lone = play(door(), pin=BOS, looks=0)
    assert (lone.facts[0].type, lone.facts[0].pass_id, lone.facts[0].match) == (
        "access.granted",
        "PS-bo",
        None,
    )


def test_whoever_took_the_face_back_enters_by_the_code_alone():
    assert play(door(enrolled=()), qr=SHOWN, looks=0).kinds[0] == "access.granted"


def test_without_an_engine_or_a_camera_the_code_alone_is_the_way():
    off = LoneGate(rows())
    off.gate.face_mode = FaceMode.ONE_TO_ONE
    assert play(off, pin=ADAS, looks=0).kinds[0] == "access.granted"

    async def dark() -> LoneGate:
        lone = await awake(door())
        await lone.gate.on_event(CameraChanged(Camera.LOST))
        await lone.gate.on_pin(ADAS)
        return lone

    assert "access.granted" in asyncio.run(dark()).kinds


@pytest.mark.parametrize("shown", [{"pin": ADAS}, {"qr": SHOWN}], ids=["pin", "qr"])
def test_while_no_face_would_be_looked_at_the_code_alone_is_the_way(shown):
    lone = door()
    lone.sees_faces = False
    play(lone, looks=0, **shown)
    assert (lone.kinds[0], len(lone.pulses), "look_after_code" in lone.shown) == ("access.granted", 1, False)


@pytest.mark.parametrize("camera", [Camera.DEGRADED, Camera.LOST])
def test_before_a_camera_that_shows_no_living_picture_the_code_alone_is_the_way(camera):
    async def dim() -> LoneGate:
        lone = await awake(door())
        await lone.gate.on_event(CameraChanged(camera))
        await lone.gate.on_pin(ADAS)
        return lone

    lone = asyncio.run(dim())
    assert ("access.granted" in lone.kinds, len(lone.pulses)) == (True, 1)


@pytest.mark.parametrize("pin", [ADAS, NOBODYS])
@pytest.mark.parametrize("began", ["before the timers", "while the timers wait"])
def test_a_look_ends_by_itself_when_its_patience_is_over_and_nothing_more_is_seen(pin, began):
    async def evening() -> LoneGate:
        lone = await awake(door())
        lone.gate.desk.patience_ns = 0
        timers = None
        if began == "while the timers wait":
            timers = asyncio.ensure_future(lone.gate.run_timers())
            await asyncio.sleep(0)
        await lone.gate.on_pin(pin)
        assert lone.shown[-1] == "look_after_code"
        timers = timers or asyncio.ensure_future(lone.gate.run_timers())
        for _ in range(50):
            await asyncio.sleep(0)
        timers.cancel()
        return lone

    lone = asyncio.run(evening())
    assert (lone.kinds, lone.shown[-1], lone.pulses) == (["access.denied"], "two_refused", [])


def test_a_face_cannot_bring_a_pass_to_a_door_it_does_not_open():
    away = [pass_row("PS-ada", pin=ADAS, prereq=CONSENTED, scope=["AP-9"])]
    lone = play(door(passes=away), pin=ADAS, face="ada")
    assert (lone.kinds, lone.pulses, lone.shown[-2]) == (["access.denied"], [], "two_refused")


def test_a_pass_that_ends_between_code_and_face_opens_nothing():
    async def revoked(lone: LoneGate) -> None:
        lone.rows = [pass_row("PS-ada", pin=ADAS, prereq=CONSENTED, state="REVOKED")]

    async def gone(lone: LoneGate) -> None:
        lone.rows = []

    for change in (revoked, gone):
        lone = play(door(), pin=ADAS, face="ada", then=change)
        assert (lone.kinds, lone.pulses) == (["access.denied"], [])


def test_five_wrong_tries_make_everybody_wait_whether_code_or_face_was_wrong():
    for pin, face in ((NOBODYS, "ada"), (ADAS, "eve"), (ADAS, None)):
        lone = door()

        async def evening(lone=lone, pin=pin, face=face) -> None:
            await awake(lone)
            for _ in range(TRIES_MAX):
                await lone.gate.on_pin(pin)
                for one in walk(face, lone.at_ns + 100_000_000):
                    lone.at_ns = one.t_ns
                    await lone.gate.on_face(one)
            await lone.gate.on_pin(ADAS)

        asyncio.run(evening())
        assert (lone.kinds, lone.shown[-1]) == (["access.denied"] * TRIES_MAX, "wait_until"), face


def test_typing_anew_does_not_give_a_stranger_more_looks_at_one_try():
    lone = door()

    async def evening() -> None:
        await awake(lone)
        for _ in range(TRIES_MAX + 1):
            await lone.gate.on_pin(ADAS)

    asyncio.run(evening())
    assert (lone.kinds, lone.shown[-1]) == (["access.denied"] * TRIES_MAX, "wait_until")


def test_a_code_that_changes_while_its_phone_is_still_in_the_picture_does_not_end_the_look():
    following = code.compose(CREDENTIAL, STEP + 1, PHONE.sign(code.unsigned(CREDENTIAL, STEP + 1)))

    async def turns(lone: LoneGate) -> None:
        await lone.gate.on_code(following, lone.at_ns + S_NS)

    lone = play(door(), qr=SHOWN, face="ada", then=turns)
    assert (lone.kinds[0], "two_refused" in lone.shown) == ("access.granted", False)


def test_a_pass_that_becomes_valid_during_the_look_is_not_let_in_by_a_code_that_failed():
    """Nobody was compared: the code had failed when it was shown."""
    early = [pass_row("PS-ada", pin=ADAS, prereq=CONSENTED, not_before=NOW_MS + 2 * HOUR_MS + 500)]
    lone = play(door(passes=early), pin=ADAS, face="eve")
    assert (lone.kinds, lone.pulses) == (["access.denied"], [])


def test_one_who_could_not_be_seen_does_not_shorten_the_look_of_the_next():
    lone = door()

    async def evening() -> None:
        await awake(lone)
        for face in (None, "ada"):
            await lone.gate.on_pin(ADAS)
            begun = lone.at_ns
            frames = walk(None, begun + S_NS, 1) + walk(face, begun + 2 * S_NS)
            for one in frames:
                lone.at_ns = one.t_ns
                await lone.gate.on_face(one)

    asyncio.run(evening())
    assert lone.kinds == ["access.denied", "access.granted"]


def test_look_alikes_are_told_apart_by_the_code_and_let_in():
    lone = door()
    lone.gate.desk.lock_pairs(frozenset({"PS-ada", "PS-bo"}))
    assert play(lone, pin=ADAS, face="ada").kinds[0] == "access.granted"


def test_erased_between_code_and_face_the_face_opens_nothing():
    async def erase(lone: LoneGate) -> None:
        lone.gate.desk.put_gallery([], version=2, k=1)

    lone = play(door(), pin=ADAS, face="ada", then=erase)
    assert (lone.kinds, lone.pulses) == (["access.denied"], [])


def test_taken_anew_between_code_and_face_the_old_face_opens_nothing():
    async def replaced(lone: LoneGate) -> None:
        lone.gate.desk.put_gallery([("PS-ada", mean_of("bo"))], version=2, k=3)

    lone = play(door(), pin=ADAS, face="ada", then=replaced)
    assert (lone.kinds, lone.pulses) == (["access.denied"], [])


def test_a_gallery_rebuilt_with_the_same_face_does_not_end_the_look():
    async def rebuilt(lone: LoneGate) -> None:
        lone.gate.desk.put_gallery([("PS-ada", mean_of("ada").copy())], version=2, k=3)

    assert play(door(), pin=ADAS, face="ada", then=rebuilt).kinds == ["access.granted"]


def test_the_threshold_is_that_of_one_comparison_however_many_are_enrolled():
    desk, crowd = door().gate.desk, door().gate.desk
    crowd.put_gallery([(f"P-{n}", mean_of(f"g{n}")) for n in range(300)], version=2, k=3)
    assert desk.threshold(2) == crowd.threshold(2)
    wide = open_desk(FaceMode.ONE_TO_N, INFO, fpir_wanted=0.001)
    wide.put_gallery([(f"P-{n}", mean_of(f"g{n}")) for n in range(300)], version=2, k=3)
    assert wide.threshold(2).t > crowd.threshold(2).t
    assert crowd.threshold(2).wanted_fpir == 1e-4


def test_where_n_is_too_large_the_door_asks_for_codes_and_opens_by_them():
    few = replace(INFO, calibration=replace(INFO.calibration, verified_n=1))
    lone = LoneGate(rows())
    lone.gate.desk = open_desk(FaceMode.ONE_TO_N_ELSE_CODE, few, fpir_wanted=0.001)
    lone.gate.desk.put_gallery([("PS-ada", mean_of("ada")), ("PS-x", mean_of("x"))], version=1, k=3)
    lone.gate.face_mode = FaceMode.ONE_TO_N_ELSE_CODE
    play(lone, face="ada")
    assert (lone.facts, set(lone.shown)) == ([], {"show_code", "code_only"})
    assert play(lone, pin=ADAS, looks=0).kinds[0] == "access.granted"


def test_unsure_is_asked_for_the_code_and_refused_only_where_the_face_alone_should_do():
    for mode, kinds in ((FaceMode.ONE_TO_N_ELSE_CODE, []), (FaceMode.ONE_TO_N, ["access.denied"])):
        lone = LoneGate(rows())
        desk = lone.gate.desk = open_desk(mode, INFO, fpir_wanted=0.001)
        desk.put_gallery([("PS-ada", mean_of("ada")), ("PS-x", mean_of("x"))], version=1, k=3)
        desk.lock_pairs(frozenset({"PS-ada", "PS-x"}))
        lone.gate.face_mode = mode
        play(lone, face="ada", looks=6)
        assert (lone.kinds, lone.pulses, "use_code" in lone.shown) == (kinds, [], True)
        assert play(lone, pin=ADAS, looks=0).kinds[0] == "access.granted"
