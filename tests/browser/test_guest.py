"""A guest on a phone, 360 px wide: what the link, the questions, the faults and the code do; the whole way is in test_guest_walk."""

import json
import re
import zipfile

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.protocol.code import parse
from cloud_sync.protocol.messages import PREREQ_FACE_CONSENT, PREREQ_LOOKALIKE, PREREQ_REGISTERED
from cloud_sync.web.serve import PageServer
from edge.core.credentials import CodeAccepted, CodeRefused, judge_code
from edge.core.events import CredentialKind
from edge.core.passes import Credential
from edge.core.reasons import Reason
from tests.browser.phones import DOOR, fill, fits, judged, shown_code, verify
from tests.fakes.community_house import Gate, registration_row, take
from tests.fakes.guest_house import ADULT, COMPANION, FORM, GuestHouse

pytestmark = pytest.mark.chromium

WRONG = ADULT[:-1] + ("1" if ADULT[-1] != "1" else "2")
# True once the worker has put the page on its shelf; asked a bounded number of times.
# What opens doors, or was shown on the pass, and is still on the phone.
LEFT_ON_THE_PHONE = """async () => {
    const slots = Object.keys(localStorage).filter((slot) => /^gatehouse\\.(code|bundle)\\./.test(slot));
    for (let look = 0; look < 200; look++) {
        const held = (await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()))).flat();
        const pages = held.map((one) => one.url).filter((url) => /\\/pass(\\?|$)/.test(url));
        if (pages.length === 0 || look === 199) return slots.concat(pages);
        await fetch("/g/now");
    }
}"""
KEPT_FOR_OFFLINE = """async () => {
    for (let look = 0; look < 200; look++) {
        if (await caches.match(location.href)) return true;
        await fetch("/g/now");
    }
    return false;
}"""


@pytest.fixture
def house(tmp_path):
    made = GuestHouse(tmp_path, headcount=2)
    yield made
    made.close()


@pytest.fixture
def site(house):
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def phone(phones, house):
    return phones(now_ms=house.clock.now_ms())


def read_notice(page: Page, site: PageServer, house: GuestHouse, query: str = "") -> None:
    page.goto(f"{site.url}/g/{house.token}{query}")
    page.tap("main form .button")
    page.wait_for_url(re.compile("/me$"))


def register(page: Page, site: PageServer, house: GuestHouse) -> None:
    read_notice(page, site, house)
    fill(page, FORM)
    page.tap("form.fields > .button")
    page.wait_for_url(re.compile("/people$"))


def test_the_language_of_the_link_stays(phone, site, house):
    read_notice(phone, site, house, "?lang=en")
    expect(phone.locator("h1")).to_have_text("About you")
    phone.tap("#switch a[hreflang=zh-CN]")
    expect(phone.locator("h1")).to_have_text("您的信息")


# --- no costs nothing ------------------------------------------------------------------------------------------------


def test_both_answers_about_face_weigh_the_same(phone, site, house):
    register(phone, site, house)
    phone.tap("#on")
    expect(phone.locator("#agree")).not_to_be_checked()
    looks = phone.locator(".equal .button").evaluate_all(
        "all => all.map(one => { const style = getComputedStyle(one); const box = one.getBoundingClientRect();"
        " return [style.backgroundColor, style.color, style.fontSize, style.fontWeight, style.border,"
        " Math.round(box.width), Math.round(box.height)]; })"
    )
    assert len(looks) == 2
    assert looks[0] == looks[1]
    assert phone.locator("input:checked").count() == 0


@pytest.mark.story("2b")
def test_yes_needs_the_tick_and_no_needs_nothing_and_opens_the_same(phone, site, house, complaints):
    register(phone, site, house)
    phone.tap("#on")
    phone.tap("button[value=yes]")
    expect(phone.locator("#problem")).to_have_text("没有勾选同意：要用人脸请勾选，或继续使用通行码。")
    complaints.clear()  # a 422 is what the browser complains of
    phone.tap("button[value=no]")
    shown_code(phone)
    without = house.rows()
    assert all(row.prereq & PREREQ_REGISTERED for row in without)
    assert not any(row.prereq & PREREQ_FACE_CONSENT for row in without)
    phone.goto(f"{site.url}/g/{house.token}")
    expect(phone.locator("#no-face")).to_be_visible()
    phone.goto(f"{site.url}/g/{house.token}/pass")
    assert phone.locator("a[href*='/face']").count() == 0, "nobody is asked twice"


@pytest.mark.story("3a")
def test_face_can_be_taken_back_and_the_code_stays(phone, site, house):
    register(phone, site, house)
    phone.tap("#on")
    phone.check("#agree")
    phone.tap("button[value=yes]")
    before = shown_code(phone)
    assert any(row.prereq & PREREQ_FACE_CONSENT for row in house.rows())
    phone.tap("#remove-face")
    expect(phone.locator("#no-face")).to_be_visible()
    assert shown_code(phone) == before
    assert not any(row.prereq & PREREQ_FACE_CONSENT for row in house.rows())


def test_the_comparison_with_other_guests_is_a_tick_of_its_own_and_starts_empty(phone, site, house):
    register(phone, site, house)
    phone.tap("#on")
    expect(phone.locator("#alike")).not_to_be_checked()
    phone.check("#agree")
    phone.check("#alike")
    phone.tap("button[value=yes]")
    shown_code(phone)
    assert any(row.prereq & PREREQ_LOOKALIKE for row in house.rows())
    phone.tap("#stop-comparing")
    expect(phone.locator("#stop-comparing")).to_have_count(0)
    shown_code(phone)
    expect(phone.locator("#remove-face")).to_be_visible()
    assert not any(row.prereq & PREREQ_LOOKALIKE for row in house.rows())
    assert any(row.prereq & PREREQ_FACE_CONSENT for row in house.rows())


# --- when something is wrong -----------------------------------------------------------------------------------------


def test_a_wrong_document_is_one_clear_sentence_at_its_field(phone, site, house, complaints):
    read_notice(phone, site, house)
    fill(phone, {**FORM, "document_number": WRONG})
    phone.tap("form.fields > .button")
    expect(phone.locator(".fault")).to_have_count(1)
    expect(phone.locator("#fault-document_number")).to_have_text("号码中有一位不对：请与证件逐位核对。")
    expect(phone.locator("#document_number")).to_be_focused()
    expect(phone.locator("#name")).to_have_value(FORM["name"])
    complaints.clear()
    phone.fill("#document_number", ADULT)
    phone.tap("form.fields > .button")
    expect(phone.locator("#so-far")).to_be_visible()


@pytest.mark.story("13b", "13e")
def test_three_wrong_documents_lead_to_the_staff_and_their_proof_leads_back(phone, site, house, complaints):
    read_notice(phone, site, house)
    for _ in range(3):
        fill(phone, {**FORM, "document_number": WRONG})
        phone.tap("form.fields > .button")
    expect(phone.locator("#standing")).to_contain_text("三次填写都与证件不符：请向门岗出示证件")
    expect(phone.locator(".call a")).to_be_visible()
    assert phone.locator("form.fields").count() == 0
    complaints.clear()
    take(house.books, "registrations", registration_row(proofing=4))
    phone.tap("#standing a")
    assert isinstance(judged(house, shown_code(phone), house.clock.now_ms()), CodeAccepted)
    assert phone.locator("#standing").count() == 0


def test_the_form_goes_on_where_another_phone_stopped(phones, site, house):
    first, second = phones(), phones("en-GB")
    read_notice(first, site, house)
    first.fill("#name", FORM["name"])
    first.fill("#document_number", ADULT[:10])
    first.locator("#document_number").blur()
    expect(first.locator("form.fields")).to_have_attribute("data-kept", "204")
    assert first.context.cookies() == []
    second.goto(f"{site.url}/g/{house.token}")
    expect(second.locator("h1")).to_have_text("About you")
    expect(second.locator("#name")).to_have_value(FORM["name"])
    expect(second.locator("#document_number")).to_have_value(ADULT[:10])


def test_a_link_that_is_no_more_says_what_to_do(phone, site, complaints):
    phone.goto(f"{site.url}/g/{'0' * 32}/pass")
    expect(phone.locator("#problem")).to_have_text("此链接已失效：请向发送者或门岗索取新的链接。")
    complaints.clear()


# --- the code ----------------------------------------------------------------------------------------------------------


def to_the_pass(page: Page, site: PageServer, house: GuestHouse) -> str:
    house.read_notice()
    house.registry.register_self(house.token, FORM)
    house.registry.answer_face(house.token, None, agrees=False, text_version="", language="zh")
    page.goto(f"{site.url}/g/{house.token}/pass")
    return shown_code(page)


def test_the_code_turns_every_thirty_seconds_and_an_old_one_is_dead(phone, site, house):
    first = to_the_pass(phone, site, house)
    phone.clock.run_for(31_000)
    second = shown_code(phone)
    assert second != first
    assert parse(second).step == parse(first).step + 1
    accepted = judged(house, second, house.clock.now_ms() + 31_000)
    assert isinstance(accepted, CodeAccepted)
    held = Credential(CredentialKind.QR, parse(first).credential.hex(), house.rows()[0].creds[0].verifier)
    again = judge_code(parse(first), held, accepted.new_memory, DOOR, parse(second).step, verify)
    assert again == CodeRefused(Reason.CODE_REPLAYED)


def test_without_a_network_the_open_page_goes_on_and_a_closed_one_opens_again(phone, site, house, complaints):
    to_the_pass(phone, site, house)
    expect(phone.locator("#code")).to_have_attribute("data-offline", "ready")
    assert phone.evaluate(KEPT_FOR_OFFLINE)
    phone.context.set_offline(True)
    site.close()
    phone.clock.run_for(31_000)
    code = shown_code(phone)
    assert isinstance(judged(house, code, house.clock.now_ms() + 31_000), CodeAccepted)
    phone.reload()
    again = shown_code(phone)
    assert parse(again).credential == parse(code).credential
    expect(phone.locator("#as-of")).to_contain_text("2026-05-01 12:00")
    phone.goto(phone.url.removesuffix("/pass"))
    assert parse(shown_code(phone)).credential == parse(code).credential, "the link itself leads to the pass"
    assert isinstance(judged(house, again, house.clock.now_ms() + 31_000), CodeAccepted)
    complaints.clear()  # the browser says that the clock could not be asked


def test_without_a_network_a_page_that_was_not_kept_says_what_to_do_next(phone, site, house, complaints):
    to_the_pass(phone, site, house)
    expect(phone.locator("#code")).to_have_attribute("data-offline", "ready")
    data = f"{site.url}/g/{house.token}/data"
    phone.context.set_offline(True)
    site.close()
    phone.goto(data)
    expect(phone.locator("#problem")).to_have_text(
        "没有网络：请连接网络后重新打开本页；在这部手机上打开过的通行证不用网络也能用。"
    )
    complaints.clear()


def test_a_phone_whose_clock_is_wrong_by_ten_minutes_follows_ours(phones, site, house):
    phone = phones(now_ms=house.clock.now_ms() + 600_000)
    to_the_pass(phone, site, house)
    expect(phone.locator("#code-problem")).to_contain_text("这部手机的时间不准")
    assert isinstance(judged(house, shown_code(phone), house.clock.now_ms()), CodeAccepted)


def test_a_second_phone_asks_before_it_takes_over(phones, site, house):
    first, second = phones(now_ms=house.clock.now_ms()), phones(now_ms=house.clock.now_ms())
    old = to_the_pass(first, site, house)
    second.goto(f"{site.url}/g/{house.token}/pass")
    expect(second.locator("#code-problem")).to_contain_text("另一部手机")
    expect(second.locator("#qr")).to_be_hidden()
    assert isinstance(judged(house, old, house.clock.now_ms()), CodeAccepted)
    second.tap("#use-this")
    new = shown_code(second)
    assert isinstance(judged(house, new, house.clock.now_ms()), CodeAccepted)
    with pytest.raises(KeyError):
        judged(house, old, house.clock.now_ms())
    first.reload()
    expect(first.locator("#code-problem")).to_contain_text("另一部手机")
    first.clock.run_for(31_000)
    expect(first.locator("#qr")).to_be_hidden()


def test_each_member_has_a_code_of_their_own(phone, site, house):
    house.read_notice()
    house.registry.register_self(house.token, FORM)
    house.registry.add_companion(house.token, COMPANION)
    house.registry.answer_face(house.token, None, agrees=False, text_version="", language="zh")
    phone.goto(f"{site.url}/g/{house.token}/pass")
    lead = shown_code(phone)
    phone.tap(".who-tabs a:not([aria-current])")
    phone.wait_for_url(re.compile("who=SJ-"))
    companion = shown_code(phone)
    assert parse(lead).credential != parse(companion).credential
    assert isinstance(judged(house, companion, house.clock.now_ms()), CodeAccepted)


# --- more --------------------------------------------------------------------------------------------------------------


def test_leaving_early_ends_the_code_and_not_the_way_out(phone, site, house):
    to_the_pass(phone, site, house)
    assert phone.locator("#leave").count() == 0, "nobody has come in yet"
    gate = Gate(house.books)
    gate.tells("access.taken", pass_id=house.rows()[0].pass_id, direction="in", decision="allow")
    gate.close()
    house.registry.advance_time(since_ms=house.clock.now_ms())
    phone.reload()
    assert phone.evaluate(KEPT_FOR_OFFLINE)
    phone.tap("#leave")
    expect(phone.get_by_text("出门不受限制")).to_be_visible()
    phone.tap("#leave-now")
    expect(phone.locator("#standing")).to_contain_text("此次入住已结束")
    assert phone.locator("#qr").count() == 0
    expect(phone.locator("#over")).to_be_visible()
    assert phone.evaluate(LEFT_ON_THE_PHONE) == []


def test_the_pass_can_stand_on_the_home_screen(phones, site, house):
    """By Chromium's own criteria; that a page of a test is private is the one thing it may hold against it."""
    phone = phones("ja-JP", now_ms=house.clock.now_ms())
    to_the_pass(phone, site, house)
    expect(phone.locator("#code")).to_have_attribute("data-offline", "ready")
    chromium = phone.context.new_cdp_session(phone)
    found = chromium.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert manifest["name"] == "Dongfang：あなたのパス"
    assert (manifest["lang"], manifest["start_url"]) == ("ja", f"/g/{house.token}/pass")
    against = chromium.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {one["errorId"] for one in against} <= {"in-incognito"}


def test_my_data_is_shown_and_saved_to_whoever_knows_how_the_number_ends(phone, site, house, complaints):
    to_the_pass(phone, site, house)
    phone.tap("#my-data")
    phone.fill("#last_four", "0000")
    phone.tap("button[value=page]")
    expect(phone.locator("#problem")).to_contain_text("这不是证件号码的后四位")
    complaints.clear()
    phone.go_back()
    phone.fill("#last_four", ADULT[-4:])
    phone.tap("button[value=page]")
    expect(phone.locator("#held")).to_contain_text(FORM["name"])
    assert fits(phone)
    phone.fill("#last_four", ADULT[-4:])
    with phone.expect_download() as saved:
        phone.tap("button[value=file]")
    with zipfile.ZipFile(saved.value.path()) as copy:
        records, pages = copy.read("my-data.json").decode(), copy.read("my-data-zh.html").decode()
    assert ADULT in records
    assert FORM["name"] in pages


def test_in_the_dark_and_on_the_smallest_phone_nothing_is_lost(phones, site, house, picture):
    phone = phones("en-GB", now_ms=house.clock.now_ms())
    phone.set_viewport_size({"width": 320, "height": 568})
    phone.emulate_media(color_scheme="dark")
    to_the_pass(phone, site, house)
    assert fits(phone)
    picture(phone, "guest-pass-dark-320")
