"""The looker itself: what is wrong is found, named and placed, under a page's own policy; what is right is not."""

import pytest

from tests.browser.axe import findings

pytestmark = pytest.mark.chromium
HEAD = "<!doctype html><html lang=en><head><title>A page</title></head><body><main><h1>A page</h1>"


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ('<button type="button"></button>', "button-name"),
        ('<p style="color: #999; background: #aaa">Hardly to be read</p>', "color-contrast"),
        ('<input id="number">', "label"),
        ('<a href="#x"></a>', "link-name"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(page, wrong, rule):
    page.set_content(HEAD + wrong)
    (found,) = findings(page)
    assert rule in found
    assert wrong[:8] in found


def test_a_sound_page_has_no_findings(page):
    page.set_content(HEAD + '<label for="number">Number</label><input id="number">')
    assert findings(page) == []


def test_it_looks_at_a_page_that_lets_no_script_of_ours_in(page, site):
    answer = page.goto(f"{site.url}/first-run")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    page.evaluate("document.querySelector('label').remove()")
    assert "label" in findings(page)[0]
