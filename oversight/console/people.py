"""What is known of those whom a message goes to: mails before, the last reply, suppression."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet

from mailboxes.principals import Principal
from messaging.mime import addresses
from messaging.models import Direction, Message, Recipient, RecipientState, Status
from messaging.recipients import suppressions
from oversight.counting import Counted
from oversight.facts import history

from .cards import Person

ORDER = ("to", "cc", "bcc")
TAKEN = (RecipientState.SENT, RecipientState.DELIVERED, RecipientState.BOUNCED, RecipientState.COMPLAINED)


def of(message: Message, *, actor: Principal, replies: dict[str, datetime]) -> list[Person]:
    """The recipients in the order to, cc, bcc. `replies`: when each address last wrote into this thread.

    Of received mail those that its header names: to them nothing goes.
    """
    if message.direction == Direction.INBOUND:
        named = {"to": message.to_addresses, "cc": message.cc_addresses}
        return [Person(address, kind=kind) for kind, addresses in named.items() for address in addresses]
    found = sorted(_recipients(message, actor), key=lambda person: (ORDER.index(person.kind), person.address))
    reached = [one.address for one in found]
    suppressed = {row.key: row for row in suppressions.find(message.account_id, reached)}
    strangers = history.strangers(actor.account.pk, reached, besides=message.pk)
    return [
        replace(_person(one, message, suppressed, replies), is_first_contact=one.address in strangers) for one in found
    ]


def _recipients(message: Message, actor: Principal) -> QuerySet[Any]:
    # By address and no further than the answer. Not Exists, which PostgreSQL may answer by reading all of the account.
    took = Recipient.objects.filter(message__account=actor.account, address=OuterRef("address"), state__in=TAKEN)
    return message.recipients.annotate(sent_count=Counted(took.exclude(message=message)))


def _person(one: Any, message: Message, suppressed: dict[str, Any], replies: dict[str, datetime]) -> Person:
    row = suppressed.get(addresses.suppression_key(one.address))
    waits = Status.HELD, Status.RETURNED
    is_on_the_way = message.status not in (*waits, Status.REJECTED, Status.EXPIRED, Status.CANCELLED)
    return Person(
        address=one.address,
        kind=one.kind,
        sent_count=one.sent_count,
        last_reply_at=replies.get(one.address),
        suppressed_reason=f"Suppressed ({row.get_reason_display().lower()})" if row else "",
        state=one.state if is_on_the_way else "",
        detail=one.text,
    )
