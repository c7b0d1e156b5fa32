"""On paper: a page to print, with the link as a QR, for guests without an address and for the reception desk."""

import html
from pathlib import Path

import segno
from pydantic import Field

from cloud_sync.connectors.notify.ways import Way, WaySettings
from cloud_sync.errors import ConnectorError
from cloud_sync.ports_guest import Notice

TEST = {"zh": "测试社区：人物均为虚构", "en": "Test community: invented people only"}
PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{subject}</title>
<style>
@page {{ size: A5; margin: 14mm; }}
body {{ font: 12pt/1.5 system-ui, "Noto Sans CJK SC", sans-serif; color: #000; background: #fff; }}
svg {{ width: 60mm; height: 60mm; display: block; margin: 6mm auto; }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{subject}</h1>
{test}{qr}
<p>{text}</p>
</body>
</html>
"""


class SheetSettings(WaySettings):
    """``[notify.sheet]``: where sheets are put; whoever prints one deletes the file."""

    folder: Path = Field(description="Only the service's own account should be able to read it.")


class SheetNotifier:
    """Sends nothing, so it also serves a synthetic community; its sheets say what they are."""

    def __init__(self, settings: SheetSettings) -> None:
        self._folder = settings.folder

    def send(self, notice: Notice) -> str:
        """The file that was written."""
        place = self._folder / f"{notice.id}.html"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.write_text(sheet(notice), encoding="utf-8")
            place.chmod(0o600)
        except OSError as error:
            raise ConnectorError(f"{place}: the sheet cannot be written ({error.strerror}).") from error
        return str(place)


def sheet(notice: Notice) -> str:
    """One page of HTML that needs nothing from anywhere."""
    language = "zh" if notice.language == "zh" else "en"
    test = f"<p><strong>{TEST[language]}</strong></p>\n" if notice.synthetic else ""
    # Quartile correction: paper gets folded and stained.
    qr = segno.make(notice.link, error="q", micro=False).svg_inline(scale=4, border=4)
    return PAGE.format(
        language="zh-CN" if language == "zh" else "en",
        subject=html.escape(notice.subject),
        text=html.escape(notice.text),
        test=test,
        qr=qr,
    )


SHEET = Way(SheetSettings, SheetNotifier)
