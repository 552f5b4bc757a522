"""A plan's limits hold at once; mailboxes that it has no place for sleep, and wake when it has."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing import plans, subscriptions
from mailboxes import clock, mailbox, quotas
from mailboxes.models import Event, Limit, LimitKind, Mailbox, MailboxStatus
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


def give(owner: Tenant, plan: str) -> None:
    subscriptions.grant(owner.account, plans.get(plan), period="monthly", by="operator:test", now=clock.now())


def grow(owner: Tenant, amount: int) -> list[Mailbox]:
    """The account's first mailbox, and as many more as are wanted."""
    made = [owner.mailbox]
    for number in range(amount - 1):
        asked = mailbox.NewMailbox(address=f"{owner.account.slug}-{number}", domain=owner.mailbox.domain)
        made.append(mailbox.create(owner.account, asked, now=clock.now()))
    return made


def states(owner: Tenant) -> list[tuple[str, bool]]:
    rows = Mailbox.objects.filter(account=owner.account, deleted_at__isnull=True).order_by("created_at", "pk")
    return list(rows.values_list("status", "paused_by_billing"))


ACTIVE, ASLEEP = ("ACTIVE", False), ("PAUSED", True)


def test_a_plan_raises_every_limit_that_it_names_and_no_other(alice: Tenant) -> None:
    before = quotas.limits_of(alice.account)
    give(alice, "developer")
    after = quotas.limits_of(alice.account)
    assert {kind: after[kind] for kind in plans.kinds()} == plans.limits_of(plans.get("developer"))
    assert {kind for kind in after if after[kind] == before[kind]} == {kind for kind in after if "per_minute" in kind}


def test_back_on_free_the_settings_hold_again(alice: Tenant) -> None:
    give(alice, "scale")
    give(alice, "free")
    assert not Limit.objects.filter(account=alice.account).exists()
    assert quotas.limits_of(alice.account) == quotas.defaults()


def test_a_downgrade_keeps_the_oldest_mailboxes_and_an_upgrade_wakes_the_others(alice: Tenant) -> None:
    give(alice, "developer")
    grow(alice, 5)
    give(alice, "free")
    assert states(alice) == [ACTIVE] * 3 + [ASLEEP] * 2
    told = Event.objects.filter(account=alice.account, kind="mailbox.changed").order_by("seq")
    assert [json.loads(event.data)["status"] for event in told] == ["PAUSED"] * 2
    give(alice, "developer")
    assert states(alice) == [ACTIVE] * 5


def test_what_its_owner_had_paused_is_neither_counted_nor_woken(alice: Tenant) -> None:
    give(alice, "developer")
    boxes = grow(alice, 5)
    mailbox.change(boxes[1], status=MailboxStatus.PAUSED, now=clock.now())
    give(alice, "free")
    assert states(alice) == [ACTIVE, ("PAUSED", False), ACTIVE, ACTIVE, ASLEEP]
    give(alice, "developer")
    assert states(alice) == [ACTIVE, ("PAUSED", False), ACTIVE, ACTIVE, ACTIVE]


def test_a_sleeping_mailbox_is_not_woken_by_patch_while_the_plan_has_no_place(alice: Tenant) -> None:
    give(alice, "developer")
    boxes = grow(alice, 4)
    give(alice, "free")
    api = Api(alice.key_text)
    answer = api.patch(f"/mailboxes/{boxes[3].pk}", {"status": "ACTIVE"})
    assert (answer.status, answer.code) == (403, "mailbox_limit")
    assert "POST /v1/billing/upgrade" in answer.json["upgrade"]
    assert api.get(f"/mailboxes/{boxes[3].pk}").json["mailbox"]["pausedByBilling"] is True


def test_an_owner_may_choose_which_mailboxes_are_active(alice: Tenant) -> None:
    give(alice, "developer")
    boxes = grow(alice, 4)
    give(alice, "free")
    api = Api(alice.key_text)
    assert api.patch(f"/mailboxes/{boxes[0].pk}", {"status": "PAUSED"}).status == 200
    woken = api.patch(f"/mailboxes/{boxes[3].pk}", {"status": "ACTIVE"}).json["mailbox"]
    assert (woken["status"], woken["pausedByBilling"]) == ("ACTIVE", False)
    assert api.patch(f"/mailboxes/{boxes[0].pk}", {"status": "ACTIVE"}).status == 403


def test_a_deleted_mailbox_makes_place_for_no_more_than_one(alice: Tenant) -> None:
    give(alice, "developer")
    boxes = grow(alice, 5)
    give(alice, "free")
    api = Api(alice.key_text)
    assert api.delete(f"/mailboxes/{boxes[0].pk}").status == 200
    answers = [api.patch(f"/mailboxes/{box.pk}", {"status": "ACTIVE"}).status for box in boxes[3:]]
    assert answers == [200, 403]


def test_the_change_costs_few_statements_whatever_the_number_of_mailboxes(
    alice: Tenant, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    give(alice, "developer")
    grow(alice, 9)
    with django_assert_max_num_queries(35):  # type: ignore[operator]  # a fixture
        give(alice, "free")


def test_the_log_tells_who_changed_the_plan(alice: Tenant) -> None:
    give(alice, "growth")
    event = Event.objects.get(account=alice.account, kind="billing.plan_changed")
    assert json.loads(event.data) == {"from": "free", "to": "growth", "by": "operator:test"}


@pytest.mark.parametrize("by_address", [False, True])
def test_an_operator_changes_a_plan_from_the_shell(alice: Tenant, by_address: bool) -> None:
    output = StringIO()
    name = alice.owner.user.email.upper() if by_address else alice.account.slug
    call_command("change_plan", name, "scale", stdout=output)
    alice.account.refresh_from_db()
    assert alice.account.plan == "scale"
    assert f"{alice.account.slug} has the plan scale." in output.getvalue()


@pytest.mark.parametrize(("name", "plan"), [("nobody", "growth"), ("", "growth"), (None, "golden")])
def test_the_shell_says_what_it_does_not_know(alice: Tenant, name: str | None, plan: str) -> None:
    with pytest.raises(CommandError, match="There is no"):
        call_command("change_plan", alice.account.slug if name is None else name, plan)


def test_a_new_mailbox_needs_a_place_in_the_smaller_plan(alice: Tenant) -> None:
    give(alice, "developer")
    grow(alice, 4)
    give(alice, "free")
    answer = Api(alice.key_text).post("/mailboxes", {"address": "one-more"})
    assert (answer.status, answer.code) == (403, "mailbox_limit")
    assert quotas.used([alice.account.pk], LimitKind.MAILBOXES, now=clock.now()) == {alice.account.pk: 4}


def test_another_account_keeps_its_plan(alice: Tenant) -> None:
    charlie = builders.tenant("charlie")
    give(alice, "scale")
    charlie.account.refresh_from_db()
    assert charlie.account.plan == "free"
