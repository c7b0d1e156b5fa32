"""Which of the two languages a page speaks: asked for, remembered, preferred by the browser, else Chinese."""

from enum import StrEnum
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

LANGUAGE_COOKIE = "gatehouse_lang"
YEAR_S = 365 * 24 * 3600


class Lang(StrEnum):
    ZH = "zh"
    EN = "en"

    @property
    def tag(self) -> str:
        """The value of the page's ``lang`` attribute."""
        return "zh-CN" if self is Lang.ZH else "en"

    @property
    def other(self) -> "Lang":
        return Lang.EN if self is Lang.ZH else Lang.ZH


def parse_lang(text: str | None) -> Lang | None:
    try:
        return Lang(text or "")
    except ValueError:
        return None


def _weight(part: str) -> tuple[Lang | None, float]:
    name, _, parameter = part.strip().partition(";")
    try:
        weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
    except ValueError:
        weight = 0.0
    return parse_lang(name.strip().lower().split("-")[0]), weight


def preferred(accept_language: str) -> Lang:
    """The heavier of our two languages in an Accept-Language header; Chinese when in doubt."""
    weights = {Lang.ZH: 0.0, Lang.EN: 0.0}
    for part in accept_language.split(",")[:20]:
        lang, weight = _weight(part)
        if lang is not None:
            weights[lang] = max(weights[lang], weight)
    return Lang.EN if weights[Lang.EN] > weights[Lang.ZH] else Lang.ZH


def language_of(request: Request) -> Lang:
    return (
        parse_lang(request.query_params.get("lang"))
        or parse_lang(request.cookies.get(LANGUAGE_COOKIE))
        or preferred(request.headers.get("accept-language", ""))
    )


def switch_href(request: Request, to: Lang) -> str:
    """This very page in the other language."""
    kept = [(key, value) for key, value in parse_qsl(request.url.query) if key != "lang"]
    return f"{request.url.path}?{urlencode([*kept, ('lang', to.value)])}"


def remember(request: Request, response: Response) -> None:
    """Keep a language that was asked for by link, so that the next page speaks it too."""
    asked = parse_lang(request.query_params.get("lang"))
    if asked is not None:
        secure = request.url.scheme == "https"
        response.set_cookie(
            LANGUAGE_COOKIE, asked.value, max_age=YEAR_S, samesite="strict", secure=secure, httponly=True
        )
