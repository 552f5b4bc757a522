"""Versions of rules: they stand for good, one is in force from its publication on, and only managers change that."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, connection, transaction

from config.owner import as_owner
from mailboxes import clock, mailbox
from mailboxes.errors import Conflict, Forbidden, Invalid, NotFound
from mailboxes.models import Event, Role
from mailboxes.modes import OversightMode
from mailboxes.principals import of_member
from messaging.models import Status
from oversight import rule_sets
from oversight.models import Evaluation, Review, RuleSet, RuleSetVersion
from oversight.policy.types import Outcome
from oversight.rule_sets import ACCOUNT, Proposed
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

TO_KIM = {"kind": "recipient_list", "addresses": ["kim@friends.example"]}
NEVER_TO_KIM = builders.rule("no-kim", "refuse", TO_KIM)


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def kinds(owner: Tenant) -> list[str]:
    events = Event.objects.filter(account=owner.account, kind__startswith="policy.").order_by("seq")
    return list(events.values_list("kind", flat=True))


class TestPublication:
    def test_a_proposal_judges_nothing_until_it_is_published(self, alice: Tenant) -> None:
        version = builders.rules(alice, NEVER_TO_KIM, is_live=False)
        assert builders.submit(alice).status == Status.QUEUED
        rule_sets.publish(alice.owner_actor, ACCOUNT, version.number, live=None, now=clock.now())
        assert builders.submit(alice).status == Status.REFUSED
        assert kinds(alice) == ["policy.proposed", "policy.published"]

    def test_a_verdict_keeps_the_versions_that_made_it(self, alice: Tenant) -> None:
        builders.rules(alice, builders.rule("old"))
        version = builders.rules(alice, NEVER_TO_KIM)
        of_box = builders.rules(alice, builders.rule("own"), mailbox=alice.mailbox)
        evaluation = Evaluation.objects.get(message=builders.submit(alice))
        assert evaluation.rule_sets == [
            {"id": str(version.pk), "scope": "account", "version": 2},
            {"id": str(of_box.pk), "scope": "mailbox", "version": 1},
        ]
        told = {line["rule"]: (line["version"], line["result"]) for line in evaluation.trace}
        assert told["no-kim"] == (2, "matched")
        assert told["own"] == (1, "matched")
        assert (evaluation.outcome, evaluation.reason_code) == ("refuse", "recipient_list")

    def test_a_mailboxs_rules_are_for_it_alone_and_the_strictest_of_both_wins(self, alice: Tenant) -> None:
        other = mailbox.create(
            alice.account, mailbox.NewMailbox("other", alice.mailbox.domain, agent=alice.agent), now=clock.now()
        )
        mailbox.set_mode(other, OversightMode.AUTONOMOUS, by="test", now=clock.now())
        builders.rules(alice, builders.rule("all", "hold", lane="all"))
        builders.rules(alice, NEVER_TO_KIM, mailbox=alice.mailbox)
        assert builders.submit(alice).status == Status.REFUSED
        assert builders.submit(Tenant(**{**vars(alice), "mailbox": other})).status == Status.HELD

    def test_lane_people_and_risk_of_a_rule_come_to_the_review(self, alice: Tenant) -> None:
        builders.rules(alice, builders.rule("money", lane="money", people=2, risk="high"))
        review = Review.objects.get(message=builders.submit(alice))
        assert (review.lane, review.people_needed, review.risk) == ("money", 2, "high")
        assert (review.reason_code, "money" in review.reason_text) == ("always", False)

    def test_an_allow_lets_what_is_gated_leave_and_keeps_no_review(self) -> None:
        alice = builders.tenant(mode=OversightMode.GATED_SEND)
        builders.rules(alice, builders.rule("kim", "allow", TO_KIM))
        assert builders.submit(alice).status == Status.QUEUED
        assert builders.submit(alice, bcc=("evil@x.example",)).status == Status.HELD
        assert builders.submit(alice, oversight_mode="gated_all").status == Status.HELD
        assert builders.submit(alice, oversight_mode="gated_send").status == Status.HELD

    def test_what_waits_goes_on_waiting_when_rules_become_freer(self) -> None:
        alice = builders.tenant(mode=OversightMode.GATED_SEND)
        review = builders.held(alice)
        builders.rules(alice, builders.rule("kim", "allow", TO_KIM))
        review.refresh_from_db()
        assert (review.state, review.message.status) == ("open", Status.HELD)

    def test_publishing_again_is_no_error_and_tells_nothing_twice(self, alice: Tenant) -> None:
        version = builders.rules(alice, NEVER_TO_KIM)
        rule_sets.publish(alice.owner_actor, ACCOUNT, version.number, live=0, now=clock.now())
        assert kinds(alice) == ["policy.proposed", "policy.published"]

    def test_who_saw_another_version_in_force_is_told(self, alice: Tenant) -> None:
        builders.rules(alice, NEVER_TO_KIM)
        version = builders.rules(alice, is_live=False)
        with pytest.raises(Conflict) as caught:
            rule_sets.publish(alice.owner_actor, ACCOUNT, version.number, live=0, now=clock.now())
        assert caught.value.code == "stale_version"


class TestRollback:
    def test_a_rollback_is_a_new_version_with_the_old_rules_that_says_so(self, alice: Tenant) -> None:
        first = builders.rules(alice, NEVER_TO_KIM)
        builders.rules(alice)
        assert builders.submit(alice).status == Status.QUEUED
        third = rule_sets.roll_back(alice.owner_actor, ACCOUNT, 1, live=2, now=clock.now())
        assert (third.number, third.copy_of, third.rules) == (3, 1, first.rules)
        assert RuleSet.objects.get().live == 3
        assert builders.submit(alice).status == Status.REFUSED
        event = Event.objects.filter(kind="policy.rolled_back").get()
        assert json.loads(event.data) | {"rule_set_id": ""} == {
            "rule_set_id": "",
            "version": 3,
            "was": 2,
            "copy_of": 1,
            "by": f"member:{alice.owner.pk}",
        }

    def test_only_what_was_before_is_rolled_back_to(self, alice: Tenant) -> None:
        builders.rules(alice, NEVER_TO_KIM)
        with pytest.raises(Conflict) as caught:
            rule_sets.roll_back(alice.owner_actor, ACCOUNT, 1, live=None, now=clock.now())
        assert caught.value.code == "nothing_to_roll_back"

    def test_an_older_version_is_not_published_over_a_newer_one(self, alice: Tenant) -> None:
        builders.rules(alice, NEVER_TO_KIM)
        builders.rules(alice)
        with pytest.raises(Conflict) as caught:
            rule_sets.publish(alice.owner_actor, ACCOUNT, 1, live=None, now=clock.now())
        assert caught.value.code == "older_version"


class TestWhoMay:
    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
    def test_who_does_not_manage_changes_no_rules(self, alice: Tenant, role: Role) -> None:
        builders.rules(alice, NEVER_TO_KIM, is_live=False)
        actor = of_member(builders.member(alice.account, role=role))
        with pytest.raises(Forbidden) as proposing:
            rule_sets.propose(actor, ACCOUNT, Proposed([]), now=clock.now())
        with pytest.raises(Forbidden) as publishing:
            rule_sets.publish(actor, ACCOUNT, 1, live=None, now=clock.now())
        with pytest.raises(Forbidden) as rolling_back:
            rule_sets.roll_back(actor, ACCOUNT, 1, live=None, now=clock.now())
        assert {caught.value.code for caught in (proposing, publishing, rolling_back)} == {"may_not_manage"}
        assert rule_sets.get(actor, ACCOUNT).latest == 1

    def test_an_agent_neither_reads_nor_changes_rules(self, alice: Tenant) -> None:
        with pytest.raises(Forbidden) as caught:
            rule_sets.get(alice.agent_actor, ACCOUNT)
        assert caught.value.code == "members_only"
        with pytest.raises(Forbidden) as caught:
            rule_sets.propose(alice.agent_actor, ACCOUNT, Proposed([]), now=clock.now())
        assert caught.value.code == "may_not_manage"

    def test_an_owner_whose_password_an_agent_knows_changes_no_rules(self) -> None:
        alice = builders.tenant(is_verified=False)
        with pytest.raises(Forbidden) as caught:
            builders.rules(alice, NEVER_TO_KIM)
        assert caught.value.code == "password_not_proven"

    def test_rules_of_others_are_not_there(self, alice: Tenant) -> None:
        charlie = builders.tenant("charlie")
        builders.rules(alice, NEVER_TO_KIM, mailbox=alice.mailbox)
        with pytest.raises(NotFound):
            rule_sets.get(charlie.owner_actor, alice.mailbox.pk)
        assert rule_sets.get(charlie.owner_actor, ACCOUNT).latest == 0
        assert rule_sets.in_force(charlie.mailbox.pk) == ()

    def test_malformed_rules_make_no_version(self, alice: Tenant) -> None:
        with pytest.raises(Invalid) as caught:
            builders.rules(alice, builders.rule("bad", "deny"))
        assert caught.value.extra == {"field": "rules[0].then", "rule": "bad"}
        many = [f"{number:060}@friends.example" for number in range(1000)]
        big = builders.rule("big", "hold", *[{"kind": "recipient_list", "addresses": many}] * 3)
        with pytest.raises(Invalid) as caught:
            builders.rules(alice, big)
        assert caught.value.code == "invalid_rules"
        assert not RuleSetVersion.objects.exists()


class TestForGood:
    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE oversight_rulesetversion SET rules = '[]'",
            "DELETE FROM oversight_rulesetversion",
            "TRUNCATE oversight_rulesetversion",
        ],
    )
    def test_the_application_can_not_change_a_version(self, alice: Tenant, change: str) -> None:
        builders.rules(alice, NEVER_TO_KIM)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as at:
            at.execute(change)

    def test_a_trigger_stands_behind_the_grant(self, alice: Tenant) -> None:
        builders.rules(alice, NEVER_TO_KIM)
        with connection.cursor() as at:
            at.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = 'oversight_rulesetversion'::regclass")
            names = {name for (name,) in at.fetchall()}
        assert {"rule_set_version_append_only", "rule_set_version_never_truncated"} <= names

    def test_versions_of_a_living_account_are_not_erased(self, alice: Tenant) -> None:
        builders.rules(alice, NEVER_TO_KIM, mailbox=alice.mailbox)
        for mine in (None, alice.mailbox.pk):
            with (
                pytest.raises(DatabaseError, match="these rules stay"),
                transaction.atomic(),
                connection.cursor() as at,
            ):
                at.execute("SELECT oversight_erase_rule_sets(%s, %s)", [alice.account.pk, mine])

    def test_a_rule_set_keeps_its_place(self, alice: Tenant) -> None:
        builders.rules(alice, NEVER_TO_KIM, mailbox=alice.mailbox)
        with pytest.raises(DatabaseError, match="keeps its place"), transaction.atomic():
            RuleSet.objects.update(mailbox=None)

    @pytest.mark.django_db(transaction=True)
    def test_rules_that_this_release_can_not_read_hold_everything(self) -> None:
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        version = builders.rules(alice, NEVER_TO_KIM, is_live=False)
        with as_owner():
            RuleSetVersion.objects.filter(pk=version.pk).update(rules=[{"id": "of-the-future", "when": "?"}])
        rule_sets.publish(alice.owner_actor, ACCOUNT, version.number, live=None, now=clock.now())
        assert builders.submit(alice, to=("lee@friends.example",)).status == Status.HELD
        assert rule_sets.in_force(alice.mailbox.pk)[0].rules[0].then is Outcome.HOLD
