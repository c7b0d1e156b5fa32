"""A sink's own mosquitto, bridged to each broker that nodes reach: several brokers, one community (docs/brokers.md).

mosquitto has no cluster.  But a bridge may subscribe as one of several who share: so each broker that nodes reach hands
every message to one of the sinks' brokers, and what the sinks say goes out to all of them.  Events only come in and
answers only go out, so nothing goes round in a circle.
"""

from collections.abc import Sequence
from pathlib import Path

from cloud_sync.errors import ConfigError
from cloud_sync.identity.broker_conf import MOSQUITTO_CONF
from cloud_sync.identity.broker_files import CONF, BrokerFolder
from cloud_sync.web.tls import write_whole

FRONTS_MAX = 16
PORT_MAX = 65_535

SINK_SIDE_CONF = (
    "# A sink's own broker: only programs on its machine reach it, and it fetches its share from each broker of the gates.\n"
    "# 'gatehouse-sync broker-config --bridge-to' fills everything in and writes what stands there.\n"
    + MOSQUITTO_CONF.split("\n", 1)[1].replace("listener {port}\n", "listener {port} 127.0.0.1\n")
)

BRIDGE_CONF = """
# One such block for each broker of the gates, numbered.
connection gates-{n}
address {front}
bridge_cafile {bus}/ca.pem
bridge_certfile {bus}/{name}.pem
bridge_keyfile {bus}/{name}.key
# There the name is the certificate's; here each bridge needs one of its own, or they throw each other out.
remote_clientid {name}
local_clientid gates-{n}
cleansession true
notifications false
# Noticed at once when a program dies, after 15 s when a machine vanishes: until then half of what is said goes there.
keepalive_interval 10
# The default waits 5 to 30 s before it looks again.
restart_timeout 1 5
# In: shared with the other sinks' brokers, each message to one.  The group is a key's name that no node knows.
topic $share/{group}/ac/v1/{tenant}/n/+/+ in 1
# Out: to all of them, for a node may be at any.
topic ac/v1/{tenant}/d/# out 1
topic ac/v1/{tenant}/g/# out 1
topic ac/v1/{tenant}/s/state out 1
"""


def bridge(n: int, front: str, bus: str, name: str, tenant: str, group: str) -> str:
    """The block of the ``n``-th broker of the gates, from 1; ``front`` is HOST:PORT."""
    words = {"n": str(n), "front": front, "bus": bus, "name": name, "tenant": tenant, "group": group}
    return BRIDGE_CONF.format_map(words)


def as_fronts(words: Sequence[str]) -> tuple[str, ...]:
    """The brokers that nodes reach, each HOST:PORT and named once; to be looked at before anything is written.

    Raises:
        ConfigError: one is not HOST:PORT or is named twice, or there are too many.
    """
    if len(words) > FRONTS_MAX or len(set(words)) != len(words):
        raise ConfigError(
            "--bridge-to", f"names more than {FRONTS_MAX} brokers, or one twice", "Name each once"
        )
    for word in words:
        host, _, number = word.rpartition(":")
        # mosquitto takes the first colon for the end of the host: a bare IPv6 address needs a name.
        if not host or ":" in host or any(letter.isspace() for letter in host) or not _is_port(number):
            raise ConfigError("--bridge-to", f"{word!r} is not HOST:PORT", "Write it as gates-a.example:8883")
    return tuple(words)


def write_sink_side(
    folder: BrokerFolder, port: int, fronts: Sequence[str], bus: Path, name: str, group: str
) -> None:
    """In place of the configuration in a folder that is whole otherwise: one that bridges to each of ``fronts``.

    The group's name stands in it, so only this account reads it.

    Raises:
        ConfigError: the folder cannot be used.
    """
    head = SINK_SIDE_CONF.replace("{dir}", str(folder.folder)).replace("{port}", str(port))
    blocks = [bridge(n, front, str(bus), name, folder.tenant, group) for n, front in enumerate(fronts, 1)]
    try:
        write_whole(folder.folder / CONF, "".join([head, *blocks]).encode(), 0o600)
    except OSError as error:
        raise ConfigError(
            str(folder.folder), f"cannot be used ({error.strerror})", "Give another folder"
        ) from error


def bridged_to(folder: Path) -> tuple[tuple[str, int], ...]:
    """Host and port of every broker of the gates behind this one; empty where it bridges to none, or was never written."""
    try:
        lines = (folder / CONF).read_text().splitlines()
    except OSError:
        return ()
    fronts = [line.removeprefix("address ") for line in lines if line.startswith("address ")]
    return tuple((host, int(port)) for host, _, port in (front.rpartition(":") for front in fronts))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= PORT_MAX
