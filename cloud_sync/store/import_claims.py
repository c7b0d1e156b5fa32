"""What each row of a spreadsheet says, once its headings are known; what cannot be said is the row's fault."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from cloud_sync.core.addresses import AddressFault, Door, read_address, read_parts
from cloud_sync.core.codes import DocumentRefused, check_document, listing_code_fault, normalised
from cloud_sync.core.columns import HEADER_WITHIN, Field, Kind, is_member, read_header
from cloud_sync.core.names import NAME_MAX, NameForms, forms_of, is_name, parts_of
from cloud_sync.core.roll import Claim, Reason
from cloud_sync.store.house import House
from cloud_sync.store.roll import form_key
from cloud_sync.store.sheet_rows import SheetRow, refuse
from cloud_sync.store.vault import doc_hash

MATTER_BYTES = 12
RESIDENT_ID_CHARS = 18


@dataclass(frozen=True, slots=True)
class Told:
    """One row; ``cells`` by the file's own headings, ``matter`` a keyed hash of what it says."""

    sheet: str
    line: int
    cells: Mapping[str, str]
    matter: str
    door: Door | None = None
    name: str = ""
    number: str = ""
    document: str = ""
    member: bool = False
    listing: str = ""
    fault: Reason | None = None
    detail: str = ""
    forms: NameForms | None = None

    def claim(self) -> Claim:
        assert self.door is not None
        assert self.forms is not None
        return Claim(self.door, self.forms, self.document, self.member)


class Claims:
    """Reads rows under the headings of their sheet; remembers sheets that have none."""

    def __init__(self, house: House, kind: Kind) -> None:
        self._house = house
        self._kind = kind
        self._key = blake2b(b"gatehouse import row", key=house.k_community[:64], digest_size=32).digest()
        self._hide = form_key(house)
        self._headed = False
        self.skipped: dict[str, int] = {}

    def read(self, rows: Iterable[SheetRow]) -> Iterator[Told]:
        """Every row under a heading, sheet by sheet, in order."""
        sheet: str | None = None
        header: dict[int, Field] | None = None
        names: tuple[str, ...] = ()
        looked = 0
        for row in rows:
            if row.sheet != sheet:
                sheet, header, names, looked = row.sheet, None, (), 0
            if header is not None:
                if row.cells != names:  # headings stand again at the top of each printed page
                    yield self._told(row, header, names)
                continue
            header = (
                read_header(row.cells, self._kind) if row.fault is None and looked < HEADER_WITHIN else None
            )
            looked += 1
            if header is not None:
                names, self._headed = row.cells, True
                self.skipped.pop(row.sheet, None)
            else:
                self.skipped[row.sheet] = self.skipped.get(row.sheet, 0) + 1

    def check_headings(self) -> None:
        """
        Raises:
            Refused: no sheet of the file has the headings.
        """
        if not self._headed:
            raise refuse(
                f"no headings for {self._kind} in the first {HEADER_WITHIN} rows: name and address (姓名, 地址) or name, "
                "building and room (姓名, 楼栋, 单元, 房号) are looked for; if they are there, the text may be in another "
                "encoding: save the file as CSV UTF-8 or .xlsx."
                if self._kind is Kind.HOUSEHOLDS
                else f"no headings for {self._kind} in the first {HEADER_WITHIN} rows: an address (地址) or building "
                "and room (楼栋, 单元, 房号) are looked for."
            )

    def _told(self, row: SheetRow, header: Mapping[int, Field], names: Sequence[str]) -> Told:
        cells: dict[str, str] = {}
        for at, cell in enumerate(row.cells):
            if cell:
                heading = names[at] if at < len(names) else ""
                cells[f"{heading} ({at + 1})" if heading in cells or not heading else heading] = cell
        if row.fault is not None:
            return self._faulty(row, cells or {"line": " ".join(row.cells)}, row.fault)
        known = {field: row.cells[at] for at, field in header.items() if at < len(row.cells)}
        formula = next((field for field, cell in known.items() if cell.startswith("=")), None)
        if formula is not None:
            return self._faulty(row, cells, Reason.FORMULA, formula)
        door = _door(known)
        if isinstance(door, AddressFault):
            return self._faulty(row, cells, Reason(door.value))
        if self._kind is Kind.HOUSEHOLDS:
            return self._household(row, cells, known, door)
        if self._kind is Kind.LISTINGS:
            return self._listing(row, cells, known, door)
        return self._said(row, cells, door, ())

    def _household(
        self, row: SheetRow, cells: Mapping[str, str], known: Mapping[Field, str], door: Door
    ) -> Told:
        name = known.get(Field.NAME, "")[: NAME_MAX + 1]
        if not is_name(name):
            return self._faulty(row, cells, Reason.NO_NAME)
        number = known.get(Field.DOCUMENT, "")
        document = self._document(number)
        if isinstance(document, Reason):
            return self._faulty(row, cells, document)
        member = is_member(known.get(Field.RELATION, ""))
        said = ("".join(parts_of(name)), document)
        return self._said(
            row,
            cells,
            door,
            said,
            name=name,
            number=normalised(number),
            document=document,
            member=member,
            forms=forms_of(name).keyed(self._hide),
        )

    def _listing(
        self, row: SheetRow, cells: Mapping[str, str], known: Mapping[Field, str], door: Door
    ) -> Told:
        code = known.get(Field.LISTING, "").strip().upper()
        if code and listing_code_fault(code):
            return self._faulty(row, cells, Reason.BAD_LISTING_CODE)
        return self._said(row, cells, door, (code,), listing=code)

    def _document(self, number: str) -> str | Reason:
        """Its keyed hash; a number that is no resident id is taken for a passport's."""
        text = normalised(number)
        if not text:
            return ""
        kind = "resident_id" if len(text) == RESIDENT_ID_CHARS or text.isdigit() else "passport"
        checked = check_document(kind, "", text, synthetic=self._house.synthetic)
        if isinstance(checked, DocumentRefused):
            return Reason.BAD_DOCUMENT
        return doc_hash(self._house.k_community, checked)

    def _said(
        self, row: SheetRow, cells: Mapping[str, str], door: Door, said: tuple[str, ...], **more: object
    ) -> Told:
        matter = self._matter(door.place, door.key, *said)
        return Told(row.sheet, row.line, cells, matter, door, **more)  # type: ignore[arg-type]

    def _faulty(self, row: SheetRow, cells: Mapping[str, str], fault: Reason, detail: str = "") -> Told:
        return Told(row.sheet, row.line, cells, self._matter(*row.cells), fault=fault, detail=detail)

    def _matter(self, *words: str) -> str:
        text = "\0".join((self._kind, *words)).encode()
        return f"IR-{blake2b(text, key=self._key, digest_size=MATTER_BYTES).hexdigest()}"


def _door(known: Mapping[Field, str]) -> Door | AddressFault:
    place = known.get(Field.PLACE, "")
    if known.get(Field.ADDRESS):
        return read_address(place + known[Field.ADDRESS])
    parts = (known.get(field, "") for field in (Field.BUILDING, Field.STAIR, Field.FLOOR, Field.ROOM))
    return read_parts(place, *parts)
