"""What the service gives to a person to carry: everything that is taken away at one node, or one pass by its code."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.errors import NotFound
from cloud_sync.jobs import SystemClock
from cloud_sync.protocol import delta, revocation
from cloud_sync.protocol.delta import Deny
from cloud_sync.protocol.messages import decode
from cloud_sync.store.carrying import code_for, taken_away_at
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.pass_sets import StoredPassSets
from tests.fakes.community_house import NOON_MS, SteppedClock, new_house, with_guest

WHY = {"actor": "cli:li", "reason": "by phone"}


class Silence:
    """Nobody is connected."""

    session = 0

    def send(self, *_: object, **__: object) -> None:
        raise AssertionError("nothing is sent without a session")


@pytest.fixture
def books(tmp_path, database):
    house = new_house(tmp_path, database=database)
    with_guest(house)
    tick(house)
    yield house
    house.close()


def tick(books) -> None:
    sets, feed = StoredPassSets(books.engine, "dongfang"), StoredPassFeed(books.house)
    Distributor(feed, sets, books.keys.signer, Silence(), books.clock, "dongfang").tick()


def test_only_what_is_taken_away_is_carried_under_the_version_in_which_it_is(books) -> None:
    assert taken_away_at(books.house, "gate-1") == (1, [])
    books.registry.cancel_booking("xc", "1001", **WHY)
    tick(books)
    (line,) = books.registry.passes()
    assert taken_away_at(books.house, "gate-1") == (2, [(line.pass_id, line.version, "REVOKED")])


def test_a_code_names_the_revoked_pass_to_whoever_holds_the_one_before(books) -> None:
    (before,) = books.registry.passes()
    with pytest.raises(NotFound, match="not revoked"):
        code_for(books.house, before.pass_id)
    books.registry.cancel_booking("xc", "1001", **WHY)
    (after,) = books.registry.passes()
    code = revocation.read(code_for(books.house, before.pass_id))
    assert code is not None
    held = [(before.pass_id, before.version)]
    assert revocation.find(books.house.pin_key, code, held) == (before.pass_id, after.version)


def test_nothing_is_carried_to_a_node_that_never_was(books) -> None:
    with pytest.raises(NotFound, match="never had passes"):
        taken_away_at(books.house, "gate-9")


def test_the_command_writes_a_file_that_is_signed_and_says_when_there_is_nothing_to_carry(
    tmp_path, database
) -> None:
    now_ms = SystemClock().now_ms()  # the command goes by the machine's own clock
    books = new_house(tmp_path, SteppedClock(now_ms), database=database)
    since_noon = (now_ms - NOON_MS) / HOUR_MS
    with_guest(books, hours=(since_noon - 1, since_noon + 20))
    tick(books)
    none = carried(books, tmp_path)
    assert (none.exit_code, "nothing is taken away" in str(none.exception)) == (1, True)
    books.registry.cancel_booking("xc", "1001", **WHY)
    tick(books)
    assert carried(books, tmp_path).exit_code == 0
    deny = decode((tmp_path / "gate-1.revoked").read_bytes().strip(), Deny)
    assert (deny.node, deny.auth_ver, len(deny.items), deny.items[0][2]) == ("gate-1", 2, 1, "REVOKED")
    signed, signature = delta.signing_bytes(deny), base64.b64decode(deny.sig)
    Ed25519PublicKey.from_public_bytes(books.keys.signer.public_key).verify(signature, signed)
    books.close()


def carried(books, folder):
    """The command as it is typed."""
    config = folder / "sync.toml"
    config.write_text(
        f'data_dir = "{books.config.data_dir}"\ndatabase_url = "{books.config.database_url}"\n[community]\ncode = "dongfang"\nname_zh = "东方新城"\n'
        'name_en = "Dongfang"\nsynthetic = true\n[web]\ntls = false\n'
    )
    words = ["carry", "file", "gate-1", "--out", str(folder / "gate-1.revoked"), "--config", str(config)]
    return CliRunner().invoke(app, words)
