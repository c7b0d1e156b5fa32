"""Story 45: nobody has declared an emergency; a temperature is taken by no file, no form and no event."""

import msgspec
import pytest

from cloud_sync.errors import Refused
from cloud_sync.protocol.messages import EventBody
from tests.fakes.community_house import csv_of, registration_row
from tests.fakes.guest_house import FORM
from tests.fakes.wire_ledger import body


@pytest.mark.story("45a")
def test_a_file_with_a_temperature_is_refused_and_a_form_does_not_keep_one(at_home):
    sheet = csv_of([registration_row(temperature="39.1")])
    with pytest.raises(Refused, match="temperature"):
        at_home.registry.import_csv("registrations", sheet, actor="test")
    assert at_home.registrations() == []
    at_home.read_notice()
    assert at_home.registry.register_self(at_home.token, {**FORM, "temperature": "39.1"}).verified
    held = at_home.registry.own_data(at_home.token, None, FORM["document_number"][-4:])
    assert "39.1" not in str(held)
    with at_home.books.engine.connect() as db:
        assert "39.1" not in "\n".join(db.connection.driver_connection.iterdump())


@pytest.mark.story("45a")
def test_an_event_has_no_place_for_one():
    raw = body().removesuffix(b"}") + b',"temperature":39.1}'
    understood = msgspec.json.encode(msgspec.json.decode(raw, type=EventBody))
    assert b"39.1" in raw
    assert b"39.1" not in understood
