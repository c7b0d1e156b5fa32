"""Keys that follow keys: the service lets the old one sign the new one in, and a node walks the links."""

import base64
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.compose import Books, open_books
from cloud_sync.errors import ConfigError, Refused, StoreError
from cloud_sync.identity.rotate import LINKS, finish_rotation, key_links, rotate
from cloud_sync.protocol.identity import CHAIN_MAX, KeyChain, KeyLink, identity_bytes
from cloud_sync.protocol.keychain import Trusted, believed, kid_of
from cloud_sync.protocol.messages import encode
from cloud_sync.store.keys import SIGNING
from edge.errors import StoreError as NodeStoreError
from edge.store.device_key import verify_ed25519
from edge.store.key_ring import KeyRing
from tests.fakes.community_house import NOON_MS, SteppedClock, new_house

DAY_MS = 86_400_000
WORDS = {"by": "Li Na", "reason": "once a year", "actor": "cli:li"}


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def link(old: Ed25519PrivateKey, new: Ed25519PrivateKey, **more: object) -> KeyLink:
    signer = more.pop("signer", old)
    words = {
        "community": "dongfang",
        "use": "community",
        "kid": kid_of(raw(new)),
        "key": base64.b64encode(raw(new)).decode(),
        "prev": kid_of(raw(old)),
        "since": NOON_MS,
        "until": NOON_MS + DAY_MS,
        **more,
    }
    bare = KeyLink(**words)
    return replace(bare, sig=base64.b64encode(signer.sign(identity_bytes(bare))).decode())


A, B, C, THIEF = (Ed25519PrivateKey.generate() for _ in range(4))


class Node:
    """A ring whose join file named A for the community and for commands."""

    def __init__(self, folder: Path, root: Ed25519PrivateKey = A) -> None:
        self.folder, self.now_ms, self.root = folder, NOON_MS, Trusted(kid_of(raw(root)), raw(root))
        self.ring = self.restarted()

    def restarted(self) -> KeyRing:
        self.ring = KeyRing(
            self.folder / "keys.json",
            "dongfang",
            {"community": self.root, "command": self.root},
            verify_ed25519,
            lambda: self.now_ms,
        )
        return self.ring

    def believes(self, key: Ed25519PrivateKey, use: str = "community") -> bool:
        return self.ring.verify(use, kid_of(raw(key)), b"word", key.sign(b"word"))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.story("37e")
def test_a_node_follows_the_link_and_believes_the_old_key_until_its_end(node: Node) -> None:
    assert node.ring.follow(KeyChain(links=[link(A, B)]))
    assert (node.believes(A), node.believes(B), node.believes(THIEF)) == (True, True, False)
    node.now_ms += DAY_MS
    assert (node.believes(A), node.believes(B)) == (False, True)


def test_a_link_is_for_one_use_only(node: Node) -> None:
    node.ring.follow(KeyChain(links=[link(A, B, use="command")]))
    assert (node.believes(B, "command"), node.believes(B)) == (True, False)


def test_a_node_that_was_away_for_two_changes_walks_both_and_still_does_after_a_restart(node: Node) -> None:
    chain = KeyChain(links=[link(A, B), link(B, C)])
    assert node.ring.follow(chain)
    assert not node.ring.follow(chain)  # nothing new in it
    node.restarted()
    assert (node.believes(C), node.ring.kids["community"]) == (True, tuple(kid_of(raw(k)) for k in (A, B, C)))


def test_a_newer_join_file_begins_where_it_stands(tmp_path: Path) -> None:
    node = Node(tmp_path, root=B)
    assert node.ring.follow(KeyChain(links=[link(A, B), link(B, C)]))
    assert (node.believes(A), node.believes(C)) == (False, True)


def test_a_newer_join_file_and_the_next_change_may_come_while_a_node_is_off(tmp_path: Path) -> None:
    assert Node(tmp_path, root=A).ring.follow(KeyChain(links=[link(A, B)]))
    node = Node(tmp_path, root=B)  # a join file fetched again, for a zone perhaps
    assert node.ring.follow(KeyChain(links=[link(A, B), link(B, C)]))
    assert (node.believes(C), node.believes(A)) == (True, False)
    assert node.restarted().follow(KeyChain(links=[link(A, B), link(B, C)])) is False
    assert node.believes(C)


def test_the_first_link_a_node_followed_holds_whatever_a_thief_of_the_old_key_signs(node: Node) -> None:
    node.ring.follow(KeyChain(links=[link(A, B)]))
    assert not node.ring.follow(KeyChain(links=[link(A, THIEF)]))
    assert not node.ring.follow(KeyChain(links=[link(A, THIEF), link(A, B)]))
    assert not node.believes(THIEF)


@pytest.mark.parametrize(
    "lie",
    [
        link(A, B, signer=THIEF),
        link(A, B, community="elsewhere"),
        link(C, B),
        link(A, B, kid="0" * 16),
        link(A, B, key=base64.b64encode(b"short").decode()),
        link(A, B, key="no base64"),
        replace(link(A, B), sig=""),
        replace(link(A, B), sig="no base64"),
        replace(link(A, B), until=NOON_MS + 10 * DAY_MS),
        replace(link(A, B), use="command"),
    ],
    ids=[
        "signer",
        "community",
        "prev",
        "kid",
        "short-key",
        "no-key",
        "no-sig",
        "bad-sig",
        "longer",
        "other-use",
    ],
)
def test_a_link_that_does_not_hold_leads_nowhere(node: Node, lie: KeyLink) -> None:
    assert not node.ring.follow(KeyChain(links=[lie]))
    assert (node.believes(A), node.believes(B)) == (True, False)
    assert not (node.folder / "keys.json").exists()


def test_no_beginning_of_an_id_names_no_key() -> None:
    keys = [Trusted(kid_of(raw(A)), raw(A))]
    assert list(believed(keys, "", NOON_MS)) == []
    assert list(believed(keys, kid_of(raw(A))[:8], NOON_MS)) == keys


@pytest.mark.parametrize("damage", [b"", b"{", b'{"links":[{}]}', b"\xff"])
def test_a_damaged_file_falls_back_to_the_join_file_and_heals_at_the_next_telling(
    node: Node, damage: bytes
) -> None:
    node.ring.follow(KeyChain(links=[link(A, B)]))
    (node.folder / "keys.json").write_bytes(damage)
    node.restarted()
    assert (node.believes(A), node.believes(B)) == (True, False)
    assert node.ring.follow(KeyChain(links=[link(A, B)]))
    assert node.believes(B)


def test_a_file_that_somebody_wrote_by_hand_is_verified_like_the_bus(node: Node) -> None:
    (node.folder / "keys.json").write_bytes(encode(KeyChain(links=[link(A, THIEF, signer=THIEF)])))
    node.restarted()
    assert not node.believes(THIEF)


def test_what_the_disk_did_not_keep_is_not_believed(node: Node) -> None:
    (node.folder / "keys.json.new").mkdir()  # nothing can be written there
    with pytest.raises(NodeStoreError, match="not kept"):
        node.ring.follow(KeyChain(links=[link(A, B)]))
    assert not node.believes(B)


def test_more_links_than_one_message_holds_ask_for_a_new_join_file(node: Node) -> None:
    keys = [A, *(Ed25519PrivateKey.generate() for _ in range(CHAIN_MAX + 1))]
    links = [link(old, new) for old, new in pairwise(keys)]
    assert node.ring.follow(KeyChain(links=links[:CHAIN_MAX]))
    assert not node.ring.follow(KeyChain(links=links[CHAIN_MAX:]))


# --- at the service ----------------------------------------------------------------------------------------------


@pytest.fixture
def books(tmp_path: Path):
    books = new_house(tmp_path)
    yield books
    books.close()


def reopened(books: Books) -> Books:
    books.close()
    return open_books(books.config, SteppedClock())


def test_a_rotated_key_signs_after_the_next_start_and_its_link_leads_there(
    books: Books, node: Node, tmp_path: Path
) -> None:
    old = books.keys.signer
    made = rotate(books.house, books.config.keys, "community", overlap_days=7, **WORDS)
    assert made.until == NOON_MS + 7 * DAY_MS
    books = reopened(books)
    assert (books.keys.signer.kid, books.keys.commands.kid) == (made.kid, books.keys.commands.kid)
    assert books.keys.signer.kid != old.kid
    node.root = Trusted(old.kid, old.public_key)
    ring = node.restarted()
    assert ring.follow(key_links(books.config.keys))
    assert ring.verify("community", made.kid, b"head", books.keys.signer.sign(b"head"))
    assert ring.verify("community", old.kid, b"head", old.sign(b"head"))
    books.close()


@pytest.mark.parametrize(
    "more", [{"overlap_days": -1}, {"overlap_days": 367}, {"by": " "}, {"reason": "x" * 201}]
)
def test_a_change_of_keys_needs_a_name_a_reason_and_an_overlap_that_can_be(
    books: Books, more: dict[str, object]
) -> None:
    before = (books.config.keys / SIGNING).read_bytes()
    with pytest.raises(Refused):
        rotate(books.house, books.config.keys, "community", **{"overlap_days": 7, **WORDS, **more})
    assert (books.config.keys / SIGNING).read_bytes() == before
    assert key_links(books.config.keys).links == []


def test_a_power_cut_before_the_link_changes_nothing_and_after_it_is_made_good(books: Books) -> None:
    keys = books.config.keys
    before = (keys / SIGNING).read_bytes()
    (keys / f"{SIGNING}.next").write_bytes(bytes(range(32)))  # cut before its link
    finish_rotation(keys)
    assert (keys / SIGNING).read_bytes() == before
    made = rotate(books.house, keys, "community", overlap_days=1, **WORDS)
    after = (keys / SIGNING).read_bytes()
    assert bytes(range(32)) not in (before, after)
    (keys / SIGNING).rename(keys / f"{SIGNING}.next")  # as a cut between link and swap leaves it
    (keys / SIGNING).write_bytes(before)
    (keys / SIGNING).chmod(0o600)
    books = reopened(books)
    assert books.keys.signer.kid == made.kid
    books.close()


def test_only_the_newest_links_are_kept_and_damage_is_said(books: Books) -> None:
    keys = books.config.keys
    for _ in range(CHAIN_MAX + 2):
        newest = rotate(books.house, keys, "command", overlap_days=0, **WORDS)
    links = key_links(keys).links
    assert (len(links), links[-1].kid) == (CHAIN_MAX, newest.kid)
    (keys / LINKS).write_text("{")
    with pytest.raises(StoreError, match="restore it"):
        key_links(keys)


def test_the_command_says_what_followed_what_and_to_start_again(tmp_path: Path, books: Books) -> None:
    config = tmp_path / "sync.toml"
    config.write_text(
        'data_dir = "data"\n[community]\ncode = "dongfang"\nname_zh = "东方新城"\nname_en = "Dongfang"\nsynthetic = true\n'
        "[web]\ntls = false\n"
    )
    words = ["--by", "Li", "--reason", "yearly", "--config", str(config)]
    done = CliRunner().invoke(app, ["keys", "rotate", "community", *words])
    assert done.exit_code == 0, done.output
    assert f"{books.keys.signer.kid} is followed by" in done.output
    assert isinstance(CliRunner().invoke(app, ["keys", "rotate", "vault", *words]).exception, ConfigError)
