"""Topics are made and taken apart in this file only (sync.md §4).

``{p}`` is ``ac/v1/{tenant}``; the tenant is the community's code, the node id its certificate's name.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

ROOT = "ac/v1"

Up = Literal["ev", "hello", "st", "cmdack", "authack", "eraseack", "sealed", "sealedack", "renew"]
UP: tuple[Up, ...] = ("ev", "hello", "st", "cmdack", "authack", "eraseack", "sealed", "sealedack", "renew")


def sink_group(secret: bytes) -> str:
    """The name of the sinks' shared subscription, from a key of the service that nobody else holds.

    mosquitto grants every subscription, and in a shared one half of the messages go to whoever joined and are then dropped:
    nothing is heard and nothing is lost, but events come late.  So the name is no word that can be guessed.
    """
    return hashlib.blake2b(secret, person=b"ac-sink-group", digest_size=16).hexdigest()


def _is_name(text: str) -> bool:
    return bool(text) and not set(text) & set("/+#\0 ")


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
        """The filter a node subscribes to; the only one it needs."""
        return self._down("#")


def sink_state(tenant: str) -> str:
    return f"{ROOT}/{tenant}/s/state"


def up_filter(tenant: str) -> str:
    """What a sink subscribes to: everything any node of the community says."""
    return f"{ROOT}/{tenant}/n/+/+"


@dataclass(frozen=True, slots=True)
class Address:
    tenant: str
    node: str
    kind: Up


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
