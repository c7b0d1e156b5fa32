"""``lodging_report``: the lodging register of the Chinese police as domain.md §16 has it.  The wire shape is ours.

No public specification was found (docs/upstream.md says what is assumed): JSON over HTTPS, one report per request, our
reference as ``Idempotency-Key``, and a question by that reference after an answer was lost.
"""

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from pydantic import Field as Setting

from cloud_sync.connectors.upstream.ways import (
    AddressSettings,
    Way,
    allowed,
    missing,
    permit,
    printable,
    read_secret,
)
from cloud_sync.connectors.upstream.wire import NoAnswer, NotSent, Reply, exchange
from cloud_sync.core.reporting import Certainty, Field, Op, ReportRule, Shape
from cloud_sync.errors import Refused
from cloud_sync.ports_upstream import Acked, NotTaken, Outcome, Rejected, Report, Taken, Unknown

_PERSON = (
    Field("name"),
    Field("document_type"),
    Field("document_number"),
    Field("sex", "foreigner", needed=False),
    Field("birth_date", "foreigner"),
    Field("nationality", "foreigner"),
    Field("listing"),
    Field("room"),
    Field("arrival"),
    Field("departure"),
    Field("relation", "minor"),
)
SHAPE = Shape(
    "lodging_report",
    Certainty.ASKS,
    MappingProxyType({
        Op.SUBMIT: _PERSON,
        Op.CORRECT: _PERSON,
        Op.CHECKOUT: (Field("departure"),),
        Op.CANCEL: (),
    }),
)  # fmt: skip
RULE = ReportRule(basis="旅馆业治安管理办法 第六条 / 治安管理处罚法 (lodging registration)", checkout=True)
BUSY = frozenset({408, 425, 429, 503})


class LodgingSettings(AddressSettings):
    """``[upstream.lodging_report]``: the lodging register of the police."""

    unit_code: str = Setting(
        pattern=r"^[A-Za-z0-9-]{1,32}$", description="What the police station calls this house."
    )
    token_file: Path = Setting(description="A file with the access key and nothing else.")


class LodgingReport:
    """``Connector`` of ports_upstream.py."""

    shape = SHAPE

    def __init__(self, settings: LodgingSettings) -> None:
        self._settings = settings
        self._token = read_secret(settings.token_file)

    @property
    def recipient(self) -> str:
        rehearsed = " (rehearsal)" if self._settings.rehearsal else ""
        return f"lodging register, unit {self._settings.unit_code}{rehearsed}"

    def body(self, report: Report) -> bytes:
        lacking = missing(report, SHAPE)
        if lacking:
            raise Refused("upstream.incomplete", f"{', '.join(lacking)} missing.")
        told: dict[str, Any] = {
            "unit": self._settings.unit_code,
            "reference": report.reference,
            "operation": str(report.op),
            "record": allowed(report, SHAPE),
        }
        if report.op is not Op.SUBMIT:
            told["number"] = report.number
        return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()

    def send(self, report: Report) -> Outcome:
        permit(report, self._settings.url, rehearsal=self._settings.rehearsal)
        body = self.body(report)
        headers = {**self._headers(), "content-type": "application/json", "idempotency-key": report.reference}
        try:
            reply = exchange(
                "POST",
                f"{self._settings.url.rstrip('/')}/reports",
                body,
                headers,
                within_s=self._settings.within_s,
            )
        except NotSent as error:
            return NotTaken(str(error))
        except NoAnswer as error:
            return Unknown(str(error))
        if reply.status in BUSY:
            return Unknown(f"the register answered HTTP {reply.status}.")
        return _judged(reply, report)

    def ask(self, report: Report, ticket: str) -> Outcome:  # noqa: ARG002 - it is asked by our own reference
        permit(report, self._settings.url, rehearsal=self._settings.rehearsal)
        url = f"{self._settings.url.rstrip('/')}/reports/{quote(report.reference)}"
        try:
            reply = exchange("GET", url, None, self._headers(), within_s=self._settings.within_s)
        except (NotSent, NoAnswer) as error:
            return Unknown(str(error))
        if reply.status == 404:
            known = _object(reply).get("result") == "absent"  # somebody else's 404 says nothing about reports
            return (
                NotTaken("the register has no such report.")
                if known
                else Unknown("the register is not there.")
            )
        return _judged(reply, report)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}", "connection": "close"}


def _object(reply: Reply) -> dict[str, Any]:
    try:
        told = json.loads(reply.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _judged(reply: Reply, report: Report) -> Outcome:
    """Only an answer about our own report counts; anything else leaves open what became of it."""
    told = _object(reply)
    if told.get("reference") != report.reference:
        return Unknown(f"the register answered HTTP {reply.status} and not about this report.")
    match reply.status, told.get("result"), told.get("receipt"):
        case 200 | 201, "accepted", str(receipt) if receipt.strip():
            return Acked(printable(receipt, report.values))
        case 200 | 202, "queued", _:
            return Taken(report.reference)
        case 200 | 400 | 422, "rejected", _:
            return Rejected(
                printable(f"{told.get('code', '')} {told.get('message', '')}".strip(), report.values)
            )
        case _:
            return Unknown(f"the register answered HTTP {reply.status} and no result.")


LODGING_REPORT = Way(LodgingSettings, LodgingReport, SHAPE, RULE)
