"""Mail addresses: one canonical spelling for what is stored, sent, compared and suppressed (reliability F5, F6).

The local part is lower-cased too. RFC 5321 section 2.4 lets a host tell `A@` from `a@`, but none that people use does,
and two spellings of one mailbox would pass a suppression, a limit per recipient or a reviewer's eye as two people.
"""

from __future__ import annotations

import re
from functools import lru_cache

import email_validator

from messaging.mime.characters import is_all_visible
from messaging.mime.refusals import AddressRefused

_MAX_TEXT_LENGTH = 320  # 64 + "@" + 255, RFC 5321 section 4.5.3.1

# Any well-formed domain may be configured and written to. The library reads this list at each call and has no parameter
# for it; its documentation says to change the list.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_WITHOUT_DOTS = frozenset({"gmail.com", "googlemail.com"})

# More than one address, a display name, a route, a group or a comment: refused by name, so that the sentence helps.
_NOT_BARE = re.compile(r'[,;:<>()"\[\]\\]')
# Relaying notations and encoded words, which other programs read as another address.
_TREACHEROUS = re.compile(r"=\?|[%!]")


def canonical(text: str) -> str:
    """The one spelling of a mailbox address: ASCII `local@domain`, lower case, domain as A-labels.

    Raises AddressRefused for anything but one bare address that every mail program reads alike.
    """
    if len(text) > _MAX_TEXT_LENGTH:
        raise AddressRefused("address_too_long", "The address is longer than any mailbox address may be.")
    if not is_all_visible(text):
        raise AddressRefused("address_characters", "The address contains a space, control or invisible character.")
    if _NOT_BARE.search(text):
        raise AddressRefused(
            "address_not_bare", "Give one bare address like name@host.example: no name, list, group, comment or quote."
        )
    if _TREACHEROUS.search(text):
        raise AddressRefused("address_ambiguous", "Mail programs disagree on addresses with '%', '!' or '=?' in them.")
    return _validated(text)


def suppression_key(text: str) -> str:
    """The address all spellings of one mailbox share: canonical, without the +tag."""
    return key_of_canonical(canonical(text))


def key_of_canonical(address: str) -> str:
    """`suppression_key` of an address that is canonical already."""
    local, domain = address.split("@")
    return f"{split_plus(local)}@{domain}"


def mailbox_key(address: str) -> str:
    """As `key_of_canonical`, and without what a provider itself leaves out: Gmail's dots and its second name.

    For whether two addresses are one mailbox; suppressions go by `key_of_canonical`. The database's
    `messaging_address_key` says the same.
    """
    base, domain = key_of_canonical(address).split("@")
    return f"{base.replace('.', '')}@gmail.com" if domain in _WITHOUT_DOTS else f"{base}@{domain}"


def split_plus(local: str) -> str:
    """The base local part: `support` for `support+orders`. A local part that begins with "+" has no base but itself."""
    base, _, _ = local.partition("+")
    return base or local


@lru_cache(maxsize=4096)  # the same few addresses stand in mail after mail
def _validated(text: str) -> str:
    try:
        checked = email_validator.validate_email(
            text, check_deliverability=False, allow_smtputf8=False, allow_quoted_local=False, strict=True
        )
    except email_validator.EmailNotValidError as error:
        raise AddressRefused("address_malformed", str(error)) from error
    if checked.ascii_email is None:
        raise AddressRefused("address_malformed", "The address has no form in plain ASCII.")
    return checked.ascii_email.lower()
