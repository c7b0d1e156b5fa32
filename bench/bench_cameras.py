"""How old a picture of a network camera is when it is handed out, read out of the picture itself.

    python bench/bench_cameras.py [--seconds 20]

The camera is ``demo/peers/rtsp_camera.py`` (640x480, 15 pictures a second, loopback).  ``naive`` is what most examples
do: read the next picture, work, read the next.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.spread import spread
from edge.drivers.cameras import rtsp
from edge.errors import CameraLost
from tests.fakes.rtsp_peer import RtspPeer, true_age_ms

WORK_S = 0.15


def ours(url: str) -> Iterator["object"]:
    camera, seq = rtsp.open_camera(url=url), 0
    try:
        while True:
            try:
                frame = camera.newest(newer_than=seq, within_s=0.5)
            except CameraLost:
                continue
            if frame is not None:
                seq = frame.seq
                yield frame.image
    finally:
        camera.close()


def naive(url: str) -> Iterator["object"]:
    import cv2

    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    try:
        while capture.isOpened():
            ok, image = capture.read()
            if ok:
                yield image
    finally:
        capture.release()


def ages_ms(pictures: Iterator["object"], seconds: float, work_s: float) -> list[float]:
    found: list[float] = []
    ends = None
    for image in pictures:
        found.append(true_age_ms(image))
        ends = ends or time.monotonic() + seconds
        if time.monotonic() > ends:
            break
        threading.Event().wait(work_s)
    pictures.close()  # type: ignore[attr-defined]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    kinds: dict[str, tuple[Callable[[str], Iterator[object]], float]] = {
        "newest, no work": (ours, 0.0),
        "newest, 150 ms of work": (ours, WORK_S),
        "naive, 150 ms of work": (naive, WORK_S),
    }
    for codec in ("jpeg", "h264"):
        for name, (reader, work_s) in kinds.items():
            peer = RtspPeer("--codec", codec)
            try:
                ages = ages_ms(reader(peer.url), seconds, work_s)
            finally:
                peer.stop()
            row = {"codec": codec, "reader": name, "load1": round(os.getloadavg()[0], 1)} | spread(
                ages, digits=0
            )
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
