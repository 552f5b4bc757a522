"""What is suggested to people: a rung where the record speaks for it, told once, and never set by anything but them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes import mailbox
from mailboxes.errors import Conflict, Forbidden, NotFound, Problem
from mailboxes.models import Event, Mailbox, Member, Role
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import decisions, rule_sets, submission, suggestions, trust, trust_notices
from oversight.models import Suggestion, SuggestionState
from oversight.policy.graduation import never_alone
from oversight.policy.templates import TEMPLATES
from oversight.policy.types import Outcome
from oversight.trust import NewTerms
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(clock: Clock) -> datetime:
    clock.set(platform_clock.now())
    return platform_clock.now()


@pytest.fixture
def alice(settings: Settings, now: datetime) -> Tenant:
    """Two decisions on one day are enough for her mailbox."""
    settings.TRUST_MIN_DECISIONS, settings.TRUST_MIN_DAYS, settings.UNDO_SECONDS = 2, 1, 0
    return builders.tenant()


def approve(owner: Tenant, *, count: int = 2, **fields: Any) -> None:
    for _ in range(count):
        review = builders.held(owner, **fields)
        reviewer = builders.reviewer(owner.owner)
        decisions.approve(review, reviewer=reviewer, version=None, now=platform_clock.now())


def look(clock: Clock | None = None) -> int:
    if clock:
        clock.advance(seconds=60)
    return suggestions.look(now=platform_clock.now())


def suggested(owner: Tenant) -> Suggestion | None:
    return suggestions.standing([owner.mailbox.pk]).get(owner.mailbox.pk)


def mode_of(owner: Tenant) -> str:
    return Mailbox.objects.get(pk=owner.mailbox.pk).mode


def mails(owner: Tenant) -> list[Message]:
    subject = "A mailbox could be trusted"
    return list(Message.objects.filter(to_addresses=[owner.owner.user.email], subject__startswith=subject))


def kinds(owner: Tenant) -> list[str]:
    return list(Event.objects.filter(account=owner.account).order_by("seq").values_list("kind", flat=True))


def test_a_good_record_is_suggested_once_and_told_once_and_changes_nothing(alice: Tenant, clock: Clock) -> None:
    approve(alice)
    assert [look(clock), look(clock)] == [1, 0]
    made = suggested(alice)
    assert made is not None
    assert (made.from_mode, made.to_mode, made.record["clean"]) == ("gated_send", "monitored", 2)
    assert [trust_notices.send_due(now=platform_clock.now()) for _ in range(2)] == [1, 0]
    [mail] = mails(alice)
    assert f"{alice.mailbox.full_address} could go from gated_send to monitored" in mail.body_text
    assert mode_of(alice) == "gated_send"
    assert kinds(alice)[-1] == "trust.suggested"


def test_an_agent_that_farms_approvals_does_not_raise_itself(alice: Tenant, clock: Clock) -> None:
    approve(alice, count=6, subject="Hi", body_text="ok\n")
    for _ in range(3):
        look(clock)
        trust_notices.send_due(now=platform_clock.now())
    api = Api(alice.key_text)
    path = f"/mailboxes/{alice.mailbox.pk}"
    assert api.patch(path, {"mode": "monitored"}).code == "mode_not_stricter"
    assert api.post(f"{path}/upgrade", {"code": "AAA-AAA"}).status == 404
    assert mode_of(alice) == "gated_send"


def test_what_the_agent_cancels_itself_is_no_decision(alice: Tenant, clock: Clock) -> None:
    approve(alice, count=1)
    for _ in range(4):
        review = builders.held(alice)
        submission.cancel(alice.agent_actor, alice.mailbox.pk, review.message_id, now=platform_clock.now())
    assert look(clock) == 0


def test_approvals_on_one_day_are_not_enough_by_default(alice: Tenant, clock: Clock, settings: Settings) -> None:
    settings.TRUST_MIN_DAYS = 3
    approve(alice, count=3)
    assert look(clock) == 0


def test_what_a_rule_holds_speaks_for_nothing_and_leaves_at_no_rung(alice: Tenant, clock: Clock) -> None:
    builders.rules(alice, builders.rule("promises", "hold", {"kind": "words", "words": ["guarantee"]}, risk="medium"))
    approve(alice, count=3, subject="We guarantee it")
    assert look(clock) == 0
    approve(alice)
    assert look(clock) == 1
    made = suggested(alice)
    assert made is not None
    suggestions.accept(alice.owner, made.pk, has_proved=True, now=clock.advance(seconds=1))
    for mode in (OversightMode.MONITORED, OversightMode.AUTONOMOUS):
        mailbox.set_mode(alice.mailbox, mode, by="test", now=clock.advance(seconds=1))
        assert builders.held(alice, subject="We guarantee it").reason_code == "words"


def test_every_template_that_stops_is_a_class_that_never_graduates(alice: Tenant) -> None:
    rules = [template.rule for template in TEMPLATES if template.rule["then"] != Outcome.ALLOW]
    version = builders.rules(alice, *rules, builders.rule("shadow", isShadow=True), builders.rule("off", isOn=False))
    found = never_alone([rule_sets.parsed(version)])
    assert [one.rule for one in found] == ["own_key", *(rule["id"] for rule in rules)]
    assert {"money", "secrets", "regulated", "bank-details"} <= {one.rule for one in found}


def test_an_owner_takes_it_and_the_mailbox_climbs_one_rung(alice: Tenant, clock: Clock) -> None:
    approve(alice)
    look(clock)
    made = suggested(alice)
    assert made is not None
    suggestions.accept(alice.owner, made.pk, has_proved=True, now=clock.advance(seconds=1))
    assert mode_of(alice) == "monitored"
    changed = json.loads(Event.objects.filter(kind="mailbox.mode_changed").latest("seq").data)
    assert (changed["by"], changed["reason"]) == (f"member:{alice.owner.pk}", "suggested")
    assert kinds(alice)[-1] == "trust.accepted"
    with pytest.raises(Conflict):
        suggestions.accept(alice.owner, made.pk, has_proved=True, now=clock.advance(seconds=1))
    assert look(clock) == 0, "what was done on one rung says nothing for the one after the next"


def test_nobody_else_takes_it(alice: Tenant, clock: Clock) -> None:
    approve(alice)
    look(clock)
    made = suggested(alice)
    assert made is not None
    people: list[tuple[Member, bool, type[Exception]]] = [
        (builders.member(alice.account), True, Forbidden),
        (builders.member(alice.account, "vic", Role.VIEWER), True, Forbidden),
        (alice.owner, False, Forbidden),
        (builders.tenant("charlie").owner, True, NotFound),
    ]
    for member, has_proved, refusal in people:
        with pytest.raises(refusal):
            suggestions.accept(member, made.pk, has_proved=has_proved, now=platform_clock.now())
    assert (mode_of(alice), Suggestion.objects.get().state) == ("gated_send", SuggestionState.OPEN)


def test_what_was_declined_is_not_suggested_again_for_a_while(alice: Tenant, clock: Clock) -> None:
    approve(alice)
    look(clock)
    made = suggested(alice)
    assert made is not None
    suggestions.decline(alice.owner, made.pk, now=platform_clock.now())
    assert look(clock) == 0
    clock.advance(days=29)
    approve(alice)
    assert look(clock) == 0
    clock.advance(days=2)
    assert look(clock) == 1


def test_it_is_void_with_the_mode_that_it_was_made_for(alice: Tenant, clock: Clock) -> None:
    approve(alice)
    look(clock)
    made = suggested(alice)
    assert made is not None
    for mode in (OversightMode.AUTONOMOUS, OversightMode.GATED_SEND):
        mailbox.set_mode(alice.mailbox, mode, by="test", now=clock.advance(seconds=1))
    assert suggested(alice) is None
    with pytest.raises(Conflict):
        suggestions.accept(alice.owner, made.pk, has_proved=True, now=platform_clock.now())
    look(clock)
    assert Suggestion.objects.get().state == SuggestionState.LAPSED


def test_it_lapses_when_the_record_turns_and_coming_back_it_is_not_told_again(
    alice: Tenant, clock: Clock, settings: Settings
) -> None:
    approve(alice)
    look(clock)
    trust_notices.send_due(now=platform_clock.now())
    bad = builders.held(alice)
    decisions.reject(bad, reviewer=builders.reviewer(alice.owner), version=1, reason="tone", now=platform_clock.now())
    assert look(clock) == 0
    assert suggested(alice) is None
    assert Suggestion.objects.get().state == SuggestionState.LAPSED
    settings.TRUST_DAYS = 2
    clock.advance(days=3)
    approve(alice)
    assert look(clock) == 1
    assert trust_notices.send_due(now=platform_clock.now()) == 0
    assert len(mails(alice)) == 1


def test_a_reviewer_tightens_and_only_an_owner_who_proved_it_loosens(alice: Tenant, clock: Clock) -> None:
    rhea = builders.member(alice.account)

    def set_terms(member: Member, mode: str, *, has_proved: bool = False, reason: str = "", **more: Any) -> bool:
        asked = NewTerms(OversightMode(mode), more.get("floor"), seen=more.get("seen", mode_of(alice)), reason=reason)
        at = clock.advance(seconds=1)
        return trust.set_by_person(member, alice.mailbox.pk, asked, has_proved=has_proved, now=at)

    assert set_terms(rhea, "gated_all")
    assert set_terms(rhea, "gated_all", floor=OversightMode.READ_ONLY)
    for member, has_proved, reason in [(rhea, True, "x"), (alice.owner, False, "x"), (alice.owner, True, "")]:
        for mode, floor in (("gated_send", OversightMode.READ_ONLY), ("gated_all", None)):
            with pytest.raises(Problem) as refused:
                set_terms(member, mode, floor=floor, has_proved=has_proved, reason=reason)
            assert refused.value.code in {"not_manager", "second_step_required", "reason_required"}
    with pytest.raises(Conflict):
        set_terms(alice.owner, "autonomous", has_proved=True, reason="x", seen="monitored")
    assert set_terms(alice.owner, "autonomous", has_proved=True, reason="They asked for it")
    assert Mailbox.objects.values_list("mode", "floor").get(pk=alice.mailbox.pk) == ("autonomous", None)


def test_agents_are_told_codes_and_members_the_numbers(alice: Tenant, clock: Clock) -> None:
    approve(alice, count=1)
    builders.rules(alice, builders.rule("promises", "hold", {"kind": "words", "words": ["guarantee"]}))
    path = f"/mailboxes/{alice.mailbox.pk}/trust"
    told = Api(alice.key_text).get(path).json["trust"]
    assert (told["mode"], told["nextMode"]) == ("gated_send", "monitored")
    assert [one["code"] for one in told["missing"]] == ["too_few_decisions"]
    assert not any(character.isdigit() for one in told["missing"] for character in one["text"])
    assert (told["record"], told["suggestion"], told["heldAtEveryRung"]) == (None, None, None)
    approve(alice, count=1)
    look(clock)
    member = Api(builders.decide_key(alice.owner)).get(path).json["trust"]
    assert (member["record"]["clean"], member["missing"]) == (2, [])
    assert member["suggestion"]["toMode"] == "monitored"
    assert [one["rule"] for one in member["heldAtEveryRung"]] == ["own_key", "promises"]
    assert Api(alice.key_text).get(path).json["trust"]["suggestion"] is None


def test_one_mailbox_or_many_are_looked_at_by_as_many_statements(alice: Tenant, django_assert_num_queries: Any) -> None:
    def count() -> int:
        with django_assert_num_queries(3):
            return look()

    assert count() == 0
    for number in range(2):
        asked = mailbox.NewMailbox(f"box{number}", alice.mailbox.domain, alice.agent)
        mailbox.create(alice.account, asked, now=platform_clock.now())
    assert count() == 0
