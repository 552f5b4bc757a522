"""QR codes as a path for inline SVG: no style, no script, no picture from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from qrcode.main import QRCode

QUIET = 4  # modules of blank around it, ISO/IEC 18004


@dataclass(frozen=True, slots=True)
class QrPicture:
    """`path` is the `d` of an SVG path in a square of `size` units."""

    path: str
    size: int


def draw(text: str) -> QrPicture:
    """The picture of a text."""
    code = QRCode(border=QUIET)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    return QrPicture("".join(_row(y, row) for y, row in enumerate(rows)), len(rows))


def _row(y: int, row: list[bool]) -> str:
    """One rectangle for each run of dark modules."""
    drawn, x = [], 0
    for is_dark, run in groupby(row):
        width = len(list(run))
        if is_dark:
            drawn.append(f"M{x} {y}h{width}v1h-{width}z")
        x += width
    return "".join(drawn)
