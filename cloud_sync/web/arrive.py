"""The page behind the code at a door: somebody who is not registered says which booking is theirs.

Whatever is typed, the answer is the same page in the same time: it is compared with nothing here.  It carries no
authority, so it needs no login and no form token; it is bounded instead.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.web.guest.shown import Frame
from cloud_sync.web.guest.words import of_status
from cloud_sync.web.language import guest_language, guest_languages, other_languages, remember
from cloud_sync.web.render import environment
from cloud_sync.web.services import Services
from cloud_sync.web.texts import Texts, texts

AccessPoint = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Said = Annotated[str, Form(max_length=64)]

WITHIN_MS = 10 * 60_000
EACH_MAX = 5  # a family with three bookings, and two slips
ALL_MAX = 120  # behind one address translator a whole bus looks like one client
CLIENTS_MAX = 1_000
TOO_MANY = 429


class Patience:
    """How often one client, and all together, may say something; bounded in memory, forgotten after ten minutes."""

    def __init__(self, now_ms: Callable[[], int], *, each: int = EACH_MAX, all_: int = ALL_MAX) -> None:
        self._now_ms = now_ms
        self._each, self._all_max = each, all_
        self._all: deque[tuple[int, str]] = deque(maxlen=CLIENTS_MAX)

    def takes(self, client: str) -> bool:
        now = self._now_ms()
        while self._all and now - self._all[0][0] >= WITHIN_MS:
            self._all.popleft()
        mine = sum(one == client for _, one in self._all)
        if mine >= self._each or len(self._all) >= self._all_max:
            return False
        self._all.append((now, client))
        return True


@dataclass(frozen=True, slots=True)
class ArrivePage:
    frame: Frame
    access_point: str
    door: str
    said: bool
    problem: str = ""


class ArrivePages:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._patience = Patience(services.clock.now_ms)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/arrive/{access_point}", self.show, methods=["GET"])
        self.router.add_api_route("/arrive/{access_point}", self.say, methods=["POST"])

    def show(self, request: Request, access_point: AccessPoint) -> Response:
        return self._answer(request, access_point, said=False)

    def say(self, request: Request, access_point: AccessPoint, booking: Said = "") -> Response:
        client = request.client.host if request.client else ""
        if not self._patience.takes(client):
            return self._answer(request, access_point, said=False, status=TOO_MANY)
        self._services.registry.announce_arrival(access_point, booking)
        return self._answer(request, access_point, said=True)

    def _answer(self, request: Request, access_point: str, *, said: bool, status: int = 200) -> Response:
        lang = guest_language(request)
        say: Texts = texts(lang)
        place = self._services.registry.place(access_point)
        frame = Frame(
            lang=lang,
            choices=other_languages(request, lang, guest_languages()),
            community=place.community(chinese=say.lang.value == "zh") if place else "",
            synthetic=place.synthetic if place else False,
            phone=self._services.guest.phone,
            home="",
        )
        door = place.door(chinese=say.lang.value == "zh") if place else ""
        problem = of_status(status).sentence(say) if status == TOO_MANY else ""
        page = ArrivePage(frame, access_point, door, said, problem)
        html = environment(lang).get_template("guest/arrive.html").render(page=page)
        response = HTMLResponse(html, status)
        remember(request, response)
        response.headers["content-language"] = lang.tag
        response.headers["vary"] = "Cookie, Accept-Language"
        return response
