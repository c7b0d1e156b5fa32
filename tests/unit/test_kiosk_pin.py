"""The keypad's way to the door: taken or not taken, one at a time, from the screen's own page, never right or wrong."""

import asyncio
from concurrent.futures import Future
from datetime import UTC

import httpx
import pytest

from edge.config import NodeConfig
from edge.core.events import AccessPointId
from edge.kiosk.doors import kiosk_state
from edge.kiosk.screens import DoorScreens
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, KioskState, Screen
from edge.kiosk.texts import DRY_RUN, banners_of

GATE = AccessPointId("AP-1")
URL = "https://gate.example:8443/arrive/AP-1"


class Doors:
    """Takes digits; each stays under way until the test lets it end."""

    def __init__(self):
        self.typed: list[tuple[str, str]] = []
        self.under_way: list[Future[None]] = []

    def __call__(self, door, digits):
        self.typed.append((door, digits))
        self.under_way.append(Future())
        return self.under_way[-1]


@pytest.fixture
def doors():
    return Doors()


@pytest.fixture
def kiosk(doors):
    state = KioskState([Door(GATE, "东门", "East gate", URL), Door(AccessPointId("AP-2"), "房", "Room")])
    state.equip(GATE, dry_run=False, pin_pad=True)
    server = KioskServer(state, "127.0.0.1", 0, doors)
    server.start()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client
    server.close()


def test_digits_go_to_their_door_and_the_answer_says_nothing_of_them(kiosk, doors):
    answer = kiosk.post("/AP-1/pin", json={"pin": "482913"})
    assert (answer.status_code, answer.content) == (202, b"")
    assert doors.typed == [("AP-1", "482913")]


def test_one_pin_at_a_time_for_each_door(kiosk, doors):
    assert kiosk.post("/AP-1/pin", json={"pin": "482913"}).status_code == 202
    assert kiosk.post("/AP-1/pin", json={"pin": "482914"}).status_code == 429
    doors.under_way[0].set_result(None)
    answers = {kiosk.post("/AP-1/pin", json={"pin": "482914"}).status_code for _ in range(2)}
    assert 202 in answers
    assert [digits for _, digits in doors.typed] == ["482913", "482914"]


@pytest.mark.parametrize(
    "body",
    [b"", b"482913", b'{"pin": 482913}', b'{"pin": "48291a"}', b'{"pin": "1234567890123"}', b"x" * 100],
)
def test_what_is_not_digits_reaches_no_door(kiosk, doors, body):
    answer = kiosk.post("/AP-1/pin", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert doors.typed == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/json", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_of_somebody_else_cannot_type_here(kiosk, doors, headers):
    assert kiosk.post("/AP-1/pin", content=b'{"pin": "482913"}', headers=headers).status_code == 403
    assert doors.typed == []


def test_a_door_without_a_keypad_takes_no_digits_and_shows_none(kiosk, doors):
    assert kiosk.post("/AP-2/pin", json={"pin": "482913"}).status_code == 404
    assert "pin-pad" not in kiosk.get("/AP-2").text
    assert "pin-pad" in kiosk.get("/AP-1").text
    assert doors.typed == []


def test_where_to_register_is_a_code_and_an_address_in_words(kiosk):
    assert URL in kiosk.get("/AP-1").text
    drawn = kiosk.get("/AP-1/register.svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert drawn.text.startswith("<svg")
    assert kiosk.get("/AP-2/register.svg").status_code == 404


@pytest.mark.parametrize(("url", "screen"), [(URL, Screen.REGISTER), ("", Screen.ASK_STAFF)])
def test_without_an_address_the_staff_are_the_way(url, screen):
    state = KioskState([Door(GATE, "东门", "East gate", url)])

    async def show():
        DoorScreens(state, UTC, lambda: 0).show(GATE, "register")

    asyncio.run(show())
    assert state.view(GATE).screen is screen


def test_a_node_equips_its_screens_by_its_configuration(tmp_path):
    config = NodeConfig.model_validate(
        {
            "node": "n1", "data_dir": "d", "join_file": "j", "io_profile": "p",
            "doors": [{"access_point": "AP-1", "kind": "gate", "dry_run": True}],
        }
    )  # fmt: skip
    view = kiosk_state(config, "https://gate.example", reads_pins=True).view(GATE)
    assert (view.dry_run, view.pin_pad) == (True, True)
    assert view.door.register_url == "https://gate.example/arrive/AP-1"
    assert banners_of(view) == (DRY_RUN,)
    without = kiosk_state(config, "", reads_pins=False).view(GATE)
    assert (without.pin_pad, without.door.register_url) == (False, "")
