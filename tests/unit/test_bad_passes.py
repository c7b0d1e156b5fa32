"""A short run of ``demo.bad_passes``: what is altered has no effect, and the same program notices when it has."""

from pathlib import Path

import pytest

from demo.bad_passes import COMMUNITY, TOPIC, TOPICS, Target, genuine, run


def accepted(found) -> int:
    return sum(count for (*_, word), count in found.items() if word == "accepted")


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_was_altered_has_an_effect(tmp_path: Path, seed: int) -> None:
    found = run(1_200, seed, tmp_path)
    assert found.total() == 1_200
    assert {what for what, _, _ in found} == {"head", "delta", "deny", "set"}
    assert accepted(found) == 0


def test_a_node_that_checked_no_signature_would_be_noticed(tmp_path: Path) -> None:
    assert accepted(run(300, 1, tmp_path, verify=lambda *_: True)) > 50


@pytest.mark.parametrize("kind", ["head", "delta", "deny"])
def test_the_genuine_frame_has_its_effect(tmp_path: Path, kind: str) -> None:
    said = genuine()
    target = Target(tmp_path, said, COMMUNITY.verify)
    assert target.attempt([(TOPIC[kind], said.signed[kind])])
    assert not target.attempt([(TOPICS.auth_head, said.first_head)])  # an older one is refused
    target.book.close()


def test_the_genuine_set_comes_in_whole_and_by_buckets_and_an_older_one_does_not(tmp_path: Path) -> None:
    said = genuine()
    target = Target(tmp_path, said, COMMUNITY.verify)
    head = (TOPICS.auth_head, said.signed["head"])
    assert target.play([head, *((TOPICS.auth, part) for part in said.whole)])
    assert (target.book.auth_ver, target.book.root) == (2, said.root)
    target.before = target.state()
    old = [(TOPICS.auth_head, said.first_head), *((TOPICS.auth, part) for part in said.first_parts)]
    assert not target.play(old)
    target.book.close()
