"""The pictures the browser suite took, as the pages show them."""

from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"
IN_A_ROW = 4


def gallery(*beginnings: str) -> str:
    """Every picture whose name begins so, each with its name below; a table of a few columns."""
    names = [path.stem for begin in beginnings for path in sorted(PICTURES.glob(f"{begin}*.png"))]
    assert names, f"no picture begins with {beginnings}; run make pictures"
    rows = [names[at : at + IN_A_ROW] for at in range(0, len(names), IN_A_ROW)]
    head = "| " + " | ".join([" "] * IN_A_ROW) + " |\n" + "| " + " | ".join(["---"] * IN_A_ROW) + " |"
    return "\n".join([head, *(_row(row) for row in rows)])


def _row(names: list[str]) -> str:
    cells = [f'<img src="pictures/{name}.png" width="200" alt="{name}"><br>{name}' for name in names]
    return "| " + " | ".join(cells + [" "] * (IN_A_ROW - len(cells))) + " |"
