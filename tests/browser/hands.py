"""How a person gets at a page: with a finger, or with Tab, Space, Enter and what is typed, and nothing else."""

from typing import Protocol

from playwright.sync_api import Locator, Page, expect

TABS_MAX = 60
SAME = "(element) => element === document.activeElement"
RINGED = "(element) => getComputedStyle(element).outlineStyle !== 'none'"
HEIGHT = "(element) => element.getBoundingClientRect().height"
LOOKS_MAX = 20
FINGER_PX = 44  # what a thumb hits without aiming


class Hands(Protocol):
    """Every act fails where the page cannot be used in this way."""

    def press(self, what: Locator) -> None:
        """A link or a button."""

    def write(self, what: Locator, text: str) -> None:
        """Replace what stands in a field."""

    def tick(self, what: Locator) -> None:
        """A box, or one of several choices."""

    def pick(self, what: Locator, value: str) -> None:
        """One line of a list that drops down."""

    def date(self, what: Locator, day: str) -> None:
        """A day (yyyy-mm-dd) in a field for days."""


class Finger:
    """Taps; letters come from the phone's own keys on the glass."""

    def press(self, what: Locator) -> None:
        self._tap(what)

    def write(self, what: Locator, text: str) -> None:
        self._tap(what)
        what.fill(text)

    def tick(self, what: Locator) -> None:
        """By its words: a box is small, and what stands beside it belongs to it."""
        self._tap(what.locator("xpath=ancestor::label | ../label").first)
        expect(what).to_be_checked()

    def pick(self, what: Locator, value: str) -> None:
        self._tap(what)
        what.select_option(value)

    def date(self, what: Locator, day: str) -> None:
        self.write(what, day)

    def _tap(self, what: Locator) -> None:
        expect(what).to_be_visible()
        # A part of a page that changes by itself may be replaced between two looks; then it is looked at again.
        tall = next(filter(None, (what.evaluate(HEIGHT) for _ in range(LOOKS_MAX))), 0)
        assert tall >= FINGER_PX, (what, tall)
        what.tap()


class Keyboard:
    """Tab until it is there, and the place has to be seen; no pointer is ever used."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def _reach(self, what: Locator) -> None:
        expect(what).to_be_visible()
        if what.evaluate(SAME):
            return
        for _ in range(TABS_MAX):
            self._page.keyboard.press("Tab")
            if what.evaluate(SAME):
                assert what.evaluate(RINGED), f"nobody sees that the keyboard is at {what}"
                return
        raise AssertionError(f"{what} cannot be reached by keyboard")

    def press(self, what: Locator) -> None:
        self._reach(what)
        self._page.keyboard.press("Enter")

    def write(self, what: Locator, text: str) -> None:
        self._reach(what)
        self._page.keyboard.press("Control+A")
        self._page.keyboard.press("Delete")
        self._page.keyboard.type(text)

    def tick(self, what: Locator) -> None:
        """A group of choices is one stop of Tab; within it the arrows go on."""
        if what.get_attribute("type") == "radio":
            self._choose(what)
        else:
            self._reach(what)
            self._page.keyboard.press("Space")
        expect(what).to_be_checked()

    def _choose(self, what: Locator) -> None:
        group = self._page.locator(f"input[type=radio][name={what.get_attribute('name')}]")
        for _ in range(TABS_MAX):
            self._page.keyboard.press("Tab")
            if group.evaluate_all("(all) => all.includes(document.activeElement)"):
                break
        self._page.keyboard.press("Space")
        for _ in range(group.count()):
            if what.is_checked():
                return
            self._page.keyboard.press("ArrowDown")

    def pick(self, what: Locator, value: str) -> None:
        self._reach(what)
        self._page.keyboard.press("Home")
        for _ in range(what.locator("option").count()):
            if what.input_value() == value:
                return
            self._page.keyboard.press("ArrowDown")
        raise AssertionError(f"{value} is not in {what}")

    def date(self, what: Locator, day: str) -> None:
        """The field's order is that of the browser's own language, not of the page's: here month, day, year."""
        self._reach(what)
        year, month, day_of_month = day.split("-")
        self._page.keyboard.type(f"{month}{day_of_month}{year}")
        expect(what).to_have_value(day)


def hands_for(kind: str, page: Page) -> Hands:
    return Finger() if kind == "touch" else Keyboard(page)
