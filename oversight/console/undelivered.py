"""Sends that were given up, as `/undelivered/` shows them: why, in plain words, beside what the mail server said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.models import DeadLetter
from oversight import dead_letters
from oversight.models import Review

REFUSED_BY_US = "Our own guard refused to let it leave"
WORDS: Final = {
    "421": "The mail server was not in service",
    "450": "The mail server asked to come back later, or the mailbox was busy",
    "451": "The mail server had a problem of its own, or asked to come back later",
    "452": "The mail server had no room for it",
    "454": "The mail server could not secure the connection",
    "connect_failed": "The mail server could not be reached",
    "connection_lost": "The connection broke each time",
    "tls_unavailable": "The mail server offered no encrypted connection, and one is required",
    "tls_certificate": "The certificate of the mail server is not valid",
    "auth_needs_tls": "Our sign-in at the mail server needs an encrypted connection, and it offered none",
    "auth_failed": "The mail server refused our sign-in",
    "no_dkim_key": "The sending domain has no key to sign with",
    "bad_reply": "The mail server gave an answer that makes no sense",
}
OUR_SIGN_IN = ("530", "534", "535", "538")


@dataclass(frozen=True, slots=True)
class Card:
    """Context variable `letter`. `answer` is what the mail server said, word for word."""

    id: UUID
    to: str
    subject: str
    message_id: UUID
    mailbox_address: str
    why: str
    answer: str
    attempts_count: int
    died_at: datetime
    review_id: UUID | None = None


def cards(found: Sequence[DeadLetter]) -> list[Card]:
    """The letters as rows, each with the newest review of its message. Need message, recipient and mailbox."""
    opened = Review.objects.filter(message__in=[letter.message_id for letter in found]).order_by("opened_at", "pk")
    newest = dict(opened.values_list("message_id", "pk"))
    return [
        Card(
            id=letter.pk,
            to=letter.recipient.address,
            subject=letter.message.subject,
            message_id=letter.message_id,
            mailbox_address=letter.mailbox.full_address,
            why=why(letter),
            answer=f"{letter.code if letter.code[:1].isdigit() else ''} {letter.text}".strip(),
            attempts_count=letter.attempts_count,
            died_at=letter.died_at,
            review_id=newest.get(letter.message_id),
        )
        for letter in found
    ]


def why(letter: DeadLetter) -> str:
    """Why it was given up, in a sentence."""
    if dead_letters.is_refused_by_us(letter):
        return f"{REFUSED_BY_US}."
    if letter.code in OUR_SIGN_IN:
        return f"{WORDS['auth_failed']}."
    if letter.code in WORDS:
        return f"{WORDS[letter.code]}."
    if letter.code[:1] == "4":
        return "The mail server put it off each time."
    return "The mail server refused it." if letter.code[:1] == "5" else "It did not arrive before its time was over."
