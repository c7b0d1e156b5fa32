"""Topics are made and taken apart in this file only (sync.md §4).

``{p}`` is ``ac/v1/{tenant}``; the tenant is the community's code, the node id its certificate's name.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

ROOT = "ac/v1"

Up = Literal["ev", "hello", "st", "cmdack", "authack", "repair", "eraseack", "sealed", "sealedack", "renew"]
UP: tuple[Up, ...] = (
    "ev",
    "hello",
    "st",
    "cmdack",
    "authack",
    "repair",
    "eraseack",
    "sealed",
    "sealedack",
    "renew",
)


def sink_group(secret: bytes) -> str:
    """The name of the sinks' shared subscription, from a key of the service that nobody else holds.

    mosquitto grants every subscription, and in a shared one half of the messages go to whoever joined and are then dropped:
    nothing is heard and nothing is lost, but events come late.  So the name is no word that can be guessed.
    """
    return hashlib.blake2b(secret, person=b"ac-sink-group", digest_size=16).hexdigest()


TOPICS_KNOWN = (
    4_096  # a sink hears the same few topics of each node again and again; a stranger's push out old ones
)
_NO_NAME = frozenset("/+#\0 ")


def _is_name(text: str) -> bool:
    return bool(text) and _NO_NAME.isdisjoint(text)


@dataclass(frozen=True, slots=True)
class NodeTopics:
    """Every topic one node speaks or hears."""

    tenant: str
    node: str

    def __post_init__(self) -> None:
        for text in (self.tenant, self.node):
            if not _is_name(text):
                raise ValueError(
                    f"{text!r} cannot be part of a topic: no '/', '+', '#' or space, and not empty"
                )

    def up(self, kind: Up) -> str:
        return f"{ROOT}/{self.tenant}/n/{self.node}/{kind}"

    def _down(self, kind: str) -> str:
        return f"{ROOT}/{self.tenant}/d/{self.node}/{kind}"

    @property
    def ack(self) -> str:
        return self._down("ack")

    @property
    def cmd(self) -> str:
        return self._down("cmd")

    @property
    def auth(self) -> str:
        return self._down("auth")

    @property
    def auth_head(self) -> str:
        return self._down("auth/head")

    @property
    def auth_delta(self) -> str:
        return self._down("auth/delta")

    @property
    def auth_deny(self) -> str:
        return self._down("auth/deny")

    @property
    def auth_pull(self) -> str:
        return self._down("auth/pull")

    @property
    def cfg(self) -> str:
        return self._down("cfg")

    @property
    def erase(self) -> str:
        return self._down("erase")

    @property
    def faces(self) -> str:
        return self._down("faces")

    @property
    def sealed(self) -> str:
        return self._down("sealed")

    @property
    def sealed_ack(self) -> str:
        return self._down("sealed/ack")

    @property
    def cert(self) -> str:
        return self._down("cert")

    @property
    def keys(self) -> str:
        return self._down("keys")

    @property
    def down_all(self) -> str:
        """The filter of everything that is for this node alone."""
        return self._down("#")

    @property
    def sink_state(self) -> str:
        """Where a node hears that the service is there again; said to all."""
        return sink_state(self.tenant)


def zone_cmd(tenant: str, zone: str) -> str:
    """Where every node with a door in this zone listens."""
    return f"{ROOT}/{tenant}/g/{zone}/cmd"


def is_command(topic: str, own: NodeTopics) -> bool:
    """A node's own command topic, or a zone's; who meant what is for the signature to say."""
    zone = topic.removeprefix(f"{ROOT}/{own.tenant}/g/")
    return topic == own.cmd or (zone != topic and zone.endswith("/cmd") and zone.count("/") == 1)


def sink_state(tenant: str) -> str:
    return f"{ROOT}/{tenant}/s/state"


def up_filter(tenant: str) -> str:
    """What a sink subscribes to: everything any node of the community says."""
    return f"{ROOT}/{tenant}/n/+/+"


def shared_up_filter(tenant: str, group: str) -> str:
    """What each of several sinks subscribes to: the broker gives every message to one of the ``sink_group``."""
    return f"$share/{group}/{up_filter(tenant)}"


@dataclass(frozen=True, slots=True)
class Address:
    tenant: str
    node: str
    kind: Up


@lru_cache(maxsize=TOPICS_KNOWN)
def parse_up(topic: str) -> Address | None:
    """Who speaks and what kind of thing is said; None when the topic is not a node's."""
    parts = topic.removeprefix(f"{ROOT}/").split("/")
    if not topic.startswith(f"{ROOT}/") or len(parts) != 4 or parts[1] != "n":
        return None
    if not _is_name(parts[0]) or not _is_name(parts[2]):
        return None  # nobody could be answered there
    for kind in UP:
        if parts[3] == kind:
            return Address(parts[0], parts[2], kind)
    return None
