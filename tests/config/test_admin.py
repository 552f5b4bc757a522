"""Django admin: operators look, others don't get in, and no form alters mail or decisions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from mailboxes import clock, departure, keys, limits, stops, support
from mailboxes.models import Domain, Event, LimitKind, User
from messaging.models import (
    Captured,
    DeliveryStatus,
    EndpointStatus,
    Message,
    RawMessage,
    Recipient,
    SuppressionReason,
    WebhookDelivery,
)
from messaging.outbound import outbox
from messaging.recipients import suppressions
from oversight import decisions
from tests import builders

pytestmark = pytest.mark.django_db

WRITABLE = {"account", "user", "member", "mailbox", "limit", "stop"}
OURS = sorted(
    (model for model in admin.site._registry if model._meta.app_label in ("mailboxes", "messaging", "oversight")),
    key=lambda model: model._meta.label,
)


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("operator@gatepost.example", builders.PASSWORD)


@pytest.fixture
def desk(operator: User) -> Client:
    """A browser in which an operator is signed in."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def mail() -> Message:
    """One or more rows of every model that stands in the admin."""
    alice = builders.tenant()
    builders.decide_key(alice.owner)
    keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())
    limits.set_limit(alice.account, LimitKind.MAILBOXES, 5, by="test", now=clock.now())
    suppressions.add(alice.account, "gone@friends.example", reason=SuppressionReason.MANUAL, now=clock.now())
    support.ask(alice.agent_actor, support.Question("other", "Help", "How?"), now=clock.now())
    builders.webhook_delivery(builders.webhook(alice, headers={"X-Key": "very secret"})[0], tries=1)
    first, second = (builders.held(alice, cc=("lee@friends.example",)) for _ in range(2))
    reviewer = builders.reviewer(builders.member(alice.account))
    decisions.approve(first, reviewer=reviewer, version=1, now=clock.now())
    decisions.reject(second, reviewer=reviewer, version=1, reason="tone", now=clock.now())
    builders.release()
    _leave(first.message)
    builders.called(alice)
    stops.stop(alice.owner, now=clock.now())
    departure.depart(builders.tenant("dave").account, by="test", now=clock.now())
    return first.message


def _leave(message: Message) -> None:
    """Attempts, and what transports and listener would write."""
    outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=5))
    for recipient in Recipient.objects.filter(message=message):
        Captured.objects.create(recipient=recipient, address=recipient.address, raw=b"x", captured_at=clock.now())
        RawMessage.objects.create(
            mailbox_id=message.mailbox_id,
            envelope_recipient=recipient.address,
            via="smtp",
            raw=b"x",
            sha256="0" * 64,
            dedupe_key=str(recipient.pk),
            received_at=clock.now(),
        )


def pages() -> Iterator[str]:
    for model in OURS:
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        if _name(model) in ("limit", "member"):
            yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        for row in model._default_manager.order_by("-pk")[:3]:
            yield detail(row)


def detail(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _name(model: type[Model]) -> str:
    return str(model._meta.model_name)


def test_every_page_opens_for_an_operator_and_loads_nothing_from_elsewhere(desk: Client, mail: Message) -> None:
    opened = [reverse("admin:index"), *pages()]
    assert len(opened) > 2 * len(OURS), "every model has a row to open"
    for url in opened:
        response = desk.get(url)
        assert response.status_code == 200, url
        html = response.content.decode()
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", html), url


def test_every_list_can_be_searched_by_any_text(desk: Client, mail: Message) -> None:
    for model in OURS:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for text in ("alice", str(mail.pk), "not-a-uuid@x.example", "'; DROP", "\x00"):
            assert desk.get(url, {"q": text}).status_code == 200, (url, text)


@pytest.mark.parametrize("who", ["nobody", "owner", "former operator"])
def test_everybody_else_is_sent_to_the_sign_in(who: str, operator: User, mail: Message) -> None:
    client = Client()
    if who == "owner":
        client.force_login(User.objects.get(memberships__account=mail.account, memberships__role="owner"))
    if who == "former operator":
        client.force_login(operator)
        User.objects.filter(pk=operator.pk).update(is_active=False)
    for url in [reverse("admin:index"), *pages()]:
        response = client.get(url)
        assert response.status_code == 302, url
        assert response.headers["Location"].startswith(reverse("admin:login")), url


def test_no_form_changes_mail_decisions_or_events(desk: Client, mail: Message) -> None:
    """A64."""
    for model in OURS:
        if _name(model) in WRITABLE:
            continue
        row = model._default_manager.order_by("-pk").first()
        assert row is not None, model
        html = desk.get(detail(row)).content.decode()
        assert not re.search(r"""<(?:input type="(?!hidden)|textarea|select)""", _content(html)), model
        before = model._default_manager.values().get(pk=row.pk)
        for change in ("", "/delete/"):
            url = detail(row).replace("/change/", change or "/change/")
            assert desk.post(url, {"status": "queued", "state": "open", "post": "yes"}).status_code == 403, url
        assert desk.post(detail(row).rsplit("/", 3)[0] + "/add/", {}).status_code == 403, model
        assert model._default_manager.values().get(pk=row.pk) == before


def test_nothing_can_be_deleted(desk: Client, mail: Message) -> None:
    """A64."""
    for model in OURS:
        row = model._default_manager.order_by("-pk").first()
        assert row is not None, model
        assert desk.post(detail(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403, model
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        desk.post(url, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
        assert model._default_manager.filter(pk=row.pk).exists(), model


def test_a_body_is_shown_as_text_and_its_reader_stands_in_the_log(desk: Client, operator: User) -> None:
    """A57, A64: who read what stands in the log."""
    message = builders.submit(
        builders.tenant(), body_text="<script>alert(1)</script>", body_html="<img src='https://evil.example/x.png'>"
    )
    html = desk.get(detail(message)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;img src=" in html
    assert "<img src='https" not in html
    event = Event.objects.get(kind="message.viewed_by_operator")
    assert event.subject == str(message.pk)
    assert f"operator:{operator.pk}" in event.data


def test_no_secret_is_shown(desk: Client, mail: Message) -> None:
    alice = builders.tenant()
    shown = "".join(desk.get(url).content.decode() for url in pages())
    sealed = Domain.objects.get(is_platform=True, is_test=False).dkim_keys.values_list("private_key", flat=True)
    owner = User.objects.get(memberships=alice.owner)
    assert alice.key_text not in shown
    assert keys.digest(alice.key_text) not in shown
    assert "PRIVATE KEY" not in shown
    assert len(sealed) == 2
    assert not [one for one in sealed if bytes(one).decode() in shown]
    assert owner.password not in shown


def _content(html: str) -> str:
    """The page without its search and theme parts: what stands in the main form."""
    return html.partition('id="content-main"')[2].partition('id="footer"')[0]


def test_an_operator_pauses_a_webhook_and_its_log_says_who(desk: Client, operator: User) -> None:
    alice = builders.tenant()
    endpoint, _ = builders.webhook(alice)
    url = reverse("admin:messaging_webhookendpoint_changelist")
    for _ in range(2):  # the second time there is nothing to do
        desk.post(url, {"action": "pause", ACTION_CHECKBOX_NAME: [str(endpoint.pk)]})
    endpoint.refresh_from_db()
    assert endpoint.status == EndpointStatus.PAUSED
    event = Event.objects.get(account=alice.account, kind="webhook.changed")
    assert json.loads(event.data)["by"] == f"operator:{operator.pk}"


def test_an_operator_has_deliveries_told_once_more(desk: Client) -> None:
    endpoints = [builders.webhook(builders.tenant())[0] for _ in range(2)]
    rows = [builders.webhook_delivery(endpoint, tries=3) for endpoint in endpoints]
    WebhookDelivery.objects.update(status=DeliveryStatus.FAILED, next_at=None)
    url = reverse("admin:messaging_webhookdelivery_changelist")
    desk.post(url, {"action": "redeliver", ACTION_CHECKBOX_NAME: [str(row.pk) for row in rows]})
    told = WebhookDelivery.objects.values_list("status", "attempts", "attempts_before")
    assert list(told) == [(DeliveryStatus.PENDING, 3, 3)] * 2


def test_no_operator_is_shown_a_webhooks_secret_or_a_headers_value(desk: Client) -> None:
    endpoint, secret = builders.webhook(builders.tenant(), headers={"X-Key": "very-secret"})
    page = desk.get(reverse("admin:messaging_webhookendpoint_change", args=[endpoint.pk])).content.decode()
    endpoint.refresh_from_db()
    assert "X-Key" in page
    for text in (secret, "very-secret", bytes(endpoint.secret).decode(), endpoint.headers["X-Key"]):
        assert text not in page
