"""Envelopes that nobody answers hold up none behind them."""

from collections import Counter

from cloud_sync.distribute.faces import AGAIN_MAX, IN_FLIGHT_MAX, FaceDriver
from cloud_sync.ports_faces import Owed, Waiting
from tests.fakes.community_house import SteppedClock
from tests.fakes.kept_post import Post


class Backlog:
    """A relay with so many envelopes for one node, none of which it answers."""

    def __init__(self, count: int) -> None:
        self.left = [Waiting(f"{number:032x}", "n-b") for number in range(count)]

    def roster(self, now_ms: int) -> None: ...

    def online(self, now_ms: int) -> list[tuple[str, bool]]:
        return [("n-b", True)]

    def owed(self, now_ms: int, *, most: int) -> list[Owed]:
        return []

    def waiting(self, now_ms: int) -> list[Waiting]:
        return self.left

    def frame(self, envelope: str) -> bytes:
        return envelope.encode()


def test_envelopes_that_nobody_answers_hold_up_none_behind_them_and_come_again_in_turn() -> None:
    relay, post, clock = Backlog(5 * IN_FLIGHT_MAX), Post(), SteppedClock()
    driver = FaceDriver(relay, post, clock, "dongfang")
    ticks = []
    for _ in range(200):
        before = len(post.sent)
        clock.step(ms=600)
        driver.tick()
        ticks.append([frame for _, frame, _ in post.sent[before:]])
    assert {len(sent) for sent in ticks[6:]} == {AGAIN_MAX}
    assert max(len(sent) for sent in ticks) <= IN_FLIGHT_MAX
    assert len({frame for sent in ticks[:6] for frame in sent}) == len(relay.left)
    counts = Counter(frame for sent in ticks for frame in sent)
    assert min(counts.values()) >= 3
    assert max(counts.values()) - min(counts.values()) <= 3
    relay.left = relay.left[:1]
    driver.tick()
    assert len(driver._driven) == 1  # what is over is forgotten
