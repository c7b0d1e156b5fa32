"""What a guest's phone shows, read as the gate reads it."""

import io
import re

import zxingcpp
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from PIL import Image
from playwright.sync_api import Page, expect

from cloud_sync.protocol.code import parse, step_at
from edge.core.credentials import CodeAccepted, CodeRefused, judge_code
from edge.core.events import AccessPointId, CredentialKind
from edge.core.passes import Credential
from tests.fakes.guest_house import GuestHouse

DOOR = AccessPointId("AP-dongfang-001")

SMALLEST_TARGET_PX = 44


def fits(page: Page) -> bool:
    """Nothing hangs over the edge, and every button is large enough for a thumb."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    small = page.evaluate(
        "least => [...document.querySelectorAll('main .button, main input:not([type=hidden]):not([type=checkbox]), "
        "main select')].filter(one => one.offsetParent && one.getBoundingClientRect().height < least)"
        ".map(one => one.outerHTML)",
        SMALLEST_TARGET_PX,
    )
    return wide <= 0 and small == []


def fill(page: Page, form: dict[str, str]) -> None:
    page.select_option("#document_type", form["document_type"])
    for name, value in form.items():
        if name != "document_type":
            page.fill(f"#{name}", value)


def shown_code(page: Page) -> str:
    expect(page.locator("#qr")).to_have_attribute("data-code", re.compile("^AC2:"))
    code = page.locator("#qr").get_attribute("data-code")
    assert code is not None
    return code


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def judged(house: GuestHouse, text: str, now_ms: int) -> CodeAccepted | CodeRefused:
    """What a gate that holds this community's pass set says to the code on the screen."""
    code = parse(text)
    held = {
        bytes.fromhex(cred.cred_id): Credential(CredentialKind.QR, cred.cred_id, cred.verifier)
        for row in house.rows()
        for cred in row.creds
        if cred.kind == "qr"
    }
    return judge_code(code, held[code.credential], None, DOOR, step_at(now_ms / 1000), verify)


def read_from(page: Page) -> str:
    """What a camera's reader finds in a picture of the screen."""
    picture = Image.open(io.BytesIO(page.locator("#qr").screenshot())).convert("L")
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)
