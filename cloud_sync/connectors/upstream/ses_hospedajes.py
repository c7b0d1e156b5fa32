"""``ses_hospedajes``: Spain, RD 933/2021, the web service of SES.Hospedajes (SOAP 1.1, version 3.1.3).

A communication goes as XML, zipped and in base64; the answer names a batch (``lote``), and what became of it is asked for
later.  The ministry refuses the very same XML a second time ("Lote duplicado"), so the same bytes may be sent again after a
lost answer: at most one is taken.  Which batch that was it does not say, and then a person reads the number in its pages.
A correction is a cancellation by the communication's code and a new communication.
"""

import base64
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import Field as Setting

from cloud_sync.connectors.upstream.ways import AddressSettings, Way, missing, permit, printable, read_secret
from cloud_sync.connectors.upstream.wire import NoAnswer, NotSent, exchange
from cloud_sync.connectors.upstream.xml import Element, element, named, read, text_of
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.reporting import Certainty, Field, Op, ReportRule, Shape
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports_upstream import (
    Acked,
    NotTaken,
    Outcome,
    Rejected,
    Report,
    Taken,
    Unknown,
    Unnumbered,
)

SHAPE = Shape(
    "ses_hospedajes",
    Certainty.KEYED,
    MappingProxyType({
        Op.SUBMIT: (
            Field("given_names"), Field("family_name"), Field("second_family_name", needed=False),
            Field("document_type"), Field("document_number"), Field("support_number", needed=False),
            Field("birth_date"), Field("nationality"), Field("sex"), Field("residence"), Field("phone"),
            Field("relation", "minor"), Field("contract"), Field("contract_date"), Field("headcount"),
            Field("listing"), Field("arrival"), Field("departure"),
        ),
        Op.CANCEL: (),
    }),
)  # fmt: skip
RULE = ReportRule(basis="RD 933/2021; LO 4/2015 art. 25.1", at="arrival", clock_ms=DAY_MS)
NEW, TAKE_BACK = "A", "B"
OK = "0"
INTERNAL = "10999"  # "error interno": nobody knows what was done
PROCESSED, PROCESSING, PENDING = "1", "4", "5"
# One fixed moment for the zip's entry: the archive of one XML is always the same bytes.
_ZIP_MOMENT = (1980, 1, 1, 0, 0, 0)
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:com="http://www.soap.servicios.hospedajes.mir.es/comunicacion"><soapenv:Header/>'
    "<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
)


class SesSettings(AddressSettings):
    """``[upstream.ses_hospedajes]``: Spain, SES.Hospedajes."""

    user: str = Setting(
        min_length=1, max_length=60, description="The user of the web service, not the portal's."
    )
    password_file: Path = Setting(description="A file with its password and nothing else.")
    landlord: str = Setting(pattern=r"^[A-Za-z0-9]{1,10}$", description="`codigoArrendador`.")
    establishments: dict[str, str] = Setting(
        description="Listing code = `codigoEstablecimiento`, one for each listing that is reported."
    )
    documents: dict[str, str] = Setting(
        {"passport": "PAS", "resident_id": "NIF"},
        description="Our kind of document = the code of the ministry's table.",
    )
    payment: str = Setting(
        "OTRO", pattern=r"^[A-Z]{4,5}$", description="`tipoPago`: how guests pay is not known here."
    )


class SesHospedajes:
    """``Connector`` of ports_upstream.py."""

    shape = SHAPE

    def __init__(self, settings: SesSettings) -> None:
        self._settings = settings
        self._password = read_secret(settings.password_file)

    @property
    def recipient(self) -> str:
        rehearsed = " (rehearsal)" if self._settings.rehearsal else ""
        return f"Ministerio del Interior, SES.Hospedajes, {self._settings.landlord}{rehearsed}"

    def body(self, report: Report) -> bytes:
        """The XML inside the zip."""
        if report.op is Op.CANCEL:
            return _cancellation(report.number)
        lacking = missing(report, SHAPE)
        if lacking:
            raise Refused("upstream.incomplete", f"{', '.join(lacking)} missing.")
        return _communication(report, self._settings)

    def send(self, report: Report) -> Outcome:
        permit(report, self._settings.url, rehearsal=self._settings.rehearsal)
        body = self.body(report)
        kind = TAKE_BACK if report.op is Op.CANCEL else NEW
        head = (
            element("codigoArrendador", self._settings.landlord)
            + "<aplicacion>Gatehouse</aplicacion>"
            + element("tipoOperacion", kind)
            + ("" if kind == TAKE_BACK else "<tipoComunicacion>PV</tipoComunicacion>")
        )
        packed = base64.b64encode(_zipped(body)).decode()
        inner = f"<peticion><cabecera>{head}</cabecera><solicitud>{packed}</solicitud></peticion>"
        try:
            answer = self._call(f"<com:comunicacionRequest>{inner}</com:comunicacionRequest>")
        except NotSent as error:
            return NotTaken(str(error))
        except NoAnswer as error:
            return Unknown(str(error))
        return _taken(answer, report)

    def ask(self, report: Report, ticket: str) -> Outcome:
        """By the batch; without its code the ministry has no way to be asked."""
        permit(report, self._settings.url, rehearsal=self._settings.rehearsal)
        if not ticket:
            return Unknown("SES.Hospedajes is asked by the code of a batch, and it gave none.")
        inner = f"<codigosLote>{element('lote', ticket)}</codigosLote>"
        try:
            answer = self._call(f"<com:consultaLoteRequest>{inner}</com:consultaLoteRequest>")
        except ConnectorError as error:
            return Unknown(str(error))
        return _processed(answer, report, ticket)

    def _call(self, inner: str) -> Element:
        who = base64.b64encode(f"{self._settings.user}:{self._password}".encode()).decode()
        headers = {
            "content-type": "text/xml; charset=utf-8",
            "soapaction": '""',
            "authorization": f"Basic {who}",
            "connection": "close",
        }
        body = _ENVELOPE.format(inner=inner).encode()
        reply = exchange("POST", self._settings.url, body, headers, within_s=self._settings.within_s)
        root = read(reply.body)
        if root is None or reply.status != 200:
            raise NoAnswer(f"SES.Hospedajes answered HTTP {reply.status} and no SOAP message.")
        return root


def _taken(answer: Element, report: Report) -> Outcome:
    """The guide writes ``codigo`` in its tables and ``codigoRetorno`` in its examples; both are read."""
    code = text_of(answer, "codigoRetorno", "codigo")
    said = printable(text_of(answer, "descripcion"), report.values)
    lote = text_of(answer, "lote")
    if code == OK and lote:
        return Taken(lote)
    if "duplicad" in said.lower():
        return Unnumbered(
            "SES.Hospedajes has this communication already; its code is in the ministry's pages."
        )
    if not code or code in (OK, INTERNAL):
        return Unknown(f"SES.Hospedajes answered {code or 'nothing'} {said}".strip() + ".")
    return Rejected(f"{code} {said}".strip())


def _processed(answer: Element, report: Report, ticket: str) -> Outcome:
    batches = [one for one in named(answer, "resultado") if text_of(one, "lote") == ticket]
    if len(batches) != 1:
        return Unknown("the answer is not about our batch.")
    (batch,) = batches
    state = text_of(batch, "codigoEstado")
    number, wrong = text_of(batch, "codigoComunicacion"), text_of(batch, "error")
    if state in (PROCESSING, PENDING):
        return Taken(ticket)
    if wrong:
        return Rejected(printable(wrong, report.values))
    if state == PROCESSED and (number or report.op is Op.CANCEL):
        return Acked(number or ticket)
    if not state or state == PROCESSED:
        return Unknown("the answer about our batch says no result.")
    return Rejected(printable(f"batch state {state} {text_of(batch, 'descEstado')}", report.values))


def _zipped(xml: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("solicitud.xml", _ZIP_MOMENT)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, xml)
    return held.getvalue()


def _cancellation(number: str) -> bytes:
    if not number:
        raise Refused("upstream.incomplete", "the code of the communication is not known.")
    code = element("anul:codigoComunicacion", number)
    space = 'xmlns:anul="http://www.neg.hospedajes.mir.es/anularComunicacion"'
    return f"<anul:comunicaciones {space}>{code}</anul:comunicaciones>".encode()


def _communication(report: Report, settings: SesSettings) -> bytes:
    """One stay and one traveller; elements in the order of the ministry's schema."""
    values = report.values
    establishment = _coded(values["listing"], settings.establishments, "listing")
    contract = (
        element("referencia", f"{values['contract']}/{report.reference}"[-50:])
        + element("fechaContrato", values["contract_date"][:10])
        + element("fechaEntrada", f"{values['arrival']}:00")
        + element("fechaSalida", f"{values['departure']}:00")
        + element("numPersonas", values["headcount"])
        + f"<pago>{element('tipoPago', settings.payment)}</pago>"
    )
    inner = f"<comunicacion><contrato>{contract}</contrato>{_traveller(values, settings)}</comunicacion>"
    space = 'xmlns:alt="http://www.neg.hospedajes.mir.es/altaParteHospedaje"'
    whole = f"<solicitud>{element('codigoEstablecimiento', establishment)}{inner}</solicitud>"
    return f'<?xml version="1.0" encoding="UTF-8"?><alt:peticion {space}>{whole}</alt:peticion>'.encode()


def _traveller(values: Mapping[str, str], settings: SesSettings) -> str:
    parts = (
        "<rol>VI</rol>",
        element("nombre", values["given_names"]),
        element("apellido1", values["family_name"]),
        element("apellido2", values.get("second_family_name", "")),
        element("tipoDocumento", _coded(values["document_type"], settings.documents, "document_type")),
        element("numeroDocumento", values["document_number"]),
        element("soporteDocumento", values.get("support_number", "")),
        element("fechaNacimiento", values["birth_date"]),
        element("nacionalidad", values["nationality"]),
        element("sexo", _coded(values["sex"], {"M": "H", "F": "M", "X": "O"}, "sex")),
        _address(values["residence"]),
        element("telefono", values["phone"]),
        element("parentesco", values.get("relation", "")),
    )
    return f"<persona>{''.join(parts)}</persona>"


def _address(text: str) -> str:
    """Country, postal code, place and street, one to a line; a Spanish place by its five digits of the INE."""
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) != 4 or not all(lines):
        raise Refused("upstream.incomplete", "the residence is not country, postal code, place and street.")
    country, postal, place, street = lines
    if country == "ESP" and not (len(place) == 5 and place.isdigit()):
        raise Refused("upstream.incomplete", "a place in Spain is told by the five digits of the INE.")
    town = element("codigoMunicipio" if country == "ESP" else "nombreMunicipio", place)
    inner = element("direccion", street) + town + element("codigoPostal", postal) + element("pais", country)
    return f"<direccion>{inner}</direccion>"


def _coded(value: str, table: Mapping[str, str], name: str) -> str:
    if value not in table:
        raise Refused("upstream.incomplete", f"this {name} has no code in the ministry's tables or in ours.")
    return table[value]


SES_HOSPEDAJES = Way(SesSettings, SesHospedajes, SHAPE, RULE)
