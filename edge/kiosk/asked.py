"""Who asks the node's pages: only a page of their own may send anything."""

from starlette.requests import Request


def from_our_page(request: Request) -> bool:
    """JSON from another site needs a permission nobody gives; browsers also say whose page asks."""
    ours = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return ours and request.headers.get("content-type", "") == "application/json"
