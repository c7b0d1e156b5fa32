"""Hold to look, in a real browser at a node's own page: by keyboard and by finger, from a phone up; let go, nothing is left."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.every_page import LOOKS, overhang
from tests.fakes.look_station import Station
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.chromium, pytest.mark.clips, pytest.mark.timeout(600)]


def closed(station):
    ledger = station.recorder.ledger
    told = [json.loads(row.body) for row in ledger.rows(range(1, ledger.head + 1), bytes_max=1_000_000)]
    return [one["x"] for one in told if one["type"] == "preview.closed"]


def test_the_picture_is_there_while_it_is_held_and_gone_when_it_is_let_go(page, tmp_path, clips):
    with Station(tmp_path, clips / "no_face.mp4", seconds=60) as station:
        body, hold, picture = (page.locator(one) for one in ("body", "#hold", "#picture"))
        page.goto(f"{station.page()}#{station.ticket()}")
        expect(hold).to_be_focused()
        assert page.evaluate("location.hash") == ""
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            assert overhang(page) == 0
        assert findings(page) == []
        page.keyboard.down("Space")
        expect(picture).to_be_visible()
        expect(hold).to_have_attribute("aria-pressed", "true")
        assert findings(page) == []
        page.keyboard.up("Space")
        expect(picture).to_be_hidden()
        expect(body).to_have_attribute("data-state", "ended")
        eventually(lambda: len(closed(station)) == 1, what="the end in the ledger")
        assert closed(station)[0]["why"] == "released"
        hold.press("Space")  # the ticket is used up: nothing happens, and nothing is asked
        expect(picture).to_be_hidden()
        page.goto("about:blank")
        page.goto(f"{station.page()}#{station.ticket()}")
        hold.hover()
        page.mouse.down()
        expect(picture).to_be_visible()
        page.mouse.up()
        expect(picture).to_be_hidden()
        eventually(lambda: len(closed(station)) == 2, what="the second end in the ledger")
        page.goto("about:blank")
        page.goto(station.page())
        expect(body).to_have_attribute("data-state", "no-ticket")
        page.goto("about:blank")
