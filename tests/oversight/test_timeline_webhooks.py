"""What webhooks were told of a message stands in its timeline, as the process that tells them leaves it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from mailboxes import clock as house_clock
from mailboxes.modes import OversightMode
from messaging.models import Message, RecipientState
from messaging.webhooks.teller import Teller
from oversight import timeline
from oversight.timeline import Kind, Step
from tests import builders
from tests.builders import Tenant
from tests.messaging.told import receiver, settle, webhook
from tests.outcomes import came_to

pytestmark = pytest.mark.django_db(transaction=True)


def told_of(message: Message, owner: Tenant) -> list[Step]:
    found = Message.objects.select_related("agent", "key", "member__user").get(pk=message.pk)
    steps = timeline.of(found, actor=owner.agent_actor).steps
    return [step for step in steps if step.kind is Kind.WEBHOOK]


def sent(owner: Tenant) -> Message:
    message = builders.submit(owner)
    came_to(message, [RecipientState.DELIVERED])
    return message


def test_a_webhook_that_answers_is_told_of_with_its_answer_and_time() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    with receiver() as heard:
        webhook(alice, heard, "message.delivered")
        message = sent(alice)
        (before,) = [told_of(message, alice)]
        settle(Teller())
        (step,) = told_of(message, alice)
    assert before == []
    told = rf"Told http://127\.0\.0\.1:{heard.web.port} of message\.delivered after \d+\.\d s: 200"
    assert re.fullmatch(told, step.text)
    assert (step.data["status"], step.data["attempts"], step.data["eventId"]) == ("DELIVERED", 1, heard.ids[0])


def test_a_webhook_that_fails_is_not_yet_told_and_says_when_it_is_tried_again() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    with receiver(status="500 No") as heard:
        webhook(alice, heard, "message.delivered")
        message = sent(alice)
        before = house_clock.now()
        settle(Teller())
        (step,) = told_of(message, alice)
    assert f"http://127.0.0.1:{heard.web.port} is not yet told of message.delivered: one attempt" in step.text
    assert step.text.endswith(": 500")
    assert step.data["nextAttemptAt"] > before
    assert step.data["nextAttemptAt"] < house_clock.now() + timedelta(minutes=10)
