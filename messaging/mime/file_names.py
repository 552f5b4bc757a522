"""Names for files that came by mail: safe to show, to store and to put into a header, whatever was written there."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

from messaging.mime.characters import BIDI, storable

MAX_LENGTH = 150
_MAX_SUFFIX = 20
_TYPES = mimetypes.MimeTypes()
_SEPARATORS = re.compile(r"[/\\]")
# Path, drive, shell, header and percent-encoding syntax of one system or another.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029:*?"<>|%;]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def safe(name: str, *, content_type: str = "", number: int = 0) -> str:
    """`name` without folders, with "_" for every character that is not safe; never empty, never hidden, at most 150.

    Direction overrides and invisible characters are marked by "_" too: `cod\u202egpj.exe` must not show as a picture.
    """
    base = _SEPARATORS.split(storable(name))[-1]
    marked = "".join("_" if _is_invisible(character) else character for character in unicodedata.normalize("NFC", base))
    clean = " ".join(_UNSAFE.sub("_", marked).split()).strip(". ")
    if not clean.strip("._ "):
        return f"attachment-{number}{_TYPES.guess_extension(content_type) or ''}"
    if base.lstrip().startswith("."):
        clean = f"_{clean}"
    if _DEVICE.match(clean):
        clean = f"_{clean}"
    return _shortened(clean)


def is_deceptive(name: str) -> bool:
    """True if the name turns its reading direction to look like another type of file."""
    return bool(BIDI.search(name))


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp"}


def _shortened(name: str) -> str:
    if len(name) <= MAX_LENGTH:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > _MAX_SUFFIX:
        return name[:MAX_LENGTH]
    return f"{stem[: MAX_LENGTH - len(suffix) - 1]}{dot}{suffix}"
