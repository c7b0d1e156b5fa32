"""From the start of the vision worker's process to the first decision a door can make, and what the process weighs then.

    python bench/bench_start.py [--runs 7]

The worker is started exactly as a node starts it, before a camera that plays the walking guest; its words go to a desk
that holds that guest and 999 others.  Prints a table, and one JSON object as the last line.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any

# What a node's own command has loaded when it starts the worker; the worker, spawned, loads it once more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import edge.cli  # noqa: F401
from edge.config import NodeConfig
from edge.eyes import vision_main

ROOT = Path(__file__).resolve().parent.parent
START_GOAL_MS = 2_000.0
RSS_GOAL_MB = 260.0
PATIENCE_S = 60.0


def config_of(clip: Path) -> NodeConfig:
    """A node with one door, before which the clip is played in a loop."""
    face = {"mode": "one_to_n", "pia_record": "PIA-bench", "signage_attested_by": "bench"}
    return NodeConfig.model_validate(
        {
            "node": "n-bench",
            "data_dir": "data",
            "join_file": "join.json",
            "io_profile": "io.toml",
            "clock": {"rtc": "present"},
            "cameras": [{"name": "front", "driver": "replay", "settings": {"path": str(clip)}}],
            "doors": [{"access_point": "AP-bench-1", "kind": "gate", "camera": "front", "face": face}],
        }
    )


def started(config: NodeConfig, desk: Any) -> dict[str, float]:
    """One worker from its start to the desk's first conclusion; milliseconds and megabytes."""
    from edge.runtime.face_desk import Concluded
    from edge.runtime.sightings import EngineState, FaceSeen, unpack

    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=vision_main, args=(config, theirs))
    began, found = time.perf_counter(), {}
    process.start()
    theirs.close()
    try:
        while "decided_ms" not in found:
            assert ours.poll(PATIENCE_S), "the vision worker says nothing"
            told, now_ms = unpack(ours.recv_bytes()), (time.perf_counter() - began) * 1e3
            if isinstance(told, EngineState):
                assert told.ok, told.why
                found["engine_ms"] = now_ms
            elif isinstance(told, FaceSeen):
                found.setdefault("seen_ms", now_ms)
                answer = desk.look(told)
                if isinstance(answer, Concluded):
                    assert answer.evidence.verdict.pass_id == "guest", answer
                    found["decided_ms"] = now_ms
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":" in line
        )  # fmt: skip
        spent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        found["cpu_ms"] = 1e3 * (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")
        found["rss_mb"] = int(status["VmRSS"].split()[0]) / 1024
        found["peak_mb"] = int(status["VmHWM"].split()[0]) / 1024
        found["threads"] = int(status["Threads"])
    finally:
        ours.close()
        process.join(10)
    return found


def measured(clips: Path, runs: int) -> list[dict[str, float]]:
    from rich.console import Console
    from rich.progress import track

    from bench.bench_path import CLIP, ENROLLED, PEOPLE
    from bench.reel import film
    from bench.sides import crowd
    from edge.runtime.face_desk import FaceDesk
    from models.enrol import enrol_from_photos
    from models.plugins import open_face_engine

    engine = open_face_engine("yunet-sface")
    engine.warm_up()
    pictures, _ = film(clips / CLIP)
    guest = enrol_from_photos(engine, [pictures[i] for i in ENROLLED], made_ms=0, not_after_ms=1).mean
    people = [("guest", guest), *((f"p{i}", row) for i, row in enumerate(crowd(PEOPLE - 1)))]
    config, found = config_of((clips / CLIP).resolve()), []
    for _ in track(range(runs), description="vision worker started", console=Console(stderr=True)):
        desk = FaceDesk(engine.info, fpir_wanted=0.001)
        desk.put_gallery(people, version=1, k=len(ENROLLED))
        found.append(started(config, desk))
    return found


def main() -> None:
    from rich.console import Console

    from bench.spread import Row, rows_table, spread

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=Path, default=ROOT / ".cache/clips")
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    runs = measured(asked.clips, asked.runs)
    figures = {key: spread([run[key] for run in runs]) for key in runs[0]}
    engine, decided, rss = figures["engine_ms"], figures["decided_ms"], figures["rss_mb"]
    rows = [
        Row("vision worker started → engine proven", "ms", engine["p50"], engine["p95"], note=f"{asked.runs} starts"),
        Row("vision worker started → first decision", "ms", decided["p50"], decided["p95"], START_GOAL_MS, note=f"{figures['cpu_ms']['p50']:g} by CPU time"),
        Row("its resident memory then", "MB", rss["p50"], rss["p95"], RSS_GOAL_MB, rank="p95", note=f"peak {figures['peak_mb']['max']:g}, {figures['threads']['p50']:g} threads"),
    ]  # fmt: skip
    Console(width=120).print(rows_table("start and memory", rows))
    print(
        json.dumps(
            {"bench": "start", "figures": figures, "rows": [row.told() for row in rows]}, ensure_ascii=False
        )
    )


if __name__ == "__main__":
    sys.exit(main())
