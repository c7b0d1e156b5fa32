"""Keys of OSDP readers: made by us, kept in a file, never the one that stands in the standard."""

import os
import secrets
import stat
import time
from collections import deque
from pathlib import Path
from types import ModuleType

from edge.drivers.osdp_link import Channel, OsdpPlace, SerialLine, control_panel, library
from edge.errors import ConfigError, HardwareError

KEY_BYTES = 16

# The key every reader leaves the factory with, printed in the standard: whoever listens can read along.
FACTORY_KEY = bytes(range(0x30, 0x40))

# access.md §3: a reader may be met with the factory key only as long as somebody stands beside it.
INSTALL_MAX_S = 600

# A reader that is there has said who it is, taken a key and come back with it within this, also at 9600 baud.
ATTEMPT_S = 3.0

TICK_S = 0.005


def new_key(path: Path) -> None:
    """A fresh key in a new file only its owner can read.

    Raises:
        ConfigError: there is a file already, or it cannot be made.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be made ({error.strerror})", "Choose a path where nothing stands yet."
        ) from error
    with os.fdopen(fd, "w") as file:
        file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path) -> bytes:
    """The 16 bytes in this file.

    Raises:
        ConfigError: it cannot be read, everybody can read it, or what is in it is no key of ours.
    """
    remedy = "Make one: python -m edge.drivers.osdp_bus new-key FILE."
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is no readable key file ({error})", remedy) from error
    if mode & (stat.S_IWGRP | stat.S_IRWXO):
        raise ConfigError(str(path), "can be read or changed by others", "chmod 600 it, and make a new key.")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(str(path), f"does not hold {KEY_BYTES * 2} hex digits", remedy)
    if key == FACTORY_KEY or len(set(key)) == 1:
        raise ConfigError(str(path), "holds a key that everybody knows", remedy)
    return key


def install(place: OsdpPlace, within_s: float) -> str:
    """Give the reader at this place its key, if it has none yet; one sentence of what came of it.

    Only here, and only this long, the factory key is spoken at all.  No output is moved, nothing a reader says is used.

    Raises:
        ConfigError: the window is too long, or the key file is not right.
        HardwareError: the port is not there, or the reader did not take the key in time.
    """
    if not 0 < within_s <= INSTALL_MAX_S:
        raise ConfigError(
            "--seconds", f"{within_s:g} is not within 1 to {INSTALL_MAX_S}", "Stay beside the reader."
        )
    key, lib = read_key(place.key_file), library()
    line = SerialLine(place.port, place.baud)
    line.open()
    end = time.monotonic() + within_s
    try:
        while time.monotonic() < end:
            if (factory := _attempt(lib, place, key, line, end)) is not None:
                took = "took its key" if factory else "has this key already"
                return f"reader {place.address} at {place.port} {took}."
    finally:
        line.close()
    raise HardwareError(
        f"reader {place.address} at {place.port} did not take its key within {within_s:g} s. "
        "Put it into its install mode, and look at address and baud rate."
    )


def _attempt(lib: ModuleType, place: OsdpPlace, key: bytes, line: SerialLine, end: float) -> bool | None:
    """None when no secure channel with our own key came of it; else whether the factory key was spoken before it."""
    told: deque[dict[str, int]] = deque(maxlen=64)
    context = control_panel(lib, place, key, Channel(line), lib.FLAG_ENABLE_NOTIFICATION)
    context.set_event_callback(lambda _, event: told.append(event))
    factory = False
    stop = min(end, time.monotonic() + ATTEMPT_S)
    while time.monotonic() < stop:
        context.refresh()
        for event in told:
            secured = (event["event"], event.get("type")) == (
                lib.EVENT_NOTIFICATION,
                lib.EVENT_NOTIFICATION_SC_STATUS,
            )
            factory |= secured and bool(event["arg0"] and event["arg1"])
        told.clear()
        if context.sc_status() & context.status() & 1:
            return factory
        time.sleep(TICK_S)
    return None
