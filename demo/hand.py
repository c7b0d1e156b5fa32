"""Hands at a door without hardware, for docs/first-look.md: open it, press its button, hold a phone into its camera.

python -m demo.hand set /tmp/gatehouse/gate-rig.sock gate-south contact on
python -m demo.hand show /tmp/gatehouse/front screenshot.png
python -m demo.hand empty /tmp/gatehouse/front
"""

import argparse
import json
import socket
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from demo import stage

LANE_GREY = 90
LANE_HEIGHT, LANE_WIDTH = 360, 640
ANSWER_WITHIN_S = 2.0


def lane() -> NDArray[np.uint8]:
    """An empty lane: a picture with the noise every sensor has."""
    noise = np.random.default_rng(7).integers(0, 12, (LANE_HEIGHT, LANE_WIDTH, 3), dtype=np.uint8)
    return np.asarray(noise + LANE_GREY, np.uint8)


def empty(folder: Path) -> Path:
    """Give a camera's folder the clip it plays while nobody stands there."""
    folder.mkdir(parents=True, exist_ok=True)
    stage.write_y4m(folder / "idle.y4m", lane())
    return folder / "idle.y4m"


def show(folder: Path, screenshot: Path) -> Path:
    """Hold a phone with the code of this screenshot into the picture.

    Raises:
        ValueError: the file is no picture, or no code is in it.
    """
    picture = cv2.imread(str(screenshot))
    if picture is None:
        raise ValueError(f"{screenshot}: is not a picture. Give a screenshot of the pass page (PNG or JPEG)")
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    if not found:
        raise ValueError(
            f"{screenshot}: no code is in this picture. Take the screenshot while the code is whole"
        )
    clip = folder / f"{time.time_ns()}.y4m"
    stage.write_y4m(clip, stage.phone(found[0].text, lane()))
    return clip


def put(rig: Path, door: str, point: str, level: bool) -> str:
    """Set one input of a simulated door; the answer's reason, "" when it was taken."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hand:
        hand.settimeout(ANSWER_WITHIN_S)
        hand.connect(str(rig))
        hand.send(json.dumps({"door": door, "point": point, "level": level}).encode())
        answer = json.loads(hand.recv(512))
    return "" if answer["ok"] else str(answer["reason"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="demo.hand", description="Hands at a door without hardware.")
    does = parser.add_subparsers(dest="do", required=True)
    for name, words in (("empty", ["folder"]), ("show", ["folder", "screenshot"])):
        one = does.add_parser(name)
        for word in words:
            one.add_argument(word, type=Path)
    one = does.add_parser("set")
    one.add_argument("rig", type=Path)
    one.add_argument("door")
    one.add_argument("point")
    one.add_argument("level", choices=["on", "off"])
    asked = parser.parse_args(argv)
    try:
        if asked.do == "set":
            said = put(asked.rig, asked.door, asked.point, asked.level == "on")
        else:
            said = ""
            print(empty(asked.folder) if asked.do == "empty" else show(asked.folder, asked.screenshot))
    except (OSError, ValueError) as error:
        said = str(error)
    if said:
        sys.stderr.write(f"demo.hand: {said}\n")
    return 2 if said else 0


if __name__ == "__main__":
    sys.exit(main())
