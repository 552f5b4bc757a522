"""Copies of what monitored mailboxes send: to a human elsewhere, of which nobody else learns."""

from __future__ import annotations

import json

import pytest

from mailboxes import clock as platform_clock
from mailboxes import departure, erasure, mailbox, oversight_address
from mailboxes.errors import Invalid
from mailboxes.models import Event, Usage, User
from mailboxes.modes import OversightMode
from messaging.models import Message, Recipient, Revision, Status, Suppression, SuppressionReason
from messaging.outbound import drafts
from messaging.recipients import suppressions
from oversight import copying, decisions, submission
from oversight.models import Copy, Review
from tests import builders, hidden
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.MONITORED)


def send_copies() -> list[Message]:
    """Make what is due; the copies that were sent so far."""
    copying.send_due(now=platform_clock.now())
    return [
        copy.copy for copy in Copy.objects.exclude(copy=None).select_related("copy").order_by("created_at") if copy.copy
    ]


def test_a_copy_of_every_mail_goes_to_the_owner_as_a_mail_of_the_house(alice: Tenant) -> None:
    sent = builders.submit(alice, cc=("lee@friends.example",), bcc=("mo@friends.example",), subject="An offer")
    [copy] = send_copies()
    assert copy.account.is_platform
    assert copy.to_addresses == [alice.owner.user.email]
    told = ("kim@friends.example", "lee@friends.example", "mo@friends.example", "Good day to you.", str(sent.pk))
    assert [one for one in ("An offer", *told) if one not in copy.body_text] == []


def test_nobody_else_learns_of_a_copy(alice: Tenant) -> None:
    """Neither the recipients, nor the agent: not on the message, not by an event, not by what is counted."""
    sent = builders.submit(alice)
    before = bytes(drafts.current_revision(sent).raw), drafts.seal_of(sent, bytes(drafts.current_revision(sent).raw))
    log = Event.objects.filter(account=alice.account).count()
    counted = list(Usage.objects.filter(account=alice.account).values_list("kind", "used"))
    shown = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{sent.pk}").json
    timeline = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{sent.pk}/timeline").json
    [copy] = send_copies()
    owner = alice.owner.user.email
    assert list(Recipient.objects.filter(message=sent).values_list("address", flat=True)) == ["kim@friends.example"]
    raw = bytes(drafts.current_revision(sent).raw)
    assert (raw, drafts.seal_of(sent, raw)) == before
    assert owner.encode() not in raw
    assert Event.objects.filter(account=alice.account).count() == log
    assert list(Usage.objects.filter(account=alice.account).values_list("kind", "used")) == counted
    again = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{sent.pk}").json
    assert again == shown
    assert Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{sent.pk}/timeline").json == timeline
    assert Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}/messages/{copy.pk}").status == 404


@pytest.mark.parametrize("mode", [OversightMode.AUTONOMOUS, OversightMode.GATED_SEND, OversightMode.GATED_ALL])
def test_other_modes_make_no_copies(mode: OversightMode) -> None:
    builders.submit(builders.tenant(mode=mode))
    assert send_copies() == []


def test_a_mail_that_people_let_go_is_copied_too_and_once(alice: Tenant) -> None:
    review = builders.held(alice, oversight_mode="gated_send")
    assert send_copies() == []
    rhea = builders.reviewer(builders.member(alice.account))
    decisions.approve(review, reviewer=rhea, version=1, now=platform_clock.now())
    decisions.undo(Review.objects.get(pk=review.pk), reviewer=rhea, now=platform_clock.now())
    decisions.approve(Review.objects.get(pk=review.pk), reviewer=rhea, version=3, now=platform_clock.now())
    assert len(send_copies()) == 1
    assert len(send_copies()) == 1


def test_a_mail_that_was_taken_back_before_it_left_is_not_copied(alice: Tenant) -> None:
    sent = builders.submit(alice)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, sent.pk, now=platform_clock.now())
    assert send_copies() == []
    assert Copy.objects.get().outcome == "nothing_left"


def test_what_fails_about_a_copy_is_tried_again_and_costs_the_mail_nothing(
    alice: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect of ours")

    clock.set(platform_clock.now())
    sent = builders.submit(alice)
    with monkeypatch.context() as broken:
        broken.setattr(copying, "submit_platform", fail)
        for _ in range(3):
            assert send_copies() == []
            clock.advance(seconds=3600)
    sent.refresh_from_db()
    assert sent.status == Status.QUEUED
    assert len(send_copies()) == 1


def test_a_copy_that_fails_again_and_again_is_given_up(
    alice: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect of ours")

    clock.set(platform_clock.now())
    builders.submit(alice)
    monkeypatch.setattr(copying, "submit_platform", fail)
    for _ in range(copying.TRIES):
        clock.advance(days=2)
        send_copies()
    copy = Copy.objects.get()
    assert (copy.outcome, copy.due_at, copy.failures_count) == ("failed", None, copying.TRIES)


def test_a_suppression_of_the_watcher_stops_no_mail(alice: Tenant) -> None:
    """The owner's address on the account's own list keeps the agent from writing there; the house still does."""
    suppressions.add(
        alice.account, alice.owner.user.email, reason=SuppressionReason.COMPLAINT, now=platform_clock.now()
    )
    builders.submit(alice)
    assert len(send_copies()) == 1
    assert Suppression.objects.filter(account=alice.account).count() == 1


def test_copies_go_to_the_accounts_oversight_address_where_there_is_one(alice: Tenant) -> None:
    assert oversight_address.change(alice.account, "Watch@People.Example", by="operator:x", now=platform_clock.now())
    builders.submit(alice)
    [copy] = send_copies()
    assert copy.to_addresses == ["watch@people.example"]
    told = Event.objects.get(account=alice.account, kind="account.oversight_email_changed")
    assert json.loads(told.data) == {"by": "operator:x"}


@pytest.mark.parametrize(
    "address", ["alice@agents.example", "x@AGENTS.example.", "no address", "a@b.example, c@d.example"]
)
def test_an_address_that_is_delivered_here_watches_nobody(address: str, alice: Tenant) -> None:
    """R18: what comes to an address of this server, an agent could read."""
    with pytest.raises(Invalid):
        oversight_address.change(alice.account, address, by="operator:x", now=platform_clock.now())


def test_an_owner_whose_address_is_delivered_here_by_now_is_sent_no_copy(alice: Tenant) -> None:
    User.objects.filter(pk=alice.owner.user_id).update(email="owner@agents.example")
    builders.submit(alice)
    assert send_copies() == []
    assert Copy.objects.get().outcome == "no_address"


@pytest.mark.parametrize("end", ["account", "mailbox"])
def test_a_copy_is_erased_with_its_message(end: str, alice: Tenant, clock: Clock) -> None:
    clock.set(platform_clock.now())
    oversight_address.change(alice.account, "watch@people.example", by="operator:x", now=clock.now())
    builders.submit(alice)
    [copy] = send_copies()
    if end == "account":
        departure.depart(alice.account, by="test", now=clock.now())
    else:
        mailbox.delete(alice.mailbox, by="test", now=clock.now())
        submission.cancel_waiting(Message.objects.get(mailbox=alice.mailbox), by="test", now=clock.now())
    clock.advance(days=60)
    for _ in range(20):
        erasure.erase_due(now=clock.now())
    assert not Message.objects.filter(pk=copy.pk).exists()
    assert not Revision.objects.filter(message_id=copy.pk).exists()
    assert not Copy.objects.exists()


def test_mail_that_arrives_is_not_copied(alice: Tenant) -> None:
    arrive(alice.mailbox, hidden.files_mail(alice, subject="Plans"))
    assert send_copies() == []
