"""Asking the operator for help, the welcome mail, and where the account's human goes next."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from pytest_django import Settings

from mailboxes import accounts, clock, keys, suspensions
from mailboxes.models import Event, SupportTicket, User
from messaging.models import Message, Suppression, SuppressionReason
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

QUESTION = {"category": "billing", "subject": "Invoice", "message": "Where is it?\nI can't find it."}
OPERATOR = "help@operator.example"


@pytest.fixture
def alice() -> Tenant:
    cache.clear()
    return builders.tenant()


@pytest.fixture
def desk(settings: Settings) -> str:
    settings.SUPPORT_EMAIL = OPERATOR
    return OPERATOR


def written_to(address: str) -> list[Message]:
    return list(mails_to(address).order_by("created_at"))


class TestSupport:
    def test_keeps_the_question_and_mails_the_operator(self, alice: Tenant, desk: str) -> None:
        answer = Api(alice.key_text).post("/support", QUESTION)
        ticket = SupportTicket.objects.get()
        assert (answer.status, answer.json) == (200, {"ok": True, "ticketId": str(ticket.pk)})
        assert (ticket.account, ticket.subject, ticket.asked_by) == (
            alice.account,
            "Invoice",
            f"agent:{alice.agent.pk}",
        )
        [mail] = written_to(desk)
        assert mail.subject == f"[billing] {alice.account.slug}: Invoice"
        assert "Where is it?\nI can't find it." in mail.body_text
        assert f"Owner: {alice.owner.user.email}\n" in mail.body_text
        assert f"/admin/mailboxes/supportticket/{ticket.pk}/change/" in mail.body_text

    def test_says_when_the_owner_is_not_verified_or_the_account_is_suspended(self, desk: str) -> None:
        alice = builders.tenant(is_verified=False)
        suspensions.suspend(alice.account, reason="spam", by="test", now=clock.now())
        assert Api(alice.key_text).post("/support", QUESTION).status == 200
        [mail] = written_to(desk)
        assert "the account is suspended" in mail.body_text
        assert "(not verified" in mail.body_text

    def test_keeps_every_word_out_of_the_event_log(self, alice: Tenant) -> None:
        Api(alice.key_text).post("/support", QUESTION)
        data = Event.objects.get(account=alice.account, kind="support.requested").data
        assert set(json.loads(data)) == {"ticket_id", "category", "by"}

    def test_without_an_address_of_the_operator_keeps_the_question_all_the_same(self, alice: Tenant) -> None:
        before = Message.objects.count()
        assert Api(alice.key_text).post("/support", QUESTION).status == 200
        assert (SupportTicket.objects.count(), Message.objects.count()) == (1, before)

    def test_loses_nothing_when_the_mail_can_not_be_written(self, alice: Tenant, desk: str) -> None:
        house = accounts.platform().account
        Suppression.objects.create(account=house, address=desk, key=desk, reason=SuppressionReason.BOUNCE)
        assert Api(alice.key_text).post("/support", QUESTION).status == 200
        assert SupportTicket.objects.count() == 1
        assert written_to(desk) == []

    def test_shows_what_would_break_a_header_or_deceive_an_eye_as_plain_text(self, alice: Tenant, desk: str) -> None:
        asked = QUESTION | {"subject": "Hi\r\nBcc: all@friends.example", "message": "bell \x07 and <b>bold</b>"}
        assert Api(alice.key_text).post("/support", asked).status == 200
        [mail] = written_to(desk)
        assert mail.subject.endswith(": Hi Bcc: all@friends.example")
        assert "bell  and <b>bold</b>" in mail.body_text
        assert SupportTicket.objects.get().message == asked["message"]

    def test_is_the_same_question_when_it_is_repeated_with_its_key(self, alice: Tenant, desk: str) -> None:
        api = Api(alice.key_text)
        first, again = (api.post("/support", QUESTION, Idempotency_Key="one") for _ in range(2))
        assert first.json == again.json
        assert len(written_to(desk)) == 1

    @pytest.mark.parametrize(
        "change",
        [{"category": "gossip"}, {"subject": ""}, {"subject": "x" * 201}, {"message": ""}, {"message": "x" * 5001}],
    )
    def test_says_what_is_wrong(self, alice: Tenant, change: dict[str, str]) -> None:
        answer = Api(alice.key_text).post("/support", QUESTION | change)
        assert (answer.status, answer.json["field"]) == (400, next(iter(change)))

    def test_ends_for_the_day_after_so_many(self, alice: Tenant, settings: Settings) -> None:
        settings.SUPPORT_TICKETS_PER_DAY = 2
        api = Api(alice.key_text)
        answers = [api.post("/support", QUESTION) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].code == "too_many_tickets"
        assert 0 < int(answers[2].headers["Retry-After"]) <= 24 * 3600
        SupportTicket.objects.update(created_at=clock.now() - timedelta(days=1))
        assert api.post("/support", QUESTION).status == 200
        settings.SUPPORT_TICKETS_PER_DAY = 0
        assert {api.post("/support", QUESTION).status for _ in range(3)} == {200}

    def test_is_for_full_access_and_for_live_keys(self, alice: Tenant) -> None:
        scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1]
        assert Api(scoped).post("/support", QUESTION).code == "scoped_key"
        assert Api(builders.decide_key(alice.owner)).post("/support", QUESTION).status == 403
        assert Api(builders.twin(alice).key_text).post("/support", QUESTION).code == "wrong_environment"


class TestWelcome:
    def test_is_mailed_once_however_often_it_is_asked_for(self, alice: Tenant) -> None:
        api = Api(alice.key_text)
        assert [api.post("/account/welcome").json for _ in range(3)] == [{"ok": True}] * 3
        [mail] = [mail for mail in mails_to(alice.owner.user.email) if "Welcome" in mail.subject]
        assert alice.mailbox.full_address in mail.body_text
        assert "http://127.0.0.1:8000/review/" in mail.body_text
        assert alice.mailbox.full_address in (mail.body_html or "")
        assert Event.objects.filter(account=alice.account, kind="account.welcome_requested").count() == 1

    def test_waits_for_the_verification(self) -> None:
        alice = builders.tenant(is_verified=False)
        api = Api(alice.key_text)
        assert (api.post("/account/welcome").status, api.post("/account/welcome").code) == (403, "email_not_verified")
        accounts.verify_email(alice.owner.user, password=None, now=clock.now())
        assert api.post("/account/welcome").status == 200

    def test_takes_no_body_and_no_test_key(self, alice: Tenant) -> None:
        assert Api(alice.key_text).post("/account/welcome", {"to": "kim@friends.example"}).code == "unknown_field"
        assert Api(builders.twin(alice).key_text).post("/account/welcome").code == "wrong_environment"


def test_the_next_page_is_the_console_once_a_human_can_sign_in_there() -> None:
    alice = builders.tenant(is_verified=False)
    api = Api(alice.key_text)
    assert api.post("/account/post-verify-target").json == {"target": "/onboarding"}
    user = User.objects.get(pk=alice.owner.user_id)
    accounts.verify_email(user, password=None, now=clock.now())
    assert api.post("/account/post-verify-target").json == {"target": "/onboarding"}
    accounts.verify_email(user, password="a password of my own", now=clock.now())
    assert api.post("/account/post-verify-target").json == {"target": "/dashboard?verified=true"}


@pytest.mark.parametrize("path", ["/account/welcome", "/account/post-verify-target"])
def test_a_scoped_key_is_refused(path: str, alice: Tenant) -> None:
    scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1]
    assert Api(scoped).post(path).code == "scoped_key"
