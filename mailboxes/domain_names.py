"""The one spelling of a domain's name, and which names nobody may bring along."""

from __future__ import annotations

import re
from functools import cache

import idna
from django.conf import settings
from publicsuffixlist import PublicSuffixList

from .errors import Invalid

NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
# An address has 254 characters at most (RFC 5321): the longest local part and the @ fit before such a name.
LONGEST = 254 - 64 - 1
LONGEST_ASKED = 4 * 253


def canonical(text: str) -> str:
    """The name in lower case and A-labels (UTS 46), without a dot at the end. Raises Invalid for what is no domain, for
    a suffix under which strangers register, and for this server's own names.
    """
    name = _spelled(text)
    if name is None or not NAME.fullmatch(name):
        raise Invalid(
            "This is no domain name.", code="invalid_domain", fix="Send a name like mail.example.com.", field="domain"
        )
    if len(name) > LONGEST:
        raise Invalid(
            f"The name is longer than {LONGEST} characters; addresses on it would be too long for mail.",
            code="invalid_domain",
            fix="Use a shorter name.",
            field="domain",
        )
    if is_public_suffix(name):
        raise Invalid(
            f"{name} is a public suffix: it belongs to everybody who registers below it.",
            code="public_suffix",
            fix="Send a domain of your own below it.",
            field="domain",
        )
    if is_of_the_house(name):
        raise Invalid(
            "This name belongs to this server itself.",
            code="platform_domain",
            fix="Leave domainId out to make a mailbox on the platform's domain; here, send a domain of your own.",
            field="domain",
        )
    return name


def is_public_suffix(name: str) -> bool:
    """Whether strangers register names below it: `co.uk`, `github.io`, every top-level domain."""
    return bool(_suffixes().is_public(name))


def is_of_the_house(name: str) -> bool:
    """Whether it is a domain of the platform's (for test accounts, too), its mail host, or a name below one of them."""
    house = {settings.PLATFORM_DOMAIN, settings.MAIL_HOST.lower(), settings.SIMULATOR_DOMAIN, settings.TEST_DOMAIN}
    return any(name == one or name.endswith(f".{one}") for one in house)


def _spelled(text: str) -> str | None:
    if len(text) > LONGEST_ASKED:
        return None
    try:
        spelled = idna.encode(text, uts46=True, std3_rules=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None
    return spelled.lower().removesuffix(".")


@cache
def _suffixes() -> PublicSuffixList:
    # The list that came with the library: nothing is fetched.
    return PublicSuffixList()
