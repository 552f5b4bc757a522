"""`GET /v1/mailboxes/{id}/messages/{msgId}/timeline`: who may read it, what it shows, what it keeps to itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import clock, keys, mailbox
from mailboxes.mailbox import NewMailbox
from mailboxes.models import ApiKey, Event, Mailbox, Scope
from mailboxes.modes import OversightMode
from messaging.models import Message, RecipientState, Status
from messaging.webhooks import claims, fanout
from messaging.webhooks import outcomes as webhook_outcomes
from messaging.webhooks.telling import Outcome as Told
from oversight import decisions
from tests import builders
from tests.api_client import Answer, Api
from tests.arrivals import arrive, withheld
from tests.builders import Tenant
from tests.letters import letter
from tests.messaging.told import webhook_to
from tests.outcomes import came_to

pytestmark = pytest.mark.django_db

SECRETS = ("Secret subject", "Secret body")


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def read(key: str, message: Message, *, box: Mailbox | None = None) -> Answer:
    box_id = box.pk if box else message.mailbox_id
    return Api(key).get(f"/mailboxes/{box_id}/messages/{message.pk}/timeline")


def of_kind(answer: Answer, kind: str) -> list[dict[str, Any]]:
    return [step for step in answer.json["timeline"] if step["kind"] == kind]


def second_box(owner: Tenant) -> Mailbox:
    asked = NewMailbox(address=f"{owner.mailbox.full_address.split('@')[0]}-2", domain=owner.mailbox.domain)
    return mailbox.create(owner.account, asked, now=clock.now())


def scoped_key(owner: Tenant, box: Mailbox) -> str:
    return keys.create_agent_key(owner.agent, mailboxes=[box], now=clock.now())[1]


class TestWhoMayReadIt:
    def test_nobody_of_another_account(self, alice: Tenant) -> None:
        assert read(builders.tenant("charlie").key_text, builders.submit(alice)).status == 404

    def test_no_key_that_is_scoped_to_another_mailbox(self, alice: Tenant) -> None:
        message = builders.submit(alice)
        assert read(scoped_key(alice, second_box(alice)), message).status == 404
        assert read(scoped_key(alice, alice.mailbox), message).status == 200

    def test_nobody_through_another_mailbox_of_the_account(self, alice: Tenant) -> None:
        assert read(alice.key_text, builders.submit(alice), box=second_box(alice)).status == 404

    def test_no_key_that_does_not_read(self, alice: Tenant) -> None:
        ApiKey.objects.filter(account=alice.account).update(scopes=[Scope.SEND])
        answer = read(alice.key_text, builders.submit(alice))
        assert (answer.status, answer.code) == (403, "missing_scope")

    def test_nobody_of_a_refused_message(self) -> None:
        alice = builders.tenant(mode=OversightMode.READ_ONLY)
        assert read(alice.key_text, builders.submit(alice)).status == 404

    @pytest.mark.parametrize("state", [Status.ARRIVED, Status.HELD])
    def test_nobody_of_received_mail_that_was_not_released(self, alice: Tenant, state: Status) -> None:
        message = arrive(alice.mailbox)
        # No mode holds received mail yet.
        Message.objects.filter(pk=message.pk).update(status=state, released_at=None)
        assert read(alice.key_text, message).status == 404

    def test_nobody_of_a_withheld_message_and_the_answer_is_that_of_the_message(self, alice: Tenant) -> None:
        message = withheld(alice.mailbox)
        answer = read(alice.key_text, message)
        of_message = Api(alice.key_text).get(f"/mailboxes/{message.mailbox_id}/messages/{message.pk}")
        assert (answer.status, answer.code) == (of_message.status, of_message.code) == (402, "INBOUND_LIMIT_EXCEEDED")
        assert "timeline" not in answer.json

    def test_nobody_under_an_id_that_is_none(self, alice: Tenant) -> None:
        assert Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/x/timeline").status == 404


class TestWhatItShows:
    def test_every_step_has_its_moment_kind_sentence_and_facts(self, alice: Tenant) -> None:
        message = builders.submit(alice)
        came_to(message, [RecipientState.BOUNCED])
        answer = read(alice.key_text, message)
        assert (answer.status, answer.json["complete"], answer.json["hasMore"]) == (200, True, False)
        told = answer.json["timeline"]
        assert [step["kind"] for step in told] == ["intent", "verdict", "attempt", "feedback", "suppression"]
        assert told == sorted(told, key=lambda step: step["at"])
        assert told[0]["by"] == {"role": "agent", "name": alice.agent.name}
        assert told[1]["by"]["role"] == "policy"
        assert "by" not in told[2]
        assert (told[2]["data"]["code"], told[2]["data"]["startedAt"][-1]) == ("250", "Z")
        assert all(step["at"].endswith("Z") and step["text"] for step in told)

    def test_a_message_on_its_way_is_not_complete(self, alice: Tenant) -> None:
        assert read(alice.key_text, builders.submit(alice)).json["complete"] is False

    def test_nothing_of_subject_and_text_stands_in_it(self, alice: Tenant) -> None:
        raw = letter(to=alice.mailbox.full_address, subject=SECRETS[0], body=SECRETS[1], message_id="<q@x.example>")
        received = arrive(alice.mailbox, raw)
        sent = builders.submit(alice, subject=SECRETS[0], body_text=SECRETS[1], in_reply_to="<q@x.example>")
        for message in (received, sent):
            answer = read(alice.key_text, message)
            assert answer.status == 200
            assert not [secret for secret in SECRETS if secret in str(answer.json)]

    def test_a_decide_key_reads_more_of_the_verdict_than_the_author(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        evaluation = review.message.evaluations.get()
        evaluation.trace.append(evaluation.trace[0] | {"rule": "amount", "code": "amount_under"})
        evaluation.save()
        rhea = builders.decide_key(builders.member(alice.account))
        rules = [
            [line["rule"] for line in of_kind(read(key, review.message), "verdict")[0]["data"]["trace"]]
            for key in (alice.key_text, rhea)
        ]
        assert rules == [["oversight_mode"], ["oversight_mode", "floor", "own_key", "thread_breaker", "amount"]]

    def test_a_decision_is_told_with_reason_and_note(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        by = builders.reviewer(builders.member(alice.account))
        decisions.reject(review, reviewer=by, version=1, reason="tone", note="Kinder.", now=clock.now())
        opened, rejected = of_kind(read(alice.key_text, review.message), "review")
        assert (opened["data"]["action"], opened["data"]["reviewId"]) == ("opened", str(review.pk))
        assert (rejected["data"]["reason"]["code"], rejected["data"]["note"]) == ("tone", "Kinder.")
        assert rejected["by"]["role"] == "member"

    def test_it_asks_the_database_as_often_for_much_as_for_little(self, alice: Tenant) -> None:
        little = builders.submit(alice)
        webhook_to(alice, "*")
        much = builders.submit(alice, cc=("lee@friends.example", "mo@friends.example"))
        came_to(much, [RecipientState.BOUNCED, RecipientState.DELIVERED, RecipientState.COMPLAINED])
        tell()
        read(alice.key_text, little)
        counts = []
        for message in (little, much):
            with CaptureQueriesContext(connection) as asked:
                assert read(alice.key_text, message).status == 200
            counts.append(len(asked))
        assert counts[0] == counts[1]


def tell() -> None:
    """Tell all webhooks what happened; each answers 200 after 210 ms."""
    while fanout.fan_out(now=clock.now()):
        pass
    while claimed := claims.claim_due(free=100, for_failing=1, now=clock.now()):
        now = clock.now()
        answered = [Told(one, now, now + timedelta(milliseconds=210), status=200) for one in claimed]
        webhook_outcomes.record(answered, now=now)


class TestWhatWebhooksWereTold:
    def test_is_told_with_the_answer_and_the_host_alone(self, alice: Tenant) -> None:
        hook = webhook_to(alice, "message.delivered", url="https://hooks.example/secret-path")
        message = builders.submit(alice)
        came_to(message, [RecipientState.DELIVERED])
        tell()
        (step,) = of_kind(read(alice.key_text, message), "webhook")
        assert step["text"] == "Told https://hooks.example of message.delivered after 0.2 s: 200"
        assert step["data"] == {
            "webhookId": str(hook.pk),
            "deliveryId": str(hook.deliveries.get().pk),
            "event": "message.delivered",
            "eventId": str(Event.objects.get(subject=str(message.pk), kind="message.delivered").pk),
            "status": "DELIVERED",
            "attempts": 1,
            "responseStatus": 200,
            "code": None,
            "durationMs": 210,
            "nextAttemptAt": None,
        }

    def test_is_told_of_the_review_too(self) -> None:
        alice = builders.tenant()
        webhook_to(alice, "review.opened")
        review = builders.held(alice)
        tell()
        (step,) = of_kind(read(alice.key_text, review.message), "webhook")
        assert step["data"]["event"] == "review.opened"

    def test_a_scoped_key_reads_of_its_mailboxes_webhooks_alone(self, alice: Tenant) -> None:
        its_own = webhook_to(alice, "message.queued", box=alice.mailbox)
        webhook_to(alice, "message.queued")
        message = builders.submit(alice)
        tell()
        scoped = of_kind(read(scoped_key(alice, alice.mailbox), message), "webhook")
        assert [step["data"]["webhookId"] for step in scoped] == [str(its_own.pk)]
        assert len(of_kind(read(alice.key_text, message), "webhook")) == 2

    def test_of_another_message_is_not_told_here(self, alice: Tenant) -> None:
        hook = webhook_to(alice, "message.queued")
        message, other = builders.submit(alice), builders.submit(alice)
        tell()
        assert hook.deliveries.count() == 2
        for one in (message, other):
            (step,) = of_kind(read(alice.key_text, one), "webhook")
            event = Event.objects.get(pk=step["data"]["eventId"])
            assert event.subject == str(one.pk)
