"""The kiosk on a socket of the local network, in a thread of its own."""

import asyncio
import errno
import ipaddress
import socket
import threading

import uvicorn
from fastapi import FastAPI

from edge.errors import ConfigError, GateError
from edge.kiosk.app import Bell, Keypad, KioskPages, create_kiosk
from edge.kiosk.preview import PreviewPages
from edge.kiosk.roll import RollPages
from edge.kiosk.state import KioskState

GRACE_S = 3
START_S = 15.0


def _check_host(host: str) -> None:
    """A screen has no login, so it is for this machine and its private network; a name could be anywhere."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or address.is_unspecified or not (address.is_private or address.is_link_local):
        remedy = "Give 127.0.0.1 or this node's private address"
        raise ConfigError("kiosk.host", f"{host} is not an address of the local network", remedy)


def _listen(host: str, port: int) -> socket.socket:
    _check_host(host)
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        taken = error.errno == errno.EADDRINUSE
        problem = (
            f"port {port} on {host} is taken"
            if taken
            else f"cannot listen on {host}:{port}: {error.strerror}"
        )
        raise ConfigError("kiosk.port", problem, "Choose another port or address") from error
    return bound


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, up: threading.Event) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._pages: KioskPages = app.state.pages
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._pages.close()
        await super().shutdown(sockets)
        # Who was accepted while it ended is nobody's connection any more.
        for one in list(self.server_state.connections):
            one.transport.abort()
        await asyncio.sleep(0)


class KioskServer:
    """Construction binds or says in one sentence why not; ``start`` serves, ``close`` ends and waits for the end."""

    def __init__(
        self,
        state: KioskState,
        host: str,
        port: int,
        keypad: Keypad | None = None,
        bell: Bell | None = None,
        roll: RollPages | None = None,
        preview: PreviewPages | None = None,
    ) -> None:
        self._socket = _listen(host, port)
        self._up = threading.Event()
        self._server = _Server(create_kiosk(state, keypad, bell, roll, preview), self._up)
        self._thread = threading.Thread(target=self._run, name="kiosk", daemon=True)
        self._host = host

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Screens are answered when this returns.

        Raises:
            GateError: it did not come up; the log says why.
        """
        self._thread.start()
        if not self._up.wait(START_S):
            self.close()
            raise GateError(
                f"The kiosk on {self.url} did not start within {START_S:.0f} s; the log says why."
            )

    def close(self) -> None:
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(GRACE_S + START_S)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
