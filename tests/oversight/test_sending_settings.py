"""What an operator may set of sending: who is not written to, and what a send takes of the limits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from mailboxes import accounts, clock, quotas
from mailboxes.models import LimitKind
from messaging.models import Message
from oversight import decisions, submission
from oversight.models import Review
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock
from tests.oversight.sends import MAIL, send

pytestmark = pytest.mark.django_db

TWO = {"to": ["kim@people.org"], "bcc": ["lee@people.org"]}


def used(owner: Tenant) -> int:
    return quotas.used([owner.mailbox.pk], LimitKind.DAILY_SENDS, now=clock.now()).get(owner.mailbox.pk, 0)


@pytest.mark.parametrize(
    "address",
    ["a@example.com", "a@sub.example.org", "a@host.test", "a@friends.example", "a@mailinator.com", "a@mine.org"],
)
@pytest.mark.parametrize("kind", ["to", "cc", "bcc"])
def test_a_test_or_throw_away_recipient_is_refused_where_the_operator_says_so(
    address: str, kind: str, settings: Settings
) -> None:
    alice = builders.tenant()
    assert send(alice, MAIL | {"to": ["kim@people.org"], kind: [address]}).status == 201
    settings.REFUSE_TEST_RECIPIENTS, settings.REFUSED_RECIPIENT_DOMAINS = True, ["mine.org"]
    answer = send(alice, MAIL | {"to": ["kim@people.org"], kind: [address], "subject": ""})
    assert (answer.status, answer.code) == (400, "refused_recipient")


def test_others_are_written_to_all_the_same_and_so_are_our_own(settings: Settings) -> None:
    alice = builders.tenant()
    settings.REFUSE_TEST_RECIPIENTS = True
    ours = [f"kim@{settings.PLATFORM_DOMAIN}", f"bounce@{settings.SIMULATOR_DOMAIN}"]
    assert send(alice, MAIL | {"to": ["kim@people.org", "a@testing.com", "b@myexample.com", *ours]}).status == 201


def test_the_house_writes_to_whoever_signs_up(settings: Settings) -> None:
    settings.REFUSE_TEST_RECIPIENTS = True
    accounts.platform()
    mail = submission.PlatformMail(to="kim@example.com", subject="Welcome", body_text="Good day.")
    assert submission.submit_platform(mail, now=clock.now()).to_addresses == ["kim@example.com"]


def test_each_recipient_counts_unless_the_operator_counts_messages(settings: Settings) -> None:
    alice = builders.tenant()
    send(alice, MAIL | TWO)
    assert used(alice) == 2
    settings.COUNT_SENDS_BY = "messages"
    builders.limit(alice.account, "daily_sends", 3)
    assert send(alice, MAIL | TWO).status == 201
    assert used(alice) == 3
    answer = send(alice, MAIL | TWO)
    assert (answer.status, answer.code) == (429, "daily_limit")
    assert "messages a day" in answer.json["error"]


def test_what_was_taken_is_given_back_however_it_is_counted_by_then(settings: Settings) -> None:
    alice = builders.tenant()
    rhea = builders.reviewer(builders.member(alice.account))
    by_recipient = send(alice, MAIL | TWO).json["message"]["id"]
    settings.COUNT_SENDS_BY = "messages"
    by_message = send(alice, MAIL | TWO).json["message"]["id"]
    for message_id, left in ((by_recipient, 1), (by_message, 0)):
        review = Review.objects.select_related("message", "mailbox").get(message_id=message_id)
        decisions.reject(review, reviewer=rhea, version=1, reason="tone", note="", now=clock.now())
        assert used(alice) == left
        settings.COUNT_SENDS_BY = "recipients"
    assert Message.objects.get(pk=by_message).quota_taken_at is None


def test_a_limit_of_the_month_says_when_the_month_is_over(clock: Clock) -> None:
    alice = builders.tenant()
    builders.limit(alice.account, "monthly_sends", 1)
    clock.set(datetime(2030, 2, 27, 23, 59, 0, tzinfo=UTC))
    send(alice)
    answer = send(alice)
    assert (answer.status, answer.code) == (429, "monthly_sends_limit")
    assert "POST /v1/billing/upgrade" in answer.json["upgrade"]
    assert int(answer.headers["Retry-After"]) == 24 * 3600 + 60


def test_a_limit_of_the_minute_says_when_it_is_over(clock: Clock) -> None:
    alice = builders.tenant()
    builders.limit(alice.account, "account_sends_per_minute", 1)
    clock.set(datetime(2030, 2, 27, 12, 0, 20, tzinfo=UTC))
    send(alice)
    answer = send(alice)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (429, "velocity_limit", "40")
    assert "upgrade" not in answer.json
