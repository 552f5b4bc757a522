"""The headers that a webhook's owner adds to each delivery: often a credential, so sealed at rest and shown rarely."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from mailboxes import vault
from mailboxes.errors import Invalid

PURPOSE = "webhook headers"
MASK = "********"
MAX_HEADERS = 10
MAX_NAME = 256
MAX_VALUE = 1024
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
# What the delivery itself says, what rules the connection, and what asks the other side to pack or to wait.
OURS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "keep-alive", "upgrade", "te"}
    | {"trailer", "accept-encoding", "expect", "proxy-connection"}
)
OUR_PREFIXES = ("x-robotomail-", "webhook-")


def check(headers: Mapping[str, str]) -> None:
    """Raise Invalid for headers that can't be sent, or that are ours to send."""
    if len(headers) > MAX_HEADERS:
        raise _refusal("headers", f"A webhook has at most {MAX_HEADERS} headers.")
    if len({name.lower() for name in headers}) < len(headers):
        raise _refusal("headers", "A header stands twice: upper and lower case are one.")
    for name, value in headers.items():
        _check_name(name)
        _check_value(name, value)


def seal(headers: Mapping[str, str]) -> dict[str, str]:
    """The same names, with values that only `unseal` reads."""
    return {name: vault.seal(value.encode(), purpose=PURPOSE).decode() for name, value in headers.items()}


def unseal(sealed: Mapping[str, str]) -> dict[str, str]:
    """The headers as they were given."""
    return {name: vault.unseal(value.encode(), purpose=PURPOSE).decode() for name, value in sealed.items()}


def masked(sealed: Mapping[str, str]) -> dict[str, str]:
    """The names, with nothing of the values, not even their length."""
    return dict.fromkeys(sealed, MASK)


def _check_name(name: str) -> None:
    if not TOKEN.fullmatch(name) or len(name) > MAX_NAME:
        raise _refusal("headers", f"'{name[:80]}' is not a header's name: 1 to {MAX_NAME} letters, digits or hyphens.")
    if name.lower() in OURS or name.lower().startswith(OUR_PREFIXES):
        raise _refusal(f"headers.{name}", f"The header {name} is written by this server.")


def _check_value(name: str, value: str) -> None:
    field = f"headers.{name}"
    if len(value) > MAX_VALUE:
        raise _refusal(field, f"The value of {name} is longer than {MAX_VALUE} characters.")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
        raise _refusal(field, f"The value of {name} holds a line break or a control character.")
    if value != value.strip(" "):
        raise _refusal(field, f"The value of {name} begins or ends with a space.")
    if value == MASK:
        raise _refusal(field, f"The value of {name} is the mask that is shown instead of it; send the value itself.")


def _refusal(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, code="webhook_header", fix="Correct this header, or leave it out.", field=field)
