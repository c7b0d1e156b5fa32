"""Every address of an application with its methods, as its routers have them."""

from collections.abc import Iterable, Iterator
from typing import Any

from starlette.routing import BaseRoute, Route


def endpoints_of(routes: Iterable[BaseRoute]) -> list[tuple[str, str]]:
    """(method, path), sorted; a mount of files is none."""
    return sorted(set(_found(routes)))


def _found(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        inner: Any = getattr(route, "original_router", None)
        if inner is not None:
            yield from _found(inner.routes)
        elif isinstance(route, Route):
            yield from ((method, route.path) for method in (route.methods or set()) - {"HEAD"})
