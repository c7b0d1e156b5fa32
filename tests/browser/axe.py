"""What axe-core says about a page; run from outside it, so that the page keeps its own policy."""

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[2] / ".cache" / "axe" / "axe.min.js"
WEIGHTY = {"serious", "critical"}
# Every rule axe has, good practice too; a frame would need the script once more, and our pages have none.
RUN = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"], iframes: false });
    return violations.map(({ id, impact, help, nodes }) => ({ id, impact, help,
        where: nodes.map((node) => `${node.target.join(" ")}  ${node.html.slice(0, 160)}  (${node.any.concat(node.all,
            node.none).map((check) => check.message).join("; ")})`) }));
}"""


@cache
def script() -> str:
    assert SCRIPT.is_file(), f"{SCRIPT} is missing: make web"
    return SCRIPT.read_text(encoding="utf-8")


def findings(page: Page) -> list[str]:
    """One line for each serious or critical finding: rule, what helps, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(script())
    return [
        f"{found['impact']} {found['id']}: {found['help']}\n      at {where}"
        for found in page.evaluate(RUN)
        if found["impact"] in WEIGHTY
        for where in found["where"]
    ]
