"""The live stream over a real socket, from the real sink: rows for pages, JSON for programs."""

import json
import threading
from dataclasses import dataclass, field

import httpx
import pytest

from cloud_sync.web import hub, live
from cloud_sync.web.serve import PageServer
from tests.fakes.web_house import GATE, WebHouse, log_in, visiting


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    made.add_admin()
    made.add_nodes()
    yield made
    made.close()


@pytest.fixture
def client(house):
    with visiting(house.app(), **{"accept-language": "en"}) as made:
        log_in(made)
        yield made


@dataclass
class Event:
    name: str = ""
    id: str = ""
    data: str = ""
    comment: str = ""


@dataclass
class Stream:
    """Reads one event at a time; the client's timeout bounds every wait."""

    lines: object
    events: list = field(default_factory=list)

    def next(self):
        event = Event()
        for line in self.lines:
            if not line:
                return event
            key, _, value = line.partition(": ")
            setattr(event, {"": "comment", "event": "name", "retry": "comment"}.get(key, key), value)
        return None

    def entry(self):
        """The next event that is an entry or a marker."""
        event = self.next()
        while event is not None and event.name not in ("entry", "missed"):
            event = self.next()
        return event


def follow(client, path, **headers):
    return client.stream("GET", path, headers=headers)


def opened(answer):
    """The stream once the server has subscribed: its first block says so."""
    stream = Stream(answer.iter_lines())
    stream.next()
    return stream


def test_a_page_receives_a_row_in_its_own_language_the_moment_it_is_stored(client, house):
    with follow(client, "/live?lang=zh") as answer:
        stream = opened(answer)
        key = house.tell("access.denied", decision="deny", reason="CredentialExpired", credential_kind="qr")
        event = stream.entry()
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (event.name, event.id) == ("entry", key)
    assert event.data.startswith(f'<tr class="entry warn" data-key="{key}">')
    for text in ("东门", "拒绝", "入住已结束", "通行码"):
        assert text in event.data


def test_a_program_receives_json_without_any_person(client, house):
    with follow(client, "/live.json") as answer:
        stream = opened(answer)
        house.tell("access.granted", decision="allow", credential_kind="face", subject_ref="SUB-1")
        data = json.loads(stream.entry().data)
    assert set(data) == {
        "node", "epoch", "seq", "type", "decision", "reason", "access_point", "wall_ms", "stored_ms",
    }  # fmt: skip
    assert (data["node"], data["seq"], data["decision"], data["access_point"]) == ("gate-1", 1, "allow", GATE)


def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_it_has_seen(client, house):
    seen = house.tell("access.granted", decision="allow")
    house.clock.now += 1000
    later = [house.tell("access.taken"), house.tell("access.granted", decision="allow")]
    with follow(client, "/live.json", **{"last-event-id": seen}) as answer:
        stream = opened(answer)
        assert [stream.entry().id, stream.entry().id] == later


def test_a_page_catches_up_from_the_moment_it_was_printed(client, house):
    house.tell("access.granted", decision="allow")
    house.clock.now += 1000
    printed = house.clock.now
    later = house.tell("access.taken")
    with follow(client, f"/live?after={printed}") as answer:
        assert opened(answer).entry().id == later


def test_a_backlog_too_long_to_catch_up_says_that_lines_were_missed(client, house, monkeypatch):
    monkeypatch.setattr(live, "CATCH_UP_LINES_MAX", 3)
    for _ in range(5):
        house.tell("access.taken")
    with follow(client, "/live?after=1") as answer:
        stream = opened(answer)
        assert [stream.entry().name for _ in range(4)] == ["entry", "entry", "entry", "missed"]


def test_a_burst_longer_than_the_shelf_says_that_lines_were_missed(client, house, monkeypatch):
    ready, go = threading.Event(), threading.Event()
    plain = live.render_row

    def slow(row, lang):
        ready.set()
        assert go.wait(60)
        return plain(row, lang)

    monkeypatch.setattr(live, "render_row", slow)
    with follow(client, "/live") as answer:
        stream = opened(answer)
        house.tell("access.taken")
        assert ready.wait(60)
        for _ in range(hub.SHELF_LINES_MAX + 5):
            house.tell("access.taken")
        go.set()
        names = [stream.entry().name for _ in range(hub.SHELF_LINES_MAX + 2)]
    assert names.count("missed") == 1
    assert names.count("entry") == hub.SHELF_LINES_MAX + 1


def test_the_stream_is_for_people_who_are_logged_in(house):
    with visiting(house.app()) as stranger:
        answer = stranger.get("/live")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_stream_ends_soon_after_its_session(client, house, monkeypatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    with follow(client, "/live") as answer:
        stream = opened(answer)
        assert stream.next().comment == "heartbeat"
        house.accounts.logout(client.cookies["gatehouse_session"])
        while stream.next() is not None:
            pass


def test_more_pages_than_there_is_room_for_are_told_so(client, monkeypatch):
    monkeypatch.setattr(hub.LiveHub, "full", True)
    answer = client.get("/live")
    assert answer.status_code == 403
    assert "Too many live pages" in answer.json()["detail"]


def test_a_server_that_stops_lets_go_of_its_live_pages(house):
    server = PageServer(house.app(), "127.0.0.1", 0)
    with server, httpx.Client(base_url=server.url, timeout=60) as client:
        log_in(client)
        with follow(client, "/live") as answer:
            stream = opened(answer)
            stopping = threading.Thread(target=server.close)
            stopping.start()
            while stream.next() is not None:
                pass
        stopping.join()


def test_a_line_that_is_stored_while_a_client_catches_up_is_told_once(client, house, monkeypatch):
    plain = house.reader.entries_after
    told = []

    def read_late(*args, **words):
        told.append(house.tell("access.taken"))
        return plain(*args, **words)

    monkeypatch.setattr(house.reader, "entries_after", read_late)
    with follow(client, "/live.json?after=1") as answer:
        stream = opened(answer)
        assert stream.entry().id == told[0]
        later = house.tell("access.granted", decision="allow")
        assert stream.entry().id == later
