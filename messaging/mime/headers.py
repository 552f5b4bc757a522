"""What a caller may put into the header block: a subject, a parent's message id, and a few custom headers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from messaging.mime.characters import CONTROL, SURROGATE
from messaging.mime.refusals import HeaderRefused

MAX_SUBJECT_LENGTH = 998
MAX_HEADERS = 50
# For the API's documentation: no line break or control, and something to see.
SUBJECT = r"^(?=[\s\S]*\S)[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
# An ASCII value without a space cannot be folded, so name, colon and value must fit into one line of 998.
MAX_VALUE_LENGTH = 900

_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_UNSUBSCRIBE = re.compile(r"<(?:https?|mailto):[!-;=?-~]+>(?:, ?<(?:https?|mailto):[!-;=?-~]+>)*", re.IGNORECASE)
_ONE_CLICK = "list-unsubscribe=one-click"  # RFC 8058 section 3.1

# Relays obey these headers: some add recipients, some drop the mail or change what was approved.
_RELAY_COMMANDS = re.compile(
    r"x-(?:smtpapi|msys-api|mc-|mandrill|mailgun-|mg-|ses-|mj-|mailjet|mailin|sib-|pm-|postmark|tm-|mailtrap|elastic"
    r"|ms-exchange-|forefront-|gm-|gatepost-)",
    re.IGNORECASE,
)


def check_subject(text: str) -> str:
    """The subject as given. Raises HeaderRefused when it is empty, too long or has a line break or control in it."""
    if not 1 <= len(text) <= MAX_SUBJECT_LENGTH:
        raise HeaderRefused("subject_length", f"The subject must have 1 to {MAX_SUBJECT_LENGTH} characters.")
    if CONTROL.search(text) or SURROGATE.search(text):
        raise HeaderRefused("subject_characters", "The subject contains a line break or control character.")
    if not text.strip():
        raise HeaderRefused("subject_length", "The subject must not be blank.")
    return text


def filter_headers(headers: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(kept pairs, names dropped): `X-*`, `List-Unsubscribe` and `List-Unsubscribe-Post` are kept.

    Well-formed names that are ours or a relay's to set are dropped. Raises HeaderRefused for a malformed name or value.
    """
    if len(headers) > MAX_HEADERS:
        raise HeaderRefused("header_count", f"More than {MAX_HEADERS} custom headers.")
    kept: dict[str, tuple[str, str]] = {}
    dropped = []
    for name, value in headers.items():
        _check_name(name)
        _check_value(name, value)
        if name.lower() in kept:
            raise HeaderRefused("header_twice", f"The header {name} is given twice.")
        if _is_allowed(name):
            kept[name.lower()] = (name, value.strip())
        else:
            dropped.append(name)
    _check_unsubscribe({key: value for key, (_, value) in kept.items()})
    return tuple(kept.values()), tuple(dropped)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise HeaderRefused("header_name", "A header name has 1 to 64 letters, digits and hyphens.")


def _check_value(name: str, value: str) -> None:
    if len(value) > MAX_VALUE_LENGTH:
        raise HeaderRefused("header_length", f"The value of {name} is longer than {MAX_VALUE_LENGTH} characters.")
    if CONTROL.search(value) or SURROGATE.search(value):
        raise HeaderRefused("header_characters", f"The value of {name} contains a line break or control character.")
    if "=?" in value:
        raise HeaderRefused("header_characters", f"The value of {name} contains '=?'; write plain text, we encode it.")


def _is_allowed(name: str) -> bool:
    lowered = name.lower()
    if lowered in {"list-unsubscribe", "list-unsubscribe-post"}:
        return True
    return lowered.startswith("x-") and len(name) > len("x-") and not _RELAY_COMMANDS.match(name)


def _check_unsubscribe(kept: Mapping[str, str]) -> None:
    link = kept.get("list-unsubscribe")
    if link is not None and not _UNSUBSCRIBE.fullmatch(link):
        raise HeaderRefused("list_unsubscribe", "List-Unsubscribe must be a list of <https:…> or <mailto:…> links.")
    post = kept.get("list-unsubscribe-post")
    if post is not None and post.lower() != _ONE_CLICK:
        raise HeaderRefused("list_unsubscribe", "List-Unsubscribe-Post must be List-Unsubscribe=One-Click.")
