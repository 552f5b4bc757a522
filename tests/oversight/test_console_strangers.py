"""Charlie has an account of his own, and sees nothing of Alice's, by any address."""

from __future__ import annotations

import pytest
from django.test import Client

from mailboxes import clock, keys
from mailboxes.models import Member, Role
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import bulk, trust
from oversight.bulk import Named
from oversight.console.urls import console
from oversight.models import Review
from tests import builders
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db

ACTS = (
    *("approve", "reject", "request_changes", "snooze", "claim", "let_go", "undo"),
    *("revoke_key", "bind_key", "rotate_key", "refuse_permit", "decline"),
    *("rules_raw", "rule_remove", "rules_back_test"),
)


def addresses(alice: builders.Tenant, review: Review) -> dict[str, str]:
    """Every address of the console that names something of one account."""
    suggestion = f"/agents/suggestions/{builders.suggested(alice).pk}/"
    asked = trust.request_upgrade(alice.agent_actor, alice.mailbox.pk, OversightMode.MONITORED, now=clock.now())
    pages, message = f"/review/{review.pk}/", f"/messages/{review.message_id}/"
    key = f"/agents/keys/{keys.of_account(alice.account).earliest('created_at').pk}/"
    letter = f"/undelivered/{builders.dead_letter(alice).pk}/"
    owner = Member.objects.select_related("user", "account").get(account=review.account_id, role=Role.OWNER)
    who, now = builders.reviewer(owner), clock.now()
    batch = bulk.reject([Named(review.pk, 1)], reviewer=who, reason="tone", now=now)
    number = builders.rules(alice, builders.rule("all"), mailbox=alice.mailbox).number
    rules = f"/policies/{alice.mailbox.pk}/{number}/"
    return {
        "review": pages,
        "body": f"{pages}body/?v=1",
        "link": f"{pages}link/1/",
        "approve": f"{pages}approve/",
        "reject": f"{pages}reject/",
        "undo": f"{pages}undo/",
        "edit": f"{pages}edit/",
        "request_changes": f"{pages}request-changes/",
        "snooze": f"{pages}snooze/",
        "claim": f"{pages}claim/",
        "let_go": f"{pages}let-go/",
        "group": f"/review/groups/{review.fingerprint}/",
        "batch": f"/review/batches/{batch.pk}/",
        "requeue_letter": f"{letter}requeue/",
        "drop_letter": f"{letter}drop/",
        "mailbox": f"/mailboxes/{alice.mailbox.pk}/",
        "thread": f"/threads/{review.message.thread_id}/",
        "message": message,
        "message_body": f"{message}body/",
        "message_link": f"{message}link/1/",
        "message_file": f"{message}files/1/",
        "agent_key": f"{key}",
        "bind_key": f"{key}change/",
        "rotate_key": f"{key}rotate/",
        "revoke_agent_key": f"{key}revoke/",
        "grant_permit": f"/permits/{asked.pk}/grant/",
        "refuse_permit": f"/permits/{asked.pk}/refuse/",
        "rules": f"/policies/{alice.mailbox.pk}/",
        "rule_version": rules,
        "rule_add": f"{rules}add/",
        "rules_raw": f"{rules}raw/",
        "rule_edit": f"{rules}rules/all/",
        "rule_remove": f"{rules}rules/all/remove/",
        "rules_try": f"{rules}try/",
        "rules_back_test": f"{rules}back-test/",
        "rules_publish": f"{rules}publish/",
        "rules_roll_back": f"{rules}roll-back/",
        "agent": f"/agents/{alice.agent.pk}/",
        "terms": f"/agents/mailboxes/{alice.mailbox.pk}/",
        "suggestion": suggestion,
        "decline": f"{suggestion}decline/",
        "revoke_key": f"/keys/{keys.create_decide_key(alice.owner, now=clock.now())[0].pk}/revoke/",
    }


def test_a_stranger_gets_404_everywhere() -> None:
    """A53, A57: pages, raw bytes and files of another account."""
    alice = builders.tenant()
    review = builders.held(alice, body_text="https://shop.example/\n")
    charlie, own = seat(builders.tenant("charlie").owner), seat(alice.owner)
    for name, url in addresses(alice, review).items():
        is_act = name in ACTS
        answer = charlie.post(url, {"version": 1, "reason": "tone"}) if is_act else charlie.get(url)
        assert answer.status_code == 404, name
        # Her message has no file.
        assert is_act or own.get(url).status_code == (404 if name == "message_file" else 200), name
    assert Review.objects.get(pk=review.pk).state == "open"


def test_every_address_of_the_console_with_an_id_is_in_that_list() -> None:
    review = builders.held(builders.tenant())
    named = set(addresses(builders.tenant("bob"), review))
    routes, _ = console
    # The links in mails are their own keys: test_review_notices, test_console_account.
    links = {"notice_link", "oversight_link"}
    assert {route.name for route in routes if "<" in str(route.pattern)} - links == named


def test_lists_counts_and_events_of_another_account_do_not_leak() -> None:
    """A53, A57."""
    alice = builders.tenant()
    review = builders.held(alice, subject="Only for Alice")
    charlie = builders.tenant("charlie")
    client = seat(charlie.owner)
    builders.dead_letter(alice)
    Review.objects.filter(pk=review.pk).update(lane="only for alice")
    for path in ("/review/", "/monitor/", "/mailboxes/", "/stop/", "/undelivered/", "/review/all/reject/"):
        assert "kim@friends.example" not in text_of(client.get(path))
        assert "Only for alice" not in text_of(client.get(path))
        assert "Only for Alice" not in text_of(client.get(path))
    assert client.get("/live/since/", {"account": str(alice.account.pk), "cursor": "0"}).status_code == 401
    own = client.get("/live/since/", {"account": str(charlie.account.pk), "cursor": "0"})
    assert str(review.pk) not in text_of(own)
    assert client.get("/review/", {"mailbox": str(alice.mailbox.pk)}).status_code == 200


def test_nobody_without_a_session_sees_anything(client: Client) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    for name, url in addresses(alice, review).items():
        answer = client.post(url) if name in ACTS else client.get(url)
        assert answer.status_code == 302, name
        assert answer.headers["Location"].startswith("/login/"), name


def test_mail_of_a_deleted_mailbox_is_gone_for_everybody() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    named = addresses(alice, review)
    type(alice.mailbox).objects.filter(pk=alice.mailbox.pk).update(deleted_at=review.opened_at)
    client = seat(alice.owner)
    for name, url in named.items():
        # Keys and agents are the account's; what was asked of a batch stands, and of that mail it says nothing.
        if name not in (*ACTS, "batch", "agent") and "/keys/" not in url:
            assert client.get(url).status_code == 404, name
    assert Message.objects.filter(pk=review.message_id).exists()
