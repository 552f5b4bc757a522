"""What followed: the reports of recipients' servers, suppressions, and what webhooks were told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from messaging.mime import addresses
from messaging.models import DeliveryStatus, RecipientState, WebhookDelivery

from .evidence import Evidence
from .sending import event_id
from .steps import Kind, Step

REPORTED = {
    "message.delivered": (RecipientState.DELIVERED, "Delivered to {to}"),
    "message.bounced": (RecipientState.BOUNCED, "Bounced for {to}"),
    "message.complaint": (RecipientState.COMPLAINED, "Reported as spam by {to}"),
}


def reported(evidence: Evidence) -> Iterator[Step]:
    """What was reported of each copy. The words of a report are kept until a graver one comes."""
    recipients = evidence.recipients()
    for fact in evidence.events(*REPORTED):
        said = fact.said["data"]
        state, words = REPORTED[fact.said["kind"]]
        recipient = recipients.get(str(said.get("recipient_id")))
        to = recipient["address"] if recipient else None
        diagnostic = recipient["text"] if recipient and recipient["state"] == state else ""
        code = said.get("code") if state == RecipientState.BOUNCED else None
        answer = " ".join(part for part in (code, diagnostic) if part)
        text = words.format(to=to or "one of its recipients") + (f": {answer}" if answer else "")
        facts = {"recipient": to, "state": state, "code": said.get("code"), "text": diagnostic or None}
        yield Step(fact.at, Kind.FEEDBACK, text, None, facts | event_id(fact), fact.number)


def suppressed(evidence: Evidence) -> Iterator[Step]:
    """The suppressions that its reports led to, as long as they stand."""
    by_key = {addresses.key_of_canonical(one["address"]): one["address"] for one in evidence.recipients().values()}
    for fact in evidence.of("suppression"):
        to = by_key.get(fact.said["key"])
        if to is None:
            continue
        data = {"recipient": to, "reason": fact.said["reason"], "suppressionId": fact.said["id"]}
        yield Step(fact.at, Kind.SUPPRESSION, f"{to} is on the suppression list since then", data=data)


def told(deliveries: Sequence[WebhookDelivery]) -> Iterator[Step]:
    """What each webhook was told, once for each event: how it stands after the last attempt."""
    for one in deliveries:
        data = {
            "webhookId": str(one.endpoint_id),
            "deliveryId": str(one.pk),
            "event": one.event,
            "eventId": str(one.event_id),
            "status": one.status,
            "attempts": one.attempts,
            "responseStatus": one.response_status,
            "code": one.code or None,
            "durationMs": _took(one),
            "nextAttemptAt": one.next_retry_at,
        }
        at = one.attempted_at or one.created_at
        yield Step(at, Kind.WEBHOOK, _words(one), data=data, number=one.event_seq)


def _words(one: WebhookDelivery) -> str:
    """Of the address only the host: a path or a query may be a secret."""
    url = urlsplit(one.endpoint.url)
    host = f"{url.scheme}://{url.netloc}"
    answer = " ".join(str(part) for part in (one.response_status, one.code) if part) or "no answer"
    if not one.attempts:
        is_over = one.status == DeliveryStatus.FAILED
        return f"{host} was not told of {one.event}: {answer}" if is_over else f"{host} is to be told of {one.event}"
    took = _took(one)
    after = f" after {took / 1000:.1f} s" if took is not None else ""
    if one.status == DeliveryStatus.DELIVERED:
        return f"Told {host} of {one.event}{after}: {answer}"
    tries = "one attempt" if one.attempts == 1 else f"{one.attempts} attempts"
    if one.status == DeliveryStatus.FAILED:
        return f"Given up telling {host} of {one.event} after {tries}: {answer}"
    return f"{host} is not yet told of {one.event}: {tries}, the last{after}: {answer}"


def _took(one: WebhookDelivery) -> int | None:
    took: int | None = one.took  # type: ignore[attr-defined]  # `evidence.tellings` put it there
    return took
