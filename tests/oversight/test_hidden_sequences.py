"""No sequence of acts shows mail that nobody approved, and an approval shows it everywhere (R25, R27; A23)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailboxes import clock, keys, mailbox
from mailboxes.models import LimitKind, Mailbox
from mailboxes.modes import OversightMode
from messaging.events import reading
from messaging.inbound import holding, intake, withholding
from messaging.models import Direction, Message, Status
from messaging.webhooks import fanout
from oversight import admission, copying, departures, reviews
from oversight.models import Decision, DecisionKind, Door, Review, ReviewState
from tests import builders, hidden
from tests.api_client import Api
from tests.arrivals import receive
from tests.builders import Tenant
from tests.letters import letter

pytestmark = pytest.mark.django_db

SECRET = hidden.WORD


def let(mode: OversightMode) -> Callable[[Tenant], object]:
    return lambda alice: mailbox.set_mode(alice.mailbox, mode, by="member:x", now=clock.now())


def call(method: str, path: str, body: object = None) -> Callable[[Tenant], object]:
    """Something that the agent asks of the API, whatever is answered; `{box}` is its mailbox."""
    return lambda alice: Api(alice.key_text).send(method, path.format(box=alice.mailbox.pk), body)


def new_key(alice: Tenant) -> None:
    key, _ = keys.create_agent_key(alice.agent, now=clock.now())
    Api(alice.key_text).delete(f"/api-keys/{key.pk}")


def mail(alice: Tenant) -> None:
    """One more comes, of which nobody may hear, if the mailbox holds what arrives."""
    box = Mailbox.objects.get(pk=alice.mailbox.pk)
    is_gated = box.mode == OversightMode.GATED_ALL
    receive(letter(subject=SECRET if is_gated else "Fine", body=SECRET if is_gated else "Fine"), box.full_address)


def answer_it(alice: Tenant) -> None:
    for message in Message.objects.filter(status=Status.HELD, direction=Direction.INBOUND):
        path = f"/mailboxes/{alice.mailbox.pk}/messages"
        asked = {"to": ["kim@friends.example"], "subject": "Re", "bodyText": "Re", "inReplyTo": message.message_id}
        Api(alice.key_text).post(path, asked | {"triggerId": str(message.pk), "provenance": "human"})
        Api(alice.key_text).post(f"{path}/{message.pk}/cancel")


# Whatever an agent may do, the machine does by itself, or people do who decide nothing about the mail.
ACTS: dict[str, Callable[[Tenant], object]] = {
    **{f"mode {mode}": let(mode) for mode in OversightMode},
    "mail": mail,
    "pause": call("PATCH", "/mailboxes/{box}", {"status": "PAUSED"}),
    "wake": call("PATCH", "/mailboxes/{box}", {"status": "ACTIVE"}),
    "file": lambda alice: intake.process_due(limit=20, now=clock.now()),
    "settle": lambda alice: holding.settle(),
    "unlock": lambda alice: withholding.unlock(alice.account, now=clock.now()),
    "limit": lambda alice: builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 1),
    "upgrade": lambda alice: builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 0),
    "expire": lambda alice: reviews.expire_due(now=clock.now()),
    "sweep": lambda alice: departures.cancel_due(now=clock.now()),
    "copy": lambda alice: copying.send_due(now=clock.now()),
    "key": new_key,
    "answer": answer_it,
    "send": call("POST", "/mailboxes/{box}/messages", {"to": ["kim@friends.example"], "subject": "A", "bodyText": "A"}),
    "webhook": call("POST", "/webhooks", {"url": "https://hooks.example/x", "events": ["*"]}),
}


def seen(alice: Tenant) -> str:
    """All that the agent's key can read of mail."""
    api, at = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}"
    paths = [f"{at}/messages?limit=100", f"{at}/threads", "/events/log?types=*&limit=1000", "/oversight/pending"]
    told = [str(api.get(path).json) for path in paths]
    page = reading.page(alice.account.pk, after=0, limit=1000, now=clock.now())
    while fanout.fan_out(now=clock.now()):
        pass
    return "".join([*told, *(one.body for one in page.told)])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from(sorted(ACTS)), min_size=1, max_size=12))
def test_no_sequence_of_acts_shows_mail_that_nobody_approved(acts: list[str]) -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    builders.webhook(alice, events=["*"])
    mail(alice)
    for act in acts:
        ACTS[act](alice)
    intake.process_due(limit=20, now=clock.now())
    assert SECRET not in seen(alice)
    secrets = Message.objects.filter(mailbox=alice.mailbox, subject=SECRET)
    assert set(secrets.values_list("status", flat=True)) <= {Status.HELD, Status.EXPIRED}


def test_an_approved_mail_is_there_at_every_door() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    endpoint, _ = builders.webhook(alice, events=["message.received"])
    sent = builders.submit(alice)
    row = receive(
        hidden.files_mail(alice, f"In-Reply-To: {sent.message_id}", subject="Re: Hello"), alice.mailbox.full_address
    )
    intake.process_due(limit=5, now=clock.now())
    message = Message.objects.get(raw_message=row)
    api, at = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}"
    assert api.get("/account").json["account"]["monthlyInboundCount"] == 0
    approve(message, alice)
    file = message.attachments.get()
    assert api.get(f"{at}/messages?direction=INBOUND").json["messages"][0]["id"] == str(message.pk)
    told = api.get(f"{at}/messages/{message.pk}").json["message"]
    assert (told["status"], told["review"], told["answers"]["id"]) == ("RECEIVED", None, str(sent.pk))
    assert told["createdAt"] >= told["receivedAt"]
    assert api.get(f"{at}/threads/{sent.thread_id}").json["thread"]["messageCount"] == 2
    assert api.get(f"/attachments/{file.pk}").status == 200
    assert api.get("/account").json["account"]["monthlyInboundCount"] == 1
    assert api.get("/account").json["account"]["storageUsedBytes"] == file.size_bytes
    events = [one["event"] for one in api.get("/events/log", types="message.received").json["events"]]
    assert events == ["message.received"]
    while fanout.fan_out(now=clock.now()):
        pass
    assert endpoint.deliveries.count() == 1
    steps = [step["kind"] for step in api.get(f"{at}/messages/{message.pk}/timeline").json["timeline"]]
    assert "review" not in steps
    assert {"arrived", "released", "told"} <= set(steps)
    asked = {"to": ["kim@friends.example"], "subject": "Re", "bodyText": "Re", "inReplyTo": message.message_id}
    answered = api.post(f"{at}/messages", asked | {"triggerId": str(message.pk)}).json["message"]
    assert (answered["threadId"], answered["provenance"]) == (str(sent.thread_id), "inbound")


def test_mail_over_the_months_limit_is_withheld_when_it_is_approved_and_not_before() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 1)
    rows = [receive(letter(subject=subject), alice.mailbox.full_address) for subject in ("One", "Two")]
    intake.process_due(limit=5, now=clock.now())
    api, at = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}"
    assert api.get(f"{at}/messages").json["metadata"]["overLimitCount"] == 0
    # Counted in the order in which people let them pass, not in that of their arrival.
    for row in reversed(rows):
        approve(Message.objects.get(raw_message=row), alice)
    listed = api.get(f"{at}/messages").json
    assert [one["subject"] for one in listed["messages"]] == ["Two"]
    assert listed["metadata"]["overLimitCount"] == 1
    assert api.get(f"{at}/messages/{Message.objects.get(raw_message=rows[0]).pk}").status == 402


def test_hidden_mails_of_one_conversation_come_together_as_they_are_approved() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    first = receive(letter(subject="Plans", message_id="<one@friends.example>"), alice.mailbox.full_address)
    second = receive(letter("In-Reply-To: <one@friends.example>", subject="Re: Plans"), alice.mailbox.full_address)
    intake.process_due(limit=5, now=clock.now())
    messages = [Message.objects.get(raw_message=row) for row in (first, second)]
    assert messages[0].thread_id != messages[1].thread_id
    for message in messages:
        approve(message, alice)
    threads = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/threads").json["threads"]
    assert [(one["subject"], one["messageCount"]) for one in threads] == [("Plans", 2)]


def test_who_polls_since_the_newest_finds_what_was_approved_later() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    row = receive(letter(subject="Early"), alice.mailbox.full_address)
    intake.process_due(limit=5, now=clock.now())
    newest = builders.submit(alice)
    approve(Message.objects.get(raw_message=row), alice)
    since = newest.created_at.isoformat().replace("+00:00", "Z")
    found = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages", since=since).json["messages"]
    assert "Early" in [one["subject"] for one in found]


def approve(message: Message, owner: Tenant) -> UUID:
    """What an approval does to a received message."""
    review, now = Review.objects.get(message=message), clock.now()
    Decision.objects.create(
        review=review, version=review.version, kind=DecisionKind.APPROVE, seal=admission.seal_of(message),
        member=owner.owner, door=Door.CONSOLE, decided_at=now,
    )  # fmt: skip
    review.state, review.version, review.decided_at = ReviewState.APPROVED, review.version + 1, now
    review.save()
    admission.show(Message.objects.get(pk=message.pk), now=now)
    return review.pk
