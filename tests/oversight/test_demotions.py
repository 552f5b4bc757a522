"""The machine takes a rung back: for a severe rejection, a complaint, the breaker; never two for one cause."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import Settings

from mailboxes import accounts, clock, keys, mailbox, suspensions
from mailboxes.models import Event, Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Message, RecipientState, Status
from oversight import decisions, demotions, permits, submission, trust, trust_notices
from oversight.models import Demotion, Review
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter
from tests.outcomes import came_to

pytestmark = pytest.mark.django_db

RULE = builders.rule("promises", "hold", {"kind": "words", "words": ["guarantee"]}, risk="medium")


@pytest.fixture
def alice() -> Tenant:
    alice = builders.tenant(mode=OversightMode.MONITORED)
    builders.rules(alice, RULE)
    return alice


def mode_of(owner: Tenant) -> str:
    return Mailbox.objects.get(pk=owner.mailbox.pk).mode


def set_mode(owner: Tenant, mode: OversightMode) -> None:
    mailbox.set_mode(owner.mailbox, mode, by="test", now=clock.now())


def promise(owner: Tenant, **fields: Any) -> Review:
    return builders.held(owner, subject="We guarantee it", **fields)


def reject(owner: Tenant, review: Review, reason: str = "privacy") -> None:
    decisions.reject(review, reviewer=builders.reviewer(owner.owner), version=None, reason=reason, now=clock.now())


def complain(owner: Tenant, **fields: Any) -> None:
    came_to(builders.submit(owner, **fields), [RecipientState.COMPLAINED])


def settle() -> int:
    return demotions.settle(now=clock.now())


def events(owner: Tenant, kind: str) -> list[dict[str, Any]]:
    found = Event.objects.filter(account=owner.account, kind=kind).order_by("seq")
    return [json.loads(data) for data in found.values_list("data", flat=True)]


def mails(owner: Tenant) -> list[Message]:
    subject = "A mailbox was set back"
    return list(Message.objects.filter(to_addresses=[owner.owner.user.email], subject__startswith=subject))


def test_a_severe_rejection_takes_one_rung_back_and_says_so(alice: Tenant) -> None:
    waiting = promise(alice)
    reject(alice, review := promise(alice))
    assert (settle(), mode_of(alice)) == (1, "gated_send")
    [told] = events(alice, "mailbox.demoted")
    row = Demotion.objects.get()
    assert told == {
        "mailbox_id": str(alice.mailbox.pk),
        "demotion_id": str(row.pk),
        "cause": "severe_reject",
        "reason": "privacy",
        "to": "gated_send",
    }
    assert row.about == review.pk
    changed = events(alice, "mailbox.mode_changed")[-1]
    assert (changed["from"], changed["to"], changed["by"]) == ("monitored", "gated_send", f"demotion:{row.pk}")
    waiting.refresh_from_db()
    assert waiting.state == "open", "what waits goes on waiting"


def test_the_owners_are_told_once(alice: Tenant) -> None:
    reject(alice, promise(alice))
    settle()
    assert [trust_notices.send_due(now=clock.now()) for _ in range(2)] == [1, 0]
    [mail] = mails(alice)
    assert mail.account.is_platform
    for text in (mail.body_text, mail.body_html or ""):
        assert f"{alice.mailbox.full_address} was set back to gated_send" in text
        assert "severe reason" in text
        assert "guarantee" not in text


@pytest.mark.parametrize("reason", ["tone", "other", "Privacy ", "privacy,risky_link_or_file"])
def test_other_rejections_take_nothing_back(alice: Tenant, reason: str) -> None:
    reject(alice, promise(alice), reason)
    assert (settle(), mode_of(alice)) == (0, "monitored")
    assert not Demotion.objects.exists()


def test_which_reasons_are_severe_is_a_setting(alice: Tenant, settings: Settings) -> None:
    settings.SEVERE_REASONS = frozenset({"tone"})
    reject(alice, promise(alice), "privacy")
    assert settle() == 0
    reject(alice, promise(alice), "tone")
    assert settle() == 1


def test_a_complaint_takes_one_rung_back_however_many_of_a_message_complain(alice: Tenant) -> None:
    set_mode(alice, OversightMode.AUTONOMOUS)
    message = builders.submit(alice, to=("kim@friends.example", "lee@friends.example"))
    came_to(message, [RecipientState.COMPLAINED, RecipientState.COMPLAINED])
    assert (settle(), mode_of(alice)) == (1, "monitored")
    assert settle() == 0
    assert Demotion.objects.get().about == message.pk


def test_causes_at_once_take_one_rung_and_a_later_one_takes_the_next(alice: Tenant) -> None:
    set_mode(alice, OversightMode.AUTONOMOUS)
    for name in ("kim", "lee", "max"):
        complain(alice, to=(f"{name}@friends.example",))
    assert (settle(), mode_of(alice)) == (1, "monitored")
    complain(alice, to=("noa@friends.example",))
    assert (settle(), mode_of(alice)) == (1, "gated_send")
    reject(alice, promise(alice, to=("oli@friends.example",)))
    assert (settle(), mode_of(alice)) == (0, "gated_send"), "never below the lowest"
    assert len(events(alice, "mailbox.demoted")) == 2


def test_the_breaker_takes_a_rung_of_every_free_mailbox(alice: Tenant) -> None:
    asked = mailbox.NewMailbox("strict", alice.mailbox.domain, alice.agent, mode=OversightMode.GATED_ALL)
    strict = mailbox.create(alice.account, asked, now=clock.now())
    bob = builders.tenant("bob", mode=OversightMode.MONITORED)
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="reputation", now=clock.now())
    suspensions.suspend(bob.account, reason="unpaid", by="operator", now=clock.now())
    assert settle() == 1
    assert (mode_of(alice), Mailbox.objects.get(pk=strict.pk).mode, mode_of(bob)) == (
        "gated_send",
        "gated_all",
        "monitored",
    )


def test_the_house_is_never_set_back() -> None:
    mail = submission.PlatformMail("kim@friends.example", "Hello", "Hello\n", "<p>Hello</p>")
    came_to(submission.submit_platform(mail, now=clock.now()), [RecipientState.COMPLAINED])
    assert settle() == 0
    assert not Demotion.objects.exists()
    assert accounts.platform().mailbox.mode == "autonomous"


def test_rejecting_received_mail_says_nothing_of_the_agent() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    arrive(alice.mailbox, letter(to=alice.mailbox.full_address))
    set_mode(alice, OversightMode.AUTONOMOUS)
    reject(alice, Review.objects.get(account=alice.account))
    assert not Demotion.objects.exists()


def test_queued_mail_that_no_person_saw_waits_for_one_and_what_a_person_approved_leaves(alice: Tenant) -> None:
    approved, severe = promise(alice), promise(alice)
    decisions.approve(approved, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    builders.release()
    queued = builders.submit(alice)
    reject(alice, severe)
    settle()
    queued.refresh_from_db()
    assert (queued.status, queued.reason_code) == (Status.HELD, "demoted")
    assert Message.objects.get(pk=approved.message_id).status == Status.QUEUED
    again = Review.objects.get(message=queued)
    decisions.approve(again, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    builders.release()
    settle()
    queued.refresh_from_db()
    assert queued.status == Status.QUEUED, "once a person has looked it is not held again"


def test_autonomous_mail_is_not_held_by_a_step_to_monitored(alice: Tenant) -> None:
    set_mode(alice, OversightMode.AUTONOMOUS)
    reject(alice, promise(alice))
    queued = builders.submit(alice)
    settle()
    queued.refresh_from_db()
    assert (mode_of(alice), queued.status) == ("monitored", Status.QUEUED)


def test_what_a_rule_lets_leave_at_the_lower_rung_leaves(alice: Tenant) -> None:
    allow = builders.rule("friends", "allow", {"kind": "recipient_list", "addresses": ["*@friends.example"]})
    builders.rules(alice, RULE, allow)
    reject(alice, promise(alice))
    settle()
    later = builders.submit(alice)
    settle()
    later.refresh_from_db()
    assert later.status == Status.QUEUED


def test_no_code_from_before_undoes_a_demotion(alice: Tenant) -> None:
    set_mode(alice, OversightMode.GATED_SEND)
    spare = keys.authenticate(keys.create_agent_key(alice.agent, now=clock.now())[1], now=clock.now())
    for actor in (alice.agent_actor, spare):
        trust.request_upgrade(actor, alice.mailbox.pk, OversightMode.MONITORED, now=clock.now())
    codes = Message.objects.filter(subject__startswith="Code for ").order_by("created_at")
    first, second = (mail.body_text.split("code:\n\n")[1].strip()[:7] for mail in codes)
    api = Api(alice.key_text)
    path = f"/mailboxes/{alice.mailbox.pk}/upgrade"
    assert api.post(path, {"code": first}).status == 200
    complain(alice)
    assert (settle(), mode_of(alice)) == (1, "gated_send")
    attempt = permits.begin_try(spare, trust.UPGRADE, mailbox=alice.mailbox, now=clock.now())
    with pytest.raises(Exception, match="a step from before"):
        trust.apply_upgrade(spare, alice.mailbox.pk, second, attempt=attempt, now=clock.now())
    assert mode_of(alice) == "gated_send"
