"""Every sentence of the pages exists in Chinese and in English, and of the guest's pages in every language there is."""

import re
import shutil
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from cloud_sync.web import language, words
from cloud_sync.web import texts as texts_module
from cloud_sync.web.language import Lang, guest_languages, preferred
from cloud_sync.web.texts import LOCALES, Texts, texts
from edge.core.door_types import Alarm, Contact, Mode
from edge.core.reasons import Reason
from tests.fakes.guest_house import COMPANION, FORM, GuestHouse
from tests.fakes.web_house import visiting

WEB = Path(__file__).parents[2] / "cloud_sync" / "web"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("templates/**.html", "jinja2")]
# What a guest meets: pages under the link and at the door, and the file of one's own data.
GUESTS = [
    ("guest/**.py", "python"),
    ("arrive.py", "python"),
    ("templates/guest/**.html", "jinja2"),
    ("templates/privacy/_copy.html", "jinja2"),
]
MORE = [lang for lang in guest_languages() if lang not in set(Lang)]
SCRIPTS = {"ja": re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]"), "ko": re.compile(r"[\uac00-\ud7a3]")}
PLACES = re.compile(r"%\((\w+)\)s")
HAN = re.compile(r"[\u4e00-\u9fff]")


def msgids(methods: list[tuple[str, str]]) -> set[str]:
    found = extract_from_dir(WEB, method_map=methods, keywords={"_": None, "mark": None})
    return {str(message) for _file, _line, message, _comments, _context in found}


def catalogue(lang: Lang) -> dict[str, str]:
    with (LOCALES / f"{lang.value}.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id}


def test_the_pages_have_texts_at_all():
    assert {"Expected today", "Log in", "Refused"} <= msgids(METHODS)


@pytest.mark.parametrize("lang", list(Lang))
def test_every_text_is_in_the_catalogue_and_none_is_left_over(lang):
    held = catalogue(lang)
    assert msgids(METHODS) == set(held)
    assert [msgid for msgid, text in held.items() if not text.strip()] == []


@pytest.mark.parametrize("lang", MORE)
def test_a_language_of_the_guests_has_every_sentence_of_theirs_and_none_of_the_staffs(lang):
    held = catalogue(lang)
    assert msgids(GUESTS) == set(held)
    own = SCRIPTS.get(lang.value)
    same = [msgid for msgid, text in held.items() if not text.strip() or text == msgid]
    assert [msgid for msgid in same if PLACES.sub("", msgid).strip(" .:")] == []
    odd = [text for text in held.values() if own and not own.search(text)]
    assert [text for text in odd if PLACES.sub("", text).strip(" .。：")] == []


@pytest.mark.parametrize("lang", guest_languages())
def test_all_languages_have_the_same_places_for_values(lang):
    for msgid, text in catalogue(lang).items():
        assert sorted(PLACES.findall(msgid)) == sorted(PLACES.findall(text)), msgid


def test_chinese_is_chinese_and_english_is_english():
    odd = [text for text in catalogue(Lang.ZH).values() if not HAN.search(text)]
    assert odd == ["%(what)s：%(next)s。"]
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


# --- a language is one file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["ja", "ko"])
def test_a_guests_way_asks_for_no_sentence_its_language_has_not(tmp_path, monkeypatch, lang):
    house, said = GuestHouse(tmp_path, headcount=2), Texts.__call__
    asked: set[tuple[str, str]] = set()

    def noted(say: Texts, msgid: str, **values: object) -> str:
        asked.add((say.lang.value, msgid))
        return said(say, msgid, **values)

    monkeypatch.setattr(Texts, "__call__", noted)
    with visiting(house.app(), **{"accept-language": f"{lang}-XX,en;q=0.5"}) as phone:
        home = f"/g/{house.token}"
        page = phone.get(f"{home}/notice")
        assert page.headers["content-language"] == lang
        assert f'<html lang="{lang}">' in page.text
        phone.post(
            f"{home}/notice", data=dict(re.findall(r'name="(notice|rules)" value="([^"]+)"', page.text))
        )
        assert phone.post(f"{home}/me", data=FORM | {"document_number": "x"}).status_code == 422
        phone.post(f"{home}/me", data=FORM)
        phone.post(f"{home}/people", data=COMPANION)
        for path in ("people", "face", "pass", "leave", "data", "nothing"):
            phone.get(f"{home}/{path}")
        version = re.search(r'name="version" value="([^"]+)"', phone.get(f"{home}/face").text)
        yes = {"answer": "yes", "agree": "face_access", "version": version[1]}
        assert phone.post(f"{home}/face", data=yes).status_code == 303, "a consent to a text in this language"
        phone.get("/arrive/dongfang-gate-3")
    house.close()
    assert len(asked) > 100
    assert {msgid for said_in, msgid in asked if said_in != lang} == set()
    assert {msgid for _lang, msgid in asked} - set(catalogue(Lang(lang))) == set()


def test_a_file_in_the_folder_is_a_language_for_guests_and_for_nobody_else(tmp_path, monkeypatch):
    """Esperanto with one sentence: what is not translated yet stands there in English, and staff do not meet it."""
    locales = tmp_path / "locales"
    shutil.copytree(LOCALES, locales)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (locales / "eo.po").write_text(
        head + 'msgid "Before you come in"\nmsgstr "Antaŭ ol vi eniras"\n', "utf-8"
    )
    (locales / "no-language.po").write_text("")
    monkeypatch.setattr(language, "LOCALES", locales)
    monkeypatch.setattr(texts_module, "LOCALES", locales)
    caches = (language._catalogues, language.guest_languages, texts)
    for one in caches:
        one.cache_clear()
    house = GuestHouse(tmp_path)
    try:
        with visiting(house.app(), **{"accept-language": "eo, en;q=0.5"}) as phone:
            page = phone.get(f"/g/{house.token}/notice").text
            assert "<h1>Antaŭ ol vi eniras</h1>" in page
            assert "What we ask, and why" in page
            assert re.findall(r'hreflang="([^"]+)"', page) == ["zh-CN", "en", "ja", "ko"]
            assert ">Esperanto<" in phone.get(f"/g/{house.token}/notice?lang=ko").text
            assert phone.get("/login", follow_redirects=True).headers["content-language"] == "en"
            phone.get(f"/g/{house.token}/notice?lang=eo")
            assert phone.get("/login", follow_redirects=True).headers["content-language"] == "en", (
                "the cookie is for the guest's pages"
            )
    finally:
        house.close()
        for one in caches:
            one.cache_clear()
