"""Names and document numbers: sealed, opened only for a purpose, and nowhere else on the disk."""

import sqlite3
import stat

import pytest
import sqlalchemy as sa

from cloud_sync.core.codes import Document
from cloud_sync.errors import NotFound, Refused, StoreError
from cloud_sync.store import audit, tables
from cloud_sync.store.keys import create_keys, load_keys
from cloud_sync.store.vault import Vault, doc_hash
from tests.fakes.community_house import (
    NAME,
    NAME_CANARIES,
    NUMBER,
    booking_row,
    new_house,
    registration_row,
    take,
    with_guest,
)

KEY = b"k" * 32


@pytest.fixture
def looks():
    return []


@pytest.fixture
def vault(tmp_path, looks):
    vault = Vault(tmp_path / "vault.db", KEY, looks.append)
    yield vault
    vault.close()


def opened(vault, person="PE-1", field="name", **changes):
    words = {"actor": "wang", "purpose": "check-in", "screen": "guest page", **changes}
    return vault.open_field(person, field, **words)


def test_what_was_sealed_opens_and_the_disclosure_was_written_first(vault, looks):
    assert vault.seal("PE-1", "name", NAME)
    assert opened(vault) == NAME
    assert [(look.person, look.field, look.purpose) for look in looks] == [("PE-1", "name", "check-in")]


@pytest.mark.parametrize("lack", ["purpose", "actor"])
def test_without_purpose_or_person_nothing_opens_and_nothing_is_logged(vault, looks, lack):
    vault.seal("PE-1", "name", NAME)
    with pytest.raises(Refused):
        opened(vault, **{lack: " "})
    assert looks == []


def test_when_the_disclosure_cannot_be_written_nothing_is_disclosed(tmp_path):
    def full_disk(_look):
        raise StoreError("the disk is full.")

    vault = Vault(tmp_path / "vault.db", KEY, full_disk)
    vault.seal("PE-1", "name", NAME)
    with pytest.raises(StoreError):
        opened(vault)
    vault.close()


def test_the_same_value_again_changes_nothing_and_another_one_does(vault):
    assert vault.seal("PE-1", "name", NAME)
    assert not vault.seal("PE-1", "name", NAME)
    assert vault.seal("PE-1", "name", "另一人")


def test_the_fields_of_one_person_are_kept_all_or_none(vault):
    assert vault.seal_all("PE-1", {"name": NAME, "birth_date": "1990-01-31"})
    assert not vault.seal_all("PE-1", {"name": NAME, "birth_date": "1990-01-31"})
    assert vault.seal_all("PE-1", {"name": NAME, "birth_date": "1990-02-01"})
    with pytest.raises(AttributeError):
        vault.seal_all("PE-2", {"name": NAME, "birth_date": None})
    with pytest.raises(NotFound):
        vault.open_field("PE-2", "name", actor="officer", purpose="a test", screen="test")


def test_a_sealed_value_does_not_open_in_another_place_or_under_another_key(vault, tmp_path):
    vault.seal("PE-1", "name", NAME)
    vault.seal("PE-2", "name", "另一人")
    with sqlite3.connect(tmp_path / "vault.db") as db:
        db.execute(
            "UPDATE sealed SET box = (SELECT box FROM sealed WHERE person = 'PE-1') WHERE person = 'PE-2'"
        )
    db.close()
    with pytest.raises(StoreError):
        opened(vault, "PE-2")
    stranger = Vault(tmp_path / "vault.db", b"x" * 32, lambda look: None)
    with pytest.raises(StoreError):
        opened(stranger)
    stranger.close()


def test_a_person_is_forgotten_byte_by_byte(vault, tmp_path):
    vault.seal("PE-1", "name", NAME)
    with sqlite3.connect(tmp_path / "vault.db") as db:
        (box,) = db.execute("SELECT box FROM sealed").fetchone()
    db.close()
    assert box in (tmp_path / "vault.db").read_bytes()
    assert vault.forget("PE-1") == 1
    assert box not in (tmp_path / "vault.db").read_bytes()
    with pytest.raises(NotFound):
        opened(vault)


@pytest.mark.story("38a")
def test_equal_documents_hash_equal_within_one_community_only():
    document = Document("passport", "UTO", "L898902C3", None)
    other = Document("passport", "GBR", "L898902C3", None)
    assert doc_hash(KEY, document) == doc_hash(KEY, document)
    assert doc_hash(KEY, document) != doc_hash(b"x" * 32, document)
    assert doc_hash(KEY, document) != doc_hash(KEY, other)


def test_keys_are_private_files_made_once(tmp_path):
    create_keys(tmp_path / "keys")
    keys = load_keys(tmp_path / "keys")
    create_keys(tmp_path / "keys")
    again = load_keys(tmp_path / "keys")
    assert (again.vault, again.k_community, again.signer.kid) == (
        keys.vault,
        keys.k_community,
        keys.signer.kid,
    )
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
    (tmp_path / "keys" / "vault.key").chmod(0o644)
    with pytest.raises(StoreError, match="others may read"):
        load_keys(tmp_path / "keys")


def bytes_on_disk(folder) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_name_and_no_number_stands_anywhere_on_the_disk(tmp_path):
    books = new_house(tmp_path)
    with_guest(books)
    take(books, "registrations", registration_row(proofing="many"), registration_row("9999"))
    found = bytes_on_disk(tmp_path)
    forms = [text.encode(code) for text in NAME_CANARIES for code in ("utf-8", "gb18030", "utf-16-le")]
    assert [form for form in forms if form in found] == []
    (tmp_path / "data" / "planted.txt").write_text(NAME)
    assert NAME.encode() in bytes_on_disk(tmp_path)
    books.close()


def test_the_disclosure_log_stands_in_the_database_and_is_chained(tmp_path):
    books = new_house(tmp_path)
    with_guest(books)
    with books.engine.connect() as db:
        person = db.execute(sa.select(tables.person.c.person)).scalar_one()
    assert opened(books.house.vault, person) == NAME
    assert opened(books.house.vault, person, "document_number")[:17] == NUMBER
    assert audit.first_break(books.engine, tables.disclosure, "dongfang") is None
    with books.engine.begin() as db:
        db.execute(tables.disclosure.update().where(tables.disclosure.c.n == 1).values(purpose="none"))
    assert audit.first_break(books.engine, tables.disclosure, "dongfang") == 1
    books.close()


def test_a_cancelled_guest_is_forgotten_by_the_vault(tmp_path):
    books = new_house(tmp_path)
    with_guest(books)
    with books.engine.connect() as db:
        person = db.execute(sa.select(tables.person.c.person)).scalar_one()
    assert books.house.vault.holds(person, "name")
    take(books, "bookings", booking_row(external_revision=2, state="cancelled"))
    assert not books.house.vault.holds(person, "name")
    books.close()
