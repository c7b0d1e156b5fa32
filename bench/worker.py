"""A side of a benchmark in a process of its own, with one thread, asked one question at a time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
END_S = 120
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)


class Worker:
    """Started at once; ``ready`` waits until it has loaded what it needs."""

    def __init__(self, script: str, side: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, script, "--worker", side, *arguments],
            env=os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> None:
        self._answer()

    def ask(self, question: object) -> dict[str, Any]:
        """Its answer, with the ``wall_ms`` and ``cpu_ms`` it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a side of the benchmark ended early; its own words stand above.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=END_S)


@contextmanager
def both(script: str, *arguments: str) -> Iterator[tuple[Worker, Worker]]:
    """The product's and the plain side, loaded; they are ended with the benchmark."""
    sides = Worker(script, "product", *arguments), Worker(script, "plain", *arguments)
    try:
        for side in sides:
            side.ready()
        yield sides
    finally:
        for side in sides:
            side.close()


def serve(answer: Callable[[Any], dict[str, Any]]) -> None:
    """The worker's half: answer questions until there are no more."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        found = answer(question)
        spent = {"wall_ms": (time.perf_counter() - wall) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3}
        print(json.dumps(spent | found), flush=True)
