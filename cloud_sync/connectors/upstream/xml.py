"""As much XML as two ministries need: text that cannot break out, and answers read without believing their author."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

Element = ET.Element


def element(name: str, text: str) -> str:
    """``<name>text</name>``, or nothing at all for nothing."""
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def read(body: bytes) -> Element | None:
    """The root of an answer, or None: not XML, cut short, or with declarations that no answer needs."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:  # no entity is expanded for anybody
        return None
    try:
        return ET.fromstring(body)  # noqa: S314 - declarations were refused above
    except (ET.ParseError, ValueError):
        return None


def named(root: Element, *names: str) -> Iterator[Element]:
    """Every element of one of these names, whatever its namespace."""
    return (one for one in root.iter() if one.tag.rpartition("}")[2] in names)


def text_of(root: Element, *names: str) -> str:
    """The text of the first of them, "" where there is none."""
    found = next(named(root, *names), None)
    return (found.text or "").strip() if found is not None else ""
