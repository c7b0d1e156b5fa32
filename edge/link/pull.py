"""A whole set by one HTTPS request instead of hundreds of frames; what comes is believed by its signed root only.

The link's thread never waits: a thread of its own asks once and ends, at the latest after ``PULL_S``.
"""

import base64
import http.client
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from cloud_sync.protocol.pull import (
    NONCE,
    NONCE_HEX,
    PULL_PATH,
    SET_BYTES_MAX,
    SIGNATURE,
    TIME,
    VERSION,
    request_bytes,
)
from edge.errors import StoreError

TIMEOUT_S = 10.0  # without a byte
PULL_S = 45.0  # and altogether: the service waits for a minute before it sends parts
CHUNK = 65_536

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pulled:
    """``packed`` is None where there was nothing to be had."""

    auth_ver: int
    packed: bytes | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service's pages are and whom to trust there; ``ca`` is PEM, empty for what the machine trusts."""

    url: str
    ca: str
    community: str
    node: str


class HttpsPull:
    """``start`` one, ``take`` what came of it; both at once from the link's thread."""

    def __init__(self, place: Place, sign: Callable[[bytes], bytes], wall_ms: Callable[[], int]) -> None:
        self._place = place
        self._sign = sign
        self._wall_ms = wall_ms
        self._thread: threading.Thread | None = None
        self._got: Pulled | None = None

    def start(self) -> None:
        """Nothing happens while one is on its way."""
        if self._thread is None:
            self._got = None
            self._thread = threading.Thread(target=self._run, name="pull", daemon=True)
            self._thread.start()

    @property
    def busy(self) -> bool:
        return self._thread is not None

    def take(self) -> Pulled | None:
        """What came, once; None while it is on its way, or none was."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        return self._got

    def _run(self) -> None:
        self._got = Pulled(0, None)
        try:
            self._got = self._ask()
        except (OSError, http.client.HTTPException, ValueError, StoreError) as error:
            log.warning("passes_not_pulled", why=str(error) or type(error).__name__)

    def _ask(self) -> Pulled:
        url, node = urlsplit(self._place.url), self._place.node
        if url.scheme != "https" or not url.hostname:
            raise ValueError(f"pages_url {self._place.url!r} is no HTTPS address")
        until_s = time.monotonic() + PULL_S
        at_ms, nonce = self._wall_ms(), secrets.token_hex(NONCE_HEX // 2)
        signature = self._sign(request_bytes(self._place.community, node, at_ms, nonce))
        headers = {TIME: str(at_ms), NONCE: nonce, SIGNATURE: base64.b64encode(signature).decode()}
        trust = ssl.create_default_context(cadata=self._place.ca or None)
        asked = http.client.HTTPSConnection(url.hostname, url.port, timeout=TIMEOUT_S, context=trust)
        try:
            asked.request("GET", url.path.rstrip("/") + PULL_PATH.format(node=node), headers=headers)
            answer = asked.getresponse()
            if answer.status != http.client.OK:  # a redirection too: nobody else is asked
                raise ValueError(f"the service answered {answer.status}")
            return Pulled(int(answer.headers.get(VERSION, "")), _read(answer, until_s))
        finally:
            asked.close()


def _read(answer: http.client.HTTPResponse, until_s: float) -> bytes:
    """Never more than a set can be, however it is announced, and never longer than the time there is."""
    got = bytearray()
    while piece := answer.read1(CHUNK):
        got += piece
        if len(got) > SET_BYTES_MAX:
            raise ValueError(f"more than {SET_BYTES_MAX} bytes")
        if time.monotonic() > until_s:
            raise ValueError(f"not whole within {PULL_S:.0f} s")
    if answer.length:  # the connection ended early
        raise ValueError(f"{answer.length} bytes are missing")
    return bytes(got)
