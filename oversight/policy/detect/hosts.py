"""Names of hosts as they are looked up, as people read them, and the part that somebody registered."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import idna
from publicsuffixlist import PublicSuffixList

SHORTENERS = frozenset(
    {
        "bit.ly",
        "t.co",
        "tinyurl.com",
        "goo.gl",
        "ow.ly",
        "is.gd",
        "v.gd",
        "buff.ly",
        "cutt.ly",
        "rb.gy",
        "t.ly",
        "lnkd.in",
    }
    | {"rebrand.ly", "shorturl.at", "tiny.cc", "bl.ink", "s.id", "dub.sh", "t.me"}
)
# Where anybody gets a mailbox: to share such a domain says nothing.
FREE_MAIL = frozenset(
    {"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "ymail.com"}
    | {"icloud.com", "me.com", "mac.com", "aol.com", "gmx.de", "gmx.net", "gmx.com", "web.de", "t-online.de", "mail.ru"}
    | {"yandex.ru", "yandex.com", "proton.me", "protonmail.com", "pm.me", "tutanota.com", "tuta.io", "zoho.com"}
    | {"mail.com", "fastmail.com", "hey.com", "qq.com", "163.com", "126.com", "naver.com", "orange.fr", "free.fr"}
    | {
        "laposte.net",
        "libero.it",
        "seznam.cz",
        "wp.pl",
        "o2.pl",
        "yahoo.co.uk",
        "yahoo.de",
        "yahoo.fr",
        "hotmail.co.uk",
    }
)

# Browsers read 2130706433, 0x7f.1 and 017700000001 as addresses too.
_NUMBER = re.compile(r"(?:[0-9.]|0x[0-9a-f]*)+|\[?[0-9a-f:.]*:[0-9a-f:.]*\]?", re.IGNORECASE)


def to_ascii(host: str) -> str:
    """The host as it is looked up, in punycode where it has other letters."""
    try:
        return idna.encode(host, uts46=True, transitional=False).decode()
    except (idna.IDNAError, UnicodeError):
        return host.encode("ascii", "backslashreplace").decode()


def to_unicode(host: str) -> str:
    """The host as people read it."""
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


@lru_cache(maxsize=4096)
def registered(host: str) -> str:
    """The part of the host that somebody registered, or the host itself for an IP address or a bare name."""
    return _suffixes().privatesuffix(host) or host


def is_place(host: str) -> bool:
    """True if the host's ending stands in the DNS: "invoice.pdf" is none."""
    return _suffixes().publicsuffix(host, accept_unknown=False) is not None


def is_number(host: str) -> bool:
    """True for what leads to an IP address, however it is written."""
    return _NUMBER.fullmatch(host) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
