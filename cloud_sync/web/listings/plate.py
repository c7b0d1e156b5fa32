"""The plate of a listing: one A5 page with the code, its QR and the community's name; no person, no address.

The Chinese letters are one of the fonts every PDF reader brings for it (STSong-Light), so that nothing has to be installed
here and nothing is embedded.
"""

import io

import segno

PLATE_NAME = "plate-{code}.pdf"
FONT = "STSong-Light"
MM = 72 / 25.4
WIDTH, HEIGHT = 210 * MM, 148 * MM  # A5, lying
QR_SIDE = 84 * MM
QUIET = 4  # modules of white around a QR code
TITLE_ZH, TITLE_EN = "网约房备案房源", "Registered short-stay listing"
SCAN_ZH, SCAN_EN = "扫码核验房源状态，投诉可扫码提交。", "Scan to check this listing."


def plate_pdf(code: str, address: str, name_zh: str, name_en: str) -> bytes:
    """The plate as PDF; ``address`` is what its QR leads to."""
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfgen.canvas import Canvas

    registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    page = Canvas(out, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=0)
    page.setTitle(code)
    page.rect(6 * MM, 6 * MM, WIDTH - 12 * MM, HEIGHT - 12 * MM)
    left = 108 * MM
    for text, size, height in (
        (name_zh, 16, 122),
        (name_en, 11, 114),
        (TITLE_ZH, 22, 96),
        (TITLE_EN, 12, 87),
        (SCAN_ZH, 10, 36),
        (SCAN_EN, 10, 30),
    ):
        page.setFont(FONT, size)
        page.drawString(left, height * MM, text)
    page.setFont("Courier-Bold", 18)
    page.drawString(left, 62 * MM, code)
    _draw_qr(page, address)
    page.showPage()
    page.save()
    return out.getvalue()


def _draw_qr(page: object, address: str) -> None:
    """Squares, so that it is sharp at any size."""
    rows = [list(row) for row in segno.make(address, error="q", micro=False).matrix]
    side = QR_SIDE / (len(rows) + 2 * QUIET)
    bottom, left = (HEIGHT - QR_SIDE) / 2, 14 * MM
    path = page.beginPath()  # type: ignore[attr-defined]
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                top = bottom + QR_SIDE - (y + QUIET + 1) * side
                path.rect(left + (x + QUIET) * side, top, side, side)
    page.drawPath(path, stroke=0, fill=1)  # type: ignore[attr-defined]
