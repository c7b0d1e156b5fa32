"""The vision worker's own composition root: cameras, an engine, a reader of codes.

It stands apart from ``edge.compose`` because the worker is a process of its own, which loads what it needs and no
more: without brokers, pages and databases it starts with half the computing and is twenty megabytes smaller.
"""

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from multiprocessing.connection import Connection

from edge.config import CameraConfig, NodeConfig
from edge.core.face_mode import FaceMode
from edge.drivers.clock import SystemClock, clock_of
from edge.drivers.preview_jpeg import small_jpeg
from edge.drivers.readers.camera_code import open_decoder
from edge.errors import CameraLost, ConfigError
from edge.ports import Camera
from edge.runtime.engine_info import engine_state
from edge.runtime.live_look import LiveLooks
from edge.runtime.live_parts import live_looks
from edge.runtime.preview_eye import PreviewEye
from edge.runtime.sightings import EngineState
from edge.runtime.watch import Watch
from edge.runtime.watch import run as run_watch
from models.engine import EngineError, FaceEngine
from models.plugins import open_face_engine


def open_cameras(cameras: Sequence[CameraConfig]) -> dict[str, Camera]:
    """Open every camera by its driver's entry point.

    Raises:
        ConfigError: no such driver, or settings that it does not take.
        CameraLost: nothing there.
    """
    drivers = {point.name: point for point in metadata.entry_points(group="gatehouse.cameras")}
    opened: dict[str, Camera] = {}
    for camera in cameras:
        if camera.driver not in drivers:
            raise ConfigError(
                f"cameras.{camera.name}.driver",
                f"no driver named {camera.driver!r}",
                f"Installed: {', '.join(drivers)}",
            )
        try:
            opened[camera.name] = drivers[camera.driver].load()(**camera.settings)
        except (TypeError, ValueError) as error:  # a key it does not know, or a value that cannot be meant
            raise ConfigError(
                f"cameras.{camera.name}.settings", str(error), "See Drivers in docs/configuration.md."
            ) from None
    return opened


def vision_main(config: NodeConfig, pipe: Connection) -> None:
    """The worker process: no keys, no network, pictures in, numbers out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the node ends us by closing the pipe
    _one_thread()
    clock = clock_of(config.clock.rtc, config.clock.rehearsal)
    with ThreadPoolExecutor(1, thread_name_prefix="engine") as beside:
        opening = beside.submit(_open_engine, config, clock)
        try:
            cameras = open_cameras(config.cameras)
        except (CameraLost, ConfigError) as error:
            pipe.send_bytes(b"!" + str(error).encode())
            return
        engine, live, state = opening.result()
    watch = Watch(
        cameras,
        engine,
        open_decoder(),
        pipe.send_bytes,
        clock.read,
        detect_every_ns=config.face.detect_every_ms * 1_000_000,
        live=live,
        preview=PreviewEye(small_jpeg, lambda: clock.read().mono_ns) if config.preview.networks else None,
        regions={camera.name: camera.region for camera in config.cameras},
    )
    run_watch(watch, pipe, engine_state=state)


def _one_thread() -> None:
    """One look at a time on one core: the others belong to the camera, to gate-io and to the next door."""
    import cv2

    cv2.setNumThreads(1)


def _open_engine(
    config: NodeConfig, clock: SystemClock
) -> tuple[FaceEngine | None, LiveLooks | None, EngineState]:
    """Engine and signs of life, proven, or why there are none: then codes go on and face is off."""
    if not config.face.enabled or all(door.face.mode is FaceMode.OFF for door in config.doors):
        return None, None, EngineState(ok=False, why="face is switched off in the configuration")
    began_ns = clock.read().mono_ns
    try:
        engine = open_face_engine(config.face.engine, models_dir=config.face.models_dir)
        engine.warm_up()
        live = live_looks(config)
    except EngineError as error:
        return None, None, EngineState(ok=False, why=str(error))
    return engine, live, engine_state(engine.info, (clock.read().mono_ns - began_ns) // 1_000_000)
