"""QR codes out of camera pictures, by zxing-cpp (10 to 20 times faster than OpenCV's, hardware.md §8)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT_MAX = 512  # our longest code has 154 characters; longer ones are not ours


def open_decoder() -> "Callable[[NDArray[np.uint8]], list[str]]":
    """A function from a BGR picture to the texts of the QR codes in it; empty when there is none."""
    import cv2
    import zxingcpp

    only_qr = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])

    def decode(image: "NDArray[np.uint8]") -> list[str]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        found = zxingcpp.read_barcodes(grey, formats=only_qr, try_downscale=False)
        return [code.text for code in found if 0 < len(code.text) <= TEXT_MAX]

    return decode
