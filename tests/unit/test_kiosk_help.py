"""The call for help over HTTP: from the screen's own page, one at a time, answered by what becomes of it."""

import httpx
import pytest

from edge.config import NodeConfig, load
from edge.core.events import AccessPointId
from edge.errors import ConfigError
from edge.kiosk.doors import kiosk_state
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, DoorView, Fittings, HelpState, KioskState, Tongue
from edge.kiosk.texts import HELP_NO_PHONE, help_text, lost_text

GATE, ROOM = AccessPointId("AP-1"), AccessPointId("AP-2")
PHONE = "0817 555 0123"
JSON = {"content-type": "application/json"}


@pytest.fixture
def rung():
    return []


@pytest.fixture
def state():
    made = KioskState([Door(GATE, "东门", "East gate"), Door(ROOM, "602 房", "Room 602")])
    made.fit_out(GATE, Fittings(help_call=True, help_phone=PHONE))
    return made


@pytest.fixture
def kiosk(state, rung):
    server = KioskServer(state, "127.0.0.1", 0, None, rung.append)
    server.start()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client
    server.close()


def test_a_press_reaches_the_node_with_its_door_and_nothing_else(kiosk, rung):
    answer = kiosk.post("/AP-1/help", content=b"{}", headers=JSON)
    assert (answer.status_code, answer.content) == (202, b"")
    assert rung == [GATE]


@pytest.mark.parametrize("was", [one for one in HelpState if one is not HelpState.NONE])
def test_while_a_call_is_open_another_is_none(kiosk, state, rung, was):
    state.answer_help(GATE, was)
    assert kiosk.post("/AP-1/help", content=b"{}", headers=JSON).status_code == 429
    state.answer_help(GATE, HelpState.NONE)
    assert kiosk.post("/AP-1/help", content=b"{}", headers=JSON).status_code == 202
    assert rung == [GATE]


@pytest.mark.parametrize("headers", [{}, JSON | {"sec-fetch-site": "cross-site"}])
def test_a_page_of_somebody_else_cannot_call_from_here(kiosk, rung, headers):
    assert kiosk.post("/AP-1/help", content=b"{}", headers=headers).status_code == 403
    assert rung == []


@pytest.mark.parametrize("door", ["AP-2", "AP-9"])
def test_where_there_is_no_button_there_is_no_call(kiosk, rung, door):
    assert kiosk.post(f"/{door}/help", content=b"{}", headers=JSON).status_code == 404
    assert 'id="help"' not in kiosk.get(f"/{door}").text
    assert rung == []


def test_what_became_of_it_is_on_the_page_and_the_phone_beside_it(kiosk, state):
    state.answer_help(GATE, HelpState.TOLD, "01:12")
    assert "The staff were told at 01:12" in kiosk.get("/AP-1").text
    state.answer_help(GATE, HelpState.NOT_TOLD)
    page = kiosk.get("/AP-1").text
    assert f"The staff cannot be told from here now: call {PHONE}" in page
    assert f"Call {PHONE}" in page


def test_without_a_number_people_are_sent_to_people_and_without_a_time_none_is_said():
    door = Door(GATE, "东门", "East gate")
    assert help_text(DoorView(door, help_state=HelpState.NOT_TOLD)) is HELP_NO_PHONE
    assert help_text(DoorView(door, help_state=HelpState.TOLD)).en == "The staff have been told"
    assert help_text(DoorView(door)) is None
    assert "{" not in lost_text(DoorView(door)).zh + lost_text(DoorView(door)).en


# --- the configuration -----------------------------------------------------------------------------------------------


def node(screen=None, **door):
    return NodeConfig.model_validate(
        {
            "node": "n1", "data_dir": "d", "join_file": "j", "io_profile": "p", "kiosk": screen or {},
            "doors": [{"access_point": "AP-1", "kind": "gate", **door}],
        }
    )  # fmt: skip


def fittings(config):
    return kiosk_state(config, "", reads_pins=False).view(GATE).fittings


def test_a_node_fits_its_screens_out_by_its_configuration_and_a_door_may_be_quieter():
    plain = fittings(node())
    assert (plain.sound, plain.tongues, plain.help_call, plain.help_phone) == (
        True,
        (Tongue.ZH, Tongue.EN),
        True,
        "",
    )
    words = {"volume": 0.9, "languages": ["en", "zh"], "help_phone": PHONE}
    loud = fittings(node(words))
    assert (loud.volume, loud.tongues, loud.help_phone) == (0.9, (Tongue.EN, Tongue.ZH), PHONE)
    assert fittings(node(words, kiosk={"volume": 0.1})).volume == 0.1
    assert fittings(node(words, kiosk={"sound": False})).sound is False
    assert fittings(node({"sound": False}, kiosk={"sound": True})).sound is True


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"languages": ["zh", "zh"]}, "languages needs both"),
        ({"languages": ["zh"]}, "languages"),
        ({"languages": ["fr", "zh"]}, "'zh' or 'en'"),
        ({"volume": 1.5}, "less than or equal to 1"),
        ({"help_phone": "ask for Wang"}, "pattern"),
    ],
)
def test_a_wrong_word_of_the_screen_is_refused(words, why):
    with pytest.raises(ValueError, match=why):
        node(words)


def test_an_unknown_key_of_a_doors_screen_names_the_known_ones(tmp_path):
    path = tmp_path / "node.toml"
    path.write_text(
        'node = "n1"\ndata_dir = "d"\njoin_file = "j"\nio_profile = "p"\n'
        '[[doors]]\naccess_point = "AP-1"\nkind = "gate"\nkiosk = { loudness = 1 }\n'
    )
    with pytest.raises(ConfigError, match="Known here: sound, volume"):
        load(path)
