"""``python -m edge.gateio PROFILE.toml``: the door I/O process."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from edge.errors import ConfigError, GateError
from edge.gateio.dead import dead_levels
from edge.gateio.process import GateIo
from edge.gateio.profile import Profile, load_profile
from edge.gateio.realtime import become_realtime
from edge.gateio.simulate import simulated

log = logging.getLogger("edge.gateio")

# Locked memory is resident memory: a thread with the usual stack would cost 8 MB of a 64 MB ceiling.
STACK_BYTES = 256 * 1024


def main(argv: list[str] | None = None) -> int:
    """0 after an orderly stop, 1 when a device or the disk failed, 2 when the profile is wrong."""
    parser = argparse.ArgumentParser(prog="gate-io", description="Door input and output of a gate node.")
    parser.add_argument("profile", type=Path, help="the I/O profile (TOML)")
    parser.add_argument("--check", action="store_true", help="read the profile, say so, open nothing")
    parser.add_argument(
        "--dead-level", action="store_true", help="drive every output to its dead level and end"
    )
    parser.add_argument(
        "--simulate",
        type=Path,
        metavar="FOLDER",
        help="simulated devices instead of the named ones; rigs there",
    )
    asked = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="gate-io %(levelname)s %(message)s")
    try:
        profile = load_profile(asked.profile)
        if asked.simulate is not None:
            profile = simulated(profile, asked.simulate)
        if asked.dead_level:
            dead_levels(profile)
        elif asked.check:
            sys.stdout.write(f"{asked.profile}: {len(profile.door)} door(s), as it should be.\n")
        else:
            _serve(profile)
    except GateError as error:
        sys.stderr.write(f"gate-io: {error}\n")
        return 2 if isinstance(error, ConfigError) else 1
    return 0


def _serve(profile: Profile) -> None:
    gate_io = GateIo(profile)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: gate_io.stop())
    threading.stack_size(STACK_BYTES)
    become_realtime()
    gate_io.run(ready=lambda: log.info("serving %d door(s) at %s", len(profile.door), profile.socket))


if __name__ == "__main__":
    sys.exit(main())
