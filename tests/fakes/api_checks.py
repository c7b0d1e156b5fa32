"""What schemathesis checks of every answer beside its own: headers, cookies, and how a no is told."""

from itertools import count
from typing import Any

import schemathesis

from cloud_sync.api.answering import KEY, KEY_HEADER

SECURE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@schemathesis.serializer("text/csv")
def csv(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


_fresh = count()


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """A key that was used for something else is refused, and rightly so: each call that could be has a new one."""
    for name, value in list((case.headers or {}).items()):
        if name.lower() == KEY_HEADER and isinstance(value, str) and KEY.fullmatch(value):
            case.headers[name] = f"{next(_fresh)}-{value}"[:128]


@schemathesis.check
def headers_are_secure(_context: Any, response: Any, _case: Any) -> None:
    said = {name.lower(): ", ".join(values) for name, values in response.headers.items()}
    for name, value in SECURE.items():
        assert said.get(name) == value, f"{name} is {said.get(name)!r} and not {value!r}"
    assert "default-src 'none'" in said.get("content-security-policy", ""), "no content policy"
    assert "set-cookie" not in said, "the interface sets no cookie"


@schemathesis.check
def every_no_is_a_problem(_context: Any, response: Any, case: Any) -> None:
    if response.status_code < 400 or case.method.upper() == "HEAD":
        return
    said = ", ".join(response.headers.get("content-type", []))
    if response.request.method == "HEAD":
        return
    assert said.startswith("application/problem+json"), f"{response.status_code} is told as {said}"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["detail"]
    assert body["title"]


@schemathesis.check
def nothing_is_broken(_context: Any, response: Any, _case: Any) -> None:
    """503 is described, for a database that is away; here it is not away."""
    assert response.status_code < 500, f"{response.status_code}"
