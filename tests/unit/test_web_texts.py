"""Every sentence of the pages exists in Chinese and in English, with the same places for values."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from cloud_sync.web import words
from cloud_sync.web.language import Lang, preferred
from cloud_sync.web.texts import LOCALES, texts
from edge.core.door_types import Alarm, Contact, Mode
from edge.core.reasons import Reason

WEB = Path(__file__).parents[2] / "cloud_sync" / "web"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("templates/**.html", "jinja2")]
PLACES = re.compile(r"%\((\w+)\)s")
HAN = re.compile(r"[\u4e00-\u9fff]")


def msgids() -> set[str]:
    found = extract_from_dir(WEB, method_map=METHODS, keywords={"_": None, "mark": None})
    return {str(message) for _file, _line, message, _comments, _context in found}


def catalogue(lang: Lang) -> dict[str, str]:
    with (LOCALES / f"{lang.value}.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id}


def test_the_pages_have_texts_at_all():
    assert {"Expected today", "Log in", "Refused"} <= msgids()


@pytest.mark.parametrize("lang", list(Lang))
def test_every_text_is_in_the_catalogue_and_none_is_left_over(lang):
    held = catalogue(lang)
    assert msgids() == set(held)
    assert [msgid for msgid, text in held.items() if not text.strip()] == []


@pytest.mark.parametrize("lang", list(Lang))
def test_both_languages_have_the_same_places_for_values(lang):
    for msgid, text in catalogue(lang).items():
        assert sorted(PLACES.findall(msgid)) == sorted(PLACES.findall(text)), msgid


def test_chinese_is_chinese_and_english_is_english():
    assert [text for text in catalogue(Lang.ZH).values() if not HAN.search(text)] == []
    assert [text for text in catalogue(Lang.EN).values() if HAN.search(text)] == []


@pytest.mark.parametrize("lang", list(Lang))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_a_door_can_give_is_said_in_words(lang, reason):
    assert words.say_reason(reason.value, texts(lang)) not in ("", "–", reason.value)


@pytest.mark.parametrize("state", [*Mode, *Contact, *Alarm])
def test_every_state_of_a_door_is_said_in_words(state):
    assert state.value.upper() in words.DOOR_STATES


def test_a_code_nobody_taught_us_stands_for_itself():
    assert words.say_reason("x:BrandNew", texts(Lang.ZH)) == "BrandNew"
    assert words.say(words.EVENTS, None, texts(Lang.ZH)) == "–"


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("", Lang.ZH),
        ("fr, de;q=0.8", Lang.ZH),
        ("en-GB,en;q=0.9", Lang.EN),
        ("en;q=0.5, zh-CN;q=0.9", Lang.ZH),
        ("zh;q=0.2, en;q=0.7", Lang.EN),
        ("zh, en", Lang.ZH),
        ("en;q=nonsense", Lang.ZH),
    ],
)
def test_the_browser_chooses_and_chinese_is_the_default(header, lang):
    assert preferred(header) is lang
