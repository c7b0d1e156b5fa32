"""Invariants 11 and 16: what is told to authorities is on record before it leaves, and invented people are never told."""

import itertools
from contextlib import suppress

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.connectors.notify.email import EmailNotifier, EmailSettings
from cloud_sync.connectors.notify.sms import SmsNotifier, SmsSettings
from cloud_sync.connectors.notify.webhook import WebhookNotifier, WebhookSettings
from cloud_sync.connectors.upstream.ways import installed
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.reporting import Op
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports_guest import Notice
from cloud_sync.ports_upstream import Report
from cloud_sync.store.retention import run_retention
from tests.fakes.upstream_authorities import LodgingRegister
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import UpstreamHouse
from tests.fakes.upstream_house import settings as upstream_tables

# A disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)

LODGING = "lodging_report"
FOLDERS = itertools.count()
FAULTS = st.sampled_from(
    [
        "none",
        "none",
        "drop_after",
        "500_after",
        "wrong",
        "garbage",
        "drop_before",
        "500_before",
        "twice",
        "cut",
    ]
)
own_folder = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DEEDS = st.lists(
    st.sampled_from(["another guest", "leaves", "never came", "an hour"]), min_size=1, max_size=4
)


class Watched:
    """A house whose one authority counts, at every request that carries a person, what is on record already."""

    def __init__(self, folder, faults: list[str]) -> None:
        self.far = LodgingRegister(scripted(faults))
        self.house = UpstreamHouse(folder, {LODGING: self.far.url})
        self.undisclosed: list[str] = []
        self.people = 0
        self.told = 0
        self.far.on_record = self._on_record

    def _on_record(self, document: str) -> None:
        """Called by the far side before it does anything: the row has to be there by now."""
        self.told += 1
        with self.house.books.engine.connect() as db:
            sent = sa.text("select count(*) from upstream_log where kind = 'sent'")
            rows = int(db.execute(sent).scalar_one())
        if rows < len({one["document"] for one in self.far.reports.values()} | {document}):
            self.undisclosed.append(document)

    def happen(self, what: str) -> None:
        if what == "another guest":
            self.people += 1
            self.house.guest(f"20{self.people}", f"X12345{self.people:02d}", entered=True)
        elif what == "an hour":
            self.house.clock.step(hours=1)
        elif self.people:
            registry = self.house.books.registry
            try:
                if what == "leaves":
                    registry.check_out("xc", f"20{self.people}", actor="chen")
                else:
                    registry.confirm_no_show("xc", f"20{self.people}", actor="chen")
            except Refused:
                return

    def rows(self) -> list[sa.Row]:
        with self.house.books.engine.connect() as db:
            return list(db.execute(sa.text("select * from upstream_log order by n")))

    def close(self) -> None:
        self.house.close()
        self.far.close()


@own_folder
@given(deeds=DEEDS, faults=st.lists(FAULTS, max_size=8))
def test_invariant_11_nothing_reaches_an_authority_that_is_not_on_record_and_rows_stay_three_years(
    tmp_path, deeds, faults
):
    watched = Watched(tmp_path / str(next(FOLDERS)), faults)
    try:
        for deed in ["another guest", *deeds]:
            watched.happen(deed)
            watched.house.rounds()
            assert watched.undisclosed == []
        assert watched.told
        rows = watched.rows()
        sends = sum(row.sends for row in watched.house.rows())
        assert sum(row.kind == "sent" for row in rows) >= sends >= 1
        watched.house.clock.step(ms=(3 * 365 - 1) * DAY_MS)
        run_retention(watched.house.house)
        assert watched.rows()[: len(rows)] == rows
    finally:
        watched.close()


def test_invariant_11_catches_a_send_that_nobody_wrote_down(tmp_path, monkeypatch):
    watched = Watched(tmp_path, [])
    monkeypatch.setattr("cloud_sync.store.upstream_queue.log_sent", lambda *_words: None)
    watched.happen("another guest")
    watched.house.courier()()
    assert watched.undisclosed == ["X1234501"]
    watched.close()


# --- 16 ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def far():
    made = LodgingRegister(scripted([]))
    yield made
    made.close()


@pytest.fixture(scope="module")
def connectors(far, tmp_path_factory):
    """Every connector that is installed, opened as the service opens it."""
    folder = tmp_path_factory.mktemp("upstream")
    opened = {}
    for name, way in installed().items():
        table = upstream_tables(folder, {name: far.url})[name]
        opened[name] = way.open(way.settings.model_validate(table))
    return folder, opened


VALUES = st.dictionaries(
    st.sampled_from(
        ["name", "document_type", "document_number", "birth_date", "arrival", "room", "nationality"]
    ),
    st.sampled_from(["", "passport", "resident_id", "X1234567", "11010519491231002X", "1990-01-31"])
    | st.text(max_size=8),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    values=VALUES, op=st.sampled_from(list(Op)), reference=st.text(min_size=1, max_size=12), ask=st.booleans()
)
def test_invariant_16_no_connector_tells_anybody_of_a_synthetic_community(
    far, connectors, values, op, reference, ask
):
    """Whatever the report says: nothing is sent, nothing is asked, and no file is written."""
    folder, opened = connectors
    files = set(folder.rglob("*.csv"))
    for connector in opened.values():
        report = Report(reference, op, True, values)
        with pytest.raises(Refused):
            connector.ask(report, "T") if ask else connector.send(report)
    assert far.heard == []
    assert set(folder.rglob("*.csv")) == files


@settings(max_examples=40, deadline=None, derandomize=True)
@given(body=st.text("0123456789X", max_size=16), values=VALUES)
def test_invariant_16_a_document_that_belongs_to_nobody_is_not_reported_by_a_real_community_either(
    far, connectors, body, values
):
    _folder, opened = connectors
    told = {**values, "document_type": "resident_id", "document_number": f"00{body}"}
    for connector in opened.values():
        with pytest.raises((Refused, ConnectorError)):
            connector.send(Report("US-1", Op.SUBMIT, False, told))
    assert far.heard == []


@settings(max_examples=40, deadline=None, derandomize=True)
@given(to=st.text(max_size=20), text=st.text(max_size=20))
def test_invariant_16_no_guest_of_a_synthetic_community_is_written_to(far, to, text):
    """By mail, message or web hook: the real ways, told an address that would take it."""
    notice = Notice(
        id="NO-1", to=to, subject=text, text=text, link=text, language="zh", synthetic=True, at_ms=1
    )
    for way in (
        WebhookNotifier(WebhookSettings(url=far.url)),
        SmsNotifier(SmsSettings(url=far.url)),
        EmailNotifier(EmailSettings(host="127.0.0.1", port=9, tls="none", sender="desk@example.test")),
    ):
        with pytest.raises(Refused):
            way.send(notice)
    assert far.heard == []


def test_invariant_16_catches_a_connector_that_does_not_look_at_the_flag(far, connectors, monkeypatch):
    _folder, opened = connectors
    monkeypatch.setattr("cloud_sync.connectors.upstream.lodging_report.permit", lambda *_words, **_more: None)
    with suppress(ConnectorError, Refused):
        opened[LODGING].ask(Report("US-caught", Op.SUBMIT, True, {}), "T")
    assert far.heard != []
    far.heard.clear()
