"""The books of certificates: a claim is honoured once, a renewal is the device key's own wish, the lost get nothing."""

import base64
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.errors import NotFound, Refused
from cloud_sync.identity.authority import Authority, check_name, pem_of, read_csr
from cloud_sync.protocol.identity import CLAIM_AHEAD_MS, CLAIM_LIFE_MS, Claim, Renew, identity_bytes
from cloud_sync.protocol.messages import BadMessage, decode
from cloud_sync.store import tables
from cloud_sync.store import tables_identity as more
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.losses import lost_nodes, open_loss

STAFF_ROLE = "staff"
JOIN, RENEWAL = "join", "renewal"
HOUR_MS = 3_600_000
RENEWALS_A_DAY_MAX = 10  # one a month is usual; each is a row that stays


class SqlCertificates:
    """Every method is one transaction and safe from any thread."""

    def __init__(self, house: House, authority: Authority) -> None:
        self._house = house
        self._authority = authority

    @property
    def authority(self) -> Authority:
        return self._authority

    def check(self, node: str, claim: Claim, public_key: str) -> None:
        """Would this claim be honoured?  Nothing is changed.

        Raises:
            Refused: used, too old, from the future, another node's, or not signed by this device key.
        """
        check_name(node)
        read_csr(claim.csr, f"node {node}")
        _check_claim(node, claim, public_key, self._house.clock.now_ms())
        with reading(self._house.engine).begin() as db:
            _check_unused(self._looking(db), claim)

    def honour(self, node: str, claim: Claim, *, actor: str) -> str:
        """Issue the certificate of a registered node's claim, once; returns it as PEM.

        Raises:
            NotFound: the node is not registered.
            Refused: as ``check``, or the node is lost.
        """
        csr = read_csr(claim.csr, f"node {node}")
        with acting(self._house, actor, STAFF_ROLE) as act:
            held = act.row(tables.node, node=node)
            if held is None:
                raise NotFound(f"there is no node {node}; register it first.")
            _check_not_lost(act, node)
            _check_claim(node, claim, str(held.device_public_key), act.now_ms)
            _check_unused(act, claim)
            act.insert(more.join_claim, id=claim.id, node=node, used_ms=act.now_ms)
            return self._issue(act, node, csr, JOIN)

    def renew(self, node: str, *, actor: str = "service") -> str | None:
        """Answer what a node asked for by ``Renew``; None, and an audit row, where it is not to be had."""
        with acting(self._house, actor, "system") as act:
            asked = act.row(more.renewal, node=node)
            if asked is None:
                return None
            _forget(act, node)
            try:
                csr = _renewal_csr(act, node, asked)
                return _answered_before(act, node, csr) or self._issue(act, node, csr, RENEWAL)
            except (Refused, NotFound) as error:
                act.note("certificate.refuse", node, None, None, str(error))
                return None

    def waiting(self) -> list[str]:
        """Nodes whose renewal is asked for and not answered."""
        table = more.renewal
        mine = table.c.community == self._house.community
        with reading(self._house.engine).begin() as db:
            return list(db.execute(sa.select(table.c.node).where(mine).order_by(table.c.asked_ms)).scalars())

    def newest(self, node: str) -> str | None:
        """The node's newest certificate that is not revoked, as PEM."""
        table = more.certificate
        found = (
            sa.select(table.c.pem)
            .where(table.c.community == self._house.community, table.c.node == node)
            .where(table.c.revoked_ms.is_(None))
            .order_by(table.c.issued_ms.desc())
            .limit(1)
        )
        with reading(self._house.engine).begin() as db:
            pem: str | None = db.execute(found).scalar()
        return pem

    def listed(self) -> list[Any]:
        """Every certificate's row, by node and time."""
        table = more.certificate
        mine = table.c.community == self._house.community
        with reading(self._house.engine).begin() as db:
            return list(db.execute(sa.select(table).where(mine).order_by(table.c.node, table.c.issued_ms)))

    def revoked(self) -> list[tuple[int, int]]:
        """Serial and time of every revoked certificate that would still be valid."""
        table = more.certificate
        found = sa.select(table.c.serial, table.c.revoked_ms).where(
            table.c.community == self._house.community,
            table.c.revoked_ms.is_not(None),
            table.c.not_after_ms + 24 * HOUR_MS > self._house.clock.now_ms(),
        )
        with reading(self._house.engine).begin() as db:
            return [(int(serial, 16), since) for serial, since in db.execute(found.order_by(table.c.serial))]

    def nodes(self) -> list[str]:
        """Every registered node that is not lost."""
        table, code = tables.node, self._house.community
        mine = (table.c.community == code, table.c.node.not_in(lost_nodes(code)))
        with reading(self._house.engine).begin() as db:
            return list(db.execute(sa.select(table.c.node).where(*mine).order_by(table.c.node)).scalars())

    def lost(self) -> list[str]:
        """Nodes that were lost and not replaced."""
        with reading(self._house.engine).begin() as db:
            return sorted(set(db.execute(lost_nodes(self._house.community)).scalars()))

    def _issue(self, act: Act, node: str, csr: x509.CertificateSigningRequest, how: str) -> str:
        made = self._authority.issue_node(node, csr, act.now_ms)
        serial, pem = f"{made.serial_number:x}", pem_of(made)
        act.insert(
            more.certificate,
            serial=serial,
            node=node,
            pem=pem,
            not_before_ms=_ms(made.not_valid_before_utc.timestamp()),
            not_after_ms=_ms(made.not_valid_after_utc.timestamp()),
            how=how,
            issued_ms=act.now_ms,
        )
        act.note("certificate.issue", node, None, serial, how)
        return pem

    def _looking(self, connection: sa.Connection) -> Act:
        return Act(self._house, connection, self._house.clock.now_ms(), "service", "system")


def revoke_all(act: Act, node: str, why: str) -> list[str]:
    """Every certificate of a node, in the caller's transaction; the serials."""
    rows = [row for row in act.rows(more.certificate, node=node) if row.revoked_ms is None]
    for row in rows:
        act.update(more.certificate, {"serial": str(row.serial)}, revoked_ms=act.now_ms, why=why)
        act.note("certificate.revoke", node, str(row.serial), None, why)
    return [str(row.serial) for row in rows]


def _check_claim(node: str, claim: Claim, public_key: str, now_ms: int) -> None:
    ask_again = "ask the node for another one: 'gatehouse-node join-request'."
    if claim.n != node:
        raise Refused("node", f"this join request is of node {claim.n!r}, not of {node}.")
    if not _signed(claim, public_key):
        raise Refused("node", f"node {node}: its device key has not signed this join request; {ask_again}")
    age_ms = now_ms - claim.at
    if age_ms > CLAIM_LIFE_MS:
        old = f"{age_ms // HOUR_MS} h old, and {CLAIM_LIFE_MS // HOUR_MS} h is the most"
        raise Refused("node", f"the join request of node {node} is {old}; {ask_again}")
    if -age_ms > CLAIM_AHEAD_MS:
        raise Refused(
            "node", f"the join request of node {node} is from the future; set its clock, then {ask_again}"
        )


def _check_unused(act: Act, claim: Claim) -> None:
    if act.row(more.join_claim, id=claim.id) is not None:
        raise Refused(
            "node",
            f"this join request of node {claim.n} was honoured before, and each is honoured once; its answer is written "
            "again by 'gatehouse-sync node join-file', another one is made by 'gatehouse-node join-request'.",
        )


def _check_not_lost(act: Act, node: str) -> None:
    if open_loss(act, node) is not None:
        raise Refused("node", f"node {node} is lost; only a replacement with a key of its own may join.")


def _renewal_csr(act: Act, node: str, asked: Any) -> x509.CertificateSigningRequest:
    held = act.row(tables.node, node=node)
    if held is None:
        raise NotFound(f"there is no node {node}.")
    _check_not_lost(act, node)
    try:
        wish = decode(bytes(asked.wish), Renew)
    except BadMessage as error:
        raise Refused("node", f"node {node}: its wish for a certificate cannot be read ({error}).") from error
    if wish.n != node or not _signed(wish, str(held.device_public_key)):
        raise Refused("node", f"node {node}: its device key has not signed its wish for a certificate.")
    return read_csr(wish.csr, f"node {node}")


def _answered_before(act: Act, node: str, csr: x509.CertificateSigningRequest) -> str | None:
    """The certificate this very key has already, where only the answer was lost.

    Raises:
        Refused: too many for one day: somebody plays with the node's key.
    """
    made = [row for row in act.rows(more.certificate, node=node) if row.revoked_ms is None]
    for row in made:
        held = x509.load_pem_x509_certificate(str(row.pem).encode())
        young = (
            act.now_ms < int(row.not_before_ms) + (int(row.not_after_ms) - int(row.not_before_ms)) * 2 // 3
        )
        if young and held.public_key() == csr.public_key():
            return str(row.pem)
    if sum(int(row.issued_ms) > act.now_ms - 24 * HOUR_MS for row in made) >= RENEWALS_A_DAY_MAX:
        raise Refused("node", f"node {node} had {RENEWALS_A_DAY_MAX} certificates within a day.")
    return None


def _forget(act: Act, node: str) -> None:
    table = more.renewal
    mine = (table.c.community == act.house.community, table.c.node == node)
    act.connection.execute(sa.delete(table).where(*mine))


def _signed(message: Claim | Renew, public_key: str) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(message.sig, validate=True), identity_bytes(message))
    except (InvalidSignature, ValueError):
        return False
    return True


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
