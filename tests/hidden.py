"""What an agent's key sees at every door, for comparing: before and after mail came that nobody approved."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from uuid import UUID, uuid4

from django.http.response import HttpResponseBase
from django.test import Client

from mailboxes import clock, mailbox
from mailboxes.models import LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Attachment, Message, WebhookEndpoint
from messaging.webhooks import fanout
from tests import builders, domain_zone, files
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter

SENDER = "mallory@rivals.example"
WORD = "zyzzyva"
# Changes from one answer to the next, whatever happens in between.
VARIABLE = re.compile(rb'"requestId": ?"[^"]*"')
VARIABLE_HEADERS = {"X-Request-Id", "Date"}

# Every address that answers a GET with something of the account, and what is asked there. `{name}` is one of `names`.
ASKED: dict[str, tuple[str, ...]] = {
    "v1/account": ("v1/account",),
    "v1/account/export": ("v1/account/export",),
    "v1/api-keys": ("v1/api-keys",),
    "v1/attachments/<str:id>": ("v1/attachments/{file}", "v1/attachments/{hidden_file}"),
    "v1/domains": ("v1/domains",),
    "v1/domains/<str:id>": ("v1/domains/{domain}",),
    "v1/events/log": (
        "v1/events/log",
        "v1/events/log?types=*",
        "v1/events/log?types=*&limit=1&after={newest_event}",
        "v1/events/log?types=*&limit=1&after={newest_but_one}",
        "v1/events/log?types=message.received&mailboxId={mailbox}",
        "v1/events/log?after=latest",
    ),
    "v1/mailboxes": ("v1/mailboxes",),
    "v1/mailboxes/<str:id>": ("v1/mailboxes/{mailbox}",),
    "v1/mailboxes/<str:id>/messages": (
        "v1/mailboxes/{mailbox}/messages",
        "v1/mailboxes/{mailbox}/messages?direction=INBOUND&limit=1",
        "v1/mailboxes/{mailbox}/messages?offset=1",
        "v1/mailboxes/{mailbox}/messages?since=2020-01-01T00:00:00Z",
        "v1/mailboxes/{mailbox}/messages?threadId={thread}",
        "v1/mailboxes/{mailbox}/messages?threadId={hidden_thread}",
    ),
    "v1/mailboxes/<str:id>/messages/<str:msgId>": (
        "v1/mailboxes/{mailbox}/messages/{received}",
        "v1/mailboxes/{mailbox}/messages/{sent}",
        "v1/mailboxes/{mailbox}/messages/{hidden}",
    ),
    "v1/mailboxes/<str:id>/messages/<str:msgId>/timeline": (
        "v1/mailboxes/{mailbox}/messages/{received}/timeline",
        "v1/mailboxes/{mailbox}/messages/{sent}/timeline",
        "v1/mailboxes/{mailbox}/messages/{hidden}/timeline",
    ),
    "v1/mailboxes/<str:id>/trust": ("v1/mailboxes/{mailbox}/trust",),
    "v1/mailboxes/<str:id>/threads": ("v1/mailboxes/{mailbox}/threads",),
    "v1/mailboxes/<str:id>/threads/<str:tid>": (
        "v1/mailboxes/{mailbox}/threads/{thread}",
        "v1/mailboxes/{mailbox}/threads/{hidden_thread}",
    ),
    "v1/suppressions": ("v1/suppressions", "v1/suppressions?limit=1"),
    "v1/webhooks": ("v1/webhooks",),
    "v1/webhooks/<str:id>": ("v1/webhooks/{webhook}",),
    "v1/webhooks/<str:id>/deliveries": ("v1/webhooks/{webhook}/deliveries",),
    "v1/webhooks/<str:id>/deliveries/<str:deliveryId>": ("v1/webhooks/{webhook}/deliveries/{delivery}",),
    "v1/access-log": ("v1/access-log",),
    "v1/oversight/stops": ("v1/oversight/stops",),
    "v1/oversight/queue": ("v1/oversight/queue",),
    "v1/oversight/dead-letters": ("v1/oversight/dead-letters",),
    "v1/oversight/groups": ("v1/oversight/groups",),
    "v1/oversight/groups/<str:id>": ("v1/oversight/groups/{review}",),
    "v1/oversight/batches/<str:id>": ("v1/oversight/batches/{review}",),
    "v1/policy/templates": ("v1/policy/templates",),
    "v1/policy/rule-sets/<str:place>": ("v1/policy/rule-sets/account", "v1/policy/rule-sets/{mailbox}"),
    "v1/policy/rule-sets/<str:place>/versions": ("v1/policy/rule-sets/account/versions",),
    "v1/policy/rule-sets/<str:place>/versions/<str:number>": ("v1/policy/rule-sets/account/versions/1",),
    "v1/policy/rule-sets/<str:place>/versions/<str:number>/back-tests/<str:id>": (
        "v1/policy/rule-sets/account/versions/1/back-tests/{review}",
    ),
    "v1/oversight/pending": ("v1/oversight/pending", "v1/oversight/pending?mailboxId={mailbox}"),
    "v1/oversight/reviews/<str:id>": ("v1/oversight/reviews/{review}", "v1/oversight/reviews/{hidden_review}"),
}
# Answers a GET, and holds nothing of any account's mail.
NOT_OF_MAIL = {
    "v1/openapi.json": "the document of the API",
    "v1/signup/check-slug": "whether a name is free",
    "v1/events": "a stream: tests/oversight/test_hidden_mail.py looks at what it is made of",
}


def scene() -> tuple[Tenant, WebhookEndpoint, dict[str, UUID]]:
    """Alice, whose mailbox holds what arrives from now on, and what her agent knows until now, by name."""
    alice = builders.tenant(mode=OversightMode.GATED_SEND)
    endpoint, _ = builders.webhook(alice, events=["*"])
    sent = builders.submit(alice)
    received = arrive(alice.mailbox, files_mail(alice, subject="Plans"))
    while fanout.fan_out(now=clock.now()):
        pass
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_ALL, by="member:x", now=clock.now())
    review = sent.reviews.get()
    while fanout.fan_out(now=clock.now()):
        pass
    events = list(alice.account.events.order_by("-seq").values_list("pk", flat=True)[:2])
    assert received.thread_id is not None
    names: dict[str, UUID] = {
        "mailbox": alice.mailbox.pk,
        "sent": sent.pk,
        "received": received.pk,
        "thread": received.thread_id,
        "review": review.pk,
        "webhook": endpoint.pk,
        "delivery": endpoint.deliveries.order_by("event_seq")[0].pk,
        "domain": domain_zone.add(alice.account).pk,
        "file": Attachment.objects.get(message=received).pk,
        "upload": files.upload(alice).pk,
        "newest_event": events[0],
        "newest_but_one": events[1],
    }
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 3)
    events = list(alice.account.events.order_by("-seq").values_list("pk", flat=True)[:2])
    return alice, endpoint, names | {"newest_event": events[0], "newest_but_one": events[1]}


def files_mail(owner: Tenant, *headers: str, subject: str, sender: str = SENDER) -> bytes:
    """A mail with a file."""
    kind = "Content-Type: multipart/mixed; boundary=b"
    body = (
        f"\r\n--b\r\nContent-Type: text/plain\r\n\r\n{WORD}\r\n--b\r\nContent-Type: text/csv\r\n"
        f'Content-Disposition: attachment; filename="{WORD}.csv"\r\n\r\na,b\r\n--b--\r\n'
    )
    return letter("MIME-Version: 1.0", kind, *headers, sender=sender, to=owner.mailbox.full_address, subject=subject,
                  body=body)  # fmt: skip


def hidden_mail(owner: Tenant, names: Mapping[str, UUID]) -> list[Message]:
    """Mail that nobody has approved: an answer into a conversation that there is, one that begins its own, answers to
    both that are hidden too, one from who is known, more than the month's limit, and a retry of the sender's."""
    sent, received = Message.objects.get(pk=names["sent"]), Message.objects.get(pk=names["received"])
    raws = [
        files_mail(owner, f"In-Reply-To: {sent.message_id}", subject="Re: Hello", sender="kim@friends.example"),
        files_mail(owner, f"References: {received.message_id}", subject="Re: Plans"),
        letter(sender=SENDER, subject=WORD, message_id=f"<{WORD}@rivals.example>", body=WORD),
        letter(f"In-Reply-To: <{WORD}@rivals.example>", sender=SENDER, subject=f"Re: {WORD}", body=WORD),
        letter(sender=SENDER, subject="Re: Plans", body=WORD),
    ]
    messages = [arrive(owner.mailbox, raw, sender=SENDER) for raw in raws]
    row = files_mail(owner, subject="Again")
    messages.append(arrive(owner.mailbox, row, sender=SENDER))
    return messages


def hidden_names(messages: list[Message] | None) -> dict[str, UUID]:
    """The ids of hidden mail, or, before it came, ids of nothing."""
    if messages is None:
        return dict.fromkeys(("hidden", "hidden_thread", "hidden_file", "hidden_review"), uuid4())
    first = messages[0]
    thread_id = messages[2].thread_id
    assert thread_id is not None
    return {
        "hidden": first.pk,
        "hidden_thread": thread_id,
        "hidden_file": Attachment.objects.get(message=first).pk,
        "hidden_review": first.reviews.get().pk,
    }


def ask(key: str, path: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers, without what differs from one request to the next."""
    response: HttpResponseBase = Client().get(f"/{path}", headers={"Authorization": f"Bearer {key}"})
    whole: bytes = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    body = _unpacked(whole) if response.streaming else VARIABLE.sub(b"", whole)
    headers = {name: value for name, value in response.headers.items() if name not in VARIABLE_HEADERS}
    return response.status_code, body, headers


def _unpacked(archive: bytes) -> bytes:
    """The members of an archive. It tells of itself in its log: that is left out."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            content = opened.extractfile(member)
            assert content is not None
            found[member.name] = content.read().decode()
    for name in [name for name in found if name.startswith("events/")]:
        found[name] = "\n".join(line for line in found[name].splitlines() if "account.exported" not in line)
    manifest = json.loads(found.pop("manifest.json"))
    del manifest["tables"]["events"]
    return json.dumps([found, manifest], sort_keys=True).encode()
