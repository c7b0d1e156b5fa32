"""The one JSON object at the end, counted from what the evening left behind in ``run/demo``."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from demo import count, scan
from demo.people import Guest
from demo.world import HOUSE4, NODES, ROOM

PLANTED = Path("tmp/planted-canary.bin")
PLANTED_VECTOR = Path("tmp/planted-vector.bin")
PLANTED_NAME = "Canary Planted 林"
REX_TO_LOCK_NS = (
    100_000_000  # the reflex takes well under a millisecond; a grant never comes this close behind it
)


@dataclass(frozen=True, slots=True)
class Shown:
    node: str
    short: str
    clip: str


def plant(folder: Path = PLANTED) -> None:
    """A picture and a name where none may be: a scan that misses them proves nothing."""
    folder.write_bytes(b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9" + PLANTED_NAME.encode())


def plant_vector(vectors: Sequence[bytes]) -> None:
    """A piece of a real template in clear, where none may be."""
    if vectors:
        PLANTED_VECTOR.write_bytes(b"canary" + vectors[0][:64])


def write_cast(
    guests: dict[str, Guest], shown: Sequence[Shown], amid_faults: Collection[tuple[str, str, int]]
) -> None:
    """What a later count has to know: the canaries, who was shown where, and what tells nothing of speed."""
    words = [word for guest in guests.values() for word in (guest.name, guest.document)]
    Path("cast.json").write_text(
        json.dumps(
            {
                "canaries": words,
                "shown": [asdict(one) for one in shown],
                "amid_faults": sorted(amid_faults),
            },
            ensure_ascii=False,
        )
    )


def _nodes() -> list[str]:
    """Every node that kept a ledger this evening."""
    return [plan.node for plan in (*NODES, HOUSE4) if Path(plan.node, "data/events.db").exists()]


def make() -> dict[str, Any]:
    """Count everything; the working folder is ``run/demo`` and the programs have ended."""
    cast = json.loads(Path("cast.json").read_text())
    events = [event for node in _nodes() for event in count.ledger(Path(node, "data/events.db"), node)]
    stored = count.service(Path("sync/data/community.db"))
    journal = [line for node in _nodes() for line in count.lines(Path(node, "io-journal.jsonl"))]
    recorded = {event.key for event in events}
    rex = {kind: sum(line["kind"] == kind for line in journal) for kind in ("rex_press", "rex_release")}
    report: dict[str, Any] = {
        "granted_face": count.tally(events, "access.granted", credential_kind="face"),
        "granted_code": count.tally(events, "access.granted", credential_kind="qr"),
        "room_opened": _openings(ROOM.camera, NODES[1].node),
        "denied_stranger": count.tally(events, "access.denied", reason="CredentialNotFound"),
        "denied_expired": count.tally(events, "access.denied", reason="CredentialExpired"),
        "denied_unregistered": count.tally(events, "access.denied", reason="x:NotRegistered"),
        "denied_attack": count.tally(events, "access.denied", reason="x:PresentationAttack"),
        "forced": count.tally(events, "door.forced"),
        "events_recorded": len(events),
        "events_stored": stored.rows,
        "lost": len(recorded - stored.keys),
        "double": stored.counted - len(stored.keys),
        "rex_presses": rex["rex_press"],
        "rex_releases": rex["rex_release"],
        "egress_refused": rex["rex_press"] - rex["rex_release"],
    }
    report |= _traces(cast["canaries"])
    amid_faults = {(node, epoch, seq) for node, epoch, seq in cast["amid_faults"]}
    calm = [event for event in events if event.key not in amid_faults]
    return report | _latencies(cast["shown"], calm, stored)


def _openings(short: str, node: str) -> int:
    """How often the lock itself says it was released."""
    return sum(line["event"] == "energise" for line in count.lines(Path(node, f"lock-{short}.jsonl")))


def _traces(canaries: list[str]) -> dict[str, Any]:
    """Photographs on disk and persons on the bus or in what nodes and logs keep; the planted ones must be found."""
    heard = count.bus(Path("bus.jsonl"))
    vectors = [vector for plan in NODES for vector in scan.template_vectors(Path(plan.node))]
    plant_vector(vectors)
    in_clear = scan.templates_in([Path()], vectors, heard=heard, but=[Path("stage")])
    planted_vector = [found for found in in_clear if str(PLANTED_VECTOR) in found]
    photos = count.photos([Path()], but=[Path("stage")])
    planted = [found for found in photos if found.startswith(str(PLANTED))]
    on_bus = count.pii_on_bus(heard, [*canaries, PLANTED_NAME])
    planted_bus = [found for found in on_bus if PLANTED_NAME in found]
    kept = [
        f"{path}: {word}"
        for path in sorted(Path().rglob("*"))
        if path.is_file() and path.parts[0] not in {"stage", "home"} and path.name != "cast.json"
        for word in count.words_in(path.read_bytes(), canaries)
    ]
    return {
        "photos_on_disk": len(photos) - len(planted),
        "pii_on_bus": len(on_bus) - len(planted_bus),
        "pii_in_files": len(kept),
        "templates_kept": len(vectors),
        "templates_in_clear": len(in_clear) - len(planted_vector),
        "canary_found": len(planted) == 1 and len(planted_bus) == 1 and bool(planted_vector) == bool(vectors),
        "frames_on_bus": len(heard),
    }


def _latencies(
    shown: list[dict[str, str]], events: list[count.Event], stored: count.Stored
) -> dict[str, Any]:
    seen = {
        (line["node"], line["epoch"], line["seq"]): line["seen_ms"]
        for line in count.lines(Path("page.jsonl"))
    }
    wall = {event.key: _wall_ms(event) for event in events}
    live = [key for key in wall if key in seen]
    return {
        "view_to_lock_ms": count.percentiles([ms for one in shown if (ms := _view_to_lock(one)) is not None]),
        "recorded_to_stored_ms": count.percentiles([stored.stored_ms[key] - wall[key] for key in live]),
        "recorded_to_page_ms": count.percentiles([seen[key] - wall[key] for key in live]),
        "seen_on_page": len(live),
    }


def _view_to_lock(one: dict[str, str]) -> float | None:
    """From the camera's first picture of the person to the lock's own record of moving; None when it stayed shut.

    A lock that moved for somebody on the way out moved for no picture; gate-io's journal says when that was.
    """
    node, short = one["node"], one["short"]
    shown = list(count.lines(Path(node, f"shown-{short}.jsonl")))
    index = next(i for i, line in enumerate(shown) if line["clip"] == one["clip"])
    first_ns = shown[index]["first_ns"]
    last_ns = next(
        (line["first_ns"] for line in shown[index + 1 :] if not line["clip"].startswith("idle")), None
    )
    ways_out = [
        line["t_ns"] for line in count.lines(Path(node, "io-journal.jsonl")) if line["kind"] == "rex_press"
    ]
    for line in count.lines(Path(node, f"lock-{short}.jsonl")):
        inside = line["t_ns"] > first_ns and (last_ns is None or line["t_ns"] < last_ns)
        for_rex = any(0 <= line["t_ns"] - press < REX_TO_LOCK_NS for press in ways_out)
        if line["event"] == "energise" and inside and not for_rex:
            return float((line["t_ns"] - first_ns) / 1e6)
    return None


def _wall_ms(event: count.Event) -> float:
    return datetime.fromisoformat(event.body["wall"]).timestamp() * 1000
