"""The kiosk: what the node tells is what the person sees, in both languages, and nothing else."""

import json
import re
import socket
import threading

import httpx
import pytest

from edge.core.events import AccessPointId
from edge.errors import ConfigError
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, DoorView, KioskState, Screen
from edge.kiosk.texts import SENTENCES, banners_of, sentence_of

GATE, ROOM = AccessPointId("AP-1"), AccessPointId("AP-2")
DOORS = (Door(GATE, "东门", "East gate"), Door(ROOM, "602 房", "Room 602"))
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def state():
    return KioskState(DOORS)


@pytest.fixture
def kiosk(state):
    server = KioskServer(state, "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client
    server.close()


def test_every_screen_has_both_languages():
    assert set(SENTENCES) == set(Screen)
    for sentence in SENTENCES.values():
        for both in (sentence.title, sentence.hint):
            assert HAN.search(both.zh)
            assert both.en
            assert not HAN.search(both.en)


def test_only_a_wait_has_a_time_and_it_is_said_in_both_languages():
    view = DoorView(DOORS[0], Screen.WAIT_UNTIL, "14:30")
    assert (sentence_of(view).title.zh, sentence_of(view).title.en) == (
        "请等到 14:30",
        "Please wait until 14:30",
    )
    with pytest.raises(AssertionError):
        DoorView(DOORS[0], Screen.WAIT_UNTIL)
    with pytest.raises(AssertionError):
        DoorView(DOORS[0], Screen.WELCOME, "14:30")


def test_banners_say_what_is_not_checked_for_as_long_as_it_is_so(state):
    assert banners_of(state.view(GATE)) == ()
    state.declare(GATE, liveness_off=True, engine_simulated=True)
    state.show(GATE, Screen.WELCOME)
    texts = [banner.en for banner in banners_of(state.view(GATE))]
    assert texts == ["Demo: liveness check is off", "Demo: the face engine is simulated"]
    assert banners_of(state.view(ROOM)) == ()


def test_a_listener_hears_its_own_door_and_only_real_changes(state):
    heard = []
    end = state.listen(GATE, lambda: heard.append(state.view(GATE).screen))
    state.show(GATE, Screen.WELCOME)
    state.show(GATE, Screen.WELCOME)
    state.show(ROOM, Screen.ASK_STAFF)
    end()
    end()
    state.show(GATE, Screen.TRY_AGAIN)
    assert heard == [Screen.WELCOME]


def test_many_threads_may_show_at_once_and_the_last_word_stands(state):
    threads = [threading.Thread(target=state.show, args=(GATE, screen)) for screen in 20 * [Screen.WELCOME]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state.show(GATE, Screen.LOOK_HERE)
    assert state.view(GATE).screen is Screen.LOOK_HERE


def test_the_page_is_printed_with_the_present_screen(kiosk, state):
    state.show(GATE, Screen.WAIT_UNTIL, until="08:15")
    page = kiosk.get("/AP-1").text
    assert 'data-screen="wait_until"' in page
    assert "请等到 08:15" in page
    assert "Please wait until 08:15" in page
    assert "default-src 'none'" in kiosk.get("/AP-1").headers["content-security-policy"]


def news(lines):
    for line in lines:
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ended")


def test_the_stream_begins_with_the_present_and_brings_each_change(kiosk, state):
    state.show(GATE, Screen.TRY_AGAIN)
    with kiosk.stream("GET", "/live/AP-1") as answer:
        lines = answer.iter_lines()
        assert news(lines)["screen"] == "try_again"
        state.show(GATE, Screen.WELCOME)
        assert news(lines) == {
            "screen": "welcome",
            "title": {"zh": "请进", "en": "Welcome"},
            "hint": {"zh": "门已打开", "en": "The door is open"},
            "banners": [],
            "alarm": "idle",
            "alarm_text": None,
            "said": "idle",
            "times": 0,
            "help": "",
            "help_text": None,
        }


def test_a_kiosk_that_stops_lets_go_of_its_screens(state):
    server = KioskServer(state, "127.0.0.1", 0)
    server.start()
    with httpx.stream("GET", f"{server.url}/live/AP-1", timeout=60) as answer:
        lines = answer.iter_lines()
        news(lines)
        stopping = threading.Thread(target=server.close)
        stopping.start()
        assert [line for line in lines if line.startswith("data")] == []
    stopping.join()


def test_several_doors_are_offered_and_an_unknown_one_is_a_page_too(kiosk):
    page = kiosk.get("/").text
    assert 'href="/AP-1"' in page
    assert 'href="/AP-2"' in page
    unknown = kiosk.get("/AP-9")
    assert unknown.status_code == 404
    assert "no such door" in unknown.text
    assert kiosk.get("/live/AP-9").status_code == 404


def test_a_node_with_one_door_goes_straight_to_it():
    server = KioskServer(KioskState(DOORS[:1]), "127.0.0.1", 0)
    server.start()
    assert httpx.get(server.url).headers["location"] == "/AP-1"
    server.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "8.8.8.8", "gate.example"])
def test_a_screen_without_login_is_for_the_local_network_only(state, host):
    with pytest.raises(ConfigError, match=r"kiosk\.host"):
        KioskServer(state, host, 0)


def test_a_taken_port_is_one_clear_sentence(state):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} on 127\.0\.0\.1 is taken"):
            KioskServer(state, "127.0.0.1", port)
