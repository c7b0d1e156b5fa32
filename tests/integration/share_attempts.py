"""Does this broker share a subscription, over MQTT 3.1.1 and over 5, and across its members?

    python -m tests.integration.share_attempts HOST:PORT [HOST:PORT …] [--user NAME --password WORD]

Two share a subscription, one at the first and one at the last member; a third, at the last, subscribes plainly; a
hundred messages are said at the first.  A broker fit for several sinks gives the two a hundred between them, and the
third a hundred.  What it was told of others is in docs/brokers.md.
"""

import argparse
import time
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.fakes.waiting import eventually

SAID = 100
WITHIN_S = 40.0
QUIET_S = 1.0  # nothing more for so long: that was all
VERSIONS = {"3.1.1": MQTTProtocolVersion.MQTTv311, "5": MQTTProtocolVersion.MQTTv5}


@dataclass(frozen=True, slots=True)
class Shares:
    """What each of the two got, and what the plain one got; ``refused`` is the broker's word where it gave one."""

    two: tuple[int, int]
    plain: int
    refused: str = ""

    @property
    def fit(self) -> bool:
        return sum(self.two) == self.plain == SAID and min(self.two) > 0


class Peer:
    def __init__(self, name: str, at: tuple[str, int], version: str, login: tuple[str, str] | None) -> None:
        self.got, self.answers = 0, 0
        self.refused = ""
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=VERSIONS[version])
        if login:
            self.client.username_pw_set(*login)
        self.client.on_connect = lambda _c, _d, _f, reason, _p: self._heard(reason)
        self.client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._heard(*reasons)
        self.client.on_disconnect = lambda _c, _d, _f, reason, _p: reason.is_failure and self._heard(reason)
        self.client.on_message = self._count
        self.client.connect(*at)
        self.client.loop_start()

    def _heard(self, *reasons: paho.ReasonCode) -> None:
        self.refused = self.refused or next((str(one) for one in reasons if one.is_failure), "")
        self.answers += 1

    def _count(self, *_: object) -> None:
        self.got += 1

    def ready(self, answers: int) -> None:
        eventually(lambda: self.refused or self.answers >= answers, within_s=WITHIN_S, what="no answer")

    def end(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def shares(
    members: list[tuple[str, int]], version: str, login: tuple[str, str] | None = None, group: str = "g"
) -> Shares:
    """One attempt; every name in it is new, so that nothing of an earlier one is in its way."""
    mark = f"{version[0]}{time.time_ns() % 10**9}"
    topic = f"share-{mark}/x"
    one, two, plain, speaker = peers = [
        Peer(f"{role}-{mark}", members[at], version, login)
        for role, at in (("one", 0), ("two", -1), ("plain", -1), ("speaker", 0))
    ]
    try:
        for peer in peers:
            peer.ready(1)
        for peer, wanted in (
            (one, f"$share/{group}/{topic}"),
            (two, f"$share/{group}/{topic}"),
            (plain, topic),
        ):
            peer.client.subscribe(wanted, qos=1)
            peer.ready(2)
        said = [speaker.client.publish(topic, b"%d" % n, qos=1) for n in range(SAID)]
        _until_quiet(peers, said)
        return Shares((one.got, two.got), plain.got, one.refused or two.refused)
    finally:
        for peer in peers:
            peer.end()


def _until_quiet(peers: list[Peer], said: list[paho.MQTTMessageInfo]) -> None:
    """Everything was taken by the broker, or refused, and then nothing came for a while."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end and not all(one.is_published() for one in said) and not peers[-1].refused:
        time.sleep(0.02)
    seen, since = -1, time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < QUIET_S:
        now = sum(peer.got for peer in peers)
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.02)


def _member(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("members", nargs="+", type=_member)
    words.add_argument("--user")
    words.add_argument("--password", default="")
    given = words.parse_args()
    for version in VERSIONS:
        try:
            told = shares(given.members, version, (given.user, given.password) if given.user else None)
        except (OSError, AssertionError) as error:
            print(f"MQTT {version}: {error}")
            continue
        fit = "fit for several sinks" if told.fit else "not fit"
        print(
            f"MQTT {version}: {told.two[0]} + {told.two[1]} shared, {told.plain} plain: {fit} {told.refused}".rstrip()
        )


if __name__ == "__main__":
    main()
