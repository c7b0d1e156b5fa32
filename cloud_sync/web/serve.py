"""The application on a socket: checked before anything starts, in this thread or in one of its own."""

import asyncio
import errno
import ipaddress
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import uvicorn
from fastapi import FastAPI

from cloud_sync.errors import ConfigError, SyncError
from cloud_sync.web.hub import LiveHub
from cloud_sync.web.tls import TlsFiles

# Live pages are told to end before this runs; what is left is a request in the middle of an answer.
GRACE_S = 5
START_S = 15.0
BACKLOG = 128


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int, tls: TlsFiles | None) -> socket.socket:
    """A bound socket, or one sentence why not; port 0 asks the system for a free one.

    Raises:
        ConfigError: the port is taken, the host is not of this machine, or it would be plain HTTP for others.
    """
    if tls is None and not is_loopback(host):
        remedy = "Configure tls, or listen on 127.0.0.1"
        raise ConfigError("web.host", f"plain HTTP is served to this machine only, not on {host}", remedy)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _why_not(host, port, error) from error
    return bound


def _why_not(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            "web.port", f"port {port} on {host} is taken", "Stop the other program or choose another port"
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            "web.port", f"port {port} needs rights this program does not have", "Choose one above 1023"
        )
    return ConfigError(
        "web.host", f"cannot listen on {host}: {error.strerror}", "Give an address of this machine"
    )


class _Server(uvicorn.Server):
    """uvicorn, which says when it is up and lets go of live pages first."""

    def __init__(self, config: uvicorn.Config, up: threading.Event, before_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._up = up
        self._before_stop = before_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_stop()
        await super().shutdown(sockets)
        # Who was accepted while it ended is nobody's connection any more.
        for one in list(self.server_state.connections):
            one.transport.abort()
        await asyncio.sleep(0)


class PageServer:
    """The pages on one address.  Construction binds; ``run`` serves here, ``with`` serves in a thread."""

    def __init__(self, app: FastAPI, host: str, port: int, tls: TlsFiles | None = None) -> None:
        self.app = app
        self._socket = listen(host, port, tls)
        self._host = host
        self._scheme = "https" if tls else "http"
        self._up = threading.Event()
        hub: LiveHub = app.state.live
        self._server = _Server(_config(app, tls), self._up, hub.close)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self.port}"

    def run(self) -> None:
        """Serve until ``stop`` or a signal."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Ask the server to end; callable from any thread."""
        self._server.should_exit = True

    def start(self) -> None:
        """Serve in a thread; answers are given when this returns.

        Raises:
            SyncError: it did not come up; the log says why.
        """
        self._thread = threading.Thread(target=self.run, name="pages", daemon=True)
        self._thread.start()
        if not self._up.wait(START_S):
            self.close()
            raise SyncError(
                f"The pages on {self.url} did not start within {START_S:.0f} s; the log says why."
            )

    def close(self) -> None:
        """End and wait for the end; closing twice is fine."""
        self.stop()
        if self._thread is not None:
            self._thread.join(GRACE_S + START_S)
        self._socket.close()

    def __enter__(self) -> "PageServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _config(app: FastAPI, tls: TlsFiles | None) -> uvicorn.Config:
    """No access log: addresses carry guest tokens."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=_text(tls.cert if tls else None),
        ssl_keyfile=_text(tls.key if tls else None),
    )


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
