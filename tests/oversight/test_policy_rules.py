"""Rules as data: what they find, which of them decides, and that nothing malformed gets in or breaks anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailboxes.modes import OversightMode
from oversight.policy import rules as policy_rules
from oversight.policy.evaluate import evaluate
from oversight.policy.reading import Malformed
from oversight.policy.templates import TEMPLATES
from oversight.policy.types import (
    Amount,
    Facts,
    File,
    Finding,
    Outcome,
    Provenance,
    Result,
    Risk,
    Scope,
    Secret,
    Verdict,
)
from tests import builders

from . import rules_at_random as random

NOW = datetime(2026, 11, 1, 21, 30, tzinfo=UTC)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def facts(mode: OversightMode = OversightMode.AUTONOMOUS, **known: Any) -> Facts:
    asked: dict[str, Any] = {"mode": mode, "mailbox_mode": mode, "recipients": ("kim@friends.example",)}
    return Facts(**(asked | {"asked_at": NOW} | known))


def judged(known: Facts, *rules: dict[str, Any]) -> Verdict:
    return evaluate(known, [random.rule_set(list(rules))])


def found(condition: dict[str, Any], known: Facts, then: str = "hold") -> Result:
    return judged(known, builders.rule("one", then, condition)).trace[-1].result


def is_met(condition: dict[str, Any], then: str = "hold", **known: Any) -> bool:
    result = found(condition, facts(**known), then)
    assert result in (Result.MATCHED, Result.NOT_MATCHED)
    return result is Result.MATCHED


class TestConditions:
    def test_who_stops_an_address_stops_it_among_others_and_in_every_spelling(self) -> None:
        listed = {"kind": "recipient_list", "addresses": ["kim@friends.example", "*@rival.example"]}
        assert is_met(listed, recipients=("lee@x.example", "kim@friends.example"))
        assert is_met(listed, recipients=("kim+hidden@friends.example",))
        assert is_met(listed, recipients=("any@rival.example",))
        assert not is_met(listed, recipients=("any@sub.rival.example", "kim@rival.example.org"))

    def test_who_lets_pass_means_every_recipient_and_this_spelling(self) -> None:
        listed = {"kind": "recipient_list", "addresses": ["kim@friends.example", "*@partner.example"]}
        assert is_met(listed, "allow", recipients=("kim@friends.example", "max@partner.example"))
        assert not is_met(listed, "allow", recipients=("kim@friends.example", "evil@x.example"))
        assert not is_met(listed, "allow", recipients=("kim+tag@friends.example",))

    def test_a_list_that_is_turned_is_asked_of_each_recipient(self) -> None:
        others = {"kind": "recipient_list", "addresses": ["*@ours.example"], "isNot": True}
        assert is_met(others, recipients=("a@ours.example", "evil@x.example"))
        assert not is_met(others, recipients=("a@ours.example", "b@ours.example"))
        assert not is_met(others, "allow", recipients=("a@ours.example", "evil@x.example"))

    @pytest.mark.parametrize(
        ("condition", "known", "is_so"),
        [
            ({"kind": "first_contact"}, {"first_contacts": ("kim@friends.example",)}, True),
            ({"kind": "first_contact"}, {"first_contacts": ()}, False),
            ({"kind": "first_contact", "isNot": True}, {"first_contacts": ()}, True),
            ({"kind": "new_recipients_per_hour", "over": 5}, {"new_recipients_hour": 5}, False),
            ({"kind": "new_recipients_per_hour", "over": 5}, {"new_recipients_hour": 6}, True),
            ({"kind": "volume", "perHour": 2, "perDay": 9}, {"recipients_hour": 3, "recipients_day": 3}, True),
            ({"kind": "volume", "perDay": 9}, {"recipients_day": 9}, False),
            ({"kind": "words", "words": ["wire transfer"]}, {"text": "A  WIRE\ntransfer."}, True),
            ({"kind": "words", "words": ["wire transfer"]}, {"text": "a wi\u200bre tr\u00adansfer"}, True),
            ({"kind": "words", "words": ["gold"]}, {"text": "\uff47\uff4f\uff4c\uff44"}, True),
            ({"kind": "words", "words": ["gold"]}, {"text": "golden"}, False),
            ({"kind": "words", "list": "promises"}, {"text": "We guarantee it"}, True),
            ({"kind": "duplicate"}, {"duplicate_of": ""}, False),
            ({"kind": "duplicate"}, {"duplicate_of": "1"}, True),
            ({"kind": "outside_thread"}, {"outside_thread": ("x@y.example",)}, True),
            ({"kind": "redirected_reply"}, {"redirected": ()}, False),
            ({"kind": "parent_unproven"}, {"is_parent_authenticated": False}, True),
            ({"kind": "parent_unproven"}, {"is_parent_authenticated": True}, False),
            ({"kind": "provenance", "of": ["inbound"]}, {"provenance": Provenance.INBOUND}, True),
            ({"kind": "reply"}, {"is_reply": True}, True),
            ({"kind": "answers_elsewhere"}, {"reply_to": "x@y.example"}, True),
            ({"kind": "recipients", "over": 0}, {}, True),
            ({"kind": "quiet_hours", "from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}, {}, True),
            ({"kind": "quiet_hours", "from": "22:00", "to": "06:00", "zone": "UTC"}, {}, False),
            ({"kind": "quiet_hours", "from": "21:00", "to": "22:00", "zone": "UTC"}, {}, True),
        ],
    )
    def test_each_kind_is_met_when_its_fact_is_so(
        self, condition: dict[str, Any], known: dict[str, Any], is_so: bool
    ) -> None:
        assert is_met(condition, **known) is is_so

    def test_a_bare_sign_counts_as_any_currency(self) -> None:
        over = {"kind": "amount", "over": "999.99", "currency": "EUR"}
        for currency, is_so in (("EUR", True), ("", True), ("USD", False)):
            assert is_met(over, amounts=(Amount(Decimal(1000), currency, "1,000"),)) is is_so
        assert not is_met(over, amounts=(Amount(Decimal("999.99"), "EUR", "999.99"),))

    def test_files_are_known_by_name_kind_number_and_size(self) -> None:
        files = (File("a.PDF", "application/pdf", 10, "0"), File("b.png", "image/png; name=b.png", 10, "0"))
        for asked, is_so in (
            ({}, True),
            ({"types": [".pdf"]}, True),
            ({"types": ["image/*"]}, True),
            ({"types": ["exe"]}, False),
            ({"over": 2}, False),
            ({"over": 1, "sizeOver": 19}, True),
            ({"sizeOver": 20}, False),
            ({"isNot": True}, False),
            ({"types": ["pdf"], "isNot": True}, True),
        ):
            assert is_met({"kind": "attachments", **asked}, files=files) is is_so, asked
        assert not is_met({"kind": "attachments", "types": ["pdf"]}, "allow", files=files)
        assert is_met({"kind": "attachments", "types": ["pdf", "png"]}, "allow", files=files)
        assert not is_met({"kind": "attachments", "types": ["pdf"]}, "allow", files=())

    def test_what_is_not_known_is_not_applicable_and_never_met_by_being_turned(self) -> None:
        for condition in ({"kind": "first_contact"}, {"kind": "first_contact", "isNot": True}):
            assert found(condition, facts(first_contacts=None)) is Result.NOT_APPLICABLE

    def test_what_was_not_looked_at_to_its_end_is_taken_for_the_worst(self) -> None:
        words = {"kind": "words", "words": ["gold"]}
        for condition in (words, words | {"isNot": True}):
            assert is_met(condition, text="a" * 9, is_cut=True)
        assert not is_met(words | {"isNot": True}, "allow", text="a" * 9, is_cut=True)
        assert not is_met({"kind": "first_contact"}, first_contacts=(), is_cut=True)

    def test_all_conditions_of_a_rule_must_be_met(self) -> None:
        rule = builders.rule("both", "hold", {"kind": "reply"}, {"kind": "first_contact"})
        known = facts(is_reply=True, first_contacts=("kim@friends.example",))
        assert judged(known, rule).outcome is Outcome.HOLD
        assert judged(replace(known, is_reply=False), rule).outcome is Outcome.ALLOW
        # One that is surely not met is enough to say so, whatever is unknown of the others.
        assert judged(facts(is_reply=False), rule).trace[-1].result is Result.NOT_MATCHED


class TestVerdict:
    def test_the_trace_tells_of_every_rule_in_its_version_and_hides_nothing(self) -> None:
        rules = [
            builders.rule("met", "hold", {"kind": "reply"}, lane="money", people=2, risk="high"),
            builders.rule("not-met", "refuse", {"kind": "answers_elsewhere"}),
            builders.rule("unknown", "hold", {"kind": "first_contact"}),
            builders.rule("shadow", "refuse", isShadow=True),
            builders.rule("off", "refuse", isOn=False),
        ]
        verdict = evaluate(facts(is_reply=True), [random.rule_set(rules, version=7)])
        results = {one.rule: (one.version, one.result) for one in verdict.trace if one.scope}
        assert results == {
            "met": (7, Result.MATCHED),
            "not-met": (7, Result.NOT_MATCHED),
            "unknown": (7, Result.NOT_APPLICABLE),
            "shadow": (7, Result.MATCHED),
        }
        assert (verdict.outcome, verdict.lane, verdict.people, verdict.risk) == (Outcome.HOLD, "money", 2, Risk.HIGH)
        [shadow] = [one for one in verdict.trace if one.is_shadow]
        assert (shadow.rule, shadow.outcome) == ("shadow", Outcome.REFUSE)

    def test_also_names_what_else_would_have_stopped_it(self) -> None:
        rules = [
            builders.rule("words", "refuse", {"kind": "words", "words": ["gold"]}),
            builders.rule("first", "hold", {"kind": "first_contact"}),
            builders.rule("same", "hold", {"kind": "words", "words": ["gold"]}),
        ]
        known = facts(OversightMode.GATED_SEND, text="gold", first_contacts=("kim@friends.example",))
        verdict = judged(known, *rules)
        assert (verdict.outcome, verdict.code) == (Outcome.REFUSE, "words")
        assert verdict.also == ("first_contact", "gated_send")

    def test_an_allow_lifts_the_mailboxs_own_gated_send_and_says_so(self) -> None:
        verdict = judged(facts(OversightMode.GATED_SEND), builders.rule("known", "allow"))
        assert (verdict.outcome, verdict.cleared_by) == (Outcome.ALLOW, "known")
        mode = verdict.trace[0]
        assert (mode.rule, mode.result, mode.outcome, mode.cleared_by) == (
            "oversight_mode",
            Result.CLEARED,
            None,
            "known",
        )
        assert verdict.trace[-1].result is Result.CLEARED

    def test_what_no_rule_covers_is_told_otherwise_than_what_a_rule_cleared(self) -> None:
        uncovered = judged(facts(OversightMode.GATED_SEND), builders.rule("known", "allow", {"kind": "reply"}))
        assert (uncovered.outcome, uncovered.code, uncovered.cleared_by) == (Outcome.HOLD, "gated_send", "")
        free = judged(facts(OversightMode.AUTONOMOUS))
        assert (free.outcome, free.cleared_by) == (Outcome.ALLOW, "oversight_mode")

    @pytest.mark.parametrize(
        "known",
        [
            facts(OversightMode.GATED_ALL),
            facts(OversightMode.READ_ONLY),
            facts(OversightMode.GATED_SEND, mailbox_mode=OversightMode.AUTONOMOUS),
            facts(OversightMode.GATED_SEND, is_mode_asked=True),
            facts(OversightMode.GATED_SEND, floor="gated_send", provenance=Provenance.INBOUND),
            facts(OversightMode.GATED_SEND, floor="gated_send", provenance=Provenance.UNKNOWN),
            facts(OversightMode.GATED_SEND, secrets=(Secret("own_key", "text"),)),
        ],
        ids=["gated_all", "read_only", "asked_freer_box", "asked_same", "floor_inbound", "floor_unknown", "own_key"],
    )
    def test_an_allow_lifts_nothing_else(self, known: Facts) -> None:
        assert judged(known, builders.rule("all", "allow")).outcome is not Outcome.ALLOW

    def test_the_floor_is_for_what_no_person_and_no_schedule_began(self) -> None:
        for provenance, outcome in (
            (Provenance.HUMAN, Outcome.ALLOW),
            (Provenance.SCHEDULE, Outcome.ALLOW),
            (Provenance.INBOUND, Outcome.HOLD),
            (Provenance.UNKNOWN, Outcome.HOLD),
        ):
            verdict = evaluate(facts(floor="gated_send", provenance=provenance))
            assert verdict.outcome is outcome
            assert [one.is_floor for one in verdict.trace if one.rule == "floor"] == [True]
        assert evaluate(facts(floor="read_only")).outcome is Outcome.REFUSE
        assert evaluate(facts(floor="no such mode")).outcome is Outcome.HOLD

    def test_agents_words_hold_no_threshold_no_list_and_no_name(self) -> None:
        rule = builders.rule("over-31337", "hold", {"kind": "recipient_list", "addresses": ["kim@friends.example"]}) | {
            "name": "Secret list 31337"
        }
        verdict = judged(facts(), rule)
        told = " ".join((verdict.code, verdict.text, verdict.fix, *verdict.also))
        assert "31337" not in told
        assert "kim@" not in told
        assert "kim@friends.example" in verdict.trace[-1].detail

    @given(known=random.facts, rules=random.sets_of_rules(), own=random.sets_of_rules(3), order=st.randoms())
    @settings(max_examples=200)
    def test_the_order_of_rules_changes_nothing(self, known: Facts, rules: Any, own: Any, order: Any) -> None:
        sets = [random.rule_set(rules), random.rule_set(own, Scope.MAILBOX, 4)]
        verdict = evaluate(known, sets)
        shuffled = [replace(one, rules=tuple(order.sample(one.rules, len(one.rules)))) for one in reversed(sets)]
        other = evaluate(known, shuffled)
        assert replace(verdict, trace=()) == replace(other, trace=())
        assert Counter(verdict.trace) == Counter(other.trace)

    @given(known=random.facts, rules=random.sets_of_rules())
    @settings(max_examples=200)
    def test_the_strictest_wins_and_an_allow_lifts_only_the_own_gated_send(self, known: Facts, rules: Any) -> None:
        verdict = judged(known, *rules)
        bare = evaluate(known)
        stopping = [one for one in verdict.trace if one.scope and not one.is_shadow and _stops(one)]
        strictest = max([bare.outcome, *(one.outcome for one in stopping if one.outcome)], key=_strictness)
        if verdict.outcome is strictest:
            return
        # Only one thing lets more pass than that.
        assert (bare.outcome, verdict.outcome) == (Outcome.HOLD, Outcome.ALLOW)
        assert not stopping
        assert known.mode is known.mailbox_mode is OversightMode.GATED_SEND
        assert bare.trace[0].rule == verdict.trace[0].rule == "oversight_mode"
        assert [one.rule for one in bare.trace if _stops(one)] == ["oversight_mode"]

    @given(known=random.facts, rules=random.sets_of_rules())
    @settings(max_examples=100)
    def test_shadows_change_nothing(self, known: Facts, rules: Any) -> None:
        without = [rule for rule in rules if not rule["isShadow"]]
        assert replace(judged(known, *rules), trace=()) == replace(judged(known, *without), trace=())


class TestReading:
    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"when": []}, "rules[0].when"),
            ({"then": "deny"}, "rules[0].then"),
            ({"id": "Not A Slug"}, "rules[0].id"),
            ({"id": "oversight_mode"}, "rules[0].id"),
            ({"id": None}, "rules[0].id"),
            ({"name": ""}, "rules[0].name"),
            ({"name": "a\nb"}, "rules[0].name"),
            ({"people": 0}, "rules[0].people"),
            ({"people": True}, "rules[0].people"),
            ({"people": 6}, "rules[0].people"),
            ({"risk": "huge"}, "rules[0].risk"),
            ({"lane": "A lane"}, "rules[0].lane"),
            ({"then": "allow", "people": 2}, "rules[0].people"),
            ({"isOn": "yes"}, "rules[0].isOn"),
            ({"priority": 1}, "rules[0].priority"),
            ({"when": [{"kind": "magic"}]}, "rules[0].when[0].kind"),
            ({"when": [{}]}, "rules[0].when[0].kind"),
            ({"when": ["always"]}, "rules[0].when[0].kind"),
            ({"when": [{"kind": "always", "over": 1}]}, "rules[0].when[0].over"),
            ({"when": [{"kind": "always", "isNot": True}]}, "rules[0].when[0].isNot"),
            ({"when": [{"kind": "recipient_list"}]}, "rules[0].when[0].addresses"),
            ({"when": [{"kind": "recipient_list", "addresses": ["*@*"]}]}, "rules[0].when[0].addresses[0]"),
            ({"when": [{"kind": "recipient_list", "addresses": ["a@b.example", "*@com"]}]},
             "rules[0].when[0].addresses[1]"),
            ({"when": [{"kind": "recipient_list", "addresses": ["k*@b.example"]}]}, "rules[0].when[0].addresses[0]"),
            ({"when": [{"kind": "amount", "over": float("nan")}]}, "rules[0].when[0].over"),
            ({"when": [{"kind": "amount", "over": float("inf")}]}, "rules[0].when[0].over"),
            ({"when": [{"kind": "amount", "over": -1}]}, "rules[0].when[0].over"),
            ({"when": [{"kind": "amount", "over": 10**5000}]}, "rules[0].when[0].over"),
            ({"when": [{"kind": "amount", "over": 1, "currency": "eur"}]}, "rules[0].when[0].currency"),
            ({"when": [{"kind": "volume"}]}, "rules[0].when[0].perHour"),
            ({"when": [{"kind": "words"}]}, "rules[0].when[0].list"),
            ({"when": [{"kind": "words", "words": ["\u0301"]}]}, "rules[0].when[0].words[0]"),
            ({"when": [{"kind": "attachments", "over": 1, "isNot": True}]}, "rules[0].when[0].isNot"),
            ({"when": [{"kind": "quiet_hours", "from": "25:00", "to": "06:00", "zone": "UTC"}]},
             "rules[0].when[0].from"),
            ({"when": [{"kind": "quiet_hours", "from": "22:00", "to": "06:00", "zone": "../etc/passwd"}]},
             "rules[0].when[0].zone"),
            ({"when": [{"kind": "provenance", "of": []}]}, "rules[0].when[0].of"),
            ({"when": [{"kind": "secrets", "kinds": ["everything"]}]}, "rules[0].when[0].kinds[0]"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told_by_field(self, wrong: dict[str, Any], field: str) -> None:
        with pytest.raises(Malformed) as caught:
            policy_rules.read([builders.rule("one") | wrong])
        assert caught.value.field == field
        assert caught.value.sentence.endswith(".")

    def test_the_rule_at_fault_is_named(self) -> None:
        with pytest.raises(Malformed) as caught:
            policy_rules.read([builders.rule("good"), builders.rule("bad", "deny")])
        assert (caught.value.rule, caught.value.field) == ("bad", "rules[1].then")

    def test_two_rules_have_different_ids(self) -> None:
        with pytest.raises(Malformed) as caught:
            policy_rules.read([builders.rule("one"), builders.rule("one")])
        assert caught.value.field == "rules[1].id"

    @given(json_values)
    @settings(max_examples=300)
    def test_nonsense_is_refused_and_never_crashes(self, given_: Any) -> None:
        assert _is_refused(given_) or given_ == []

    @given(random.rules("one"), st.data())
    @settings(max_examples=300)
    def test_a_rule_with_nonsense_somewhere_is_refused_or_works(self, rule: dict[str, Any], data: Any) -> None:
        target = data.draw(st.sampled_from([rule, *rule["when"]]))
        target[data.draw(st.sampled_from([*target, "more"]))] = data.draw(json_values)
        if not _is_refused([rule]):
            judged(facts(text="hello"), rule)

    @pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.id)
    def test_every_template_can_be_used_as_it_is(self, template: Any) -> None:
        [rule] = policy_rules.read([template.rule])
        assert rule.id == template.id
        assert policy_rules.needed([random.rule_set([template.rule])]) <= set(Facts.__dataclass_fields__)

    def test_a_wildcard_where_anybody_has_an_address_is_warned_of(self) -> None:
        def warned(then: str) -> list[str]:
            listed = {"kind": "recipient_list", "addresses": ["*@gmail.com", "*@ours.example"]}
            return [one.rule for one in policy_rules.warnings(policy_rules.read([builders.rule("one", then, listed)]))]

        assert warned("allow") == ["one"]
        assert warned("refuse") == []
        everything = policy_rules.warnings(policy_rules.read([builders.rule("all", "allow")]))
        assert [one.field for one in everything] == ["when"]


def _is_refused(given_: Any) -> bool:
    try:
        policy_rules.read(given_)
    except Malformed as malformed:
        return bool(malformed.field)
    return False


def _stops(finding: Finding) -> bool:
    return finding.outcome in (Outcome.HOLD, Outcome.REFUSE)


def _strictness(outcome: Outcome) -> int:
    return outcome.strictness
