"""An address as a picture that a phone can read."""

from functools import lru_cache

import zxingcpp

QUIET_MODULES = 4  # what a reader needs around the code


@lru_cache(maxsize=16)
def qr_svg(address: str) -> str:
    """The address as SVG, dark on white with its quiet zone."""
    code = zxingcpp.create_barcode(address, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    text: str = code.to_svg(add_quiet_zones=True)
    return text[text.index("<svg") :]
