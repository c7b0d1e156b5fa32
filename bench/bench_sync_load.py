"""Publishers for ``bench_sync``: fifty gates' ledgers over QoS 1, as fast as the broker takes them.

Speaks just enough MQTT 3.1.1 to publish, on plain loopback sockets, so that it takes little of the cores it shares with
what is measured; the product never uses it.  Run as a program it encodes everything, prints ``ready``, waits for a line
on standard input, sends, waits for every PUBACK and prints one JSON object.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator

import msgspec

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Batch, EventBody, encode
from cloud_sync.protocol.topics import NodeTopics

COMMUNITY = "bench"
NODES = 50
EPOCH = "e" * 24
WINDOW = {1: 20, 10: 20, 100: 10}  # publishes on their way for each gate, as in the design's own measurement
LINES_TOPIC = "bench/lines"
PUBACK_BYTES = 4


def body(seq: int) -> bytes:
    """An entry by code, as a gate encodes it: about 400 bytes."""
    made = EventBody(
        type="access.granted",
        boot_id="b7c41f0a",
        mono_ms=81_234_123 + seq,
        wall="2026-11-21T16:07:00.123Z",
        clock_state="TRUSTED",
        clock_bound_ms=12,
        access_point="AP-dongfang-017",
        direction="in",
        mode="LOCKED",
        subject_ref=f"r-{seq % 1000:07d}",
        class_="guest",
        pass_id=f"01JD7M3K9QXD4T8V2N6P0R{seq % 1000:04d}",
        grant_id=f"g-{seq:06x}",
        credential_kind="qr",
        decision="allow",
        reason="Granted",
        policy_version=42,
        auth_ver=918_273,
    )
    return msgspec.json.encode(made)


def ledger(node: str, count: int) -> Iterator[tuple[int, bytes, str]]:
    """One gate's events: seq, body, short chain hash."""
    h = chain.start(node, EPOCH)
    for seq in range(1, count + 1):
        raw = body(seq)
        h = chain.link(h, chain.digest(raw))
        yield seq, raw, chain.short(h)


def frame(node: str, rows: list[tuple[int, bytes, str]]) -> bytes:
    """What a gate publishes."""
    events = [(seq, msgspec.Raw(raw), h) for seq, raw, h in rows]
    return encode(Batch(v=1, n=node, e=EPOCH, lv=True, ev=events))


def lines(node: str, rows: list[tuple[int, bytes, str]]) -> bytes:
    """The same for the owner's own way: one flat JSON object a line, so that nothing has to take it apart."""
    flat = (
        b'{"node":"%s","epoch":"%s","seq":%d,"h":"%s",' % (node.encode(), EPOCH.encode(), seq, h.encode())
        + raw[1:]
        for seq, raw, h in rows
    )
    return b"\n".join(flat)


def _varint(size: int) -> bytes:
    made = bytearray()
    while True:
        size, digit = divmod(size, 128)
        made.append(digit | (128 if size else 0))
        if not size:
            return bytes(made)


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _connect(client_id: str) -> bytes:
    rest = _text("MQTT") + b"\x04\x02\x00\x3c" + _text(client_id)
    return b"\x10" + _varint(len(rest)) + rest


def _publish(topic: str, mid: int, payload: bytes) -> bytes:
    rest = _text(topic) + mid.to_bytes(2, "big") + payload
    return b"\x32" + _varint(len(rest)) + rest


def blocks(node: str, events: int, per: int, form: str) -> list[tuple[int, bytes]]:
    """Everything one gate says: (publishes, bytes), a window each."""
    rows = list(ledger(node, events))
    topic = NodeTopics(COMMUNITY, node).up("ev") if form == "frames" else LINES_TOPIC
    encoded = frame if form == "frames" else lines
    payloads = [encoded(node, rows[at : at + per]) for at in range(0, events, per)]
    publishes = [_publish(topic, at % 65_535 + 1, payload) for at, payload in enumerate(payloads)]
    window = WINDOW[per]
    return [
        (len(part), b"".join(part))
        for part in (publishes[at : at + window] for at in range(0, len(publishes), window))
    ]


async def gate(port: int, name: str, work: list[tuple[int, bytes]], go: asyncio.Event) -> int:
    """Returns how many publishes the broker took over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_connect(name))
    await reader.readexactly(PUBACK_BYTES)  # CONNACK has as many
    await go.wait()
    taken = 0
    for count, data in work:
        writer.write(data)
        await reader.readexactly(PUBACK_BYTES * count)
        taken += count
    writer.write(b"\xe0\x00")
    await writer.drain()
    writer.close()
    return taken


async def main(options: argparse.Namespace) -> None:
    names = [f"n{n:02d}" for n in range(NODES)]
    work = {name: blocks(name, options.events // NODES, options.per, options.form) for name in names}
    go = asyncio.Event()
    gates = [asyncio.create_task(gate(options.port, f"load-{name}", work[name], go)) for name in names]
    await asyncio.sleep(0.2)  # every gate is connected before the clock runs; a slow one only starts later
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began = time.monotonic()
    go.set()
    taken = sum(await asyncio.gather(*gates))
    print(json.dumps({"publishes": taken, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--events", type=int, required=True)
    words.add_argument("--per", type=int, choices=sorted(WINDOW), required=True)
    words.add_argument("--form", choices=("frames", "lines"), default="frames")
    asyncio.run(main(words.parse_args()))
