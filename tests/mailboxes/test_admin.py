"""What operators may change in Django admin, and that each change goes through a verb into the event log."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from mailboxes import clock, keys, stops, support
from mailboxes.admin import base
from mailboxes.errors import Unauthenticated
from mailboxes.models import Event, Limit, MailboxStatus, Member, Role, User
from mailboxes.modes import OversightMode
from messaging.outbound import outbox
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "an entirely different horse"


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("operator@gatepost.example", builders.PASSWORD)


@pytest.fixture
def desk(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def page(row: Model, kind: str = "change") -> str:
    return reverse(f"admin:mailboxes_{row._meta.model_name}_{kind}", args=[row.pk] if kind == "change" else [])


def act(desk: Client, action: str, row: Model) -> None:
    answer = desk.post(page(row, "changelist"), {"action": action, "_selected_action": [str(row.pk)]})
    assert answer.status_code == 302


def last_event(owner: Tenant, kind: str) -> dict[str, Any]:
    event = Event.objects.filter(account=owner.account, kind=kind).order_by("-seq").first()
    assert event is not None, kind
    return dict(json.loads(event.data))


MEMBERS_BELOW = {"members-TOTAL_FORMS": "0", "members-INITIAL_FORMS": "0"}


def test_nothing_of_a_suspended_account_leaves_until_it_is_reactivated(
    desk: Client, operator: User, alice: Tenant
) -> None:
    builders.submit(builders.tenant("bob", mode=OversightMode.AUTONOMOUS))
    free = builders.tenant("carol", mode=OversightMode.AUTONOMOUS)
    builders.submit(free)
    desk.post(page(free.account), {"is_suspended": "on", "reason": "Sends to bought lists.", **MEMBERS_BELOW})
    assert last_event(free, "account.suspended") == {
        "by": f"operator:{operator.pk}",
        "reason": "Sends to bought lists.",
    }
    now = clock.now() + timedelta(minutes=1)
    claimed = {attempt.recipient.message.account_id for attempt in _claim(now)}
    assert free.account.pk not in claimed
    assert claimed
    desk.post(page(free.account), {"reason": "", **MEMBERS_BELOW})
    assert last_event(free, "account.reactivated") == {"by": f"operator:{operator.pk}"}
    assert {attempt.recipient.message.account_id for attempt in _claim(now)} == {free.account.pk}


def test_a_suspension_without_a_reason_is_refused(desk: Client, alice: Tenant) -> None:
    answer = desk.post(page(alice.account), {"is_suspended": "on", "reason": "", **MEMBERS_BELOW})
    assert "A suspension needs a reason." in answer.content.decode()
    alice.account.refresh_from_db()
    assert alice.account.suspended_at is None


def test_the_platforms_own_account_is_never_suspended(desk: Client, alice: Tenant) -> None:
    house = alice.mailbox.domain.account
    answer = desk.post(page(house), {"is_suspended": "on", "reason": "Why not?", **MEMBERS_BELOW})
    assert answer.status_code == 200
    house.refresh_from_db()
    assert house.suspended_at is None


def test_a_password_set_by_an_operator_proves_a_human(desk: Client, settings: Settings) -> None:
    settings.ZEAL_ALLOWLIST = [{"model": "sessions.Session", "field": "get()"}]  # a session that gets a new key
    unproven = builders.tenant("dave", is_verified=False)
    user = unproven.owner.user
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    assert "proves that a human stands behind" in desk.get(url).content.decode()
    answer = desk.post(url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert answer.status_code == 302
    changed = User.objects.get(pk=user.pk)
    assert changed.check_password(NEW_PASSWORD)
    assert (user.is_proven_human, changed.is_proven_human) == (False, True)
    assert last_event(unproven, "member.password_set")["member_id"] == str(unproven.owner.pk)


def test_a_weak_password_is_refused(desk: Client, alice: Tenant) -> None:
    url = reverse("admin:auth_user_password_change", args=[alice.owner.user_id])
    assert desk.post(url, {"password1": "password", "password2": "password"}).status_code == 200
    assert desk.post(url, {"password1": "", "password2": ""}).status_code == 200
    alice.owner.user.refresh_from_db()
    assert alice.owner.user.check_password(builders.PASSWORD)


def test_a_deactivated_human_can_not_decide_by_key_until_let_in_again(desk: Client, alice: Tenant) -> None:
    key = builders.decide_key(alice.owner)
    act(desk, "deactivate", alice.owner.user)
    with pytest.raises(Unauthenticated):
        keys.authenticate(key, now=clock.now())
    act(desk, "activate", alice.owner.user)
    assert keys.authenticate(key, now=clock.now()).member == alice.owner
    assert last_event(alice, "member.deactivated")["member_id"] == str(alice.owner.pk)
    assert last_event(alice, "member.activated")["member_id"] == str(alice.owner.pk)


def test_an_operator_can_not_lock_themselves_out(desk: Client, operator: User) -> None:
    act(desk, "deactivate", operator)
    operator.refresh_from_db()
    assert operator.is_active


def test_a_member_is_added_with_a_password_to_hand_over(desk: Client, alice: Tenant) -> None:
    asked = {
        "account": str(alice.account.pk),
        "role": "reviewer",
        "email": "Rhea@People.example",
        "password": NEW_PASSWORD,
    }
    assert desk.post(page(alice.owner, "add"), asked).status_code == 302
    rhea = Member.objects.select_related("user").get(account=alice.account, role=Role.REVIEWER)
    assert rhea.user.email == "rhea@people.example"
    assert rhea.user.check_password(NEW_PASSWORD)
    assert rhea.user.is_proven_human
    assert last_event(alice, "member.added")["member_id"] == str(rhea.pk)
    assert "This email has an account already." in desk.post(page(alice.owner, "add"), asked).content.decode()


def test_a_role_changes_and_the_last_owner_stays(desk: Client, operator: User, alice: Tenant) -> None:
    rhea = builders.member(alice.account)
    desk.post(page(rhea), {"role": "viewer"})
    rhea.refresh_from_db()
    assert rhea.role == Role.VIEWER
    data = {"member_id": str(rhea.pk), "from": "reviewer", "to": "viewer", "by": f"operator:{operator.pk}"}
    assert last_event(alice, "member.role_changed") == data
    answer = desk.post(page(alice.owner), {"role": "viewer"})
    assert "This is the only owner of the account" in answer.content.decode()
    alice.owner.refresh_from_db()
    assert alice.owner.role == Role.OWNER


def test_a_key_is_revoked_at_once(desk: Client, alice: Tenant) -> None:
    assert alice.agent_actor.key is not None
    act(desk, "revoke", alice.agent_actor.key)
    with pytest.raises(Unauthenticated, match="revoked"):
        keys.authenticate(alice.key_text, now=clock.now())
    assert last_event(alice, "key.revoked")["key_id"] == str(alice.agent_actor.key.pk)


def test_a_mailbox_is_paused_and_resumed(desk: Client, operator: User, alice: Tenant) -> None:
    act(desk, "pause", alice.mailbox)
    alice.mailbox.refresh_from_db()
    assert alice.mailbox.status == MailboxStatus.PAUSED
    assert last_event(alice, "mailbox.changed")["by"] == f"operator:{operator.pk}"
    act(desk, "resume", alice.mailbox)
    alice.mailbox.refresh_from_db()
    assert alice.mailbox.status == MailboxStatus.ACTIVE


def test_a_freer_mode_needs_a_reason_and_a_stricter_one_does_not(desk: Client, operator: User, alice: Tenant) -> None:
    answer = desk.post(page(alice.mailbox), {"mode": "autonomous", "reason": ""})
    assert "Say why this mailbox may act more freely." in answer.content.decode()
    assert desk.post(page(alice.mailbox), {"mode": "autonomous", "reason": "Trusted."}).status_code == 302
    by = f"operator:{operator.pk}"
    assert last_event(alice, "mailbox.mode_changed") == {
        "mailbox_id": str(alice.mailbox.pk),
        "from": "gated_send",
        "to": "autonomous",
        "by": by,
        "reason": "Trusted.",
    }
    assert desk.post(page(alice.mailbox), {"mode": "read_only", "reason": ""}).status_code == 302
    assert last_event(alice, "mailbox.mode_changed")["to"] == "read_only"


def test_a_floor_is_set_and_taking_it_away_needs_a_reason(desk: Client, alice: Tenant) -> None:
    asked = {"mode": "gated_send", "floor": "gated_send", "reason": ""}
    assert desk.post(page(alice.mailbox), asked).status_code == 302
    assert last_event(alice, "mailbox.floor_changed")["to"] == "gated_send"
    answer = desk.post(page(alice.mailbox), asked | {"floor": ""})
    assert "Say why this mailbox may act more freely." in answer.content.decode()
    assert desk.post(page(alice.mailbox), asked | {"floor": "", "reason": "Trusted."}).status_code == 302
    assert last_event(alice, "mailbox.floor_changed")["to"] is None


def test_an_operator_says_where_copies_go_and_not_to_an_address_of_ours(desk: Client, alice: Tenant) -> None:
    answer = desk.post(page(alice.account), {"oversight_email": alice.mailbox.full_address, **MEMBERS_BELOW})
    assert "delivered by this server" in answer.content.decode()
    assert (
        desk.post(page(alice.account), {"oversight_email": "Watch@people.example", **MEMBERS_BELOW}).status_code == 302
    )
    alice.account.refresh_from_db()
    assert alice.account.oversight_email == "watch@people.example"
    last_event(alice, "account.oversight_email_changed")


def test_an_operator_may_have_received_mail_held_too(desk: Client, alice: Tenant) -> None:
    assert desk.post(page(alice.mailbox), {"mode": "gated_all"}).status_code == 302
    assert last_event(alice, "mailbox.mode_changed")["to"] == "gated_all"


def test_a_limit_is_set_and_changed(desk: Client, operator: User, alice: Tenant) -> None:
    asked = {"account": str(alice.account.pk), "kind": "daily_sends", "amount": "7"}
    assert desk.post(reverse("admin:mailboxes_limit_add"), asked).status_code == 302
    limit = Limit.objects.get(account=alice.account)
    assert desk.post(page(limit), {"amount": "9"}).status_code == 302
    limit.refresh_from_db()
    assert limit.amount == 9
    data = {"kind": "daily_sends", "amount": 9, "by": f"operator:{operator.pk}"}
    assert last_event(alice, "limit.changed") == data
    assert desk.post(page(limit), {"amount": "-1"}).status_code == 200
    limit.refresh_from_db()
    assert limit.amount == 9


def _claim(now: Any) -> list[Any]:
    return outbox.claim_due(limit=10, now=now)


def test_a_long_list_is_counted_no_further_than_anybody_leafs(
    desk: Client, alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MOST_LISTED", 3)
    assert Event.objects.count() > 3
    assert "3 events" in desk.get(reverse("admin:mailboxes_event_changelist")).content.decode()


def test_a_question_is_read_and_closed(desk: Client, operator: User, alice: Tenant) -> None:
    question = support.Question(category="technical", subject="Help", message="How do I <b>start</b>?")
    ticket = support.ask(alice.agent_actor, question, now=clock.now())
    shown = desk.get(page(ticket)).content.decode()
    assert "How do I &lt;b&gt;start&lt;/b&gt;?" in shown
    assert 'name="_save"' not in shown
    act(desk, "close", ticket)
    act(desk, "close", ticket)
    ticket.refresh_from_db()
    assert ticket.closed_at is not None
    assert last_event(alice, "support.closed") == {"ticket_id": str(ticket.pk), "by": f"operator:{operator.pk}"}


def test_everything_is_stopped_by_an_operator_and_goes_on(desk: Client, operator: User, alice: Tenant) -> None:
    add = reverse("admin:mailboxes_stop_add")
    assert "Type STOP to confirm." in desk.post(add, {"reason": "Odd mail", "confirm": "yes"}).content.decode()
    assert stops.of_everything() is None
    assert desk.post(add, {"reason": "Odd mail", "confirm": "STOP"}).status_code == 302
    made = stops.of_everything()
    assert made is not None
    assert (made.reason, made.by) == ("Odd mail", f"operator:{operator.pk}")
    assert "stopped already" in desk.post(add, {"reason": "Again", "confirm": "STOP"}).content.decode()
    act(desk, "go_on", made)
    assert stops.of_everything() is None


def test_an_operator_does_not_resume_what_an_account_stopped(desk: Client, alice: Tenant) -> None:
    made = stops.stop(alice.owner, now=clock.now())
    assert made is not None
    assert desk.get(page(made)).status_code == 200
    act(desk, "go_on", made)
    made.refresh_from_db()
    assert made.is_active
