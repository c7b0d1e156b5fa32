"""One HTTP exchange with a far side that may do anything; what matters is whether the request can have arrived."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cloud_sync.errors import ConnectorError

ANSWER_MAX = 1_000_000  # a day's receipt as PDF is the longest there is


class NotSent(ConnectorError):
    """Nobody was there to hear it."""


class NoAnswer(ConnectorError):
    """It may have been heard; what came back does not say so."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def exchange(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, within_s: float
) -> Reply:
    """Send and read the whole answer within ``within_s``; no redirects are followed.

    Raises:
        NotSent: no connection came about, so the request surely did not arrive.
        NoAnswer: it was cut, too late, too long, or no HTTP.
    """
    where = urlsplit(url)
    connection = _connection(where.scheme, where.netloc, within_s)
    over = threading.Event()
    ended = threading.Timer(within_s, _cut, [connection, over])
    ended.daemon = True
    ended.start()
    try:
        _connect(connection, str(where.hostname))
        return _conversation(
            connection, method, _path(where.path, where.query), body, headers, over, where.hostname
        )
    finally:
        ended.cancel()
        connection.close()


def _path(path: str, query: str) -> str:
    return f"{path or '/'}?{query}" if query else path or "/"


def _connect(connection: http.client.HTTPConnection, host: str) -> None:
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        raise NotSent(f"{host} cannot be reached ({type(error).__name__}).") from error


def _conversation(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    over: threading.Event,
    host: str | None,
) -> Reply:
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.read(ANSWER_MAX))
        whole = not answer.read(1)
    except (OSError, http.client.HTTPException, AttributeError) as error:
        # AttributeError: http.client reads on from the socket that the timer has just taken away.
        what = "it took too long" if over.is_set() else type(error).__name__
        raise NoAnswer(f"{host} did not answer as HTTP does ({what}).") from error
    if over.is_set() or not whole:  # a cut conversation reads like a finished one
        raise NoAnswer(f"{host} did not come to an end with its answer.")
    return reply


def _connection(scheme: str, place: str, within_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(place, timeout=within_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(place, timeout=within_s)


def _cut(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    """A far side that drips one byte a second never meets the time-out of a single read."""
    over.set()
    held = connection.sock
    if held is not None:
        try:
            held.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself
