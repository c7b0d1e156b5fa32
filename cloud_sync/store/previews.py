"""``PreviewDesk``: tickets by which a named person may look through one door's camera, signed like a command and audited."""

from collections.abc import Mapping

import sqlalchemy as sa

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import Signer, User
from cloud_sync.ports_preview import PreviewTicket
from cloud_sync.protocol.preview import (
    PREVIEW_VERSION,
    TTL_MS,
    Ticket,
    encode_ticket,
    signing_bytes,
    text_of,
)
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import House, acting
from cloud_sync.store.reasons import checked_reason

ACTION = "preview.ticket"
ID_BYTES = 8


class SqlPreviews:
    """``addresses``: where browsers on the site reach each node's own pages; a node that is not there shows nothing."""

    def __init__(self, house: House, signer: Signer, addresses: Mapping[str, str]) -> None:
        self._house, self._signer, self._addresses = house, signer, addresses

    def offers(self, door: str) -> bool:
        table = tables.access_point
        mine = (table.c.community == self._house.community, table.c.access_point == door)
        with reading(self._house.engine).connect() as db:
            node = db.execute(sa.select(table.c.node).where(*mine)).scalar_one_or_none()
        return node in self._addresses

    def given(self, door: str, *, since_ms: int) -> int:
        table = tables.audit
        counted = sa.select(sa.func.count()).where(
            table.c.community == self._house.community,
            table.c.action == ACTION,
            table.c.object == door,
            table.c.at_ms >= since_ms,
        )
        with reading(self._house.engine).connect() as db:
            return int(db.execute(counted).scalar_one())

    def ticket(self, door: str, user: User, reason: str) -> PreviewTicket:
        why = checked_reason(reason)
        with acting(self._house, user.name, user.role) as act:
            point = act.row(tables.access_point, access_point=door)
            if point is None:
                raise NotFound(f"there is no access point {door}.")
            address = self._addresses.get(str(point.node))
            if address is None:
                raise Refused("preview.address", f"nobody wrote down where node {point.node} is on the site.")
            ticket = Ticket(
                v=PREVIEW_VERSION,
                t=self._house.community,
                node=str(point.node),
                door=door,
                id=self._house.randomness(ID_BYTES).hex(),
                iat=act.now_ms,
                exp=act.now_ms + TTL_MS,
                iss=user.name,
                kid=self._signer.kid,
            )
            act.note(ACTION, door, None, ticket.id, why)
        body = encode_ticket(ticket)
        text = text_of(body, self._signer.sign(signing_bytes(body)))
        return PreviewTicket(ticket.id, f"{address.rstrip('/')}/preview/{door}#{text}", ticket.exp)
