"""The whole evening by the real programs: as it is played, and with one input of every act changed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEVER = (
    "lost",
    "double",
    "egress_refused",
    "photos_on_disk",
    "pii_on_bus",
    "pii_in_files",
    "templates_in_clear",
)
COUNTED = (
    "granted_face",
    "granted_code",
    "room_opened",
    "denied_stranger",
    "denied_expired",
    "denied_unregistered",
    "forced",
)

REGISTER = {  # acts aa and ab
    "filed_unverified": 1,
    "coded": 1,
    "plate": 1,
    "enters_coded": 1,
    "suspended": 1,
    "awaited_while_suspended": 0,  # a first entry is refused …
    "inside_while_suspended": 1,  # … and who is inside keeps their door
    "restored": 1,
    "awaited_after_restoring": 1,
    "hidden_confirmed_alone": 0,
    "hidden_whistled": 1,
}

CROWD = 60  # of the thousand that ``make demo`` invites: the officer's files of a thousand take minutes

pytestmark = [pytest.mark.clips, pytest.mark.timeout(1800)]


def evening(run: str, **settings: str) -> dict[str, object]:
    """Play it in a folder of its own and return its last line."""
    environment = os.environ | {"HEADLESS": "1", "NIGHT": "off", "RUN": f"run/{run}"} | settings
    played = subprocess.run(
        [sys.executable, "-m", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert played.returncode == 0, played.stdout[-2000:] + played.stderr[-3000:]
    return json.loads(played.stdout.splitlines()[-1])


def counts(result: dict[str, object]) -> dict[str, object]:
    return {name: result[name] for name in COUNTED}


def test_every_act_turns_with_the_one_input_it_stands_on():
    """Another face enrolled, another key, the stranger enrolled, the window open, registered, the door opened by code."""
    result = evening("test-twisted", TWISTS="abcdef")
    assert (
        counts(result)
        == {
            "granted_face": 1,  # (c) the stranger is a guest now
            "granted_code": 3,  # (d) the stay goes on, (e) registered, (f) not forced but opened; (b) refused twice
            "room_opened": 0,  # (a) her face is nobody's
            "denied_stranger": 4,  # (a) at gate and room, (b) at gate and stair
            "denied_expired": 0,
            "denied_unregistered": 0,
            "forced": 0,
        }
    )
    assert {name: result[name] for name in NEVER} == dict.fromkeys(NEVER, 0)


def test_without_faces_the_same_people_get_home():
    result = evening("test-faceless", FACE="off")
    assert counts(result) == {
        "granted_face": 0,
        "granted_code": 4,
        "room_opened": 1,
        "denied_stranger": 1,
        "denied_expired": 1,
        "denied_unregistered": 1,
        "forced": 1,
    }


# Act ae: a copy of everything and nobody else, every node's receipt, and nothing left when the clocks have run out.
RIGHTS = {
    "copy_whole": 1,
    "copy_foreign": 0,
    "face_receipts_missing": 0,
    "consents_left": 0,
    "kept_by_rule": 1,
    "forgotten_found_before": 1,
    "forgotten_left": 0,
    "retention_overdue": 0,
    "chains_whole": 3,
}


NIGHT_COUNTED = (
    {
        "granted_face": 5,
        "room_opened": 4,  # by face, by who registered at the gate, by who was proved there
        "forced": 1,
        "registered_at_gate": 2,  # gate and room
        "proved_by_guard": 2,
        "extended_online": 1,
        "extended_offline": 0,  # the rule as written: what a cut-off node does not know, it does not honour
        "extended_after": 1,
        "erased_nodes": 2,
        "face_after_erase": 0,
        "code_after_erase": 1,
        "case_closed": 1,
        "opened_during_faults": 4,
        "opened_while_cut_off": 4,
        "wrong_clock_code": 0,  # a clock that is not believed cannot judge a code of the moment …
        "wrong_clock_pin": 1,  # … and nobody is left outside for it
        "right_clock_code": 1,
        "frozen_camera_pin": 1,
        "cancelled_out": 1,
        "cancelled_back_in": 0,
        "released_by_guard": 1,
        "granted_among_others": 1,
        "alike_found": 1,
        "alike_by_face": 0,  # no measure tells them apart …
        "alike_asked": 1,
        "alike_by_code": 1,  # … and a code does
        "opened_by_picture": 0,
        "code_beside_attack": 1,
        "known_at_second_node": 1,
        "decided_of_two": 1,
        "tailgated": 1,
        "tailgate_case": 1,
        "held": 1,
        "held_closed": 1,
        "fire_released": 2,
        "fire_reset_while_burning": 0,
        "fire_reset": 2,
        "evacuated": 1,
        "open_at_boot": 1,
        "forced_by_power": 0,
        "out_after_power": 1,
        "in_after_power": 1,
        "lockdown_refused": 1,
        "lockdown_out": 1,
        "lockdown_ended_alone": 0,
        "in_after_lockdown": 1,
        "osdp_card": 1,
        "osdp_pin": 1,
        "osdp_stranger": 0,
        "barrier": 1,
        "barrier_waited": 1,  # the arm does not come down on a car
        "jammed": 1,
        "room_after_jam": 1,
        "jam_closed": 1,
    }
    | REGISTER
    | RIGHTS
)


@pytest.mark.story(
    "1a",
    "3b",
    "3e",
    "4b",
    "5a",
    "7b",
    "13e",
    "16d",
    "17a",
    "17b",
    "21d",
    "23e",
    "24a",
    "24e",
    "25b",
    "25c",
    "26e",
    "27a",
    "29c",
    "34a",
    "41a",
    "41b",
    "42a",
    "42b",
)
@pytest.mark.mosquitto
@pytest.mark.timeout(1200)
def test_the_whole_night_on_a_broker_of_its_own():
    """Acts a to ae: who arrives without papers, what dies and comes back, what doors do, and what the register does to them."""
    result = evening("test-night", NIGHT="on", BROKER="mosquitto", CROWD=str(CROWD))
    assert {name: result[name] for name in NIGHT_COUNTED} == NIGHT_COUNTED
    assert result["enrolled_others"] >= CROWD
    assert (
        result["denied_stranger"] >= 1
    )  # (c); of a film that is filmed again, the first look may be nobody's
    assert result["denied_attack"] >= 2  # a picture held up for ten seconds may be refused twice
    # Each of the four who came home that night was granted and went through.
    assert result["held_while_cut_off"] >= 8
    assert {name: result[name] for name in NEVER} == dict.fromkeys(NEVER, 0)
    assert result["canary_found"] is True
    assert result["events_recorded"] == result["events_stored"]
