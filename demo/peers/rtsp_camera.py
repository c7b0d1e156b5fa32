"""A network camera that draws into every picture when it was taken; what stands for an RTSP camera without one.

It runs under Debian's own interpreter, the only one that has the GStreamer bindings:

    /usr/bin/python3 demo/peers/rtsp_camera.py [--port N] [--codec jpeg|h264] [--user U --password-file F]

It listens on loopback, prints ``rtsp://127.0.0.1:PORT/gate`` when it serves, and lives until it is ended.  SIGUSR1
freezes the picture and thaws it again: the very same picture is then sent at the same pace, as by a camera whose
sensor has hung.

Time code: 32 squares of 20x20 pixels in the top rows, one bit each, the highest first, of CLOCK_MONOTONIC in
milliseconds modulo 2**32; bright 224, dark 32.
"""

import argparse
import signal
import threading
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions are asked for first

WIDTH, HEIGHT, SQUARE = 640, 480, 20
BRIGHT, DARK, GREY = 224, 32, 110
CHROMA = bytes([128]) * (WIDTH * HEIGHT // 2)
BELOW = bytes([GREY]) * (WIDTH * (HEIGHT - SQUARE))
CODECS = {
    "jpeg": "jpegenc quality=80 ! rtpjpegpay name=pay0 pt=26",
    "h264": (
        "openh264enc complexity=low gop-size=15 bitrate=1500000 rate-control=off ! h264parse ! "
        "rtph264pay name=pay0 pt=96 config-interval=1 aggregate-mode=zero-latency"
    ),
}


def picture_of(taken_ms: int) -> bytes:
    """One I420 picture that carries its own time."""
    code = taken_ms % 2**32
    row = b"".join(bytes([BRIGHT if code >> (31 - bit) & 1 else DARK]) * SQUARE for bit in range(32))
    return row * SQUARE + BELOW + CHROMA


class Sensor:
    """Takes pictures at one pace and hands each to whoever is watching; pictures and times are of the same moment."""

    def __init__(self, fps: int) -> None:
        self._period_s = 1 / fps
        self._sinks: list[Any] = []
        self._frozen: bytes | None = None
        self._last = b""
        threading.Thread(target=self._run, daemon=True).start()

    def freeze_or_thaw(self, *_: object) -> None:
        self._frozen = self._last if self._frozen is None else None

    def feed(self, media: Any) -> None:
        sink = media.get_element().get_child_by_name("sensor")
        media.connect("unprepared", lambda _: self._sinks.remove(sink))
        self._sinks.append(sink)

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._period_s, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            taken_ns = time.monotonic_ns()
            self._last = self._frozen or picture_of(taken_ns // 1_000_000)
            for sink in list(self._sinks):
                self._push(sink, taken_ns)

    def _push(self, sink: Any, taken_ns: int) -> None:
        clock = sink.get_clock()
        if clock is None:
            return  # not playing yet
        buffer = Gst.Buffer.new_wrapped(self._last)
        since_ns = time.monotonic_ns() - taken_ns  # as a sensor does: the stamp is that of the exposure
        stamp = clock.get_time() - sink.get_base_time() - since_ns
        if stamp < 0:
            return
        buffer.pts = buffer.dts = stamp
        buffer.duration = int(self._period_s * Gst.SECOND)
        sink.emit("push-buffer", buffer)


def serve(args: argparse.Namespace) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(
        f"( appsrc name=sensor is-live=true format=time max-buffers=2 leaky-type=downstream"
        f" caps=video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={args.fps}/1"
        f" ! {CODECS[args.codec]} )"
    )
    sensor = Sensor(args.fps)
    factory.connect("media-configure", lambda _, media: sensor.feed(media))
    if args.user:
        guard(server, factory, args.user, args.password_file.read_text().strip())
    server.get_mount_points().add_factory("/gate", factory)
    if server.attach(None) == 0:
        raise SystemExit(f"port {args.port} of 127.0.0.1 is taken. Choose another with --port.")
    signal.signal(signal.SIGUSR1, sensor.freeze_or_thaw)
    GLib.timeout_add(50, lambda: True)  # lets the interpreter see its signals
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/gate", flush=True)
    GLib.MainLoop().run()


def guard(server: Any, factory: Any, user: str, password: str) -> None:
    """Nobody sees a picture without this user's password."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("viewer")
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser(description="A network camera that draws the time into every picture.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--codec", choices=sorted(CODECS), default="jpeg")
    parser.add_argument("--user", default="")
    parser.add_argument("--password-file", type=Path)
    serve(parser.parse_args())


if __name__ == "__main__":
    main()
