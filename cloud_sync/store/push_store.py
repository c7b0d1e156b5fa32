"""Browsers that asked to be woken: kept per person, bounded, and forgotten when their push service says so."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports import User
from cloud_sync.ports_cases import Subscription
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import House, acting
from cloud_sync.store.keys import write_private

VAPID = "vapid.pem"
PER_USER_MAX = 10  # tablets and phones of one person; the oldest goes
ADDRESS_MAX = 1_000
POINT_BYTES, SECRET_BYTES = 65, 16  # RFC 8291: an uncompressed P-256 point, and the browser's secret


@dataclass(frozen=True, slots=True)
class VapidKey:
    private_pem: bytes
    public_pem: bytes
    application_key: str


def vapid_key(folder: Path) -> VapidKey:
    """The service's key for push services, made with its first use; browsers are bound to it.

    Raises:
        ConfigError: the file is there and is no key.
        StoreError: it cannot be written.
    """
    path = folder / VAPID
    if not path.exists():
        fresh = ec.generate_private_key(ec.SECP256R1())
        write_private(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private_pem = path.read_bytes()
    try:
        public = load_pem_private_key(private_pem, None).public_key()
    except ValueError as error:
        raise ConfigError("staff.push", f"{path} is no key", "Move it away; a new one is made") from error
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return VapidKey(private_pem, pem, base64.urlsafe_b64encode(point).rstrip(b"=").decode())


def is_push_service(endpoint: str) -> bool:
    """A public name over TLS: nobody makes this service call into its own network."""
    where = urlsplit(endpoint)
    host = where.hostname or ""
    public = "." in host and not host.replace(".", "").isdigit() and ":" not in host
    return where.scheme == "https" and public and where.port in (None, 443) and len(endpoint) <= ADDRESS_MAX


class SqlPushBook:
    """``PushBook`` of ports_cases.py, and the list the waking work goes through."""

    def __init__(
        self, house: House, public_key: str, accepts: Callable[[str], bool] = is_push_service
    ) -> None:
        self._house = house
        self._public_key = public_key
        self._accepts = accepts

    @property
    def public_key(self) -> str:
        return self._public_key

    def subscribe(self, user: User, subscription: Subscription) -> None:
        if not self._accepts(subscription.endpoint):
            raise Refused("push.endpoint", "this address is no push service's; nothing is sent there.")
        lengths = tuple(map(_length, (subscription.p256dh, subscription.auth)))
        if lengths != (POINT_BYTES, SECRET_BYTES):
            raise Refused("push.keys", "these are not a browser's push keys.")
        table = tables.push_subscription
        with acting(self._house, user.name, user.role) as act:
            mine = (table.c.community == self._house.community, table.c.user == user.name)
            act.connection.execute(sa.delete(table).where(mine[0], table.c.endpoint == subscription.endpoint))
            kept = sa.select(table.c.endpoint).where(*mine).order_by(table.c.made_ms.desc())
            newest = kept.limit(PER_USER_MAX - 1)
            act.connection.execute(sa.delete(table).where(*mine, table.c.endpoint.not_in(newest)))
            row = {"p256dh": subscription.p256dh, "auth": subscription.auth, "made_ms": act.now_ms}
            act.insert(table, endpoint=subscription.endpoint, user=user.name, **row)
            act.note("push.subscribe", user.name)

    def unsubscribe(self, user: User, endpoint: str) -> None:
        """End it; ending it twice is fine."""
        table = tables.push_subscription
        with acting(self._house, user.name, user.role) as act:
            act.connection.execute(
                sa.delete(table).where(
                    table.c.community == self._house.community,
                    table.c.user == user.name,
                    table.c.endpoint == endpoint,
                )
            )

    def everybody(self) -> list[tuple[str, Subscription]]:
        """Every subscription with its user's role as it is today."""
        table, user = tables.push_subscription, tables.user
        same = (user.c.community == table.c.community) & (user.c.name == table.c.user)
        query = (
            sa.select(user.c.role, table.c.endpoint, table.c.p256dh, table.c.auth)
            .join(user, same)
            .where(table.c.community == self._house.community)
        )
        with reading(self._house.engine).connect() as db:
            return [(row.role, Subscription(row.endpoint, row.p256dh, row.auth)) for row in db.execute(query)]

    def forget(self, endpoint: str) -> None:
        table = tables.push_subscription
        with self._house.engine.begin() as db:
            db.execute(
                sa.delete(table).where(
                    table.c.community == self._house.community, table.c.endpoint == endpoint
                )
            )


def _length(text: str) -> int:
    """Bytes behind base64url text; 0 when it is none."""
    try:
        return len(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return 0
