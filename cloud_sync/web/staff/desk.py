"""What the staff pages share: who asks and in which language, the nodes of this moment, and what is stale."""

from dataclasses import dataclass

from fastapi import Request

from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.core.roles import Right
from cloud_sync.ports import NodeLine, Session
from cloud_sync.ports_cases import CaseDesk
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.staff.shown import DoorCard, door_card, find_door
from cloud_sync.web.staff.stale import stale
from cloud_sync.web.texts import texts

WAITING_SHOWN_MS = 30 * MINUTE_MS  # later they have found another way; the proving page lists them for a day


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of somebody who may see this page."""

    session: Session
    chrome: Chrome
    by: Speaker
    now_ms: int


class Desk:
    def __init__(self, services: Services, cases: CaseDesk) -> None:
        self.services = services
        self.cases = cases
        self._sessions = Sessions(services.accounts)

    def asked(self, request: Request, right: Right = Right.SEE_STAFF) -> Asked:
        session = self._sessions.need_right(request, right)
        by = Speaker(texts(language_of(request)), self.services.zone)
        place = by.name(self.services.name_zh, self.services.name_en)
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)
        return Asked(session, chrome, by, self.services.clock.now_ms())

    def nodes(self, asked: Asked) -> tuple[NodeLine, ...]:
        return tuple(self.services.reader.nodes(self.services.community, asked.now_ms))

    def banners(self, nodes: tuple[NodeLine, ...], asked: Asked) -> tuple[str, ...]:
        return stale(nodes, self.cases.oldest_waiting_ms(), asked.now_ms, asked.by.say)

    def waiting(self, asked: Asked) -> int:
        """How many have said at a gate, in the last half hour, that they are not registered, and wait for an answer."""
        recent_ms = asked.now_ms - WAITING_SHOWN_MS
        return sum(one.asked_ms > recent_ms for one in self.services.registry.arrivals())

    def door(self, nodes: tuple[NodeLine, ...], access_point: str | None, asked: Asked) -> DoorCard | None:
        found = find_door(nodes, access_point)
        if found is None:
            return None
        talk = self.services.intercom.get(found[0].access_point, "")
        return door_card(*found, asked.by, asked.now_ms, talk)
