"""The guest's pass on the home screen of a phone: the manifest in one language; the icon is drawn, not painted."""

from cloud_sync.web.guest.shown import Frame
from cloud_sync.web.texts import mark, texts

OVER_HEADER = "x-gatehouse-stay"
PAPER, GREEN = "#fdfbf6", "#1d5c53"  # those of the icon
ICON = {"src": "/static/gatehouse.svg", "sizes": "any", "type": "image/svg+xml"}


def manifest_of(frame: Frame) -> dict[str, object]:
    """It starts at the pass and reaches no further than the pages of this link."""
    say = texts(frame.lang)
    return {
        "id": frame.home,
        "name": say(mark("%(community)s: your pass"), community=frame.community or "Gatehouse"),
        "short_name": say(mark("Your pass")),
        "lang": frame.lang.tag,
        "start_url": f"{frame.home}/pass",
        "scope": f"{frame.home}/",
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": GREEN,
        "icons": [ICON | {"purpose": "any"}, ICON | {"purpose": "maskable"}],
    }
