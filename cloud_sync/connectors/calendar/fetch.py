"""One GET of a calendar: only if it changed, bounded in time and size, no redirects."""

import http.client
import ssl
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from cloud_sync.connectors.notify.http import cut
from cloud_sync.errors import ConnectorError

BYTES_MAX = 1_000_000  # three hundred bytes an entry: more than a room's bookings of a lifetime
WITHIN_S = 20.0
TAG_MAX = 200
NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Page:
    """What the far side gave; ``data`` is None where it said that nothing changed."""

    data: bytes | None
    etag: str
    modified: str


def fetch(url: str, etag: str, modified: str, *, within_s: float = WITHIN_S, most: int = BYTES_MAX) -> Page:
    """Ask for the calendar at ``url``, telling what was read last.

    Raises:
        ConnectorError: no answer in time, none of HTTP, not 200 or 304, or too large; the address is never repeated, for
            whoever knows it can read the calendar.
    """
    where = urlsplit(url)
    host = str(where.hostname)
    secure = where.scheme == "https"
    connection = (
        http.client.HTTPSConnection(where.netloc, timeout=within_s, context=ssl.create_default_context())
        if secure
        else http.client.HTTPConnection(where.netloc, timeout=within_s)
    )
    over = threading.Event()
    ended = threading.Timer(within_s, cut, [connection, over])
    ended.daemon = True
    ended.start()
    try:
        path = where.path or "/"
        headers = {"Accept": "text/calendar", "User-Agent": "gatehouse"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        connection.request("GET", f"{path}?{where.query}" if where.query else path, headers=headers)
        reply = connection.getresponse()
        data = reply.read(most + 1) if reply.status == http.client.OK else b""
        tags = [(reply.getheader(name) or "")[:TAG_MAX] for name in ("ETag", "Last-Modified")]
    except (OSError, ValueError, http.client.HTTPException, AttributeError) as error:
        # AttributeError: http.client reads on from the socket that the timer has just taken away.
        what = "it took too long" if over.is_set() else type(error).__name__
        raise ConnectorError(f"{host} did not answer as HTTP does ({what}).") from error
    finally:
        ended.cancel()
        connection.close()
    if over.is_set():  # a cut conversation reads like a finished one
        raise ConnectorError(f"{host} took longer than {within_s:g} s to answer.")
    if reply.status == NOT_MODIFIED:
        return Page(None, etag, modified)
    if reply.status != http.client.OK:
        raise ConnectorError(f"{host} answered HTTP {reply.status}; check the calendar's address.")
    if len(data) > most:
        raise ConnectorError(f"{host} sent more than {most} bytes; no calendar of one room is as long.")
    return Page(data, *tags)
