"""Altered heads, deltas, denials and sets against a node's own link and pass book: none may have an effect.

``python -m demo.bad_passes --mutations 100000 --seed 7``.  A node holds version 1; genuine frames for version 2 exist, and
each attempt is one of them altered in its bytes, in one field, in its signature, or taken from another node, another
key, another kind of message or an older version.  What the node holds, denies and is lent is compared before and after.
An alteration that leaves the meaning (a bit of base64 that nobody reads) is counted apart.  Last line: JSON.
"""

import argparse
import base64
import contextlib
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.distribute.frames import Frames
from cloud_sync.distribute.node_set import Kept, NodeSet, Step
from cloud_sync.distribute.plan import parts
from cloud_sync.protocol.delta import BUCKETS, Delta, Deny, mask_of
from cloud_sync.protocol.messages import BadMessage, Cred, Head, Message, Part, PassRow, decode, encode
from cloud_sync.protocol.topics import NodeTopics
from edge.compose_passes import BookPasses
from edge.drivers.clock import SystemClock
from edge.errors import StoreError
from edge.link.mqtt import Heard
from edge.link.passes import PassLink, Verify
from edge.link.translate import decode_passes
from edge.store.ballast import Ballast
from edge.store.pass_book import PassBook

TENANT, NODE, DOOR = "dongfang", "n01", "AP-n01"
T0_MS = 1_795_276_800_000
TOPICS = NodeTopics(TENANT, NODE)
SIGNED: dict[str, type[Message]] = {"head": Head, "delta": Delta, "deny": Deny}
TOPIC = {"head": TOPICS.auth_head, "delta": TOPICS.auth_delta, "deny": TOPICS.auth_deny}
Frame = tuple[str, bytes]  # topic, payload


@dataclass(frozen=True)
class Key:
    """``cloud_sync.ports.Signer`` from a seed: the same frames in every run."""

    fill: int
    kid: str

    def sign(self, message: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(bytes([self.fill]) * 32).sign(message)

    def verify(self, kid: str, message: bytes, signature: bytes) -> bool:
        try:
            public = Ed25519PrivateKey.from_private_bytes(bytes([self.fill]) * 32).public_key()
            public.verify(signature, message)
        except InvalidSignature:
            return False
        return kid == self.kid


COMMUNITY, STRANGER = Key(1, "k1"), Key(2, "k1")


def row(number: int, version: int = 1, state: str = "ARMED") -> PassRow:
    cred = Cred("qr", f"{number:032x}", number.to_bytes(32, "big"))
    window = (T0_MS, T0_MS + 86_400_000)
    name = f"PS-{number:04d}"
    return PassRow(name, version, f"r-{number}", "guest", state, [DOOR], "always", *window, 7, 1, [cred])


def kept(*rows: PassRow) -> dict[str, Kept]:
    return {one.pass_id: Kept.of(msgspec.msgpack.encode(one)) for one in rows}


@dataclass(frozen=True)
class Genuine:
    """What the service says of version 1 and of version 2, in which one pass is revoked, one gone and one new."""

    first_head: bytes
    first_parts: tuple[bytes, ...]
    signed: dict[str, bytes]
    whole: tuple[bytes, ...]
    some: tuple[bytes, ...]  # only the buckets that differ
    root: str
    foreign: dict[str, bytes]  # the same said to another node


def genuine(key: Key = COMMUNITY) -> Genuine:
    frames, held = Frames(key), NodeSet(NODE)
    held.load(kept(*(row(n) for n in range(60))), 1)
    first_head = frames.head(held, 0, T0_MS)
    first_parts = tuple(encode(part) for part in parts(1, held.packed(range(BUCKETS))))
    to = {
        "PS-0003": kept(row(3, 2, "REVOKED"))["PS-0003"],
        "PS-0004": None,
        "PS-0099": kept(row(99))["PS-0099"],
    }
    (step,) = held.advance(to, 1, frozenset({DOOR}), T0_MS)
    buckets = range(0, BUCKETS, 2)
    return Genuine(
        first_head,
        first_parts,
        _said(frames, held, step, NODE),
        tuple(encode(part) for part in parts(2, held.packed(range(BUCKETS)))),
        tuple(encode(part) for part in parts(2, held.packed(buckets), mask_of(buckets))),
        held.root,
        _said(frames, held, step, "n02"),
    )


def _said(frames: Frames, held: NodeSet, step: Step, node: str) -> dict[str, bytes]:
    held.node = node
    (deny,) = frames.denials(node, step.auth_ver, step.denied, T0_MS + 1_000)
    said = {
        "head": frames.head(held, 0, T0_MS + 1_000),
        "delta": frames.delta(node, step, T0_MS + 1_000),
        "deny": deny,
    }
    held.node = NODE
    return said


class Target:
    """A node's link and pass book at version 1, put back there after whatever had an effect."""

    def __init__(self, folder: Path, said: Genuine, verify: Verify) -> None:
        self._folder, self._said, self._verify = folder, said, verify
        self._clock = SystemClock("present")
        self._made = folder / "made.db"
        self._put_back(fresh=True)
        self.play([(TOPICS.auth_head, said.first_head), *((TOPICS.auth, part) for part in said.first_parts)])
        assert self.book.auth_ver == 1
        self.book.close()
        shutil.copy(self._at(), self._made)
        self._put_back()

    def _at(self) -> Path:
        return self._folder / "passes.db"

    def _put_back(self, *, fresh: bool = False) -> None:
        if not fresh:
            for path in self._folder.glob("passes.db*"):
                path.unlink()
            shutil.copy(self._made, self._at())
        self.book = PassBook(self._at(), decode=decode_passes, ballast=Ballast(self._folder / "reserve"))
        self.before = self.state()

    def state(self) -> tuple[object, ...]:
        """Everything that frames could move; the set that the doors decide by is never changed in place."""
        return self.book.auth_ver, self.book.root, self.book.floor, id(self.book.held), len(self.book.denied)

    def play(self, frames: list[Frame]) -> bool:
        """One attempt through a link that knows nothing yet; whether anything moved."""
        link = PassLink(TOPICS, BookPasses(self.book, self._clock), self._verify)
        link.speaks(2)
        for topic, payload in frames:
            with contextlib.suppress(BadMessage, StoreError):
                link.hear(Heard("message", topic, payload), 0.0)
        return self.state() != self.before

    def attempt(self, frames: list[Frame]) -> bool:
        moved = self.play(frames)
        if moved:
            self.root, self.moved_to = self.book.root, self.book.auth_ver
            self.book.close()
            self._put_back()
        return moved

    def know(self) -> None:
        """The genuine head is known: from here on a set may come for it."""
        self.play([(TOPICS.auth_head, self._said.signed["head"])])
        self.before = self.state()


# --- how a frame is altered -----------------------------------------------------------------------------------


def bytes_of(data: bytes, dice: random.Random) -> bytes:
    """A bit turned, bytes cut, doubled or put in."""
    at, kind = dice.randrange(len(data)), dice.randrange(4)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + dice.randint(1, 8) :]
    if kind == 2:
        return data[:at] + data[at : at + 8] + data[at:]
    return data[:at] + dice.randbytes(dice.randint(1, 4)) + data[at:]


def field_of(data: bytes, dice: random.Random) -> bytes:
    """One field says something else; the frame is well-formed and its signature is what it was."""
    tree = json.loads(data)
    name = dice.choice(sorted(tree))
    tree[name] = another(tree[name], dice)
    return json.dumps(tree, separators=(",", ":")).encode()


def another(value: object, dice: random.Random) -> object:
    match value:
        case int():
            return max(0, value + dice.choice([-86_400_000, -1, 1, 2, 1_000, 86_400_000, 10**15]))
        case str() if value:
            at = dice.randrange(len(value))
            return value[:at] + dice.choice("0123456789abcdefAZ=+/") + value[at + 1 :]
        case list() if value:
            return [another(one, dice) if i == 0 else one for i, one in enumerate(value)]
        case _:
            return dice.choice([[], "", 7, None, ["PS-0005"], [["PS-0005", 9, "REVOKED"]]])


def altered(kind: str, said: Genuine, others: Genuine, dice: random.Random) -> tuple[str, bytes]:
    """How, and the frame."""
    good = said.signed[kind]
    ways: dict[str, Callable[[], bytes]] = {
        "bytes": lambda: bytes_of(good, dice),
        "field": lambda: field_of(good, dice),
        "signature": lambda: _with_sig(good, base64.b64encode(dice.randbytes(64)).decode()),
        "another kind's signature": lambda: _with_sig(good, _sig(said.signed[_other(kind)])),
        "a stranger's key": lambda: others.signed[kind],
        "another node's": lambda: said.foreign[kind],
    }
    how = dice.choice([*ways, "bytes", "bytes", "field", "field"])
    return how, ways[how]()


def _other(kind: str) -> str:
    return {"head": "delta", "delta": "deny", "deny": "head"}[kind]


def _sig(data: bytes) -> str:
    return str(json.loads(data)["sig"])


def _with_sig(data: bytes, sig: str) -> bytes:
    return json.dumps({**json.loads(data), "sig": sig}, separators=(",", ":")).encode()


def set_altered(said: Genuine, dice: random.Random) -> tuple[str, list[bytes]]:
    """A whole set, or some buckets of it, of which one part is not what was sent."""
    frames = list(dice.choice([said.whole, said.some]))
    at = dice.randrange(len(frames))
    how = dice.choice(["bytes", "field", "rows", "older", "mixed"])
    if how in {"bytes", "field"}:
        frames[at] = (bytes_of if how == "bytes" else field_of)(frames[at], dice)
    elif how == "rows":
        frames[at] = _with_rows(frames[at], dice)
    elif how == "older":
        frames = [_as_version(part, 2) for part in said.first_parts]
    else:
        frames = [_as_version(part, 2) for part in said.first_parts][:at] + frames[at + 1 :]
    return how, frames


def _with_rows(frame: bytes, dice: random.Random) -> bytes:
    """The bytes of the rows themselves: a state, a window, a door, a key."""
    part = decode(frame, Part)
    data = bytearray(base64.b64decode(part.data))
    at = dice.randrange(len(data))
    data[at] ^= 1 << dice.randrange(8)
    return encode(msgspec.structs.replace(part, data=base64.b64encode(bytes(data)).decode()))


def _as_version(frame: bytes, auth_ver: int) -> bytes:
    return encode(msgspec.structs.replace(decode(frame, Part), auth_ver=auth_ver))


# --- the attempts ---------------------------------------------------------------------------------------------


def same_meaning(kind: str, frame: bytes, said: Genuine) -> bool:
    try:
        found, good = (decode(one, SIGNED[kind]) for one in (frame, said.signed[kind]))
    except BadMessage:
        return False
    return _unsigned(found) == _unsigned(good) and _signature(found) == _signature(good)


def _signature(message: Message) -> bytes:
    """As bytes: base64 has bits that nobody reads."""
    try:
        return base64.b64decode(msgspec.structs.asdict(message)["sig"], validate=True)
    except ValueError:
        return b""


def _unsigned(message: Message) -> bytes:
    return encode(msgspec.structs.replace(message, sig=""))


def attempts(target: Target, count: int, dice: random.Random) -> Iterator[tuple[str, str, str]]:
    """(what, how, ``refused`` | ``same meaning`` | ``accepted``) of every attempt."""
    said, others = genuine(), genuine(STRANGER)
    kinds = ["head", "delta", "deny"]
    for number in range(count * 3 // 4):
        kind = kinds[number % 3]
        how, frame = altered(kind, said, others, dice)
        moved = target.attempt([(TOPIC[kind], frame)])
        yield kind, how, _word(moved=moved, same=moved and same_meaning(kind, frame, said))
    target.know()
    head = (TOPICS.auth_head, said.signed["head"])
    for _ in range(count - count * 3 // 4):
        how, frames = set_altered(said, dice)
        moved = target.attempt([head, *((TOPICS.auth, frame) for frame in frames)])
        if moved:
            same = (target.moved_to, target.root) == (2, said.root)
            target.know()
            yield "set", how, _word(moved=True, same=same)
        else:
            yield "set", how, "refused"


def _word(*, moved: bool, same: bool) -> str:
    if not moved:
        return "refused"
    return "same meaning" if same else "accepted"


def run(
    count: int, seed: int, folder: Path, verify: Verify = COMMUNITY.verify
) -> Counter[tuple[str, str, str]]:
    """How often each thing happened; ``verify`` is the node's."""
    target = Target(folder, genuine(), verify)
    dice = random.Random(seed)
    found = Counter(attempts(target, count, dice))
    target.book.close()
    return found


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--mutations", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    words = asked.parse_args()
    structlog.configure(processors=[_drop])
    with tempfile.TemporaryDirectory() as folder:
        found = run(words.mutations, words.seed, Path(folder))
    for (what, how, word), count in sorted(found.items()):
        print(f"{what:6} {how:26} {word:13} {count}")
    by_word = {
        word: sum(n for (*_, one), n in found.items() if one == word)
        for word in ("refused", "same meaning", "accepted")
    }
    print(json.dumps({"mutations": found.total(), "seed": words.seed, **by_word}))
    return 1 if by_word["accepted"] else 0


def _drop(*_: object) -> dict[str, object]:
    """Every refusal is logged by the link; a hundred thousand of them say nothing more than the table."""
    raise structlog.DropEvent


if __name__ == "__main__":
    raise SystemExit(main())
