"""Story 6: a face that cannot be seen well is asked politely, led to the code, and is nobody's alarm."""

import asyncio

import pytest

from cloud_sync.store.case_intake import CaseIntake
from edge.kiosk.screens import WORDS
from edge.kiosk.texts import SENTENCES
from tests.fakes.faces_at_a_door import FRAME_NS, mean_of, walk
from tests.fakes.lone_gate import LoneGate, pass_row
from tests.stories.doorway import looked_at, tells

FACES = {"P-ada": mean_of("ada")}
PATIENCE = 2_000_000_000 // FRAME_NS


def before_the_door(who: str | None, frames: int) -> LoneGate:
    return looked_at(LoneGate([pass_row("P-ada", prereq=15)]), FACES, walk(who, 0, frames))


@pytest.mark.story("6a", "6b")
def test_one_prompt_at_a_time_and_after_two_seconds_the_code_s_screen_by_itself():
    masked = before_the_door(None, PATIENCE + 2)
    first = masked.shown.index("use_code")
    assert masked.shown[0] == "look_here"
    assert set(masked.shown[1:first]) == {"too_dark"}
    assert first <= PATIENCE + 1
    for word in ("too_dark", "use_code"):
        said = SENTENCES[WORDS[word]]
        assert all((said.title.zh, said.title.en, said.hint.zh, said.hint.en))


@pytest.mark.story("6e", "6f")
def test_what_could_not_be_seen_is_no_denial_and_nothing_of_it_is_written():
    assert before_the_door(None, 3 * PATIENCE).facts == []


@pytest.mark.story("6c", "42c")
def test_whoever_is_not_known_raises_no_alert_by_being_seen(community):
    """Two seen and refused, nobody's case; and of each the record has a reason and no likeness."""
    stranger = before_the_door("eve", 4 * PATIENCE)
    assert {fact.reason for fact in stranger.facts} == {"CredentialNotFound"}
    assert {(fact.match, fact.pass_id, fact.subject_ref) for fact in stranger.facts} == {(None, None, None)}
    tells(community.gate, stranger)
    intake = CaseIntake(community.books.house)
    assert intake.take_alarms() == 0
    assert stranger.pulses == []


@pytest.mark.story("6g")
@pytest.mark.parametrize(
    ("after_ns", "quality"), [(5_000_000_000, "face_low_quality"), (31_000_000_000, None)]
)
def test_the_code_after_a_mask_stands_in_the_record_as_after_low_quality(after_ns, quality):
    masked = looked_at(
        LoneGate([pass_row("P-ada", prereq=15, pin="482913")]), FACES, walk(None, 0, PATIENCE + 2)
    )
    masked.at_ns += after_ns
    asyncio.run(masked.gate.on_pin("482913"))
    (fact,) = [one for one in masked.facts if one.reason]
    assert (fact.type, fact.reason, fact.quality) == ("access.granted", "Granted", quality)
    assert (fact.match, fact.pad) == (None, None)
    assert fact.x.keys() == {"latency_ms"}
