"""``alloggiati_web``: the Italian State Police's register of guests (TULPS art. 109), SOAP 1.2 and lines of 168 characters.

``Send`` has no key of the caller's, the service has no call that lists what it took today, and nothing that was taken can
be changed or taken back.  So a report whose answer was lost is never sent again by itself: a person looks at the portal's
"Analisi Invii", or at the next day's receipt, and settles it (docs/upstream.md).
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType

from pydantic import Field as Setting

from cloud_sync.connectors.upstream.ways import AddressSettings, Way, missing, permit, printable, read_secret
from cloud_sync.connectors.upstream.wire import NoAnswer, NotSent, exchange
from cloud_sync.connectors.upstream.xml import Element, element, named, read, text_of
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.reporting import Certainty, Field, Op, ReportRule, Shape
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports_upstream import Acked, NotTaken, Outcome, Rejected, Report, Unknown

RECORD_CHARACTERS = 168
STAY_DAYS_MAX = 30
SINGLE_GUEST = "16"
ITALY = "100000100"
# "Tabella 1" of the web service's manual: name, width.  Left-aligned, filled with blanks.
RECORD: tuple[tuple[str, int], ...] = (
    ("tipo_alloggiato", 2),
    ("data_arrivo", 10),
    ("giorni_permanenza", 2),
    ("cognome", 50),
    ("nome", 30),
    ("sesso", 1),
    ("data_nascita", 10),
    ("comune_nascita", 9),
    ("provincia_nascita", 2),
    ("stato_nascita", 9),
    ("cittadinanza", 9),
    ("tipo_documento", 5),
    ("numero_documento", 20),
    ("luogo_rilascio", 9),
)
assert sum(width for _, width in RECORD) == RECORD_CHARACTERS

SHAPE = Shape(
    "alloggiati_web",
    Certainty.ONCE,
    MappingProxyType({
        Op.SUBMIT: (
            Field("family_name"), Field("given_names"), Field("sex"), Field("birth_date"), Field("birth_place"),
            Field("nationality"), Field("document_type"), Field("document_number"), Field("place_of_issue"),
            Field("arrival"), Field("departure"),
        ),
    }),
)  # fmt: skip
RULE = ReportRule(
    basis="TULPS art. 109; D.M. 7 gennaio 2013", at="arrival", clock_ms=DAY_MS, short_clock_ms=6 * HOUR_MS
)
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body>'
    '<{call} xmlns="AlloggiatiService">{inner}</{call}></soap:Body></soap:Envelope>'
)


class AlloggiatiSettings(AddressSettings):
    """``[upstream.alloggiati_web]``: Italy, Portale Alloggiati."""

    user: str = Setting(min_length=1, max_length=60, description="The user name of the portal.")
    password_file: Path = Setting(description="A file with its password and nothing else.")
    key_file: Path = Setting(description="A file with the key of the web service (WSKEY) and nothing else.")
    states: dict[str, str] = Setting(
        {"ITA": ITALY},
        description="Nationality as in a passport (three letters) = the nine digits of the portal's table of states.",
    )
    documents: dict[str, str] = Setting(
        {"passport": "PASOR", "resident_id": "IDENT"},
        description="Our kind of document = the portal's code for it.",
    )


class AlloggiatiWeb:
    """``Connector`` of ports_upstream.py."""

    shape = SHAPE

    def __init__(self, settings: AlloggiatiSettings) -> None:
        self._settings = settings
        self._password, self._key = read_secret(settings.password_file), read_secret(settings.key_file)

    @property
    def recipient(self) -> str:
        rehearsed = " (rehearsal)" if self._settings.rehearsal else ""
        return f"Polizia di Stato, Alloggiati Web, {self._settings.user}{rehearsed}"

    def body(self, report: Report) -> bytes:
        """The one line that leaves."""
        lacking = missing(report, SHAPE)
        if lacking:
            raise Refused("upstream.incomplete", f"{', '.join(lacking)} missing.")
        return record_line(report.values, self._settings.states, self._settings.documents).encode()

    def send(self, report: Report) -> Outcome:
        """Token, ``Test`` of the line, and only then ``Send``."""
        permit(report, self._settings.url, rehearsal=self._settings.rehearsal)
        line = self.body(report).decode()
        try:
            token = self._token()
            tested = self._lines("Test", token, line)
        except ConnectorError as error:
            return NotTaken(str(error))  # neither of the two calls takes anything
        wrong = _refusal(tested, "Test", report)
        if wrong is not None:
            return NotTaken(wrong.why) if isinstance(wrong, Unknown) else wrong
        try:
            sent = self._lines("Send", token, line)
        except NotSent as error:
            return NotTaken(str(error))
        except NoAnswer as error:
            return Unknown(str(error))
        return _refusal(sent, "Send", report) or Acked(
            f"acquisita; arrivo {report.values['arrival'][:10]}, 1 schedina"
        )

    def ask(self, report: Report, ticket: str) -> Outcome:  # noqa: ARG002 - the port gives it
        permit(report, self._settings.url, rehearsal=self._settings.rehearsal)
        return Unknown("Alloggiati Web has no call that says what it took.")

    def day_receipt(self, day: date) -> bytes:
        """The PDF of one past day (``Ricevuta``); the portal keeps thirty days and never gives today's.

        Raises:
            ConnectorError: it was not given.
        """
        inner = element("Utente", self._settings.user) + element("token", self._token())
        answer = self._call("Ricevuta", inner + element("Data", f"{day.isoformat()}T00:00:00"))
        try:
            pdf = base64.b64decode(text_of(answer, "PDF"), validate=True)
        except (binascii.Error, ValueError):
            pdf = b""
        if not pdf.startswith(b"%PDF"):
            raise ConnectorError(
                f"Alloggiati Web gave no receipt for {day}: {_error_text(answer) or 'no PDF'}."
            )
        return pdf

    def _token(self) -> str:
        words = (("Utente", self._settings.user), ("Password", self._password), ("WsKey", self._key))
        answer = self._call("GenerateToken", "".join(element(name, value) for name, value in words))
        token = text_of(answer, "token")
        if not token:
            raise NoAnswer(f"Alloggiati Web gave no token: {_error_text(answer) or 'no reason said'}.")
        return token

    def _lines(self, call: str, token: str, line: str) -> Element:
        who = element("Utente", self._settings.user) + element("token", token)
        return self._call(call, f"{who}<ElencoSchedine>{element('string', line)}</ElencoSchedine>")

    def _call(self, call: str, inner: str) -> Element:
        headers = {
            "content-type": f'application/soap+xml; charset=utf-8; action="AlloggiatiService/{call}"',
            "connection": "close",
        }
        body = _ENVELOPE.format(call=call, inner=inner).encode()
        reply = exchange("POST", self._settings.url, body, headers, within_s=self._settings.within_s)
        root = read(reply.body)
        if root is None or reply.status != 200 or next(named(root, f"{call}Response"), None) is None:
            raise NoAnswer(f"Alloggiati Web answered {call} with HTTP {reply.status} and no {call}Response.")
        return root


def _error_text(root: Element) -> str:
    parts = (text_of(root, name) for name in ("ErroreCod", "ErroreDes", "ErroreDettaglio"))
    return " ".join(part for part in parts if part)


def _refusal(root: Element, call: str, report: Report) -> Rejected | NotTaken | Unknown | None:
    """None when the one line is good: counted once, and its own result says so."""
    outer = next(named(root, f"{call}Result"), None)
    if outer is None:
        return Unknown(f"the answer to {call} has no result.")
    if text_of(outer, "esito").lower() != "true":
        said = printable(_error_text(outer), report.values) or "no reason said"
        return NotTaken(f"{call} was not carried out: {said}.")
    details = list(named(root, "EsitoOperazioneServizio"))
    verdicts = [text_of(one, "esito").lower() for one in details]
    counted = text_of(root, "SchedineValide")
    if verdicts == ["true"] and counted == "1":
        return None
    if verdicts == ["false"] and counted == "0":
        return Rejected(printable(_error_text(details[0]), report.values) or "refused without a reason")
    return Unknown(f"{call} counted {counted or 'nothing'} and said {len(verdicts)} results for one line.")


def record_line(values: Mapping[str, str], states: Mapping[str, str], documents: Mapping[str, str]) -> str:
    """One person as 168 characters.

    Raises:
        Refused: a value has no place in it, or no code in the portal's tables; never cut off, for what is cut is wrong.
    """
    arrival, departure = (datetime.fromisoformat(values[name]).date() for name in ("arrival", "departure"))
    comune, province, state = _birth_place(values["birth_place"], states)
    cells = {
        "tipo_alloggiato": SINGLE_GUEST,
        "data_arrivo": f"{arrival:%d/%m/%Y}",
        "giorni_permanenza": f"{min(max((departure - arrival).days, 1), STAY_DAYS_MAX):02d}",
        "cognome": values["family_name"].upper(),
        "nome": values["given_names"].upper(),
        "sesso": _coded(values["sex"], {"M": "1", "F": "2"}, "sex"),
        "data_nascita": f"{date.fromisoformat(values['birth_date']):%d/%m/%Y}",
        "comune_nascita": comune,
        "provincia_nascita": province,
        "stato_nascita": state,
        "cittadinanza": _coded(values["nationality"], states, "nationality"),
        "tipo_documento": _coded(values["document_type"], documents, "document_type"),
        "numero_documento": values["document_number"],
        "luogo_rilascio": _place(values["place_of_issue"], states, "place_of_issue"),
    }
    line = "".join(_cell(name, cells[name], width) for name, width in RECORD)
    assert len(line) == RECORD_CHARACTERS
    return line


def _cell(name: str, value: str, width: int) -> str:
    if len(value) > width or not value.isprintable():
        raise Refused("upstream.incomplete", f"{name} does not fit into {width} characters.")
    return value.ljust(width)


def _coded(value: str, table: Mapping[str, str], name: str) -> str:
    if value not in table:
        raise Refused("upstream.incomplete", f"this {name} has no code in the portal's tables.")
    return table[value]


def _place(value: str, states: Mapping[str, str], name: str) -> str:
    """Nine digits as they are, or a state by its three letters."""
    return value if len(value) == 9 and value.isdigit() else _coded(value, states, name)


def _birth_place(value: str, states: Mapping[str, str]) -> tuple[str, str, str]:
    """``412058091 RM`` is a place in Italy; three letters, or nine digits alone, are a state."""
    code, _, province = value.partition(" ")
    if province:
        return _place(code, {}, "birth_place"), province, ITALY
    return "", "", _place(code, states, "birth_place")


ALLOGGIATI_WEB = Way(AlloggiatiSettings, AlloggiatiWeb, SHAPE, RULE)
