"""After a boot: do gate-io and the node answer within the time a service may take?  It counts time, because a unit that
is always started again never counts as failed."""

import argparse
import sys
import threading
import time
from pathlib import Path

from edge.commission.watch import GateWatch
from edge.config import NodeConfig, load
from edge.errors import GateError
from edge.gateio.profile import load_profile
from edge.runtime import control

LOOK_S = 0.5


def health(config: NodeConfig, within_s: float) -> str:
    """Why the node is not up; empty when it is."""
    pause, end = threading.Event(), time.monotonic() + within_s
    while True:
        try:
            with GateWatch(load_profile(config.io_profile).socket) as watch:
                watch.snapshot()
            control.ask(config.data_dir / "control.sock", {"do": "status"})
        except GateError as error:
            if time.monotonic() >= end:
                return str(error)
        else:
            return ""
        pause.wait(LOOK_S)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Health of a gate node after a boot.")
    parser.add_argument("config", type=Path, help="the node's TOML file")
    parser.add_argument("--within", type=float, default=40.0, help="seconds")
    asked = parser.parse_args(argv)
    try:
        why = health(load(asked.config), asked.within)
    except GateError as error:
        why = str(error)
    sys.stdout.write(f"HEALTH-FAIL {why}\n" if why else "HEALTH-OK\n")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
