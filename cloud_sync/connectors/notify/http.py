"""One POST to a far side that may be slow, endless, rude or gone: bounded in time and size, no redirects."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cloud_sync.errors import ConnectorError, Refused

ANSWER_MAX = 4096  # of an answer we keep a line
RECEIPT_MAX = 200
# Not now: a time-out on their side, too many at once, or anything that is broken there.
LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str

    @property
    def receipt(self) -> str:
        """What is kept: the status and the first line, printable."""
        line = self.text.strip().splitlines()[0] if self.text.strip() else ""
        shown = "".join(character for character in line if character.isprintable())
        return f"HTTP {self.status} {shown}".strip()[:RECEIPT_MAX]


def post(url: str, body: bytes, headers: Mapping[str, str], *, within_s: float) -> Answer:
    """Send and read the answer, all of it within ``within_s``.

    Raises:
        ConnectorError: no answer, no HTTP, or one that says "later".
        Refused: the far side says that this will never do.
    """
    where = urlsplit(url)
    connection = _connection(where.scheme, where.netloc, within_s)
    over = threading.Event()
    ended = threading.Timer(within_s, cut, [connection, over])
    ended.daemon = True
    ended.start()
    try:
        path = where.path or "/"
        connection.request("POST", f"{path}?{where.query}" if where.query else path, body, dict(headers))
        reply = connection.getresponse()
        answer = Answer(reply.status, reply.read(ANSWER_MAX).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException, AttributeError) as error:
        # AttributeError: http.client reads on from the socket that the timer has just taken away.
        what = "it took too long" if over.is_set() else type(error).__name__
        raise ConnectorError(
            f"{where.hostname} did not answer as HTTP does ({what}); tried again."
        ) from error
    finally:
        ended.cancel()
        connection.close()
    if over.is_set():  # a cut conversation reads like a finished one
        raise ConnectorError(f"{where.hostname} took longer than {within_s:g} s to answer; tried again.")
    return _judged(answer, str(where.hostname))


def _connection(scheme: str, place: str, within_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(place, timeout=within_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(place, timeout=within_s)


def cut(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    """A far side that drips one byte a second never meets the time-out of a single read."""
    over.set()
    held = connection.sock
    if held is not None:
        try:
            held.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself


def _judged(answer: Answer, host: str) -> Answer:
    if 200 <= answer.status < 300:
        return answer
    said = f"{host} answered {answer.receipt}"
    if 400 <= answer.status < 500 and answer.status not in LATER:
        raise Refused("notify.refused", f"{said}; it is not tried again.")
    raise ConnectorError(f"{said}; tried again.")
