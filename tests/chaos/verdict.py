"""What became of a run: each promise compared with what the witness saw and what the database says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from config.invariants import check_all
from messaging.models import Message, Recipient, RecipientState, Status

from .witness import Transaction

FAULTED = "faulted"
Key = tuple[str, str]  # Message-ID and recipient


@dataclass
class Verdict:
    """`done` is sent, shown or decided, as the area has it. Clean when nothing is lost, doubled or broken."""

    expected: int = 0
    done: int = 0
    unknown: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.broken)

    def check_invariants(self) -> None:
        for result in check_all():
            if not result.holds:
                self.broken.append(f"{result.invariant.id} {result.invariant.sentence} {result.found}")


def judge_sending(
    messages: Iterable[Message], transactions: list[Transaction], *, lost_answers: tuple[int, int]
) -> Verdict:
    """Every recipient of these messages at its end, with as many copies as it should have, unknown where it must be.

    `lost_answers` is how many the fault itself may cost; what the relay withheld comes on top, and must be unknown.
    """
    verdict = Verdict()
    said, last_words, by_fault = _by_key(transactions), _last_words(transactions), 0
    for recipient in Recipient.objects.filter(message__in=list(messages)).select_related("message"):
        bodies = said.pop((recipient.message.message_id, recipient.address), [])
        verdict.expected += 1
        _judge_repetition(recipient, bodies, verdict)
        if recipient.state != RecipientState.UNKNOWN:
            _judge_end(recipient, bodies, verdict)
            continue
        verdict.unknown += 1
        is_by_fault = any(_is_about(one, recipient, bodies) for one in last_words)
        by_fault += is_by_fault
        if not is_by_fault and not any(one.is_lost for one in bodies):
            verdict.broken.append(f"{recipient.address} is unknown without a reason: {[one.answer for one in bodies]}")
    verdict.doubled += [f"nobody asked for {key}" for key in said if key[0]]
    least, most = lost_answers
    if not least <= by_fault <= most:
        verdict.broken.append(f"{by_fault} answers lost by the fault, not {least} to {most}")
    return verdict


def _by_key(transactions: list[Transaction]) -> dict[Key, list[Transaction]]:
    found: dict[Key, list[Transaction]] = {}
    for one in sorted(transactions, key=lambda one: one.body_begun):
        if one.body:
            found.setdefault(one.key, []).append(one)
    return found


def _last_words(transactions: list[Transaction]) -> list[Transaction]:
    """The last mail on each connection of the faulted worker, and the last whose body was begun, since the answer to
    that one is written down with the mark of the next: only these answers can be lost with the worker.
    """
    mine = [one for one in transactions if one.worker == FAULTED]
    invited = {one.connection: one for one in mine if one.is_invited}
    begun = {one.connection: one for one in mine if one.body}
    return [*invited.values(), *(one for one in begun.values() if one not in invited.values())]


def _is_about(last: Transaction, recipient: Recipient, bodies: list[Transaction]) -> bool:
    if last.body:
        return last in bodies
    # Marked, and struck before the first byte: the witness knows the recipient, not the message.
    return last.recipient == recipient.address


def _judge_repetition(recipient: Recipient, bodies: list[Transaction], verdict: Verdict) -> None:
    """Nothing follows a body that was taken, refused for good, or not answered."""
    for earlier in bodies[:-1]:
        if not 400 <= earlier.answer < 500:
            verdict.doubled.append(f"{recipient.address} again after {earlier.answer or 'no answer'}")
    if sum(one.is_taken for one in bodies) > 1:
        verdict.doubled.append(f"{recipient.address} was taken twice")


def _judge_end(recipient: Recipient, bodies: list[Transaction], verdict: Verdict) -> None:
    is_taken = any(one.is_taken for one in bodies)
    name = f"{recipient.message.message_id} to {recipient.address}: {recipient.state}"
    match recipient.state:
        case RecipientState.SENT:
            verdict.done += 1
            if not is_taken:
                verdict.lost.append(f"{name}, and the relay never took it")
        case RecipientState.FAILED:
            if is_taken or not _is_refused(recipient):
                verdict.broken.append(f"{name} {recipient.code}, after {[one.answer for one in bodies]}")
        case RecipientState.CANCELLED | RecipientState.WAITING if recipient.message.status != Status.QUEUED:
            if bodies:
                verdict.broken.append(f"{name}, {recipient.message.status}, and yet it left")
        case _:
            verdict.lost.append(f"{name} has not come to an end ({recipient.message.status})")
    if recipient.state != RecipientState.SENT and any(one.is_lost for one in bodies):
        verdict.broken.append(f"{name}, where the answer was lost")


def _is_refused(recipient: Recipient) -> bool:
    return recipient.code.startswith("5")


def judge_copies(verdict: Verdict, copies: Counter[Key], messages: Iterable[Message]) -> None:
    """The relay's own count, beside the witness's: a sent one is there once, an unknown one at most once."""
    for recipient in Recipient.objects.filter(message__in=list(messages)).select_related("message"):
        count = copies[recipient.message.message_id, recipient.address]
        name = f"{recipient.message.message_id} to {recipient.address}"
        if count > 1:
            verdict.doubled.append(f"{count} copies of {name} at the relay")
        if count == 0 and recipient.state == RecipientState.SENT:
            verdict.lost.append(f"no copy of {name} at the relay")
