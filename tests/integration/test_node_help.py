"""The whole node: a press at its screen is a fact in its ledger and an alert at the service; no lock moves, and offline
nobody is promised anything."""

import json
import re
import sys
import time
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

from node_rig import NodeRig

from cloud_sync.compose import join_file, previews_of, set_up
from cloud_sync.config import load
from cloud_sync.ports import User
from cloud_sync.service import Service
from cloud_sync.store import tables
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from demo.stage import wait_until
from tests.fakes.brokers import free_port
from tests.fakes.community_house import public_key

pytestmark = pytest.mark.clips
PHONE = "0817 555 0123"
GATE = "AP-t-001"

SERVICE = """
data_dir = "service"

[community]
code = "test"
name_zh = "测试"
name_en = "Test"
synthetic = true

[web]
tls = false
port = {web_port}

[broker]
port = {port}

[staff]
preview = {{ n1 = "{node}" }}
"""
JPEG = b"\xff\xd8\xff"


class HelpRig(NodeRig):
    def __init__(self, folder: Path, clips: Path, broker_port: int = 1) -> None:
        super().__init__(folder, clips, face=False, broker_port=broker_port)
        self.url = f"http://127.0.0.1:{free_port()}/AP-t-001"
        kiosk = f'[kiosk]\nport = {self.url.split(":")[2].split("/")[0]}\nhelp_phone = "{PHONE}"\n\n[clock]'
        (folder / "clock.json").write_text(json.dumps({"offset_ms": 0, "synchronised": True}))
        preview = '[preview]\nnetworks = ["127.0.0.0/8"]\n\n' + kiosk
        clock = f'{preview}\nrehearsal = "{folder}/clock.json"'
        self.config.write_text(self.config.read_text().replace("[clock]", clock))

    def press(self) -> int:
        headers = {"content-type": "application/json"}
        return httpx.post(f"{self.url}/help", content=b"{}", headers=headers, timeout=60).status_code

    def screen(self) -> str:
        return httpx.get(self.url, timeout=60).text


def test_a_press_is_a_fact_of_that_door_and_opens_nothing(tmp_path_factory, clips):
    with HelpRig(tmp_path_factory.mktemp("h"), clips) as rig:
        assert "Call staff" in rig.screen()
        assert rig.press() == 202
        called = rig.wait_event("help.called")
        assert called["access_point"] == "AP-t-001"
        assert {"subject_ref", "pass_id", "grant_id", "actor"} & set(called) == set()
        # Nobody hears this node: it says so, gives the number, and takes no second call meanwhile.
        wait_until(lambda: f"call {PHONE}" in rig.screen(), within_s=60, what="the number on the screen")
        assert "were told" not in rig.screen()
        assert rig.press() == 429
        assert len(rig.events("help.called")) == 1
        assert rig.door()["mode"] == "LOCKED"
    assert rig.lock_moves() == []


def look_through_the_camera(rig, books):
    """The guard who has the alert looks: a ticket of the service, the picture from the node, the fact at both, and no file."""
    ticket = previews_of(books).ticket(GATE, User("li", "guard"), "a call for help")
    url, _, text = ticket.url.partition("#")
    assert url == f"{rig.url.rpartition('/')[0]}/preview/{GATE}"
    headers = {"content-type": "application/json"}
    asked = {"content": json.dumps({"ticket": text}), "headers": headers, "timeout": 60}
    with httpx.stream("POST", url, **asked) as answer:
        assert answer.status_code == 200, answer.read()
        first = next(answer.iter_raw())
    assert first[4:7] == JPEG
    closed = rig.wait_event("preview.closed")
    assert (closed["actor"], closed["access_point"]) == ("li", GATE)
    assert httpx.post(url, **asked).status_code == 403  # once
    kept = [
        path.name for path in (rig.folder / "data").rglob("*") if path.is_file() and JPEG in path.read_bytes()
    ]
    assert kept == []

    def told():
        with books.engine.connect() as db:
            return set(db.execute(sa.select(tables.event.c.type)).scalars())

    wait_until(lambda: "preview.closed" in told(), within_s=60, what="the look at the service")


@pytest.mark.story("10g")
def test_the_screen_says_told_when_the_service_has_it_and_the_staff_have_an_alert(tmp_path_factory, clips):
    folder, port = tmp_path_factory.mktemp("h"), free_port()
    rig = HelpRig(folder, clips, broker_port=port)
    node = rig.url.rpartition("/")[0]
    (folder / "service.toml").write_text(SERVICE.format(port=port, web_port=free_port(), node=node))
    config = load(folder / "service.toml")
    set_up(config)
    with Service(config) as service:
        books = service.books
        books.registry.add_node(
            NodeJoin("n1", "n1", public_key(), (AccessPointSpec(GATE, "gate", "门", "Gate"),))
        )
        (folder / "join.json").write_bytes(join_file(books, "n1"))
        with rig:
            wait_until(lambda: rig.events("link.up"), within_s=90, what="the node's link")
            pressed = time.monotonic()
            assert rig.press() == 202
            wait_until(lambda: "were told at" in rig.screen(), within_s=60, what="told on the screen")
            print(f"press to told: {(time.monotonic() - pressed) * 1000:.0f} ms")
            assert re.search(r"\d\d:\d\d 已通知值班人员", rig.screen())
            assert PHONE not in rig.screen().partition('class="tools"')[0].partition('id="help-answer"')[2]
            desk = SqlCaseDesk(books.house)
            wait_until(lambda: desk.queue(User("li", "guard")), within_s=40, what="the alert")
            (line,) = desk.queue(User("li", "guard"))
            assert (line.case.kind, line.case.severity, line.case.access_point) == ("help", "S2", GATE)
            assert line.case.sounds
            look_through_the_camera(rig, books)
        assert rig.lock_moves() == []
