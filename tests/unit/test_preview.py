"""A look through a door's camera: only while held, only from the site, by one ticket once, on the ledger, and kept nowhere."""

import itertools
import json
import time
from dataclasses import replace

import cv2
import httpx
import numpy as np
import pytest
from pydantic import ValidationError

from edge.compose_preview import asked_of
from edge.config import NodeConfig
from edge.config_side import PreviewConfig
from edge.core.events import ClockState
from edge.core.preview import NoLook, Site, refusal
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, KioskState
from edge.runtime.preview_eye import PreviewEye
from edge.runtime.sightings import PreviewAsk
from tests.fakes.look_station import DOOR, OTHER, Station
from tests.fakes.waiting import eventually

JPEG = b"\xff\xd8\xff"


@pytest.fixture(scope="module")
def station(tmp_path_factory, clips):
    with Station(tmp_path_factory.mktemp("look"), clips / "no_face.mp4") as made:
        yield made


def facts(station):
    ledger = station.recorder.ledger
    rows = ledger.rows(range(1, ledger.head + 1), bytes_max=10_000_000)
    return [json.loads(row.body) for row in rows]


def looks(station, type_):
    return [one for one in facts(station) if one["type"] == type_]


def nobody_looks(station):
    eventually(lambda: station.desk._look is None, what="the end of the look")


@pytest.mark.clips
def test_pictures_come_while_the_button_is_held_and_the_ledger_says_who_and_how_long(station):
    before = len(facts(station))
    seen = station.hold(station.ticket(iss="li"), 3)
    nobody_looks(station)
    assert len(seen) >= 3
    for jpeg in seen:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[1] <= 640
        assert image.std() > 2
    opened, closed = facts(station)[before:]
    assert (opened["type"], opened["access_point"], opened["actor"]) == ("preview.opened", DOOR, "li")
    assert (closed["type"], closed["actor"], closed["x"]["why"]) == ("preview.closed", "li", "released")
    assert closed["x"]["look"] == opened["x"]["look"]
    assert closed["x"]["ms"] >= 500  # three pictures, four a second at most
    assert closed["x"]["pictures"] >= 3
    told, beats = len(station.told), station.beats
    eventually(lambda: station.beats >= beats + 2, what="the worker's next words")
    assert len(station.told) <= told + 1  # one may have been on its way
    written = [path for path in station.folder.rglob("*") if path.is_file()]
    assert written
    assert [path.name for path in written if JPEG in path.read_bytes()] == []
    assert {path.name.partition(".")[0] for path in written} <= {"events", "reserve", "clock"}


@pytest.mark.clips
def test_no_other_ticket_opens_the_eye(station):
    now = time.time_ns() // 1_000_000
    opened = len(looks(station, "preview.opened"))
    good = station.ticket()
    refused = {
        "another door's": (station.ticket(door=OTHER), "wrong_door"),
        "another node's": (station.ticket(node="n2"), "wrong_door"),
        "another community's": (station.ticket(t="elsewhere"), "wrong_door"),
        "expired": (station.ticket(iat=now - 50_000, exp=now - 20_000), "expired"),
        "from before the node started": (
            station.ticket(iat=station.desk.since_ms - 1, exp=now + 9_000),
            "expired",
        ),
        "from the future": (station.ticket(iat=now + 90_000, exp=now + 99_000), "expired"),
        "too long": (station.ticket(exp=now + 61_000), "too_long"),
        "another key's": (station.ticket(kid="k2"), "bad_sig"),
        "changed": (("B" if good[0] == "A" else "A") + good[1:], "bad_sig"),
        "nothing": ("", "bad_format"),
        "no ticket": ("x" * 400, "bad_format"),
    }
    said = {name: station.press(ticket) for name, (ticket, _) in refused.items()}
    assert said == {name: (403, why) for name, (_, why) in refused.items()}
    assert len(looks(station, "preview.opened")) == opened


@pytest.mark.clips
def test_a_ticket_is_good_for_one_look_and_one_person_looks_at_once(station):
    used = station.ticket()
    with station._asks(used, DOOR) as first:
        assert first.status_code == 200
        assert station.press(station.ticket(iss="wang")) == (409, "busy")
    nobody_looks(station)
    assert station.press(used) == (403, "used")
    assert station.press(station.ticket())[0] == 200
    nobody_looks(station)


@pytest.mark.clips
def test_a_look_ends_by_itself_and_what_cannot_be_written_down_does_not_begin(tmp_path, clips):
    with Station(tmp_path, clips / "no_face.mp4", seconds=1, fps=5) as station:
        seen = station.hold(station.ticket(), 1_000)
        assert len(seen) <= 6
        (closed,) = looks(station, "preview.closed")
        assert closed["x"]["why"] == "time"
        station.recorder.full = True
        assert station.press(station.ticket()) == (403, "not_recorded")
        station.recorder.full = False
        assert len(looks(station, "preview.opened")) == 1


@pytest.mark.clips
def test_who_is_not_on_the_sites_network_sees_neither_page_nor_picture(tmp_path, clips):
    with Station(tmp_path, clips / "no_face.mp4", networks=["10.9.0.0/16", "fd00::/8"]) as station:
        assert station.press(station.ticket()) == (403, "network")
        assert httpx.get(station.page(), timeout=60).status_code == 403
        assert facts(station) == []


@pytest.mark.clips
def test_the_page_keeps_nothing_and_loads_nothing_from_elsewhere(station):
    answer = httpx.get(station.page(), timeout=60)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "img-src 'self'" in answer.headers["content-security-policy"]
    assert "Hold to look" in answer.text
    assert "按住查看" in answer.text
    with station._asks(station.ticket(), DOOR) as held:
        assert held.headers["cache-control"] == "no-store"
    nobody_looks(station)
    assert httpx.get(station.page("AP-none"), timeout=60).status_code == 404
    foreign = {"content-type": "application/json", "sec-fetch-site": "cross-site"}
    body = json.dumps({"ticket": station.ticket()})
    assert httpx.post(station.page(), content=body, headers=foreign, timeout=60).status_code == 403


def test_it_is_off_where_nobody_wrote_a_network_down():
    assert PreviewConfig().networks == ()
    kiosk = KioskServer(KioskState((Door(DOOR, "门", "Door"),)), "127.0.0.1", 0)
    kiosk.start()
    try:
        assert httpx.get(f"{kiosk.url}/preview/{DOOR}", timeout=60).status_code == 404
        assert httpx.post(f"{kiosk.url}/preview/{DOOR}", json={"ticket": "x"}, timeout=60).status_code in (
            404,
            405,
        )
    finally:
        kiosk.close()


@pytest.mark.parametrize(
    "wrong", [{"networks": ["8.8.0.0/16"]}, {"networks": ["0.0.0.0/0"]}, {"fps": 6}, {"seconds": 61}]
)
def test_no_setting_shows_more_faster_longer_or_to_the_world(wrong):
    with pytest.raises(ValidationError):
        PreviewConfig.model_validate(wrong)


def test_networks_without_a_page_are_a_mistake_of_the_file(tmp_path):
    tree = {
        "node": "n1",
        "data_dir": tmp_path,
        "join_file": tmp_path / "j",
        "io_profile": tmp_path / "io",
        "doors": [{"access_point": DOOR, "kind": "gate"}],
        "preview": {"networks": ["192.168.0.0/16"]},
    }
    with pytest.raises(ValidationError, match="no kiosk page"):
        NodeConfig.model_validate(tree)
    NodeConfig.model_validate(tree | {"kiosk": {"port": 8080}})


def test_without_a_sure_clock_nobody_looks():
    site = Site(
        "test", "n1", PreviewConfig(networks=["10.0.0.0/8"]).networks, 0, 1_000, ClockState.UNTRUSTED, 0
    )
    asked = asked_of("")
    assert asked is None
    assert refusal(None, DOOR, "10.1.1.1", site, frozenset(), lambda *_: True) is NoLook.BAD_FORMAT
    assert refusal(None, DOOR, "nonsense", site, frozenset(), lambda *_: True) is NoLook.NETWORK
    assert not site.can_judge
    assert not replace(site, clock=ClockState.HOLDOVER, bound_ms=60_001).can_judge
    assert replace(site, clock=ClockState.HOLDOVER, bound_ms=5).can_judge


def test_the_worker_ends_a_look_by_itself_and_shows_no_other_camera():
    now = [0]
    eye = PreviewEye(lambda _image: b"jpeg", lambda: now[0])
    frame = np.zeros((4, 4, 3), np.uint8)
    assert eye.picture("lane", frame, 0) is None  # nobody asked
    eye.hear(PreviewAsk("lane", 10**15, 1))
    seen = []
    for ms in range(0, 70_000, 50):
        now[0] = 1 + ms * 1_000_000
        seen += [ms] if eye.picture("lane", frame, ms) else []
        assert eye.picture("yard", frame, ms) is None
    assert seen[-1] <= 60_000
    assert min(after - before for before, after in itertools.pairwise(seen)) >= 200
    eye.hear(PreviewAsk("lane", 10**12, 1))
    eye.hear(PreviewAsk("lane", 0, 1))
    assert eye.picture("lane", frame, 0) is None
