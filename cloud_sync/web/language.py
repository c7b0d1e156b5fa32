"""Which language a page speaks: asked for, remembered, preferred by the browser, else Chinese.

Every page speaks Chinese and English.  The guest's pages also speak each language that has a catalogue beside these two:
a language is one file, ``locales/<code>.po``, and nothing here knows which there are.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from babel import Locale, UnknownLocaleError
from starlette.requests import Request
from starlette.responses import Response

LANGUAGE_COOKIE = "gatehouse_lang"
LOCALES = Path(__file__).parent / "locales"
YEAR_S = 365 * 24 * 3600
CODE = re.compile(r"[a-z]{2,3}")


class Lang(StrEnum):
    """The two that every page speaks are its members; one of a guest's languages is made when it is asked for."""

    ZH = "zh"
    EN = "en"

    @classmethod
    def _missing_(cls, value: object) -> "Lang | None":
        if value not in _catalogues():
            return None
        found = str.__new__(cls, value)
        found._name_, found._value_ = str(value).upper(), str(value)
        held = cls._value2member_map_.setdefault(value, found)  # the same one for everybody
        assert isinstance(held, cls)
        return held

    @property
    def tag(self) -> str:
        """The value of the page's ``lang`` attribute."""
        return "zh-CN" if self is Lang.ZH else self.value

    @property
    def own_name(self) -> str:
        """What the language calls itself."""
        return str(Locale.parse(self.value).get_display_name(self.value))

    @property
    def other(self) -> "Lang":
        return Lang.EN if self is Lang.ZH else Lang.ZH


EVERYWHERE: tuple[Lang, ...] = (Lang.ZH, Lang.EN)


@cache
def _catalogues() -> frozenset[str]:
    """The codes of the files that lie there, of languages there are."""
    return frozenset(path.stem for path in LOCALES.glob("*.po") if _is_language(path.stem))


def _is_language(code: str) -> bool:
    if CODE.fullmatch(code) is None:
        return False
    try:
        Locale.parse(code)
    except UnknownLocaleError:
        return False
    return True


@cache
def guest_languages() -> tuple[Lang, ...]:
    """Chinese and English, then whatever catalogues lie beside theirs, by code."""
    return (*EVERYWHERE, *(Lang(code) for code in sorted(_catalogues() - set(EVERYWHERE))))


@dataclass(frozen=True, slots=True)
class Choice:
    """This very page in another language."""

    lang: Lang
    href: str


def parse_lang(text: str | None, among: tuple[Lang, ...] = EVERYWHERE) -> Lang | None:
    return next((lang for lang in among if lang.value == text), None)


def _weight(part: str, among: tuple[Lang, ...]) -> tuple[Lang | None, float]:
    name, _, parameter = part.strip().partition(";")
    try:
        weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
    except ValueError:
        weight = 0.0
    return parse_lang(name.strip().lower().split("-")[0], among), weight


def preferred(accept_language: str, among: tuple[Lang, ...] = EVERYWHERE) -> Lang:
    """The heaviest of our languages in an Accept-Language header; of equals the first, and Chinese when in doubt."""
    weights = dict.fromkeys(among, 0.0)
    for part in accept_language.split(",")[:20]:
        lang, weight = _weight(part, among)
        if lang is not None:
            weights[lang] = max(weights[lang], weight)
    return max(among, key=lambda lang: weights[lang])


def language_of(request: Request, among: tuple[Lang, ...] = EVERYWHERE) -> Lang:
    return (
        parse_lang(request.query_params.get("lang"), among)
        or parse_lang(request.cookies.get(LANGUAGE_COOKIE), among)
        or preferred(request.headers.get("accept-language", ""), among)
    )


def guest_language(request: Request) -> Lang:
    """As ``language_of``, of every language a guest may choose."""
    return language_of(request, guest_languages())


def switch_href(request: Request, to: Lang) -> str:
    """This very page in the other language."""
    kept = [(key, value) for key, value in parse_qsl(request.url.query) if key != "lang"]
    return f"{request.url.path}?{urlencode([*kept, ('lang', to.value)])}"


def other_languages(request: Request, lang: Lang, among: tuple[Lang, ...] = EVERYWHERE) -> tuple[Choice, ...]:
    """All but the one that is spoken."""
    return tuple(Choice(one, switch_href(request, one)) for one in among if one is not lang)


def remember(request: Request, response: Response) -> None:
    """Keep a language that was asked for by link, so that the next page speaks it too."""
    asked = parse_lang(request.query_params.get("lang"), guest_languages())
    if asked is not None:
        secure = request.url.scheme == "https"
        response.set_cookie(
            LANGUAGE_COOKIE, asked.value, max_age=YEAR_S, samesite="strict", secure=secure, httponly=True
        )
