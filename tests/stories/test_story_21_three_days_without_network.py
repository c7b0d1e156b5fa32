"""Story 21: three days cut off; who is aboard gets in, and a guest of whom nobody told the gate brings the word along."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from cloud_sync.protocol import bundle, code
from edge.core.events import Fact
from edge.runtime import node as node_module
from edge.runtime.node import Node
from edge.store.gallery_store import GalleryStore
from tests.fakes.bundles import Phone
from tests.fakes.community_house import booking_row, registration_row, resident_id, take
from tests.fakes.eyes_only import CAMERA, DOOR, EyesOnly
from tests.stories.doorway import AWAY, door_of, shown
from tests.stories.story import ROOM_2

DAYS_3_MS = 3 * 86_400_000


@pytest.mark.story("21a", "21b", "21c")
def test_on_the_third_day_guests_old_and_new_come_home(community):
    take(community.books, "bookings", booking_row(hours=(-1, 110), external_revision=2))
    community.registers()
    pin = community.registry.issue_pin(community.token, None)
    aboard = community.rows()
    community.clock.step(hours=72)
    cut_off = {**AWAY, "contact_age_ms": DAYS_3_MS}
    assert shown(door_of(community.books, aboard, **cut_off), ("keys", pin)) == [("granted", "Granted")]

    take(community.books, "bookings", booking_row("2002", hours=(71, 95), room=ROOM_2, headcount=1))
    newer = {"document_number": resident_id("00000119910131000"), "birth_date": "1991-01-31"}
    take(community.books, "registrations", registration_row("2002", **newer))
    phone, link = Phone(), community.registry.guest_link("xc", "2002")
    _, pass_id = community.registry.bind_code_key(link, None, phone.public)
    assert pass_id not in {row.pass_id for row in aboard}
    signed, _ = community.registry.phone_bundle(link, None)
    step = code.step_at(community.clock.now_ms() / 1000)
    used = phone.key.sign(bundle.used_bytes(signed[:-64], step))
    text = bundle.compose_use(signed[:-64], signed[-64:], step, used)
    assert shown(door_of(community.books, aboard, **cut_off), ("text", text)) == [("granted", "Granted")]

    paper = community.registry.day_code(pass_id, minutes=360, actor="wang", reason="no phone")
    gate = door_of(community.books, aboard, **cut_off)
    assert shown(gate, ("text", paper.signed.text), ("keys", paper.pin)) == [("granted", "Granted")]


@pytest.mark.story("21h")
def test_a_template_whose_time_is_over_is_erased_by_the_node_alone(tmp_path, monkeypatch):
    """Nobody is asked and nobody is heard: the node's own rounds find it, and its ledger says so."""
    monkeypatch.setattr(node_module, "HOUSEKEEPING_S", 0.0)
    store = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    recorded: list[Fact] = []

    async def rounds() -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()

        def append(facts: list[Fact], _stamp: object) -> None:
            recorded.extend(facts)
            loop.call_soon_threadsafe(told.set)

        ledger = SimpleNamespace(append=append, disk_alarm=False)
        parts = replace(EyesOnly().node._parts, templates=store, ledger=ledger)
        node, now_ms = Node(parts, {DOOR: CAMERA}, {}), parts.clock.read().wall_ms
        store.put("P-over", b"left on Saturday", not_after_ms=now_ms - 1)
        store.put("P-stays", b"stays until Tuesday", not_after_ms=now_ms + 86_400_000)
        keeping = asyncio.create_task(node._housekeeping())
        async with asyncio.timeout(60):
            await told.wait()
        keeping.cancel()
        node.close()

    asyncio.run(rounds())
    assert [(fact.type, fact.pass_id) for fact in recorded] == [("sys.erased", "P-over")]
    assert [kept.pass_id for kept in store.all()] == ["P-stays"]
    store.close()
