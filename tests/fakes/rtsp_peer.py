"""The RTSP camera of ``demo/peers`` as a process that can be frozen, killed and started again, and its time code read."""

import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SCRIPT = Path(__file__).parents[2] / "demo" / "peers" / "rtsp_camera.py"
PYTHON = "/usr/bin/python3"  # Debian's bindings exist only for Debian's interpreter
START_S = 30.0


def is_installed() -> bool:
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer, Gst; "
    probe += (
        "Gst.init(None); assert Gst.ElementFactory.find('jpegenc') and Gst.ElementFactory.find('rtpjpegpay')"
    )
    try:
        return subprocess.run([PYTHON, "-c", probe], capture_output=True, timeout=180).returncode == 0
    except OSError:
        return False


class RtspPeer:
    def __init__(self, *options: str) -> None:
        self._options = options
        self.url = ""
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Serve, at the same address as before."""
        port = ("--port", self.url.split(":")[2].split("/")[0]) if self.url else ()
        self._process = subprocess.Popen(
            [PYTHON, str(SCRIPT), *port, *self._options], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_S)
        line = self._process.stdout.readline().strip() if ready else ""
        assert line.startswith("rtsp://"), "the RTSP server did not start"
        self.url = line

    def stop(self) -> None:
        """Dead at once, frozen or not; repeatable."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


def true_age_ms(image: "np.ndarray", now_ns: int | None = None) -> int:
    """How long before ``now_ns`` (CLOCK_MONOTONIC) the picture was taken, by the time drawn into it."""
    now_ns = time.monotonic_ns() if now_ns is None else now_ns
    squares = image[5:15, :640, 1].reshape(10, 32, 20)[:, :, 5:15].mean(axis=(0, 2))
    assert ((squares < 70) | (squares > 180)).all(), "no time code in the picture"
    taken_ms = int("".join("1" if square > 128 else "0" for square in squares), 2)
    return (now_ns // 1_000_000 - taken_ms) % 2**32
