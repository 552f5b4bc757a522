"""What ties messages into a conversation: message ids, references and the base of a subject."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from messaging.mime.refusals import HeaderRefused

# " " + id must fit into one line of 998 octets.
MAX_ID_LENGTH = 996
# RFC 5322 puts no limit on References; agents answer each other, so threads get long. The first id names the
# conversation, the last ones are those somebody still has.
MAX_REFERENCES = 20
_MAX_IDS_READ = 100
_MAX_VALUE_READ = 64 * 1024
_MAX_SUBJECT = 998

_BRACKETED = re.compile(rf"<[!-;=?-~]{{1,{MAX_ID_LENGTH - 2}}}>")
# Either, for the API's documentation.
ID = rf"^ *(<[!-;=?-~]{{1,{MAX_ID_LENGTH - 2}}}>|[!-;=?-~]{{1,{MAX_ID_LENGTH - 2}}}) *$"
_NAKED = re.compile(rf"[!-;=?-~]{{1,{MAX_ID_LENGTH - 2}}}")

# Re, forward and answer in the languages whose mail programs translate them, with an optional counter: "Re[2]:".
_PREFIX = re.compile(
    r"\s*(?:re|fwd?|aw|wg|wtr|antw|antwoord|doorst|sv|vs|vb|vl|ref|r|rif|i|tr|rv|res|enc|rif|odp|pd|ynt|ilt|bls|trs|atb|yml"
    r"|\u0438\u043d|\u043e\u0442\u0432|\u0430\u03c0|\u03c0\u03c1\u03b8|\u03b1\u03c0|\u56de\u590d|\u56de\u8986|\u7b54\u590d|\u8f6c\u53d1"
    r"|\u8f49\u5bc4|\u8fd4\u4fe1|\u8ee2\u9001|\ud68c\uc2e0|\uc804\ub2ec)"
    r"\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s?[:\uff1a]",
    re.IGNORECASE,
)
_LIST_TAG = re.compile(r"\s*\[[^\[\]]{1,64}\]")


def normalize_subject(subject: str) -> str:
    """The key that a mail and its answers share: `base_subject`, case-folded."""
    return base_subject(subject).casefold()


def base_subject(subject: str) -> str:
    """The subject without "Re:", "Fwd:" and their kind, spaces collapsed.

    A leading [tag] stays: it names a list or a ticket, and two tickets are two conversations. Prefixes after it go.
    """
    rest = unicodedata.normalize("NFC", subject[:_MAX_SUBJECT])
    tag = ""
    rest = _without_prefixes(rest)
    if found := _LIST_TAG.match(rest):
        tag, rest = found.group(), _without_prefixes(rest[found.end() :])
    return " ".join(f"{tag} {rest}".split())


def message_ids(value: str | None) -> tuple[str, ...]:
    """The message ids of a Message-ID, In-Reply-To or References value, in order, each once, with angle brackets.

    Total: whatever is no id is passed over. Of more than 100 the first and the last are kept.
    """
    if not value:
        return ()
    found = _BRACKETED.findall(value[:_MAX_VALUE_READ])
    if not found and "<" not in value:
        # Some programs leave the brackets out.
        found = [f"<{word}>" for word in value[:_MAX_VALUE_READ].split() if "@" in word and _NAKED.fullmatch(word)]
    return _capped(found, _MAX_IDS_READ)


def check_message_id(text: str) -> str:
    """`text` as one message id with angle brackets. Raises HeaderRefused for anything else."""
    stripped = text.strip(" ")
    bracketed = stripped if stripped.startswith("<") else f"<{stripped}>"
    if not _BRACKETED.fullmatch(bracketed):
        raise HeaderRefused("message_id", "A message id is one <id@host.example> of at most 996 ASCII characters.")
    return bracketed


def references_for_reply(parent_references: Sequence[str], parent_message_id: str) -> tuple[str, ...]:
    """References of an answer: those of the parent and the parent itself, last (RFC 5322 section 3.6.4)."""
    earlier = [reference for reference in parent_references if reference != parent_message_id]
    return _capped([*earlier, parent_message_id], MAX_REFERENCES)


def _without_prefixes(subject: str) -> str:
    position = 0
    while found := _PREFIX.match(subject, position):
        position = found.end()
    return subject[position:]


def _capped(ids: Sequence[str], limit: int) -> tuple[str, ...]:
    unique = list(dict.fromkeys(ids))
    if len(unique) > limit:
        unique = [unique[0], *unique[1 - limit :]]
    return tuple(unique)
