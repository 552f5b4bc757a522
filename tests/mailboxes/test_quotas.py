"""Limits: taken before the act, given back when it comes to nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailboxes import clock, limits, quotas
from mailboxes.errors import Invalid, LimitReached
from mailboxes.models import Event, LimitKind, Usage
from mailboxes.quotas import Counter
from oversight import decisions, submission
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_minute_and_no_day_ends(clock: Clock) -> None:
    clock.set(clock.now())


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def limit(owner: Tenant, kind: LimitKind, amount: int) -> None:
    limits.set_limit(owner.account, kind, amount, by="test", now=clock.now())


def used(owner: Tenant, kind: LimitKind = LimitKind.DAILY_SENDS) -> int:
    return quotas.used([owner.mailbox.pk], kind, now=clock.now()).get(owner.mailbox.pk, 0)


def test_exactly_the_limit_is_taken_and_a_refused_send_takes_nothing(alice: Tenant) -> None:
    limit(alice, LimitKind.DAILY_SENDS, 3)
    builders.submit(alice, to=("a@friends.example", "b@friends.example"))
    with pytest.raises(LimitReached) as refused:
        builders.submit(alice, to=("a@friends.example", "b@friends.example"))
    assert refused.value.code == "daily_limit"
    assert 0 < int(refused.value.headers["Retry-After"]) <= 86400
    assert used(alice) == 2
    builders.submit(alice)
    assert used(alice) == used(alice, LimitKind.MONTHLY_SENDS) == 3


def test_recipients_count_the_same_in_one_call_and_in_several(alice: Tenant) -> None:
    """A17: who splits a mail for six into calls of three, two and one reaches no more than the limit says."""
    limit(alice, LimitKind.DAILY_SENDS, 5)
    people = [f"kim{number}@friends.example" for number in range(6)]
    with pytest.raises(LimitReached):
        builders.submit(alice, to=tuple(people))
    builders.submit(alice, to=tuple(people[:3]))
    with pytest.raises(LimitReached):
        builders.submit(alice, to=(people[3],), cc=(people[4],), bcc=(people[5],))
    builders.submit(alice, to=(people[3],), bcc=(people[4],))
    with pytest.raises(LimitReached):
        builders.submit(alice, to=(people[5],))
    assert used(alice) == 5


def test_what_is_over_one_limit_is_taken_from_none(alice: Tenant) -> None:
    """A17."""
    limit(alice, LimitKind.MONTHLY_SENDS, 1)
    builders.submit(alice)
    with pytest.raises(LimitReached) as refused:
        builders.submit(alice)
    assert refused.value.code == "monthly_sends_limit"
    assert [used(alice, kind) for kind in (LimitKind.DAILY_SENDS, LimitKind.MAILBOX_SENDS_PER_MINUTE)] == [1, 1]


def test_sends_of_a_minute_are_refused_until_the_next(alice: Tenant) -> None:
    limit(alice, LimitKind.ACCOUNT_SENDS_PER_MINUTE, 1)
    minute = datetime(2026, 11, 20, 12, 0, 40, tzinfo=UTC)
    builders.submit(alice, now=minute)
    with pytest.raises(LimitReached) as refused:
        builders.submit(alice, now=minute)
    assert (refused.value.code, refused.value.headers["Retry-After"]) == ("velocity_limit", "20")
    builders.submit(alice, now=minute + timedelta(seconds=20))


def test_zero_is_unlimited(alice: Tenant) -> None:
    limit(alice, LimitKind.DAILY_SENDS, 0)
    quotas.take_all(alice.account, [Counter(LimitKind.DAILY_SENDS, alice.mailbox.pk)], 10**9, now=clock.now())
    assert used(alice) == 10**9


def test_a_limit_without_a_row_of_its_own_is_the_settings(alice: Tenant) -> None:
    assert quotas.limits_of(alice.account)["daily_sends"] == 100
    limit(alice, LimitKind.DAILY_SENDS, 7)
    assert quotas.limits_of(alice.account)["daily_sends"] == 7
    assert Event.objects.filter(account=alice.account, kind="limit.changed").count() == 1


def test_a_negative_limit_is_refused(alice: Tenant) -> None:
    with pytest.raises(Invalid):
        limit(alice, LimitKind.DAILY_SENDS, -1)


def test_a_rejection_gives_back_once_however_often_it_is_asked(alice: Tenant) -> None:
    kept, review = builders.held(alice), builders.held(alice)
    reviewer = builders.reviewer(alice.owner)
    decisions.reject(review, reviewer=reviewer, version=1, reason="tone", now=clock.now())
    submission.cancel(alice.agent_actor, alice.mailbox.pk, kept.message_id, now=clock.now())
    submission.cancel(alice.agent_actor, alice.mailbox.pk, kept.message_id, now=clock.now())
    assert used(alice) == used(alice, LimitKind.MONTHLY_SENDS) == 0


def test_it_is_given_back_to_the_period_it_was_taken_from(alice: Tenant) -> None:
    """A17: the edge of a window."""
    yesterday = clock.now() - timedelta(days=1)
    message = builders.submit(alice, now=yesterday)
    builders.submit(alice)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, message.pk, now=clock.now())
    assert used(alice) == 1
    period = quotas.period_start(LimitKind.DAILY_SENDS, yesterday)
    assert Usage.objects.get(subject_id=alice.mailbox.pk, kind=LimitKind.DAILY_SENDS, period_start=period).used == 0


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        (LimitKind.DAILY_SENDS, "2026-11-20T00:00:00+00:00"),
        (LimitKind.MONTHLY_SENDS, "2026-11-01T00:00:00+00:00"),
        (LimitKind.MONTHLY_INBOUND, "2026-11-01T00:00:00+00:00"),
        (LimitKind.MAILBOX_SENDS_PER_MINUTE, "2026-11-20T22:30:00+00:00"),
        (LimitKind.ACCOUNT_SENDS_PER_MINUTE, "2026-11-20T22:30:00+00:00"),
        (LimitKind.MAILBOXES, "1970-01-01T00:00:00+00:00"),
        (LimitKind.STORAGE_BYTES, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_periods_begin_in_utc_whatever_the_zone(kind: LimitKind, start: str) -> None:
    moment = datetime.fromisoformat("2026-11-21T01:30:59.5+03:00")
    assert quotas.period_start(kind, moment).isoformat() == start


def test_tenants_do_not_spend_each_others_limits(alice: Tenant) -> None:
    limit(alice, LimitKind.DAILY_SENDS, 1)
    builders.submit(builders.tenant("bob"))
    builders.submit(alice)
    with pytest.raises(LimitReached):
        builders.submit(alice)
