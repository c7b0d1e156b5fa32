"""Commands that must move nothing: bent, replayed, late, left lying about, or somebody else's.

Each maker takes true frames and the true keys where an attacker could have them (a captured frame, another node's key,
a service whose clock is wrong) and gives one delivery.  None of them is ever a command this node should obey.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import commands
from edge.core.events import ClockState
from edge.store.command_book import ROWS_PER_KEY_MAX

TENANT, NODE, ZONE = "dongfang", "n1", "site"
DOORS = ("AP-1", "AP-2")
AGE_MS = 10_000
NONCE = "c5d2a8f01b7733e4"  # of the node's last hello
SINGLE_OPS = (
    "release",
    "lock",
    "unlock",
    "block",
    "lockdown",
    "lockdown_release",
    "lockopen",
    "lockopen_release",
)
ZONE_OPS = SINGLE_OPS[1:]

Words = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One publish as the node's link hands it over, and the clock the node has at that moment."""

    frame: bytes
    retained: bool = False
    clock: ClockState = ClockState.TRUSTED
    bound_ms: int = 12


@dataclass
class Key:
    kid: str
    secret: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return self.secret.public_key().public_bytes_raw()

    def signs(self, body: bytes) -> bytes:
        return self.secret.sign(commands.signing_bytes(body))


@dataclass
class Signer:
    """The service's two keys; ``ctr`` and ids only ever rise."""

    now_ms: int
    first: Key = field(default_factory=lambda: Key("k1"))
    second: Key = field(default_factory=lambda: Key("k2"))
    _next: Any = field(default_factory=lambda: count(1))

    def words(self, op: str, door: str, **more: object) -> Words:
        n = next(self._next)
        said = {
            "v": 1, "t": TENANT, "node": NODE, "door": door, "id": f"{n:016x}", "ctr": n, "iat": self.now_ms,
            "exp": self.now_ms + AGE_MS, "op": op, "arg": {}, "iss": "st-7", "kid": self.first.kid,
        }  # fmt: skip
        return said | more

    def zone_words(self, op: str, **more: object) -> Words:
        return self.words(op, "*") | {
            "node": f"zone:{ZONE}", "iss2": "st-8", "kid2": self.second.kid, **more
        }  # fmt: skip

    def sign(self, words: Words) -> bytes:
        """Whatever the words are: a frame with every signature its kind needs, all of them true."""
        body = as_body(words)
        signature = self.first.signs(body)
        if str(words["node"]).startswith("zone:"):
            signature += self.second.signs(body)
        return signature + body


def as_body(words: Words) -> bytes:
    return json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Forge:
    """Makes them.  ``done`` are frames that this node carried out, in this life or an earlier one."""

    signer: Signer
    dice: random.Random
    done: list[bytes] = field(default_factory=list)
    stranger: Key = field(default_factory=lambda: Key("k1"))

    def make(self) -> tuple[str, Delivery]:
        """One of any kind, and which; replays only once something was done."""
        kind = self.dice.choice(tuple(KINDS))
        return kind, KINDS[kind](self)

    # --- true ones, to be spoilt --------------------------------------------------------------------------------

    def words(self, **more: object) -> Words:
        return self.signer.words(self.dice.choice(SINGLE_OPS), self.dice.choice(DOORS), **more)

    def any_words(self) -> Words:
        """Of one door or of a zone."""
        return (
            self.words() if self.dice.random() < 0.7 else self.signer.zone_words(self.dice.choice(ZONE_OPS))
        )

    def _fresh(self) -> bytes:
        return self.signer.sign(self.any_words())

    def _captured(self) -> bytes:
        return self.dice.choice(self.done) if self.done else self.bent_bits().frame

    # --- mutated --------------------------------------------------------------------------------------------------

    def bent_bits(self) -> Delivery:
        frame = bytearray(self._fresh())
        for at in self.dice.sample(range(len(frame) * 8), self.dice.randint(1, 8)):
            frame[at // 8] ^= 1 << at % 8
        return Delivery(bytes(frame))

    def cut_or_grown(self) -> Delivery:
        frame = self._fresh()
        if self.dice.random() < 0.5:
            return Delivery(frame[: self.dice.randrange(len(frame))])
        more = self.dice.randbytes(self.dice.randint(1, 1_200))
        at = self.dice.choice((0, commands.SIG_BYTES, len(frame)))
        return Delivery(frame[:at] + more + frame[at:])

    def another_signature(self) -> Delivery:
        """A true signature, of another true command."""
        one, other = self.signer.sign(self.words()), self.signer.sign(self.words())
        return Delivery(one[: commands.SIG_BYTES] + other[commands.SIG_BYTES :])

    def changed_word(self) -> Delivery:
        """What an attacker would like to change: the door, the verb, the time, the number."""
        words = self.any_words()
        frame = self.signer.sign(words)
        signature = frame[: len(frame) - len(as_body(words))]
        change = self.dice.choice(
            (
                {"op": self.dice.choice([op for op in ZONE_OPS if op != words["op"]])},
                {"ctr": words["ctr"] + self.dice.randint(1, 10**6)},
                {"id": self.dice.randbytes(8).hex()},
                {"exp": words["exp"] - self.dice.randint(1, 5_000)},
                {"iat": words["iat"] - self.dice.randint(1, 5_000)},
                {"iss": "st-9"},
                {"arg": {"class": "visitor"}},
                {"nonce": NONCE},
                {"door": "AP-1" if words["door"] != "AP-1" else "AP-2"},
            )
        )
        return Delivery(signature + as_body(words | change))

    def written_otherwise(self) -> Delivery:
        """The same meaning in other bytes, and meanings that JSON does not settle: the signature is of bytes."""
        words = self.any_words()
        frame = self.signer.sign(words)
        signature = frame[: len(frame) - len(as_body(words))]
        body = as_body(words)
        other = self.dice.choice(
            (
                json.dumps(words).encode(),
                json.dumps(dict(reversed(list(words.items()))), separators=(",", ":")).encode(),
                body[:-1] + b',"op":"release"}',
                body + b"\n",
                as_body(words | {"extra": 1}),
            )
        )
        return Delivery(signature + other)

    def noise(self) -> Delivery:
        return Delivery(self.dice.randbytes(self.dice.randint(0, 1_100)))

    # --- signed by who may not ------------------------------------------------------------------------------------

    def strangers_hand(self) -> Delivery:
        """Another community's key, under a name this node knows or does not know."""
        words = self.words(kid=self.dice.choice(("k1", "k9", "k2")))
        body = as_body(words)
        return Delivery(self.stranger.signs(body) + body)

    def half_a_zone(self) -> Delivery:
        """One person, one key, one signature, or both in the wrong order."""
        first, second = self.signer.first, self.signer.second
        words = self.signer.zone_words(self.dice.choice(ZONE_OPS))
        body = as_body(words)
        alone = as_body(words | {"iss2": words["iss"]})
        one_key = as_body(words | {"kid2": first.kid})
        return Delivery(
            self.dice.choice(
                (
                    first.signs(body) + body,
                    first.signs(body) * 2 + body,
                    second.signs(body) * 2 + body,
                    second.signs(body) + first.signs(body) + body,
                    first.signs(body) + self.stranger.signs(body) + body,
                    first.signs(alone) + second.signs(alone) + alone,
                    first.signs(one_key) * 2 + one_key,
                )
            )
        )

    def second_key_alone(self) -> Delivery:
        """The key that confirms commands nothing by itself."""
        body = as_body(self.words(kid=self.signer.second.kid))
        return Delivery(self.signer.second.signs(body) + body)

    # --- replayed -------------------------------------------------------------------------------------------------

    def replayed(self) -> Delivery:
        return Delivery(self._captured())

    def same_number(self) -> Delivery:
        """A used counter under a new id, or a used id under a new counter; truly signed.

        Counters are refused for ever, by the book's floor; ids as long as their row is kept.
        """
        if not self.done:
            return self.bent_bits()
        now = {"iat": self.signer.now_ms, "exp": self.signer.now_ms + AGE_MS}
        fresh = self.words()
        if self.dice.random() < 0.5:
            frame, again = self.dice.choice(self.done), {"id": fresh["id"]}
        else:
            frame, again = (
                self.dice.choice(self.done[-ROWS_PER_KEY_MAX // len(DOORS) :]),
                {"ctr": fresh["ctr"]},
            )
        words = json.loads(commands.split(frame)[1])
        return Delivery(self.signer.sign(words | now | again))

    # --- late -----------------------------------------------------------------------------------------------------

    def late(self) -> Delivery:
        ago = self.dice.randint(AGE_MS + 1, 400 * 86_400_000)
        at = self.signer.now_ms - ago
        return self._truly(iat=at, exp=at + self.dice.randint(1, AGE_MS))

    def from_the_future(self) -> Delivery:
        at = self.signer.now_ms + self.dice.randint(5_001, 86_400_000)
        return self._truly(iat=at, exp=at + AGE_MS)

    def for_too_long(self) -> Delivery:
        return self._truly(exp=self.signer.now_ms + AGE_MS + self.dice.randint(1, 10**9))

    def without_a_nonce(self) -> Delivery:
        """At a node that cannot judge its age: no nonce, or an earlier hello's; and what opens not even with it."""
        clock = self.dice.choice((ClockState.UNTRUSTED, ClockState.HOLDOVER))
        if clock is ClockState.UNTRUSTED and self.dice.random() < 0.3:
            words = self.words(nonce=NONCE) | {"op": self.dice.choice(("release", "unlock", "lockopen"))}
        else:
            words = self.any_words() | {"nonce": self.dice.choice(("", "e" * 16, NONCE[:-1]))}
        return Delivery(self.signer.sign(words), clock=clock, bound_ms=AGE_MS + 1)

    def _truly(self, **more: object) -> Delivery:
        return Delivery(self.signer.sign(self.any_words() | more))

    # --- retained, foreign ----------------------------------------------------------------------------------------

    def retained(self) -> Delivery:
        return replace(Delivery(self._fresh()), retained=True)

    def foreign(self) -> Delivery:
        """Truly signed, for somebody else."""
        return self._truly_for(
            self.dice.choice(
                ({"t": "xicheng"}, {"node": "n2"}, {"door": "AP-9"}, {"node": "zone:fire-9", "door": "*"})
            )
        )

    def _truly_for(self, change: Words) -> Delivery:
        zone = str(change.get("node", "")).startswith("zone:")
        words = self.signer.zone_words("lockdown") if zone else self.words()
        return Delivery(self.signer.sign(words | change))


KINDS: Mapping[str, Callable[[Forge], Delivery]] = MappingProxyType(
    {
        "bent_bits": Forge.bent_bits,
        "cut_or_grown": Forge.cut_or_grown,
        "another_signature": Forge.another_signature,
        "changed_word": Forge.changed_word,
        "written_otherwise": Forge.written_otherwise,
        "noise": Forge.noise,
        "strangers_hand": Forge.strangers_hand,
        "half_a_zone": Forge.half_a_zone,
        "second_key_alone": Forge.second_key_alone,
        "replayed": Forge.replayed,
        "same_number": Forge.same_number,
        "late": Forge.late,
        "from_the_future": Forge.from_the_future,
        "for_too_long": Forge.for_too_long,
        "without_a_nonce": Forge.without_a_nonce,
        "retained": Forge.retained,
        "foreign": Forge.foreign,
    }
)
