"""Line charts as small SVG files, without a library: the same bytes from the same numbers, readable in any browser."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 56
# Told apart without colour too: each has its own dashes.
STROKES = (("#1b5e8c", ""), ("#b3541e", "7 4"), ("#4a7a3c", "2 4"))
TICKS = 5


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    points: Sequence[tuple[float, float]]


def draw(title: str, x_name: str, y_name: str, curves: Sequence[Curve]) -> str:
    """One chart; both axes begin at nought."""
    assert 0 < len(curves) <= len(STROKES)
    x_most = _round_up(max(x for curve in curves for x, _ in curve.points))
    y_most = _round_up(max(y for curve in curves for _, y in curve.points))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * x / x_most,
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_most,
        )

    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 22, title, "middle", size=14),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_name, "middle"),
        f'<g transform="rotate(-90 16 {HEIGHT / 2:g})">{_text(16, HEIGHT / 2, y_name, "middle")}</g>',
    ]
    for k in range(TICKS + 1):
        x, bottom = place(x_most * k / TICKS, 0)
        left, y = place(0, y_most * k / TICKS)
        parts.append(f'<path d="M{left:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(_text(left - 6, y + 4, f"{y_most * k / TICKS:g}", "end"))
        parts.append(_text(x, bottom + 16, f"{x_most * k / TICKS:g}", "middle"))
    first = curves[0].points
    legend = LEFT + 12 if first[0][1] < first[-1][1] else WIDTH - RIGHT - 180  # where the curves are not
    for k, (curve, (colour, dashes)) in enumerate(zip(curves, STROKES, strict=False)):
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve.points))
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}" fill="none"'
        parts.append(f'<polyline points="{way}" {stroke}/>')
        at = TOP + 14 + 18 * k
        parts.append(f'<path d="M{legend} {at}h34" {stroke}/>')
        parts.append(_text(legend + 40, at + 4, curve.name, "start"))
    return "\n".join(parts) + "\n</svg>\n"


def _text(x: float, y: float, words: str, anchor: str, *, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222222">{escape(words)}</text>'


def _round_up(most: float) -> float:
    """The next of 1, 2, 2.5, 5 and 10 times a power of ten: ticks of few digits."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= most)
