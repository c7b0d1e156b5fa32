"""The vision worker's own composition root: cameras, an engine, a reader of codes.

It stands apart from ``edge.compose`` because the worker is a process of its own, which loads what it needs and no
more: without brokers, pages and databases it starts with half the computing and is twenty megabytes smaller.
"""

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

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
        engine, before, live, state = opening.result()
    watch = Watch(
        cameras,
        engine,
        open_decoder(),
        pipe.send_bytes,
        clock.read,
        detect_every_ns=config.face.detect_every_ms * 1_000_000,
        live=live,
        preview=PreviewEye(small_jpeg, lambda: clock.read().mono_ns) if config.preview.networks else None,
        before=before,
        regions={camera.name: camera.region for camera in config.cameras},
    )
    run_watch(watch, pipe, engine_state=state)


def _one_thread() -> None:
    """One look at a time on one core: the others belong to the camera, to gate-io and to the next door."""
    import cv2

    cv2.setNumThreads(1)


def _open_engine(
    config: NodeConfig, clock: SystemClock
) -> tuple[FaceEngine | None, FaceEngine | None, LiveLooks | None, EngineState]:
    """The engine, the one that goes and signs of life, proven, or why there are none: then codes go on and face is off."""
    if not config.face.enabled or all(door.face.mode is FaceMode.OFF for door in config.doors):
        why = "face is switched off in the configuration"
        return None, None, None, EngineState(ok=False, why=why)
    try:
        engine, state = _proven(config.face.engine, config.face.models_dir, clock)
        live = live_looks(config)
    except EngineError as error:
        return None, None, None, EngineState(ok=False, why=str(error))
    before, old = _open_before(config, clock, engine)
    return engine, before, live, msgspec.structs.replace(state, before=old)


def _open_before(
    config: NodeConfig, clock: SystemClock, engine: FaceEngine
) -> tuple[FaceEngine | None, EngineState | None]:
    """The engine that goes, or why its guests are not recognised; the new one works without it."""
    going = config.face.before
    if going is None:
        return None, None
    try:
        before, state = _proven(going.engine, going.models_dir, clock)
    except EngineError as error:
        return None, EngineState(ok=False, why=str(error))
    if before.info.model_sha256 == engine.info.model_sha256:
        before.close()
        return None, None
    return before, state


def _proven(name: str, models_dir: Path | None, clock: SystemClock) -> tuple[FaceEngine, EngineState]:
    began_ns = clock.read().mono_ns
    engine = open_face_engine(name, models_dir=models_dir)
    engine.warm_up()
    return engine, engine_state(engine.info, (clock.read().mono_ns - began_ns) // 1_000_000)
