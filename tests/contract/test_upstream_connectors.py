"""What every recipient's connector promises, each against an authority of its own kind on loopback."""

import csv
import io
import json
import re
from datetime import date

import pytest

from cloud_sync.connectors.upstream import alloggiati_web
from cloud_sync.connectors.upstream.alloggiati_web import record_line
from cloud_sync.connectors.upstream.ways import installed, open_upstream, place_fault
from cloud_sync.core.reporting import Certainty, Op
from cloud_sync.errors import ConfigError, ConnectorError, Refused
from cloud_sync.ports_upstream import Acked, NotTaken, Rejected, Report, Taken, Unknown, Unnumbered
from tests.fakes.community_house import CODE
from tests.fakes.upstream_authorities import AlloggiatiPortal, LodgingRegister, SesMinistry
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import settings
from tests.fakes.upstream_taker import FolderTaker

WAYS = installed()
FARS = {
    "lodging_report": LodgingRegister,
    "alloggiati_web": AlloggiatiPortal,
    "ses_hospedajes": SesMinistry,
}
VALUES = {
    "name": "Canary Testbird",
    "family_name": "Testbird",
    "given_names": "Canary",
    "document_type": "passport",
    "document_number": "X1234567",
    "sex": "F",
    "birth_date": "1988-05-04",
    "birth_place": "FRA",
    "place_of_issue": "FRA",
    "nationality": "FRA",
    "residence": "FRA\n75001\nParis\n1 Rue <du> & Test",
    "phone": "+33 0 00 00 00 00",
    "relation": "mother",
    "listing": CODE,
    "room": "301",
    "arrival": "2026-05-01T14:00",
    "departure": "2026-05-03T11:00",
    "headcount": "2",
    "contract": "1001",
    "contract_date": "2026-04-20",
}
STRANGER = "a canary that no recipient asked for"
HTTP = pytest.mark.parametrize("name", sorted(FARS))
EVERY = pytest.mark.parametrize("name", sorted(WAYS))


@pytest.fixture
def far(name):
    made = FARS[name](scripted([])) if name in FARS else None
    yield made
    if made is not None:
        made.close()


@pytest.fixture
def connector(name, far, tmp_path):
    url = far.url if far is not None else ""
    return open_upstream(settings(tmp_path, {name: url}))[name]


def report(name, op=Op.SUBMIT, /, *, reference="US-1", number="", synthetic=False, **changes):
    """With exactly the fields the shape allows, as the queue gives them."""
    wanted = WAYS[name].shape.wanted(op, foreigner=True, minor=True)
    values = {one.name: VALUES[one.name] for one in wanted if one.name in VALUES}
    return Report(reference, op, synthetic, {**values, **changes}, number)


def everything_told(far, tmp_path):
    if far is not None:
        return b"\n".join(far.heard)
    return b"\n".join(path.read_bytes() for path in (tmp_path / "drop").rglob("*.csv"))


# --- every connector -----------------------------------------------------------------------------------------------


def test_ours_are_plug_ins_like_a_stranger_s():
    assert set(WAYS) >= {"lodging_report", "alloggiati_web", "ses_hospedajes", "csv_drop"}
    assert all(way.shape.name == name and way.rule.basis for name, way in WAYS.items())


@EVERY
def test_a_report_is_taken(name, connector, far):
    assert isinstance(connector.send(report(name)), Acked | Taken)


@EVERY
def test_no_field_but_those_of_its_list_leaves(name, connector, far, tmp_path):
    connector.send(report(name, stranger=STRANGER, email=STRANGER, face=STRANGER, template=STRANGER))
    told = everything_told(far, tmp_path)
    assert told
    unpacked = b"".join(one["xml"] for one in far.batches.values()) if name == "ses_hospedajes" else b""
    assert STRANGER.encode() not in told + unpacked


@EVERY
def test_the_field_lists_name_nothing_of_faces_doors_or_guardians(name):
    names = {one.name for fields in WAYS[name].shape.fields.values() for one in fields}
    assert not [one for one in names if re.search("face|photo|image|template|event|guardian|entry", one)]
    if name != "ses_hospedajes":  # whose law asks for a phone or an address
        assert "phone" not in names


@EVERY
def test_invented_people_are_refused_inside_the_connector(name, connector, far, tmp_path):
    for call in (connector.send, lambda one: connector.ask(one, "ticket")):
        with pytest.raises(Refused, match="synthetic community reports to nobody"):
            call(report(name, synthetic=True))
        nobody = report(name, document_type="resident_id", document_number="000001199001310003")
        with pytest.raises(Refused, match="belongs to nobody"):
            call(nobody)
    assert everything_told(far, tmp_path) == b""


@EVERY
def test_a_report_that_lacks_what_it_needs_never_leaves(name, connector, far, tmp_path):
    whole = report(name)
    needed = [one.name for one in WAYS[name].shape.fields[Op.SUBMIT] if one.needed and one.when == "always"]
    for lacking in needed:
        values = {key: value for key, value in whole.values.items() if key != lacking}
        with pytest.raises(Refused, match=lacking):
            connector.send(Report("US-1", Op.SUBMIT, False, values))
    assert everything_told(far, tmp_path) == b""


@HTTP
def test_equal_reports_have_equal_bodies(name, connector, far):
    one, other = report(name), report(name)
    assert connector.body(one) == connector.body(other)
    changed = {"family_name": "Otherbird"} if "family_name" in one.values else {"name": "Otherbird"}
    assert connector.body(one) != connector.body(report(name, **changed))


@HTTP
def test_nobody_at_home_is_surely_not_taken(name, connector, far):
    far.close()
    assert isinstance(connector.send(report(name)), NotTaken)
    assert isinstance(connector.ask(report(name), "t"), Unknown)


@HTTP
@pytest.mark.parametrize("fault", ["drop_after", "cut", "late", "500_after", "garbage", "wrong"])
def test_an_answer_that_does_not_say_so_is_no_receipt(name, connector, far, fault):
    before = {"alloggiati_web": ["none", "none"]}.get(name, [])  # its token and its test go well
    far.dice = scripted([*before, fault])
    assert isinstance(connector.send(report(name)), Unknown)


@HTTP
def test_a_refusal_is_final_and_quotes_nobody(name, connector, far):
    outcome = connector.send(report(name, document_number="XREFUSE1"))
    while isinstance(outcome, Taken):
        outcome = connector.ask(report(name, document_number="XREFUSE1"), outcome.ticket)
    assert isinstance(outcome, Rejected)
    assert "XREFUSE1" not in outcome.why


# --- where it may go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "rehearsal", "fault"),
    [
        ("https://alloggiatiweb.poliziadistato.it/service/service.asmx", False, ""),
        ("https://alloggiatiweb.poliziadistato.it/service/service.asmx", True, "this machine"),
        ("http://register.example/", False, "https"),
        ("http://127.0.0.1:9/", False, "rehearsal = true"),
        ("https://localhost/", False, "rehearsal = true"),
        ("http://[::1]:9/", True, ""),
        ("http://127.0.0.1.example/", True, "this machine"),
        ("http://localhost.example/", True, "this machine"),
    ],
)
def test_a_rehearsal_stays_on_this_machine_and_the_real_thing_goes_sealed(url, rehearsal, fault):
    said = place_fault(url, rehearsal=rehearsal)
    assert fault in said
    assert bool(said) == bool(fault)


@HTTP
def test_the_settings_refuse_an_address_that_may_not_be(name, far, tmp_path):
    table = settings(tmp_path, {name: far.url})[name]
    with pytest.raises(ConfigError, match="rehearsal = true"):
        open_upstream({name: {**table, "rehearsal": False}})
    with pytest.raises(ConfigError, match="this machine"):
        open_upstream({name: {**table, "url": "https://register.example"}})
    with pytest.raises(ConfigError, match="Field required"):
        open_upstream({name: {key: value for key, value in table.items() if key != "url"}})


@HTTP
def test_an_address_slipped_past_the_settings_is_refused_before_anything_leaves(name, connector, far):
    """Settings made without being looked at: the connector looks by itself."""
    connector._settings = connector._settings.model_copy(update={"rehearsal": False})
    with pytest.raises(Refused, match="stand-in"):
        connector.send(report(name))
    assert far.heard == []


def test_an_unknown_recipient_is_one_sentence():
    with pytest.raises(ConfigError, match="no such connector is installed"):
        open_upstream({"pigeon": {}})


# --- each protocol ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lodging_report"])
class TestLodging:
    def test_the_same_reference_twice_is_one_report(self, connector, far, name):
        assert connector.shape.certainty is Certainty.ASKS
        first, second = connector.send(report(name)), connector.send(report(name))
        assert first == second
        assert far.held == {"X1234567": 1}

    def test_it_says_what_it_has(self, connector, far, name):
        assert isinstance(connector.ask(report(name), ""), NotTaken)
        connector.send(report(name))
        assert isinstance(connector.ask(report(name), ""), Acked)

    def test_a_404_of_somebody_else_is_no_answer(self, connector, far, name):
        far.dice = scripted(["wrong"])
        assert isinstance(connector.ask(report(name), ""), Unknown)

    def test_a_correction_names_the_number(self, connector, far, name):
        connector.send(report(name, Op.CORRECT, number="LR-7"))
        told = json.loads(far.heard[-1].partition(b"\n")[2])
        assert (told["operation"], told["number"]) == ("correct", "LR-7")


@pytest.mark.parametrize("name", ["alloggiati_web"])
class TestAlloggiati:
    def test_the_line_is_the_manual_s(self, connector, far, name):
        assert sum(width for _, width in alloggiati_web.RECORD) == 168
        connector.send(report(name))
        (line,) = far.lines
        assert line == (
            "1601/05/202602" + "TESTBIRD".ljust(50) + "CANARY".ljust(30) + "204/05/1988" + " " * 11
            + "100000215" + "100000215" + "PASOR" + "X1234567".ljust(20) + "100000215"
        )  # fmt: skip

    def test_somebody_born_in_italy_has_a_place_and_a_province(self, connector, far, name):
        connector.send(report(name, birth_place="412058091 RM"))
        assert far.lines[0][105:125] == "412058091RM100000100"

    def test_a_line_the_portal_would_not_take_is_tested_before_it_is_sent(self, connector, far, name):
        assert isinstance(connector.send(report(name, document_number="XREFUSE1")), Rejected)
        calls = [re.search(rb"<(\w+) xmlns=\"Alloggiati", one)[1] for one in far.heard]
        assert calls == [b"GenerateToken", b"Test"]

    def test_a_lost_answer_to_the_test_is_surely_not_taken(self, connector, far, name):
        far.dice = scripted(["none", "drop_after"])
        assert isinstance(connector.send(report(name)), NotTaken)
        assert far.held == {}

    def test_there_is_nobody_to_ask(self, connector, far, name):
        assert connector.shape.certainty is Certainty.ONCE
        connector.send(report(name))
        assert isinstance(connector.ask(report(name), ""), Unknown)

    def test_a_value_that_does_not_fit_is_refused_and_never_cut(self, connector, far, name):
        with pytest.raises(Refused, match="cognome does not fit"):
            connector.send(report(name, family_name="N" * 51))
        with pytest.raises(Refused, match="nationality has no code"):
            connector.send(report(name, nationality="XYZ"))
        assert far.heard == []

    def test_a_month_is_the_longest_stay_it_is_told(self, name, connector):
        values = {**report(name).values, "departure": "2026-08-01T11:00"}
        assert record_line(values, {"FRA": "100000215"}, {"passport": "PASOR"})[12:14] == "30"

    def test_the_receipt_of_a_day_is_a_pdf(self, connector, far, name):
        assert connector.day_receipt(date(2026, 5, 1)) == b"%PDF-1.4 2026-05-01T00:00:00"
        far.dice = scripted(["none", "garbage"])
        with pytest.raises(ConnectorError):
            connector.day_receipt(date(2026, 5, 1))

    def test_a_wrong_password_takes_nothing(self, connector, far, name):
        connector._password = "another"
        assert isinstance(connector.send(report(name)), NotTaken)


@pytest.mark.parametrize("name", ["ses_hospedajes"])
class TestSes:
    def test_the_communication_is_the_guide_s(self, connector, far, name):
        connector.send(report(name, reference="US-77"))
        (batch,) = far.batches.values()
        xml = batch["xml"].decode()
        assert xml.startswith('<?xml version="1.0" encoding="UTF-8"?><alt:peticion xmlns:alt=')
        assert "<codigoEstablecimiento>0000012345</codigoEstablecimiento>" in xml
        assert "<referencia>1001/US-77</referencia><fechaContrato>2026-04-20</fechaContrato>" in xml
        assert "<fechaEntrada>2026-05-01T14:00:00</fechaEntrada>" in xml
        assert "<rol>VI</rol><nombre>Canary</nombre><apellido1>Testbird</apellido1>" in xml
        assert "<tipoDocumento>PAS</tipoDocumento><numeroDocumento>X1234567</numeroDocumento>" in xml
        assert "<sexo>M</sexo><direccion><direccion>1 Rue &lt;du&gt; &amp; Test</direccion>" in xml
        assert "<telefono>+33 0 00 00 00 00</telefono><parentesco>mother</parentesco></persona>" in xml

    def test_the_receipt_is_the_code_of_the_communication(self, connector, far, name):
        taken = connector.send(report(name))
        assert isinstance(taken, Taken)
        assert connector.ask(report(name), taken.ticket) == taken  # it is still being judged
        (batch,) = far.batches.values()
        assert connector.ask(report(name), taken.ticket) == Acked(batch["code"])

    def test_the_very_same_again_is_there_already_and_its_code_is_not_known(self, connector, far, name):
        connector.send(report(name))
        assert isinstance(connector.send(report(name)), Unnumbered)
        assert far.held == {"X1234567": 1}
        assert isinstance(connector.ask(report(name), ""), Unknown)

    def test_a_communication_is_taken_back_by_its_code(self, connector, far, name):
        connector.send(report(name))
        (batch,) = far.batches.values()
        taken = connector.send(report(name, Op.CANCEL, reference="US-2", number=batch["code"]))
        assert isinstance(taken, Taken)
        assert far.held == {}
        with pytest.raises(Refused, match="code of the communication"):
            connector.send(report(name, Op.CANCEL, reference="US-3"))

    def test_a_listing_without_a_code_of_the_ministry_is_refused(self, connector, far, name):
        with pytest.raises(Refused, match="listing has no code"):
            connector.send(report(name, listing="FY-000001-AAAAAAAA-0"))

    def test_an_answer_with_a_doctype_is_no_answer(self, connector, far, name):
        far.wrong = lambda reply: type(reply)(200, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", reply.kind)
        far.dice = scripted(["wrong"])
        assert isinstance(connector.send(report(name)), Unknown)


@pytest.mark.parametrize("name", ["csv_drop"])
class TestCsv:
    def test_a_file_is_whole_private_and_written_once(self, connector, far, name, tmp_path):
        for _ in range(3):
            assert connector.send(report(name)) == Taken("US-1")
        (path,) = (tmp_path / "drop" / "out").iterdir()
        assert path.name == "US-1.csv"
        assert path.stat().st_mode & 0o077 == 0
        (row,) = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
        assert (row["reference"], row["operation"], row["name"]) == ("US-1", "submit", VALUES["name"])
        assert not list((tmp_path / "drop").glob(".*"))

    def test_what_was_taken_is_never_placed_again(self, connector, far, name, tmp_path):
        taker = FolderTaker(tmp_path / "drop", scripted(["none", "no receipt yet"]))
        connector.send(report(name))
        taker.look()
        assert connector.send(report(name)) == Taken("US-1")
        assert not list((tmp_path / "drop" / "out").iterdir())
        taker.look()
        assert connector.ask(report(name), "US-1") == Acked("CSV-US-1")
        assert taker.held == {"X1234567": 1}

    @pytest.mark.parametrize("fault", ["wrong receipt", "half a receipt"])
    def test_only_a_whole_receipt_about_this_report_counts(self, connector, far, name, tmp_path, fault):
        taker = FolderTaker(tmp_path / "drop", scripted(["none", fault]))
        connector.send(report(name))
        taker.look()
        assert isinstance(connector.ask(report(name), "US-1"), Unknown)

    def test_it_says_when_it_was_never_told(self, connector, far, name):
        assert isinstance(connector.ask(report(name), ""), NotTaken)

    def test_a_cell_runs_nothing_in_a_spreadsheet(self, connector, far, name):
        assert b"'=HYPERLINK" in connector.body(report(name, name="=HYPERLINK(1)"))

    def test_a_folder_that_cannot_be_written_is_no_answer(self, connector, far, name, tmp_path):
        (tmp_path / "drop").write_text("a file")
        assert isinstance(connector.send(report(name)), Unknown)

    def test_a_reference_is_no_path(self, connector, far, name):
        with pytest.raises(Refused, match="letters, digits and hyphens"):
            connector.send(report(name, reference="../../etc/x"))
