"""Reality, at the outside: what the relay was given is, byte for byte, what people or the policy let leave."""

from __future__ import annotations

import re

from messaging.mime.seal import seal
from messaging.models import Revision
from oversight.models import Decision, DecisionKind
from tests.fakes.sink import Sink

from .both import Mail

SIGNATURES = re.compile(rb"\A(?:DKIM-Signature:.*\r\n(?:[ \t].*\r\n)*)+", re.IGNORECASE)
SUBJECT = re.compile(rb"^Subject: (.*)\r$", re.MULTILINE)


def check(relay: Sink, mail: Mail) -> None:
    """Of the mail that the relay was given last. The seal is made anew, of the bytes and of whom the model names."""
    taken = relay.taken.pop()
    message, review = mail.promised, mail.promised.review
    assert message.cleared is not None, "it left though nobody let it"
    subject, addresses = message.cleared
    assert set(taken.recipients) <= addresses, f"it left for {taken.recipients}, and was cleared for {addresses}"
    [told] = SUBJECT.findall(taken.content.partition(b"\r\n\r\n")[0] + b"\r\n")
    assert told.decode() == subject, f"{told!r} left, and {subject!r} was cleared"
    raw = SIGNATURES.sub(b"", taken.content)
    made = seal(
        header_from=mail.real.from_address,
        recipients=[("to", address) for address in addresses],
        send_at=None,
        raw=raw,
    )
    if not message.needs_decision:
        assert Revision.objects.get(message=mail.real, version=1).seal == made
        return
    assert review is not None
    said = Decision.objects.filter(review=mail.reviews[-1], seal=made, kind=DecisionKind.APPROVE)
    people = set(said.values_list("member_id", flat=True))
    assert len(people) >= review.needed, f"{len(people)} of {review.needed} people let these bytes leave"
