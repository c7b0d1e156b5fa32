"""Three authorities as their protocols are told (docs/upstream.md), each counting what it holds of whom."""

import base64
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from tests.fakes.upstream_far_side import Far, Reply

REFUSED_MARK = "REFUSE"  # an authority refuses a document whose number contains it


class LodgingRegister(Far):
    """Remembers references: the same one twice is one report, and it says what it has."""

    def __init__(self, dice: Callable[[], str], on_request: Callable[[str], None] | None = None) -> None:
        self.reports: dict[str, dict[str, Any]] = {}
        self.repeated = 0  # a reference that came again and was already there
        self.queue_first = False
        super().__init__(dice, on_request)

    @property
    def held(self) -> Counter[str]:
        """How often it holds the arrival of this document."""
        taken = [one for one in self.reports.values() if one["result"] == "accepted"]
        return Counter(one["document"] for one in taken if one["operation"] == "submit")

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if method == "GET":
            return self._told(path.rpartition("/")[2])
        told = json.loads(body)
        assert headers["idempotency-key"] == told["reference"]
        if told["reference"] in self.reports:
            self.repeated += 1
        else:
            self.reports[told["reference"]] = self._judged(told)
        return self._told(told["reference"])

    def _judged(self, told: dict[str, Any]) -> dict[str, Any]:
        document = told["record"].get("document_number", "")
        self.on_record(document)
        refused = REFUSED_MARK in document
        return {
            "document": document,
            "operation": told["operation"],
            "number": told.get("number", ""),
            "record": told["record"],
            "result": "rejected" if refused else "accepted",
            "looks": 1 if self.queue_first else 0,
        }

    def _told(self, reference: str) -> Reply:
        held = self.reports.get(reference)
        if held is None:
            return _json(404, {"result": "absent", "reference": reference})
        if held["looks"]:
            held["looks"] -= 1
            return _json(202, {"result": "queued", "reference": reference})
        if held["result"] == "rejected":
            words = {"code": "D-17", "message": f"no such document {held['document']}"}
            return _json(422, {"result": "rejected", "reference": reference, **words})
        return _json(200, {"result": "accepted", "reference": reference, "receipt": f"LR-{reference[-10:]}"})


def _json(status: int, told: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(told, ensure_ascii=False).encode())


class AlloggiatiPortal(Far):
    """Takes every line that comes, as often as it comes: it knows no references and forgets nothing."""

    def __init__(self, dice: Callable[[], str], on_request: Callable[[str], None] | None = None) -> None:
        self.lines: list[str] = []
        self.tokens = 0
        super().__init__(dice, on_request)

    @property
    def held(self) -> Counter[str]:
        return Counter(line[139:159].strip() for line in self.lines)

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        call = re.search(r'action="AlloggiatiService/(\w+)"', headers["content-type"])
        assert call is not None
        return getattr(self, f"_{call[1].lower()}")(ET.fromstring(body))

    def wrong(self, reply: Reply) -> Reply:
        """An answer with two results for one line."""
        twice = re.sub(rb"(<EsitoOperazioneServizio>.*?</EsitoOperazioneServizio>)", rb"\1\1", reply.body)
        return Reply(reply.status, twice, reply.kind)

    def _generatetoken(self, root: ET.Element) -> Reply:
        if _text(root, "Password") != "pass-it" or _text(root, "WsKey") != "key-it":
            return _soap("GenerateToken", "<result><esito>false</esito><ErroreCod>1</ErroreCod></result>")
        self.tokens += 1
        return _soap(
            "GenerateToken", f"<GenerateTokenResult><token>T{self.tokens}</token></GenerateTokenResult>"
        )

    def _test(self, root: ET.Element) -> Reply:
        return self._results("Test", _text(root, "string"))

    def _send(self, root: ET.Element) -> Reply:
        line = _text(root, "string")
        self.on_record(line[139:159].strip())
        if self._fault_of(line) is None:
            self.lines.append(line)
        return self._results("Send", line)

    def _ricevuta(self, root: ET.Element) -> Reply:
        pdf = base64.b64encode(b"%PDF-1.4 " + _text(root, "Data").encode()).decode()
        return _soap("Ricevuta", f"<RicevutaResult><esito>true</esito></RicevutaResult><PDF>{pdf}</PDF>")

    def _fault_of(self, line: str) -> str | None:
        if len(line) != 168:
            return "LUNGHEZZA_RIGA_ERRATA"
        return "DOCUMENTO_NON_VALIDO" if REFUSED_MARK in line[139:159] else None

    def _results(self, call: str, line: str) -> Reply:
        fault = self._fault_of(line)
        good = "true" if fault is None else "false"
        words = "" if fault is None else f"<ErroreCod>12</ErroreCod><ErroreDes>{fault}</ErroreDes>"
        one = f"<EsitoOperazioneServizio><esito>{good}</esito>{words}</EsitoOperazioneServizio>"
        counted = f"<SchedineValide>{int(fault is None)}</SchedineValide><Dettaglio>{one}</Dettaglio>"
        outer = f"<{call}Result><esito>true</esito></{call}Result>"
        return _soap(call, f"{outer}<result>{counted}</result>")


def _soap(call: str, inner: str) -> Reply:
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body>'
        f'<{call}Response xmlns="AlloggiatiService">{inner}</{call}Response></soap:Body></soap:Envelope>'
    )
    return Reply(200, text.encode(), "application/soap+xml; charset=utf-8")


class SesMinistry(Far):
    """Judges a batch later, and refuses the very same XML a second time without saying which batch it was."""

    def __init__(self, dice: Callable[[], str], on_request: Callable[[str], None] | None = None) -> None:
        self.batches: dict[str, dict[str, Any]] = {}  # by lote
        self.cancelled: set[str] = set()
        self.duplicates = 0
        super().__init__(dice, on_request)

    @property
    def held(self) -> Counter[str]:
        """How often it holds a communication about this document that was not taken back."""
        good = [
            one
            for one in self.batches.values()
            if one["kind"] == "A"
            and one["code"] not in self.cancelled
            and REFUSED_MARK not in one["document"]
        ]
        return Counter(one["document"] for one in good)

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        assert headers["authorization"] == "Basic " + base64.b64encode(b"ws-es:pass-es").decode()
        root = ET.fromstring(body)
        if _text(root, "codigosLote", "lote"):
            return self._state_of(_text(root, "lote"))
        return self._take(root)

    def wrong(self, reply: Reply) -> Reply:
        return Reply(reply.status, re.sub(rb"<lote>.*?</lote>", b"", reply.body), reply.kind)

    def _take(self, root: ET.Element) -> Reply:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(_text(root, "solicitud")))) as packed:
            (name,) = packed.namelist()
            xml = packed.read(name)
        if any(one["xml"] == xml for one in self.batches.values()):
            self.duplicates += 1
            return _ministry(
                "<respuesta><codigo>10112</codigo><descripcion>Lote duplicado</descripcion></respuesta>"
            )
        kind, number = _text(root, "tipoOperacion"), len(self.batches) + 1
        told = ET.fromstring(xml)
        self.on_record(_text(told, "numeroDocumento"))
        lote = f"00000000-0000-0000-0000-{number:012d}"
        self.batches[lote] = {
            "xml": xml,
            "kind": kind,
            "document": _text(told, "numeroDocumento"),
            "code": f"44444444-0000-0000-0000-{number:012d}",
            "looks": 1,
        }
        if kind == "B":
            self.cancelled.add(_text(told, "codigoComunicacion"))
        words = f"<codigoRetorno>0</codigoRetorno><descripcion>Ok</descripcion><lote>{lote}</lote>"
        return _ministry(f"<respuesta>{words}</respuesta>")

    def _state_of(self, lote: str) -> Reply:
        held = self.batches[lote]
        if held["looks"]:
            held["looks"] -= 1
            return _batch(lote, 4, "")
        if REFUSED_MARK in held["document"]:
            wrong = f"<tipoError>validación</tipoError><error>documento {held['document']} no válido</error>"
            # The ministry's own schema writes it so.
            return _batch(lote, 6, f"<resutadoComunicacion><orden>1</orden>{wrong}</resutadoComunicacion>")
        code = f"<codigoComunicacion>{held['code']}</codigoComunicacion>"
        return _batch(lote, 1, f"<resultadoComunicacion><orden>1</orden>{code}</resultadoComunicacion>")


def _batch(lote: str, state: int, inner: str) -> Reply:
    words = f"<lote>{lote}</lote><codigoEstado>{state}</codigoEstado><descEstado>estado {state}</descEstado>"
    told = f"<resultado>{words}<resultadoComunicaciones>{inner}</resultadoComunicaciones></resultado>"
    return _ministry(f"<respuesta><codigo>0</codigo><descripcion>Ok</descripcion></respuesta>{told}")


def _ministry(inner: str) -> Reply:
    text = (
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body>'
        '<ns3:comunicacionResponse xmlns:ns3="http://www.soap.servicios.hospedajes.mir.es/comunicacion">'
        f"{inner}</ns3:comunicacionResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
    return Reply(200, text.encode(), "text/xml; charset=utf-8")


def _text(root: ET.Element, *names: str) -> str:
    """The text of the first element of the last name, if every name is there."""
    found = {one.tag.rpartition("}")[2]: one for one in reversed(list(root.iter()))}
    if not all(name in found for name in names):
        return ""
    return found[names[-1]].text or ""
