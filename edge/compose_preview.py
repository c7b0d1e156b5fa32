"""Looks by staff: the node's file and join file made into the desk that judges them and the page that shows them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from cloud_sync.protocol.messages import BadMessage
from cloud_sync.protocol.preview import read_ticket
from edge.config import NodeConfig
from edge.core.events import AccessPointId
from edge.core.preview import Asked, NoLook
from edge.ports import Clock
from edge.runtime.commands import Recorder
from edge.runtime.preview_desk import Look, PreviewDesk, PreviewRule
from edge.store.device_key import Join

if TYPE_CHECKING:
    from edge.kiosk.preview import Held, PreviewPages

NS = 1_000_000_000


def preview_desk(config: NodeConfig, join: Join, clock: Clock, recorder: Recorder) -> PreviewDesk | None:
    """None where the node's file names no network: then there is no page either, and the worker encodes nothing."""
    if not config.preview.networks:
        return None
    rule = PreviewRule(
        join.community,
        config.node,
        config.preview.networks,
        config.preview.seconds,
        NS // config.preview.fps,
        {AccessPointId(door.access_point): door.camera for door in config.doors if door.camera},
    )
    return PreviewDesk(rule, clock, recorder, verify_of(join), asked_of)


def verify_of(join: Join) -> Callable[[str, bytes, bytes], bool]:
    """The command key's word counts; that of whoever signs for a zone's second person does not."""

    def verify(kid: str, message: bytes, signature: bytes) -> bool:
        return kid not in join.confirm_keys and join.verify_command(kid, message, signature)

    return verify


def asked_of(text: str) -> Asked | None:
    """A ticket's text in the node's words; None for anything that is none."""
    try:
        ticket, signed, signature = read_ticket(text)
    except BadMessage:
        return None
    door = AccessPointId(ticket.door)
    return Asked(
        ticket.t,
        ticket.node,
        door,
        ticket.id,
        ticket.iat,
        ticket.exp,
        ticket.iss,
        ticket.kid,
        signed,
        signature,
    )


def pages_of(desk: PreviewDesk | None) -> "PreviewPages | None":
    """The page in the screen's thread, which asks the desk on this loop, the node's."""
    if desk is None:
        return None
    from edge.kiosk.app import templates
    from edge.kiosk.preview import PreviewPages

    loop = asyncio.get_running_loop()

    async def begun(door: AccessPointId, ticket: str, address: str) -> "Held | NoLook":
        return await desk.begin(door, ticket, address)

    def begin(door: AccessPointId, ticket: str, address: str) -> "Future[Held | NoLook]":
        return asyncio.run_coroutine_threadsafe(begun(door, ticket, address), loop)

    def end(look: "Held", why: str) -> "Future[None]":
        assert isinstance(look, Look), "this node's own"
        return asyncio.run_coroutine_threadsafe(desk.end(look, why), loop)

    return PreviewPages(desk.rule.networks, frozenset(desk.rule.cameras), begin, end, templates())
