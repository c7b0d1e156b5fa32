"""The entrance next to a door, on the screen of a door that opens for nobody."""

import pytest

from edge.config import NodeConfig
from edge.core.events import AccessPointId
from edge.kiosk.doors import kiosk_state
from edge.kiosk.state import Screen
from edge.kiosk.texts import CLOSED, SENTENCES, lost_text, sentence_of

AP = AccessPointId("AP-1")


def screen(**door):
    config = NodeConfig.model_validate(
        {
            "node": "n1", "data_dir": "d", "join_file": "j", "io_profile": "p",
            "doors": [{"access_point": "AP-1", "kind": "gate", **door}],
        }
    )  # fmt: skip
    return kiosk_state(config, "", reads_pins=False)


@pytest.mark.story("22c")
@pytest.mark.parametrize("word", sorted(CLOSED))
def test_the_screen_of_a_door_that_opens_for_nobody_names_the_next_entrance(word):
    state = screen(near_zh="北门", near_en="the north gate")
    state.show(AP, word)
    hint = sentence_of(state.view(AP)).hint
    assert (hint.zh.startswith("请走北门"), hint.en.startswith("Use the north gate")) == (True, True)


@pytest.mark.story("22c")
def test_a_screen_whose_node_is_away_names_it_too_and_a_door_that_works_does_not():
    view = screen(near_zh="北门").view(AP)
    assert (lost_text(view).zh, lost_text(view).en) == (
        "屏幕未连接，请联系值班人员，或请走北门",
        "This screen is not connected; please ask the staff, or use 北门",
    )
    assert "北门" not in sentence_of(view).hint.zh


@pytest.mark.parametrize("word", sorted(CLOSED))
def test_where_nobody_wrote_it_down_it_is_another_entrance(word):
    state = screen()
    state.show(AP, word)
    assert "another entrance" in sentence_of(state.view(AP)).hint.en
    assert "{" not in lost_text(state.view(AP)).en


def test_every_screen_that_says_another_entrance_can_name_it():
    assert {word for word in Screen if "another entrance" in SENTENCES[word].hint.en} == CLOSED
