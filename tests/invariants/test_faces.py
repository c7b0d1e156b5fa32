"""Invariants 20 and 21: the product without faces, and envelopes that nobody but their receiver opens."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import eyes
from edge.config import load
from edge.core.decision import decide
from edge.core.decision_types import Allow, Attempt, DoorView, Liveness, Moment, Policy
from edge.core.door_types import Camera, Mode
from edge.core.events import AccessPointId, ClockState, CredentialKind
from edge.core.face_mode import FaceMode
from edge.core.passes import LocationClass, PassState, Prereq
from edge.core.peers import Envelope, No
from edge.drivers.clock import SystemClock
from models.engine import EngineError
from tests.fakes.sealed_nodes import HOUR_MS, NOW_MS, Keys, a_pass
from tests.stories import marks
from tests.stories.catalogue import CLAUSES, STORIES

GATE = AccessPointId("AP-1")
A, B, C = Keys("n-a"), Keys("n-b"), Keys("n-c")


def address(pass_id: str = "P-1", version: int = 3) -> Envelope:
    return Envelope("0" * 32, "n-a", "n-b", pass_id, version, "ab" * 32, NOW_MS, b"")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    data=st.binary(min_size=1, max_size=400),
    version=st.integers(1, 2**31),
    other=st.binary(min_size=32, max_size=32),
)
def test_invariant_21_an_envelope_opens_with_its_receivers_key_and_with_no_other(data, version, other):
    to = address(version=version)
    frame = A.sealer().seal(to, B.peer(), data)
    told = replace(to, frame=frame)
    assert B.sealer().open(told, A.peer()) == data
    stranger = Keys("n-b", sealing=X25519PrivateKey.from_private_bytes(other))
    for keys in (A, C, stranger):
        assert keys.sealer().open(told, A.peer()) is No.CANNOT_OPEN
    assert data not in frame or len(data) < 8


def test_invariant_21_catches_an_envelope_sealed_to_somebody_else():
    """The service puts a key of its own beside a name: then it opens, and the receiver does not."""
    frame = A.sealer().seal(address(), replace(B.peer(), sealing_key=C.peer().sealing_key), b"template")
    told = replace(address(), frame=frame)
    assert B.sealer().open(told, A.peer()) is No.CANNOT_OPEN
    thief = Keys("n-b", device=B.device, sealing=C.sealing)
    assert thief.sealer().open(told, A.peer()) == b"template"


# --- 20 ---------------------------------------------------------------------------------------------------------------

NODE = """
node = "n1"
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"
[face]
enabled = {enabled}
[[cameras]]
name = "lane"
driver = "replay"
[[doors]]
access_point = "AP-1"
kind = "gate"
camera = "lane"
[doors.face]
mode = "{mode}"
pia_record = "PIA-1"
signage_attested_by = "chen"
"""


@pytest.mark.parametrize("mode", list(FaceMode))
def test_invariant_20_with_faces_switched_off_no_engine_is_opened_whatever_the_doors_say(
    tmp_path, monkeypatch, mode
):
    opened: list[str] = []
    monkeypatch.setattr(eyes, "open_face_engine", lambda name, **_more: opened.append(name) or _no_engine())
    (tmp_path / "node.toml").write_text(NODE.format(enabled="false", mode=mode.value))
    engine, before, live, state = eyes._open_engine(load(tmp_path / "node.toml"), SystemClock())
    assert (engine, before, live, opened) == (None, None, None, [])
    assert "switched off" in state.why
    (tmp_path / "node.toml").write_text(NODE.format(enabled="true", mode=mode.value))
    eyes._open_engine(load(tmp_path / "node.toml"), SystemClock())
    assert bool(opened) == (mode is not FaceMode.OFF)  # the counter-proof: on, it is asked for


def _no_engine():
    raise EngineError("none on this machine")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([CredentialKind.PIN, CredentialKind.CARD]),
    state=st.sampled_from(list(PassState)),
    prereq=st.integers(0, 127),
    hours=st.integers(-60, 60),
    online=st.booleans(),
    liveness=st.sampled_from(list(Liveness)),
)
def test_invariant_20_a_code_or_card_is_decided_the_same_without_camera_and_consent(
    kind, state, prereq, hours, online, liveness
):
    """What a door says to it depends on no camera, on no liveness, and on no consent to faces."""

    def said(camera: Camera, how: Liveness, bits: int) -> str:
        row = replace(a_pass(), state=state, prereq=Prereq(bits))
        door = DoorView(
            access_point=GATE,
            location_class=LocationClass.GATE,
            mode=Mode.LOCKED,
            camera=camera,
            liveness=how,
        )
        moment = Moment(
            now_ms=NOW_MS + hours * HOUR_MS,
            clock=ClockState.TRUSTED,
            floor_ms=0,
            contact_age_ms=0,
            online=online,
        )
        done = decide(Attempt(kind=kind, holder=row), door, moment, Policy(1, 1))
        return "" if isinstance(done, Allow) else done.reason.value

    plain = said(Camera.OK, Liveness.OFF_DEMO, prereq | 8)
    assert {said(camera, liveness, bits) for camera in Camera for bits in (prereq | 8, prereq & ~8)} == {
        plain
    }


TESTS = Path(__file__).parents[1]
# What a test has of a face: the clips of the evening, an engine, or somebody who is seen at a door.
OF_A_FACE = re.compile(r"\bclips\b|open_face_engine|FaceSeen")
AT_A_DOOR = re.compile(r"tests\.(?:fakes\.faces_at_a_door|stories\.doorway) import")
WALKS_UP = re.compile(r"\b(?:looked_at|walk|seen|mean_of)\(")
SPEAKS = re.compile(r"face|template|look|camera|picture|photo|mask|twin|live", re.IGNORECASE)


def without_a_face(text: str) -> set[str]:
    """Names of the tests of a file that need neither an engine nor a face, in a file that needs none as a whole."""
    if any(OF_A_FACE.search(line) for line in text.splitlines() if line.startswith("pytestmark")):
        return set()
    parts = re.split(r"(?m)^(?:async )?def (\w+)", text)
    needs = [OF_A_FACE, *([WALKS_UP] if AT_A_DOOR.search(text) else [])]
    found = zip(parts[1::2], parts[2::2], strict=True)
    return {name for name, body in found if not any(one.search(body) for one in needs)}


def only_with_a_face(found: tuple[marks.Mark, ...]) -> set[str]:
    """Clauses of the acceptance suite that no test shows without a face."""
    files = {mark.file: without_a_face((TESTS / mark.file).read_text(encoding="utf-8")) for mark in found}
    without = {clause for mark in found if mark.test in files[mark.file] for clause in mark.clauses}
    return {clause for mark in found for clause in mark.clauses} - without


def test_invariant_20_what_the_stories_promise_holds_without_faces_but_what_they_promise_of_faces():
    """Beside it: no story of tests/stories can open an engine (its conftest), so that suite runs with faces off."""
    told = {story.number: story.line for story in STORIES}
    owed = only_with_a_face(marks.read())
    silent = {
        one for one in owed if not SPEAKS.search(f"{CLAUSES[one].text} {told[int(one.rstrip('abcdefgh'))]}")
    }
    assert owed  # some are about faces: a reader that finds none finds nothing
    assert silent == set()


def test_invariant_20_catches_a_promise_that_only_a_face_keeps():
    text = "pytestmark = pytest.mark.clips\ndef test_a(): ..."
    assert without_a_face(text) == set()
    assert without_a_face("def test_a(): FaceSeen(1)\ndef test_b(): ...") == {"test_b"}
