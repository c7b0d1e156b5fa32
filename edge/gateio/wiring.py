"""The fingerprint of one door's wiring: what was commissioned is what is written here, and nothing else."""

import hashlib
import json

from edge.gateio.profile import DoorTable


def wiring_of(door: DoorTable) -> str:
    """32 hex digits; a key with its usual value counts like one that is not written, so that an update which brings
    new keys sends nobody up a ladder."""
    table = door.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps(table, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
