"""Schemathesis against the composed service on loopback: ``python -m tests.contract.api_fuzz --seconds 1200 --seed 1``.

Half of the time with a token of everything, half with a session; every check of its own and those of ``api_checks``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cloud_sync.store import api_tokens
from tests.fakes.api_house import ApiHouse

ROOT = Path(__file__).parents[2]
CSRF, COOKIE = "x-csrf-token", "gatehouse_session"
BOOKINGS = 20
DESCRIBED = "/api/openapi.json"
ANSWER_S = "60"  # a busy machine is slow, and that is not what is looked for
TAKEN = ["2xx", "401", "403", "404", "409"]  # what a call that is well formed can be answered


def without_brake() -> None:
    """Each wrong token is to be judged by itself here; the brake has tests of its own."""
    api_tokens.WRONG_MAX = 10**9


def config_of(house: ApiHouse, way: str, seed: int) -> str:
    """The program's configuration (TOML): who calls, and how."""
    auth = {"key": {"bearer": house.key(f"fuzz-{way}-{seed}")}}
    if way == "token":
        auth["token"] = {"bearer": house.token_for_everything(f"fuzz-{seed}")}
    else:
        with house.logged_in() as client:
            auth["session"] = {"api_key": client.cookies[COOKIE]}
            auth["csrf"] = {"api_key": client.headers[CSRF]}
    lines = [
        f"seed = {seed}",
        "[checks.positive_data_acceptance]",
        f"expected-statuses = {json.dumps(TAKEN)}",
    ]
    for name, how in auth.items():
        lines += [f"[auth.openapi.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in how.items())]
    return "\n".join(lines) + "\n"


def run(
    house: ApiHouse, way: str, folder: Path, seed: int, words: list[str], within_s: float
) -> tuple[int, str]:
    """One run of the program; its exit code and everything it said."""
    config = folder / f"{way}.toml"
    config.write_text(config_of(house, way, seed))
    with house.calling() as client:
        client.get(DESCRIBED)  # made at the first question
    program = Path(sys.executable).with_name("schemathesis")
    known = str(program) if program.exists() else shutil.which("schemathesis")
    assert known, "schemathesis is not installed"
    asked = [known, "--config-file", str(config), "run", house.url + DESCRIBED, "--checks", "all"]
    env = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.fakes.api_checks",
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }
    made = subprocess.run(
        [
            *asked,
            "--continue-on-failure",
            "--request-timeout",
            ANSWER_S,
            "--max-response-time",
            ANSWER_S,
            *words,
        ],
        cwd=folder,  # it leaves files where it runs
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within_s,
    )
    return made.returncode, made.stdout


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=int, default=1200)
    asked.add_argument("--seed", type=int, default=1)
    wish = asked.parse_args()
    worst = 0
    without_brake()
    with tempfile.TemporaryDirectory(prefix="gatehouse-fuzz-") as place:
        folder = Path(place)
        house = ApiHouse(folder)
        try:
            house.fill(BOOKINGS)
            half = max(1, wish.seconds // 2)
            for way in ("token", "session"):
                code, said = run(house, way, folder, wish.seed, ["--max-time", str(half)], half * 3 + 600)
                print(f"--- {way}: exit code {code}\n{said}", flush=True)
                worst = max(worst, code)
        finally:
            house.close()
    return worst


if __name__ == "__main__":
    sys.exit(main())
