"""What goes wrong around a guest's page, told to the guest: in their words, with what to do next."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.web.guest import words
from cloud_sync.web.guest.shown import GuestPage, Printer, answered
from cloud_sync.web.language import guest_language
from cloud_sync.web.texts import mark, texts

PAGES = ("/g/", "/arrive")
API = "/api/v1/guest/"


class GuestFaults:
    def __init__(self, printer: Printer) -> None:
        self._printer = printer

    def rule(self, request: Request, rule: str, status: int) -> Response:
        """The records said no; a link that is none leads nowhere back."""
        return self._page(request, words.of_rule(rule), status, home="" if rule == "link" else _home(request))

    def status(self, request: Request, status: int) -> Response:
        """Nobody said no, and yet there is no page."""
        return self._page(request, words.of_status(status), status, home=_home(request))

    def _page(self, request: Request, said: words.Said, status: int, *, home: str) -> Response:
        frame = replace(self._printer.frame(request, "", None), home=home)
        say = texts(frame.lang)
        page = GuestPage(frame, title=say(mark("This did not work")), problem=said.sentence(say))
        return answered(request, "said", page, status)


def explain(request: Request, word: str | int) -> str:
    """The sentence for a rule of the records or a status of HTTP, in the language of the request."""
    said = words.of_rule(word) if isinstance(word, str) else words.of_status(word)
    return said.sentence(texts(guest_language(request)))


def _home(request: Request) -> str:
    """The beginning of the guest's link, where the address has one."""
    parts = request.url.path.split("/")
    token = parts[2] if len(parts) > 3 and parts[1] == "g" else ""  # "", "g", token, what follows
    return f"/g/{token}" if token.isascii() and token.isalnum() else ""
