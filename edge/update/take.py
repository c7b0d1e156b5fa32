"""A node takes a release: judged, laid out beside the running one, swapped, looked at, and taken back if it is not well.

Data, passes, ledger and keys stand outside of the releases and are not touched by any of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.protocol.messages import BadMessage
from cloud_sync.protocol.release import Order, Release, signing_bytes, split
from edge.core.release import LOOK_MOST_MS, WELL_MS, Asked, Installed, Why, judge
from edge.errors import GateError
from edge.store.device_key import Join
from edge.store.releases import ReleaseFolder, digest_of

LOOK_MS = 500


class ReleaseRefused(GateError):
    """This node does not take it; ``why`` is the word for it."""

    def __init__(self, why: Why) -> None:
        super().__init__(f"not taken: {why}.")
        self.why = why


class Hands(Protocol):
    """What stops and starts the node's program, and looks at it."""

    def restart(self) -> None:
        """Bounded by RESTART_MS; GateError where it cannot be done."""
        ...

    def is_well(self) -> bool:
        """Whether the program that runs now answers and its doors do."""
        ...

    def is_quiet(self) -> bool:
        """No door stands open by fire or evacuation."""
        ...

    def monotonic_ms(self) -> int: ...

    def pause(self, ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """``n`` runs now; ``well`` False: neither the new nor the old one answers, and somebody has to go there."""

    n: int
    took: bool
    well: bool
    dark_ms: int


@dataclass(frozen=True, slots=True)
class Papers:
    """What was brought: the order, and for an install the release with its file."""

    order: Path
    release: Path | None = None
    file: Path | None = None


def take(
    folder: ReleaseFolder, papers: Papers, join: Join, release_keys: tuple[bytes, ...], hands: Hands,
    *, now_ms: int, clock_sure: bool,
) -> Outcome:  # fmt: skip
    """Judge, lay out, swap and look.

    Raises:
        ReleaseRefused: nothing was changed.
        StoreError: it could not be laid out; the running program is as it was.
    """
    asked, order = read(papers, join, release_keys)
    have = folder.installed(order.kind)
    why = judge(asked, have, now_ms=now_ms, clock_sure=clock_sure, quiet=hands.is_quiet())
    if why is not None:
        raise ReleaseRefused(why)
    counted = replace(have, ctr=order.ctr)
    folder.note(order.kind, counted)
    if asked.back:
        assert have.before is not None
        return _swap(folder, order.kind, counted, have.before, hands, back=True)
    assert papers.file is not None
    folder.unpack(order.kind, order.n, papers.file)
    return _swap(folder, order.kind, counted, order.n, hands, back=False)


def read(papers: Papers, join: Join, release_keys: tuple[bytes, ...]) -> tuple[Asked, Order]:
    """What the papers say, and which signatures hold.

    Raises:
        ReleaseRefused: they are no papers at all.
    """
    try:
        signature, body, order = split(papers.order.read_bytes(), Order)
    except (BadMessage, OSError) as error:
        raise ReleaseRefused(Why.ORDER_UNSIGNED) from error
    key = join.command_keys.get(order.kid)
    signed = digest = same = False
    if papers.release is not None and papers.file is not None:
        signed, digest, same = _release(papers.release, papers.file, order, release_keys)
    asked = Asked(
        signed=signed,
        digest=digest,
        order_signed=key is not None and verified(key, signature, signing_bytes(Order, body)),
        for_us=(order.t, order.node) == (join.community, join.node),
        same_release=same,
        back=order.do == "back",
        n=order.n,
        ctr=order.ctr,
        issued_ms=order.iat,
        expires_ms=order.exp,
    )
    return asked, order


def _release(paper: Path, file: Path, order: Order, keys: tuple[bytes, ...]) -> tuple[bool, bool, bool]:
    try:
        signature, body, release = split(paper.read_bytes(), Release)
    except (BadMessage, OSError) as error:
        raise ReleaseRefused(Why.UNSIGNED) from error
    signed = any(verified(key, signature, signing_bytes(Release, body)) for key in keys)
    digest = digest_of(file) == (release.sha256, release.size)
    same = (release.kind, release.n, release.sha256) == (order.kind, order.n, order.sha256)
    return signed, digest, same


def verified(key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- the swap ----------------------------------------------------------------------------------------------------


def _swap(folder: ReleaseFolder, kind: str, have: Installed, to: int, hands: Hands, *, back: bool) -> Outcome:
    """The clock runs from the moment the old program is stopped until one of the two is well."""
    began = hands.monotonic_ms()
    if _starts(folder, kind, to, hands):
        before = None if back else have.n or None
        folder.note(kind, replace(have, n=to, before=before))
        if not back:
            folder.clear(kind, frozenset({to, have.n}))
        return Outcome(to, took=True, well=True, dark_ms=hands.monotonic_ms() - began)
    well = have.n > 0 and _starts(folder, kind, have.n, hands)
    return Outcome(have.n, took=False, well=well, dark_ms=hands.monotonic_ms() - began)


def _starts(folder: ReleaseFolder, kind: str, n: int, hands: Hands) -> bool:
    folder.point(kind, n)
    try:
        hands.restart()
    except GateError:
        return False
    return _wait(hands.is_well, hands, WELL_MS)


def _wait(holds: Callable[[], bool], hands: Hands, most_ms: int) -> bool:
    end = hands.monotonic_ms() + most_ms
    while not holds():
        if hands.monotonic_ms() + LOOK_MS + LOOK_MOST_MS > end:  # a look that begins has to end in time
            return False
        hands.pause(LOOK_MS)
    return True
