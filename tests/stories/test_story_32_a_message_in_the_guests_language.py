"""Story 32: what is written to a guest is Chinese or English, as that guest reads; notices to a building do not exist yet."""

import pytest

from cloud_sync.connectors.notify.letter import written
from cloud_sync.store.notices import Invitation
from tests.fakes.community_house import booking_row, take
from tests.stories.story import ROOM_2


@pytest.mark.story("32a")
def test_two_guests_of_one_evening_are_each_written_to_in_their_language(community):
    take(community.books, "bookings", booking_row("1002", headcount=1, room=ROOM_2))
    outbox = community.books.outbox
    for ref, language in (("1001", "zh"), ("1002", "en")):
        to = f"{ref}@example.test"
        outbox.invite(Invitation("xc", ref, "email", to, language, "https://gate.test"), actor="chen")
    zone, now_ms = community.books.house.zone, community.clock.now_ms()
    letters = {due.to: written(due, zone, now_ms) for due in outbox.claim(most=9)}
    zh, en = letters["1001@example.test"], letters["1002@example.test"]
    assert ("东方新城" in zh.subject, "Dongfang" in zh.subject) == (True, False)
    assert ("东方新城" in en.subject, "Dongfang" in en.subject) == (False, True)
    assert zh.text != en.text
