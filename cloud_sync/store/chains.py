"""The chains of who changed what, who looked at whom and what was told to whom: signed every night, proved on demand, cut when they run out.

A chain alone shows a changed row; whoever can write the database can write all of it anew.  So its head goes into the
record every night in the community's own hand, and a chain that was written anew does not lead there.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.store import tables
from cloud_sync.store.audit import first_break
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House
from cloud_sync.store.tables_privacy import chain_cut, chain_head
from cloud_sync.store.tables_upstream import upstream_log

CHAINS = (tables.audit, tables.disclosure, upstream_log)
SAID = "gatehouse chain head v1"


@dataclass(frozen=True, slots=True)
class ChainProof:
    """``problem`` is empty where the chain holds and every head that was signed lies on it."""

    chain: str
    first: int
    last: int
    heads: int
    problem: str

    def line(self) -> str:
        """One sentence for a report."""
        rows = f"{self.chain}: rows {self.first}-{self.last}, {self.heads} signed heads"
        return f"{rows}: {self.problem}" if self.problem else f"{rows}: whole"


def sign_heads(act: Act) -> None:
    """Put the head of each chain into the record as it stands in this transaction."""
    for chain in CHAINS:
        head = _newest(act.connection, chain, act.house.community)
        if head is None or _is_signed(act, chain, head.n):
            continue
        said = _said(act.house.community, chain.name, head.n, head.hash, act.now_ms)
        signature = act.house.signer.sign(said)
        act.insert(chain_head, chain=chain.name, n=head.n, hash=head.hash, at_ms=act.now_ms, sig=signature)


def cut(act: Act, chain: sa.Table, before_ms: int) -> int:
    """Take the rows written before then off the beginning of a chain; how many."""
    code = act.house.community
    mine = chain.c.community == code
    # By number, not by time: a clock that was set back must not make a hole.
    young = act.connection.execute(
        sa.select(sa.func.min(chain.c.n)).where(mine, chain.c.at_ms >= before_ms)
    ).scalar()
    last = sa.select(chain.c.n, chain.c.hash).where(mine)
    if young is not None:
        last = last.where(chain.c.n < young)
    end = act.connection.execute(last.order_by(chain.c.n.desc()).limit(1)).first()
    if end is None:
        return 0
    gone = act.connection.execute(sa.delete(chain).where(mine, chain.c.n <= end.n)).rowcount
    heads = chain_head.c.community == code, chain_head.c.chain == chain.name, chain_head.c.n < end.n
    act.connection.execute(sa.delete(chain_head).where(*heads))
    values = {"n": end.n, "hash": end.hash, "at_ms": act.now_ms}
    if act.row(chain_cut, chain=chain.name) is None:
        act.insert(chain_cut, chain=chain.name, **values)
    else:
        act.update(chain_cut, {"chain": chain.name}, **values)
    act.note("retention.cut", chain.name, None, f"{end.n} {end.hash}", f"{gone} rows")
    return int(gone)


def prove_chains(house: House, public_key: bytes) -> list[ChainProof]:
    """Follow every chain from its beginning through every signed head."""
    return [_prove(house, chain, public_key) for chain in CHAINS]


def _prove(house: House, chain: sa.Table, public_key: bytes) -> ChainProof:
    broken = first_break(house.engine, chain, house.community)
    with reading(house.engine).connect() as db:
        mine = chain.c.community == house.community
        first, last = db.execute(sa.select(sa.func.min(chain.c.n), sa.func.max(chain.c.n)).where(mine)).one()
        heads = db.execute(
            sa.select(chain_head).where(
                chain_head.c.community == house.community, chain_head.c.chain == chain.name
            )
        ).all()
        problem = f"row {broken} is not what was written there" if broken is not None else ""
        problem = problem or next((why for head in heads if (why := _amiss(db, chain, head, public_key))), "")
    return ChainProof(chain.name, first or 0, last or 0, len(heads), problem)


def _amiss(db: sa.Connection, chain: sa.Table, head: Any, public_key: bytes) -> str:
    """What is wrong with one signed head, or nothing."""
    said = _said(head.community, chain.name, head.n, head.hash, head.at_ms)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes(head.sig), said)
    except InvalidSignature:
        return f"the head at row {head.n} was not signed by this community"
    row = sa.select(chain.c.hash).where(chain.c.community == head.community, chain.c.n == head.n)
    held = db.execute(row).scalar()
    if held is None:
        cuts = sa.select(chain_cut.c.hash).where(
            chain_cut.c.community == head.community, chain_cut.c.chain == chain.name, chain_cut.c.n == head.n
        )
        held = db.execute(cuts).scalar()
    return "" if held == head.hash else f"it was written anew before row {head.n}, or that row is gone"


def _newest(db: sa.Connection, chain: sa.Table, community: str) -> Any:
    newest = sa.select(chain.c.n, chain.c.hash).where(chain.c.community == community)
    return db.execute(newest.order_by(chain.c.n.desc()).limit(1)).first()


def _is_signed(act: Act, chain: sa.Table, n: int) -> bool:
    held = sa.select(chain_head.c.n).where(
        chain_head.c.community == act.house.community, chain_head.c.chain == chain.name, chain_head.c.n == n
    )
    return act.connection.execute(held).first() is not None


def _said(community: str, chain: str, n: int, hash_: str, at_ms: int) -> bytes:
    return "\0".join((SAID, community, chain, str(n), hash_, str(at_ms))).encode()
