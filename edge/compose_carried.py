"""Revocations that a person brings to this node: a signed file, or one code that is typed or shown (ADR 0041)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from cloud_sync.protocol import revocation
from cloud_sync.protocol.delta import Deny
from cloud_sync.protocol.messages import BadMessage, decode
from edge.compose_passes import BookPasses
from edge.core.events import Fact, PassId
from edge.core.passes import Denial, PassState
from edge.errors import CarryRefused, GateError
from edge.link.passes import denials, is_signed
from edge.ports import Clock
from edge.runtime.control import Answer, Handler
from edge.store.device_key import Join
from edge.store.pass_book import PassBook

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CarriedPasses:
    """Only takes away, and only what the community's keys vouch for; whoever carries it needs no trust."""

    join: Join
    passes: BookPasses

    def take(self, text: str) -> int:
        """A file's text or a code; how many passes were named.  On the disk, and told to the doors, when it returns.

        Raises:
            CarryRefused: it is not for this node, not the community's word, or known already; nothing was done.
        """
        return self._file(text) if text.lstrip().startswith("{") else self._code(text)

    def _file(self, text: str) -> int:
        lines = [self._line(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        done = [self.passes.deny(one.auth_ver, denials(one)) for one in lines]
        if not any(done):
            raise CarryRefused("everything in this file is known here already. Nothing was changed.")
        return sum(len(one.items) for one in lines)

    def _line(self, number: int, line: str) -> Deny:
        try:
            deny = decode(line.encode(), Deny)
            denials(deny)
        except BadMessage as error:
            raise CarryRefused(f"line {number} cannot be read ({error}). Write the file anew.") from error
        if deny.node != self.join.node:
            raise CarryRefused(
                f"line {number} is for node {deny.node}, this is {self.join.node}. Take this node's file."
            )
        if not is_signed(deny, self.join.verify):
            raise CarryRefused(
                f"line {number} is not signed by the community. Write the file anew at the service."
            )
        return deny

    def _code(self, text: str) -> int:
        code = revocation.read(text)
        if code is None:
            raise CarryRefused(
                f"this is no such code: {revocation.CHARACTERS} letters and digits after ACR:."
            )
        if not self.join.pin_key:
            raise CarryRefused("this node has no key for codes. Take the signed file.")
        book = self.passes.book
        held = ((str(row.pass_id), row.pass_version) for row in book.held.passes.values())
        found = revocation.find(self.join.pin_key, code, held)
        if found is None:
            raise CarryRefused("this code names no pass that opens anything here. Look at its letters again.")
        pass_id, version = found
        self.passes.deny(book.auth_ver + 1, [(PassId(pass_id), Denial(version, PassState.REVOKED))])
        return 1


class Host(Protocol):
    """The node, as far as this needs it."""

    async def record(self, facts: Sequence[Fact]) -> None: ...

    def passes_changed(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CarriedDesk:
    """Where what is carried is handed in: at a door as a QR code, or by a technician."""

    carried: CarriedPasses
    host: Host

    async def shown(self, text: str) -> bool:
        """A text that was shown to a door; False for what is none of this."""
        if not text.startswith(revocation.PREFIX):
            return False
        try:
            await self._take(text, "code at a door")
        except GateError as error:
            log.warning("carried_refused", why=str(error))
        return True

    @property
    def handlers(self) -> dict[str, Handler]:
        async def carried(asked: Answer) -> Answer:
            return {"passes": await self._take(str(asked["text"]), str(asked["by"]))}

        return {"carried": carried}

    async def _take(self, text: str, by: str) -> int:
        """Trying a code costs a second at the largest sites: not on the loop that serves the doors."""
        count = await asyncio.to_thread(self.carried.take, text)
        await self.host.record([Fact("sys.revoked", actor=by, x={"passes": count})])
        return count


def carried_desk(join: Join, book: PassBook, clock: Clock, host: Host) -> CarriedDesk:
    return CarriedDesk(CarriedPasses(join, BookPasses(book, clock, host.passes_changed)), host)
