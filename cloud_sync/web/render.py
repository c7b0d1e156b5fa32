"""Pages are printed here: Jinja2, everything escaped, one frozen value per page, a missing name is an error."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from cloud_sync.web.board import Board, EntryRow, NodeCard
from cloud_sync.web.language import Lang, language_of, remember, switch_href
from cloud_sync.web.texts import texts

TEMPLATES = Path(__file__).parent / "templates"
# Where a role's day begins: said once there, and on no other page.
FIRST_PAGES = frozenset({"/", "/staff", "/listings", "/operator", "/inbox"})


@dataclass(frozen=True, slots=True)
class Chrome:
    """What surrounds every page."""

    lang: Lang
    switch_href: str
    user: str | None
    csrf: str
    place: str = ""  # the community, where the page knows it
    advised: bool = False  # a second factor should be set up, and this is where somebody begins


@dataclass(frozen=True, slots=True)
class FirstRunPage:
    chrome: Chrome
    problem: str
    name: str


@dataclass(frozen=True, slots=True)
class LoginPage:
    chrome: Chrome
    problem: str
    name: str
    origin: str = ""  # of the pages that may ask for passkeys; empty: none are known here


@dataclass(frozen=True, slots=True)
class CodePage:
    """The second step of a login."""

    chrome: Chrome
    problem: str


@dataclass(frozen=True, slots=True)
class DashboardPage:
    chrome: Chrome
    board: Board
    reports: bool = False  # there is a page of reports to authorities
    figures: bool = False  # and one of figures
    forecast: bool = False  # and a page of coming days
    plan: bool = False  # and a plan of the community


@dataclass(frozen=True, slots=True)
class NodePage:
    chrome: Chrome
    card: NodeCard
    now: str


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page that only says something: not found, refused, failed."""

    chrome: Chrome
    status: int
    title: str
    sentence: str


class Page(Protocol):
    """Whatever a template is given: a frozen value that knows what surrounds it."""

    @property
    def chrome(self) -> Chrome: ...


@cache
def environment(lang: Lang) -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals["_"] = texts(lang)
    return env


def render(template: str, page: Page) -> str:
    return environment(page.chrome.lang).get_template(template).render(page=page)


def render_row(row: EntryRow, lang: Lang) -> str:
    """One table row, on one line: a server-sent event ends at a newline."""
    html = environment(lang).get_template("_entry.html").render(row=row)
    return " ".join(html.split())


def chrome_of(request: Request, *, user: str | None = None, csrf: str = "", place: str = "") -> Chrome:
    lang = language_of(request)
    advised = bool(getattr(request.state, "advised", False)) and request.url.path in FIRST_PAGES
    return Chrome(lang, switch_href(request, lang.other), user, csrf, place, advised)


def answer(request: Request, template: str, page: Page, status: int = 200) -> HTMLResponse:
    response = HTMLResponse(render(template, page), status_code=status)
    remember(request, response)
    response.headers["content-language"] = page.chrome.lang.tag
    response.headers["vary"] = "Cookie, Accept-Language"
    return response
