"""Text from octets by an allowlist of character sets: Python's codecs include traps (idna, utf-7, unicode_escape)."""

from __future__ import annotations

_CODECS = {
    **{f"iso-8859-{number}": f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 16)},
    **{f"windows-{number}": f"cp{number}" for number in (874, *range(1250, 1259))},
    **{f"cp{number}": f"cp{number}" for number in (437, 850, 852, 866, 874, 932, 949, 950, *range(1250, 1259))},
    # Browsers read Latin-1 and its cousins as their Windows supersets; mail written on Windows relies on it.
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e"), "iso8859-8"),
    **{name: name for name in ("koi8-r", "koi8-u", "iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-3")},
    **{name: name for name in ("iso-2022-jp-ext", "iso-2022-kr", "euc-jp", "hz-gb-2312", "big5hkscs", "ptcp154")},
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms_kanji"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "ks_c_5601", "ksc5601"), "cp949"),
    **dict.fromkeys(("gb2312", "gb_2312-80", "gbk", "cp936", "x-gbk", "gb18030"), "gb18030"),
    **dict.fromkeys(("big5", "big-5", "x-big5"), "cp950"),
    **dict.fromkeys(("tis-620", "iso-8859-11"), "cp874"),
    **dict.fromkeys(("macintosh", "mac", "x-mac-roman"), "mac-roman"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be")},
}
_UNICODE = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us", "unicode-1-1-utf-8", ""})


def decode(content: bytes, charset: str | None) -> tuple[str, bool]:
    """(text, True if it is certain). An unknown or wrong charset is read as UTF-8, then as Windows-1252."""
    label = (charset or "").strip(" \t\"'").lower()
    if label in _UNICODE:
        return _as_unicode(content)
    codec = _CODECS.get(label)
    if codec is None:
        text, _ = _as_unicode(content)
        return text, False
    try:
        return content.decode(codec), True
    except UnicodeDecodeError:
        return content.decode(codec, "replace"), False


def _as_unicode(content: bytes) -> tuple[str, bool]:
    try:
        return content.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        pass
    replaced = content.decode("utf-8-sig", "replace")
    # Mostly sound UTF-8 (cut in a character, say) stays UTF-8; else it was Latin text without a label.
    if replaced.count("\ufffd") * 10 <= sum(octet > 0x7F for octet in content):
        return replaced, False
    return content.decode("cp1252", "replace"), False
