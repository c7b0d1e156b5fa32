"""The time on a screen is the community's, whatever the machine behind the screen is set to."""

import asyncio
import base64
import json
import time
from zoneinfo import ZoneInfo

import pytest

from edge.core.events import AccessPointId
from edge.errors import ConfigError
from edge.kiosk.screens import DoorScreens, until_text
from edge.kiosk.state import Door, KioskState, Screen
from edge.kiosk.texts import sentence_of
from edge.store.device_key import read_join

GATE = AccessPointId("AP-1")
UNTIL_MS = 1_795_241_700_000  # 2026-11-21 06:15 UTC
JOIN = {
    "community": "dongfang",
    "node": "n1",
    "kid": "k1",
    "community_key": base64.b64encode(bytes(32)).decode(),
    "access_points": [],
}


@pytest.fixture
def machine_in_quito(monkeypatch):
    """A board somebody set to another continent's time."""
    monkeypatch.setenv("TZ", "America/Guayaquil")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def join_file(folder, **more):
    path = folder / "join.json"
    path.write_text(json.dumps({**JOIN, **more}))
    return path


@pytest.mark.parametrize(
    ("tz", "said"), [("Asia/Shanghai", "14:15"), ("Asia/Kathmandu", "12:00"), ("UTC", "06:15")]
)
def test_a_wait_is_said_in_the_time_of_the_join_file(tmp_path, machine_in_quito, tz, said):
    state = KioskState([Door(GATE, "东门", "East gate")])
    zone = read_join(join_file(tmp_path, tz=tz)).zone

    async def show():
        DoorScreens(state, zone, lambda: UNTIL_MS).show(GATE, "wait_until", UNTIL_MS)

    asyncio.run(show())
    view = state.view(GATE)
    assert (view.screen, view.until) == (Screen.WAIT_UNTIL, said)
    assert sentence_of(view).title.en == f"Please wait until {said}"


@pytest.mark.parametrize(("hours_before", "said"), [(2, "14:15"), (14, "14:15"), (15, "11-21 14:15")])
def test_a_wait_until_another_day_names_the_day(hours_before, said):
    now_ms = UNTIL_MS - hours_before * 3_600_000
    assert until_text(UNTIL_MS, now_ms, ZoneInfo("Asia/Shanghai")) == said


def test_only_a_wait_brings_its_time_along():
    state = KioskState([Door(GATE, "东门", "East gate")])

    async def show():
        DoorScreens(state, ZoneInfo("Asia/Shanghai"), lambda: UNTIL_MS).show(GATE, "see_guard", UNTIL_MS)

    asyncio.run(show())
    assert state.view(GATE).until == ""


@pytest.mark.parametrize("words", [{"tz": "Asia/Nowhere"}, {"tz": "../etc"}, {"tz": ""}, {}])
def test_a_join_file_without_a_zone_somebody_knows_is_refused_in_one_sentence(tmp_path, words):
    with pytest.raises(ConfigError, match="is not a join file"):
        read_join(join_file(tmp_path, **words))
