"""First boot of a node, once: its own key, its claim code, its join request, and how every lock is.

Run as the node's user with the node's configuration.  Prints; unlocks nothing; may be repeated.
"""

import argparse
import base64
import json
import sys
import time
from pathlib import Path

from cloud_sync.protocol.claim import claim_code
from edge.commission.watch import GateWatch
from edge.compose_faces import key_request
from edge.compose_identity import claim_of
from edge.config import NodeConfig, load
from edge.errors import GateError
from edge.gateio.profile import load_profile

DONE = "firstboot.done"
REQUEST = "join-request.json"


def first_boot(config: NodeConfig) -> list[str]:
    """The sentences for the console; key and join request are on the disk then.

    Raises:
        GateError: gate-io does not answer, or the disk does not keep the key.
    """
    request = key_request(config)
    doors = [
        {
            "access_point": door.access_point,
            "kind": door.kind,
            "name_zh": door.name_zh,
            "name_en": door.name_en,
        }
        for door in config.doors
    ]
    claim = claim_of(config, time.time_ns() // 1_000_000)
    asked = {"node": config.node, **request, "claim": claim, "access_points": doors}
    (config.data_dir / REQUEST).write_text(json.dumps(asked, ensure_ascii=False) + "\n", encoding="utf-8")
    code = claim_code(config.node, base64.b64decode(request["public_key"]))
    told = [f"node {config.node}: claim code {code}", f"join request: {config.data_dir / REQUEST}"]
    profile = load_profile(config.io_profile)
    with GateWatch(profile.socket) as watch:
        told += [watch.selftest(door.access_point) for door in profile.hosted]
    (config.data_dir / DONE).write_text(code + "\n", encoding="utf-8")
    return told


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="First boot of a gate node.")
    parser.add_argument("config", type=Path, help="the node's TOML file")
    asked = parser.parse_args(argv)
    try:
        for sentence in first_boot(load(asked.config)):
            sys.stdout.write(f"FIRSTBOOT {sentence}\n")
    except (GateError, OSError) as error:
        sys.stdout.write(f"FIRSTBOOT-FAIL {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
