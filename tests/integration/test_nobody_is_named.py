"""Names and document numbers go in by every way there is, right and wrong; none comes out in log, bus, ledger or metrics."""

import re
import sqlite3
import time
import urllib.request
from contextlib import closing

import httpx
import pytest

from cloud_sync.compose import open_books, set_up
from cloud_sync.config import load
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from demo.count import bus, pii_on_bus, words_in
from demo.watchers import BusTap
from sim.drill import DrillGate, Service, free_port
from tests.fakes.community_house import (
    NAME,
    booking_row,
    csv_of,
    listing_row,
    local,
    public_key,
    registration_row,
    take,
)
from tests.fakes.community_house import resident_id as number_of
from tests.fakes.waiting import eventually
from tests.fakes.web_house import log_in

NAMES = (NAME, "Canary Testbird", "Wanda Planted-Åse", "欧阳 Canary 娜")
NUMBERS = (number_of(), "XC7654321", "000001199001310007", "QX-1234567")
CANARIES = (*NAMES, *NUMBERS)
PASSWORD = "a quiet evening at the gate"


# Every act of the owner is a program of its own, and a busy machine makes each longer.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def service(tmp_path):
    """The whole program, with a profile that lets guests type for themselves, and with metrics."""
    made = Service(tmp_path)
    made.metrics = free_port()
    config = tmp_path / "gatehouse-sync.toml"
    text = config.read_text().replace("synthetic = true", 'synthetic = true\nprofile = "cn-self"')
    config.write_text(f"{text}[metrics]\nport = {made.metrics}\n")
    made.token = furnish(load(config))
    yield made
    made.close()


def furnish(config):
    """One gate, one officer, four bookings; the token of one guest."""
    set_up(config)
    books = open_books(config)
    doors = (AccessPointSpec("AP-gate-1", "gate", "门", "Door"),)
    books.registry.add_node(NodeJoin("gate-1", "Gate", public_key(), doors))
    books.accounts.add("zhao", "officer", PASSWORD, actor="test")
    take(books, "listings", listing_row(access_points="AP-gate-1", max_guests=4))
    take(books, "bookings", *(tonight(str(ref)) for ref in range(1001, 1005)))
    token = books.registry.guest_link("xc", "1003")
    books.close()
    return token


def tonight(ref):
    now_ms = time.time_ns() // 1_000_000
    span = {"arrival": local(now_ms - 3_600_000), "departure": local(now_ms + 48 * 3_600_000)}
    return booking_row(ref, **span)


def brings(service, kind, *rows):
    """What the owner imports, and what is printed for it: that is for the owner's own eyes, and names nobody either."""
    path = service.folder / f"{kind}.csv"
    path.write_bytes(csv_of(list(rows)))
    done = service.types("import", kind, path.name)
    path.unlink()
    return done.stdout + done.stderr


def imports(service):
    rows = [
        registration_row("1001"),
        registration_row("1002", name=NAMES[1], document_number=NUMBERS[2]),  # the last digit does not agree
        registration_row("9999", name=NAMES[2]),  # no such booking
        registration_row("1003", name=NAMES[3], proofing="many"),
        registration_row(
            "1004", name=NAMES[2] * 40, document_type="library card", document_number=NUMBERS[1]
        ),
    ]
    return brings(service, "registrations", *rows)


def types_as_a_guest(service, client):
    token = service.token
    home = f"/g/{token}"
    versions = dict(re.findall(r'name="(notice|rules)" value="([^"]+)"', client.get(f"{home}/notice").text))
    client.post(f"{home}/notice", data=versions)
    passport = {"document_type": "passport", "nationality": "FRA", "birth_date": "1988-05-04"}
    forms = [
        {"name": NAMES[3], "document_type": "resident_id", "document_number": NUMBERS[2]},
        {"name": NAMES[3], "document_type": "library card", "document_number": NUMBERS[3]},
        {"name": NAMES[1], "document_number": NUMBERS[1], **passport, "birth_date": NAMES[1]},
        {"name": NAMES[1], "document_number": NUMBERS[1], **passport},
    ]
    codes = [client.post(f"{home}/me", data=form).status_code for form in forms]
    assert codes[-1] == 303, codes
    client.get(f"{home}/{NAMES[2]}")
    client.post("/arrive/AP-gate-1", data={"booking": NAMES[2]})
    client.post(f"/api/v1/guest/{token}/consents", json={"purpose": NAMES[2], "text_version": [NUMBERS[3]]})
    client.post(f"/api/v1/guest/{token}/code-key", content=f'{{"public_key": "{NAMES[2]}'.encode())


def types_as_staff(client):
    assert log_in(client, name="zhao", password=PASSWORD).status_code == 303
    page = client.get("/staff/prove", params={"source": "xc", "ref": "1004"}).text
    form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    shown = {"name": NAMES[2], "document_type": "passport", "document_number": NUMBERS[3]}
    client.post("/staff/prove", data={**form, **shown, "birth_date": "never", "reason": "seen"})
    client.post(
        "/staff/prove",
        data={**form, **shown, "nationality": "FRA", "birth_date": "1970-01-01", "reason": "seen"},
    )
    client.get("/staff/prove", params={"source": NAMES[1], "ref": NUMBERS[0]})
    client.get(f"/nodes/{NAMES[1]}")
    client.get("/morning", params={"day": NAMES[2]})


def scraped(service):
    with urllib.request.urlopen(f"http://127.0.0.1:{service.metrics}/metrics", timeout=60) as answer:
        return answer.read()


@pytest.mark.invariant(4)
def test_nobody_is_named_in_log_bus_ledger_metrics_or_backup(service, tmp_path):
    service.start()
    url = f"http://127.0.0.1:{service.web}"
    eventually(lambda: answers(url), within_s=120, what="the pages")
    tap, gate = BusTap(service.broker, tmp_path / "bus.jsonl"), DrillGate("gate-1", tmp_path, service.broker)
    gate.link.start()
    said = imports(service)
    with httpx.Client(base_url=url, timeout=60, headers={"accept-language": "en"}) as client:
        types_as_a_guest(service, client)
    with httpx.Client(base_url=url, timeout=60) as client:
        types_as_staff(client)
    gate.record(10)
    eventually(lambda: gate.told and gate.side.auth_ver > 0, within_s=120, what="events up and passes down")
    metrics = scraped(service)
    said += service.types("doctor").stdout
    said += service.must("backup", "copy") + (tmp_path / "copy" / "manifest.json").read_text()
    tap.plant_canary(NAMES[0])
    gate.stop()
    eventually(lambda: pii_on_bus(bus_of(tap, tmp_path), CANARIES) != [], what="the planted name on the bus")
    tap.close()
    service.close()
    ledgers = b"".join(path.read_bytes() for path in tmp_path.glob("gate-1.db*"))
    log = (tmp_path / "service.log").read_bytes()
    heard = bus(tmp_path / "bus.jsonl")
    # One frame was planted: a look that does not find it finds nothing.
    assert [line.split(":")[0] for line in pii_on_bus(heard, CANARIES)] == ["ac/v1/canary"]
    assert len(heard) > 5
    assert b"service_started" in log
    assert b"access.granted" in ledgers
    assert b"gatehouse_events_stored_total" in metrics
    for what, data in (("log", log), ("ledger", ledgers), ("metrics", metrics), ("said", said.encode())):
        assert words_in(data, CANARIES) == [], what
    for folder in ("data", "copy"):
        forget_arrivals(tmp_path / folder / "community.db")
    kept = [path for folder in ("data", "copy") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert [path for path in kept if words_in(path.read_bytes(), CANARIES)] == []


def forget_arrivals(path):
    """What somebody typed at a door as their booking is kept for the guard as it was typed; nothing else is."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert db.execute("select said from arrival").fetchall() == [(NAMES[2],)]
        db.execute("delete from arrival")
        db.execute("vacuum")
        db.execute("pragma wal_checkpoint(truncate)")


def bus_of(tap, folder):
    with tap._lock:
        tap._file.flush()
    return bus(folder / "bus.jsonl")


def answers(url):
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
