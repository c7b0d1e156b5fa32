"""Story 32: what is written to a guest is Chinese or English, as that guest reads; a notice to a building."""

import pytest

from cloud_sync.connectors.notify.letter import Sender, written
from cloud_sync.core.bulletins import BulletinWish
from cloud_sync.core.codes import listing_code
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.store.bulletins import SqlBulletins
from cloud_sync.store.notices import Invitation
from tests.fakes.community_house import booking_row, listing_row, take
from tests.stories.story import ROOM_2

OTHER = listing_code("000001", "8M4N2RXE")


@pytest.mark.story("32a")
def test_two_guests_of_one_evening_are_each_written_to_in_their_language(community):
    take(community.books, "bookings", booking_row("1002", headcount=1, room=ROOM_2))
    outbox = community.books.outbox
    for ref, language in (("1001", "zh"), ("1002", "en")):
        to = f"{ref}@example.test"
        outbox.invite(Invitation("xc", ref, "email", to, language, "https://gate.test"), actor="chen")
    sender, now_ms = Sender(community.books.house.zone), community.clock.now_ms()
    letters = {due.to: written(due, sender, now_ms) for due in outbox.claim(most=9)}
    zh, en = letters["1001@example.test"], letters["1002@example.test"]
    assert ("东方新城" in zh.subject, "Dongfang" in zh.subject) == (True, False)
    assert ("东方新城" in en.subject, "Dongfang" in en.subject) == (False, True)
    assert zh.text != en.text


ZH, EN = "一号楼今晚停水。", "Building 1 has no water tonight."


def on_page_of(community, token: str) -> list[str]:
    return [one.text_en for one in community.registry.guest_view(token).bulletins]


@pytest.mark.story("32b", "32c", "32d")
def test_a_notice_reaches_who_is_there_tonight_who_arrives_later_and_nobody_when_it_is_over(community):
    """Building 1 has no water for six hours: one guest is inside, one books while it runs, one comes next week."""
    elsewhere = listing_row(listing=OTHER, unit="2-101", room=f"{OTHER}-1", label="101")
    take(community.books, "listings", elsewhere)
    take(community.books, "bookings", booking_row("1009", listing=OTHER, room=f"{OTHER}-1"))
    take(community.books, "bookings", booking_row("1007", hours=(7 * 24, 8 * 24), room=ROOM_2))
    neighbour, next_week = (community.registry.guest_link("xc", ref) for ref in ("1009", "1007"))
    community.registers()
    community.comes_in(community.rows()[0])
    desk, ends_ms = SqlBulletins(community.books.house), community.clock.now_ms() + 6 * HOUR_MS
    desk.write(BulletinWish("building", "1", ZH, EN, ends_ms), actor="chen")
    assert on_page_of(community, community.token) == [EN]
    community.clock.step(hours=2)
    take(community.books, "bookings", booking_row("1008", hours=(3, 20), room=ROOM_2))
    late = community.registry.guest_link("xc", "1008")
    assert on_page_of(community, late) == [EN]
    assert [on_page_of(community, one) for one in (neighbour, next_week)] == [[], []]
    assert [one.stays for one in desk.bulletins()] == [2]
    community.clock.step(hours=4)
    assert [on_page_of(community, one) for one in (community.token, late)] == [[], []]
    assert [one.runs for one in desk.bulletins()] == [False]
