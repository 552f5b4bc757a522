"""Stops of a mailbox, an agent, a key, and of the whole server: who may, what waits, what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from mailboxes import accounts, clock, keys, mailbox, principals, stop_labels, stops, switch
from mailboxes.errors import Forbidden, Invalid, NotFound
from mailboxes.models import Account, ApiKey, Event, Member, Role, Stop, StopScope
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal
from messaging.models import Message, Recipient, RecipientState, Status
from messaging.outbound import dispatch, outbox
from oversight import submission
from oversight.submission import PlatformMail
from tests import builders
from tests.builders import Tenant
from tests.flips import SCOPES, Flip

pytestmark = pytest.mark.django_db

PARTS = [StopScope.MAILBOX, StopScope.AGENT, StopScope.KEY]


@pytest.fixture
def alice() -> Tenant:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    dispatch.drain()
    return alice


def claimable() -> int:
    return len(outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=1)))


def told(account: Account, kind: str) -> list[dict[str, Any]]:
    found = Event.objects.filter(account=account, kind=kind).order_by("seq")
    return [json.loads(event.data) for event in found]


def of_another_key(owner: Tenant) -> Principal:
    return keys.authenticate(keys.create_agent_key(owner.agent, now=clock.now())[1], now=clock.now())


@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_stopped_waits_until_it_is_resumed(alice: Tenant, scope: StopScope) -> None:
    before, flip = switch.generation(), Flip(alice, scope)
    flip.stop()
    message = builders.submit(alice)
    assert message.status == Status.QUEUED
    assert claimable() == 0
    flip.resume()
    assert switch.generation() == before + 2
    assert claimable() == 1


@pytest.mark.parametrize("scope", PARTS)
def test_the_rest_of_the_account_goes_on_when_a_part_is_stopped(alice: Tenant, scope: StopScope) -> None:
    Flip(alice, scope).stop()
    now = clock.now()
    other = builders.agent(alice.account, "Other")
    box = mailbox.create(alice.account, mailbox.NewMailbox("other", alice.mailbox.domain), now=now)
    mailbox.set_mode(box, OversightMode.AUTONOMOUS, by="test", now=now)
    actor = keys.authenticate(keys.create_agent_key(other, now=now)[1], now=now)
    submission.submit(builders.draft(box), actor=actor, now=now)
    assert claimable() == 1


def test_mail_with_another_key_goes_on_when_one_key_is_stopped(alice: Tenant) -> None:
    Flip(alice, StopScope.KEY).stop()
    builders.submit(alice)
    submission.submit(builders.draft(alice.mailbox), actor=of_another_key(alice), now=clock.now())
    assert claimable() == 1


def test_mail_of_a_part_waits_until_the_last_of_its_stops_is_over(alice: Tenant) -> None:
    box, agent = Flip(alice, StopScope.MAILBOX), Flip(alice, StopScope.AGENT)
    box.stop()
    agent.stop()
    builders.submit(alice)
    box.resume()
    assert claimable() == 0
    agent.resume()
    assert claimable() == 1


def test_only_a_stop_of_everything_holds_the_mail_of_the_house(alice: Tenant) -> None:
    for scope in (StopScope.ACCOUNT, *PARTS):
        Flip(alice, scope).stop()
    letter = PlatformMail("kim@friends.example", "A code", "123456\n")
    submission.submit_platform(letter, now=clock.now())
    assert claimable() == 1
    everything = Flip(alice, StopScope.EVERYTHING)
    everything.stop()
    submission.submit_platform(letter, now=clock.now())
    assert claimable() == 0
    everything.resume()
    assert claimable() == 1


@pytest.mark.parametrize("scope", PARTS)
def test_a_stop_is_told_with_what_it_is_of_and_its_history_is_kept(alice: Tenant, scope: StopScope) -> None:
    flip = Flip(alice, scope)
    flip.stop()
    flip.resume()
    (stopped,), (resumed,) = told(alice.account, "sending.stopped"), told(alice.account, "sending.resumed")
    made = Stop.objects.get()
    by = f"member:{alice.owner.pk}"
    about = {"stop_id": str(made.pk), "scope": scope.value, f"{scope.value}_id": str(flip.subject_id), "by": by}
    assert stopped == about | {"reason": "test"}
    assert resumed == about
    assert (made.by, made.resumed_by, made.is_active) == (by, by, False)


def test_a_stop_of_the_account_is_told_as_before(alice: Tenant) -> None:
    flip = Flip(alice, StopScope.ACCOUNT)
    flip.stop()
    alice.account.refresh_from_db()
    assert (alice.account.stopped_by, alice.account.stop_reason) == (alice.owner, "test")
    (stopped,) = told(alice.account, "account.stopped")
    assert (stopped["by"], stopped["reason"]) == (f"member:{alice.owner.pk}", "test")


def test_a_stop_of_everything_is_told_in_the_log_of_the_house_and_to_no_tenant(alice: Tenant) -> None:
    Flip(alice, StopScope.EVERYTHING).stop()
    (stopped,) = told(accounts.platform().account, "platform.sending_stopped")
    assert (stopped["by"], stopped["reason"]) == ("operator:test", "test")
    assert not Event.objects.filter(account=alice.account, kind__contains="stopped").exists()
    assert [stop.scope for stop in stop_labels.standing(alice.account)] == [StopScope.EVERYTHING]


def test_an_operator_stops_everything_and_lets_it_go_on_in_the_shell(alice: Tenant) -> None:
    def said(command: str, *arguments: str) -> str:
        output = StringIO()
        call_command(command, *arguments, stdout=output)
        return output.getvalue().strip()

    assert said("stop", "--reason", "Odd mail.") == "Nothing leaves this server any more."
    assert said("stop", "--reason", "Again.") == "It is stopped already."
    builders.submit(alice)
    assert claimable() == 0
    assert said("go_on") == "This server sends again."
    assert said("go_on") == "It was not stopped."
    assert claimable() == 1
    with pytest.raises(CommandError, match="at most 200"):
        said("stop", "--reason", "x" * 201)


def test_an_agent_stops_its_own_key_agent_and_mailbox_and_nothing_else(alice: Tenant) -> None:
    actor, now = alice.agent_actor, clock.now()
    other = builders.agent(alice.account, "Other")
    other_key = keys.create_agent_key(other, now=now)[0]
    refused = [(StopScope.ACCOUNT, None), (StopScope.AGENT, other.pk), (StopScope.KEY, other_key.pk)]
    for scope, subject in refused:
        with pytest.raises(Forbidden) as refusal:
            stops.stop(actor, scope=scope, subject_id=subject, now=now)
        assert refusal.value.code == "may_not_stop"
    for scope in PARTS:
        made = stops.stop(actor, scope=scope, subject_id=Flip(alice, scope).subject_id, now=now)
        assert made is not None
        assert made.by == f"agent:{alice.agent.pk}"
        assert stop_labels.labelled(Stop.objects.filter(pk=made.pk))[0].who == alice.agent.name


def test_a_scoped_key_stops_itself_alone(alice: Tenant) -> None:
    now = clock.now()
    actor = keys.authenticate(keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=now)[1], now=now)
    assert actor.key is not None
    assert stops.stop(actor, scope=StopScope.KEY, subject_id=actor.key.pk, now=now)
    for scope, subject in ((StopScope.MAILBOX, alice.mailbox.pk), (StopScope.AGENT, alice.agent.pk)):
        with pytest.raises(Forbidden):
            stops.stop(actor, scope=scope, subject_id=subject, now=now)


@pytest.mark.parametrize("scope", PARTS)
def test_nobody_stops_or_resumes_what_is_anothers(alice: Tenant, scope: StopScope) -> None:
    charlie, subject = builders.tenant("charlie"), Flip(alice, scope).subject_id
    acts: list[Callable[[], object]] = [
        lambda: stops.stop(charlie.owner, scope=scope, subject_id=subject, now=clock.now()),
        lambda: stops.stop(charlie.agent_actor, scope=scope, subject_id=subject, now=clock.now()),
        lambda: stops.resume(charlie.owner, scope=scope, subject_id=subject, now=clock.now()),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()


def test_no_member_stops_the_server(alice: Tenant) -> None:
    with pytest.raises(Invalid):
        stops.stop(alice.owner, scope=StopScope.EVERYTHING, now=clock.now())
    with pytest.raises(Invalid):
        stops.resume(alice.owner, scope=StopScope.EVERYTHING, now=clock.now())


@pytest.mark.parametrize("scope", [StopScope.ACCOUNT, *PARTS])
def test_a_reviewer_stops_and_does_not_resume_and_a_viewer_does_neither(alice: Tenant, scope: StopScope) -> None:
    subject, now = Flip(alice, scope).subject_id, clock.now()
    viewer: Member = builders.member(alice.account, "vera", Role.VIEWER)
    rhea: Member = builders.member(alice.account)
    with pytest.raises(Forbidden):
        stops.stop(viewer, scope=scope, subject_id=subject, now=now)
    assert stops.stop(principals.of_member(rhea), scope=scope, subject_id=subject, now=now)
    for member in (viewer, rhea):
        with pytest.raises(Forbidden):
            stops.resume(member, scope=scope, subject_id=subject, now=now)


def test_a_stopped_key_that_is_revoked_stays_stopped_and_its_stop_can_be_ended(alice: Tenant) -> None:
    flip = Flip(alice, StopScope.KEY)
    flip.stop()
    builders.submit(alice)
    keys.revoke_now(ApiKey.objects.get(agent=alice.agent), by="test", now=clock.now())
    assert claimable() == 0
    flip.resume()


def test_a_stop_of_a_mailbox_that_was_deleted_can_be_ended_and_frees_nothing(alice: Tenant) -> None:
    flip = Flip(alice, StopScope.MAILBOX)
    flip.stop()
    builders.submit(alice)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    flip.resume()
    assert claimable() == 0
    alice.account.refresh_from_db()
    assert alice.account.stopped_subjects is None


def test_mail_that_waits_is_cancelled_as_ever_while_it_is_stopped(alice: Tenant) -> None:
    Flip(alice, StopScope.AGENT).stop()
    message = builders.submit(alice)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, message.pk, now=clock.now())
    message.refresh_from_db()
    assert message.status == Status.CANCELLED


class WhateverIsStoppedAndResumed(TestCase):
    """Property: the queue is kept, and what leaves is exactly what nothing stops."""

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(SCOPES), st.booleans()), max_size=8))
    def test_mail_leaves_only_while_nothing_of_it_is_stopped(self, acts: list[tuple[StopScope, bool]]) -> None:
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        message, stopped, before = builders.submit(alice), set[StopScope](), switch.generation()
        flips_count = 0
        for scope, is_stop in acts:
            flip = Flip(alice, scope)
            done = flip.try_stop() if is_stop else flip.try_resume()
            assert (done is not None) is ((scope in stopped) is not is_stop)
            flips_count += done is not None
            (stopped.add if is_stop else stopped.discard)(scope)
            assert {stop.scope for stop in stop_labels.standing(alice.account)} == stopped
        assert switch.generation() == before + flips_count
        recipient = Recipient.objects.get(message=message)
        assert (recipient.state, recipient.next_at is not None) == (RecipientState.WAITING, True)
        assert claimable() == (0 if stopped else 1)
        assert Message.objects.get(pk=message.pk).status == (Status.QUEUED if stopped else Status.SENDING)
