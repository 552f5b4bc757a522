"""Rules as sentences and as forms: each kind has its words and its fields, and a form loses nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import assume, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from oversight.console import rule_pages
from oversight.console.rule_fields import KIND_NAMES, PARAMS
from oversight.console.rule_forms import RuleForm
from oversight.policy import changes, composing, rules, sentences
from oversight.policy.evaluate import evaluate
from oversight.policy.kinds import KINDS
from oversight.policy.rules import Rule
from oversight.policy.types import Facts, Outcome
from tests import builders

from . import rules_at_random as random


def read(*given_rules: dict[str, Any]) -> tuple[Rule, ...]:
    return rules.read(list(given_rules))


def posted(form: RuleForm) -> QueryDict:
    """What a browser sends of a form that nobody touched."""
    sent = QueryDict(mutable=True)
    sent.update(form.plain)
    for block in form.blocks():
        sent[f"c{block['number']}-kind"] = block["kind"]
        if block["is_not"]:
            sent[f"c{block['number']}-isNot"] = "1"
        for param in block["params"]:
            ticked = [value for value, _, is_chosen in param["options"] if is_chosen]
            sent.setlist(param["name"], ticked if param["widget"] == "ticks" else [param["value"]])
    return sent


def test_every_kind_has_a_name_and_a_field_for_each_of_its_members() -> None:
    assert set(KIND_NAMES) == set(KINDS)
    assert {name: {one.name for one in PARAMS.get(name, ())} for name in KINDS} == {
        name: set(kind.fields) for name, kind in KINDS.items()
    }


@profile(max_examples=100)
@given(random.rules("one"))
def test_a_form_that_nobody_touched_is_the_rule_it_was_made_of(rule: dict[str, Any]) -> None:
    for condition in rule["when"]:  # what is ticked comes in the order of the page
        for param in PARAMS.get(condition["kind"], ()):
            if param.widget == "ticks" and condition.get(param.name):
                condition[param.name] = [value for value, _ in param.options if value in condition[param.name]]
    [was] = read(rule)
    [is_now] = read(RuleForm.of_post(posted(RuleForm.of_rule(rule, place=1))).rule("one"))
    assert is_now == was
    assert sentences.sentence(is_now).startswith("When ")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (builders.rule("a", "refuse", {"kind": "always"}), "When anything is sent, it is refused and never leaves."),
        (
            builders.rule("a", "allow", {"kind": "recipient_list", "addresses": ["kim@a.example", "*@b.example"]}),
            "When every recipient is kim@a.example or anybody at b.example, it leaves without a person, where it waits "
            "only because its mailbox is gated for sends.",
        ),
        (
            builders.rule("a", "hold", {"kind": "attachments", "types": ["pdf"], "isNot": True}, {"kind": "reply"}),
            "When any file is of another type than pdf, and it is an answer, it waits for a person.",
        ),
        (
            builders.rule("a", "hold", {"kind": "recipients", "over": 1000}, people=2, lane="mass", risk="medium"),
            "When it goes to more than 1,000 recipients, 2 different people have to approve it, in the lane “mass”, "
            "marked as medium risk.",
        ),
    ],
)
def test_a_rule_is_told_as_a_sentence(rule: dict[str, Any], told: str) -> None:
    [found] = read(rule)
    assert sentences.sentence(found) == told


HOLD = builders.rule("a", "hold", {"kind": "reply"}, people=2, risk="medium")
ALLOW = builders.rule("a", "allow", {"kind": "reply"})
NARROW = [{"kind": "reply"}, {"kind": "first_contact"}]


@pytest.mark.parametrize(
    ("before", "after", "is_looser"),
    [
        (None, HOLD, False),
        (None, ALLOW, True),
        (None, ALLOW | {"isShadow": True}, False),
        (HOLD, None, True),
        (ALLOW, None, False),
        (HOLD | {"isOn": False}, None, False),
        (HOLD, HOLD | {"isShadow": True}, True),
        (HOLD, HOLD | {"name": "Other", "lane": "money"}, False),
        (HOLD, HOLD | {"people": 1}, True),
        (HOLD, HOLD | {"risk": "low"}, True),
        (HOLD, HOLD | {"people": 3, "risk": "high"}, False),
        (HOLD, HOLD | {"when": NARROW}, True),
        (HOLD | {"when": NARROW}, HOLD, False),
        (HOLD, HOLD | {"when": [{"kind": "always"}]}, True),  # nobody can tell in general
        (ALLOW, ALLOW | {"when": NARROW}, False),
        (ALLOW | {"when": NARROW}, ALLOW, True),
        (HOLD, ALLOW, True),
        (ALLOW, HOLD, False),
    ],
)
def test_what_may_let_more_pass_is_told(before: Any, after: Any, is_looser: bool) -> None:
    old, new = (read(*[one] if one else []) for one in (before, after))
    assert [one.is_looser for one in changes.between(old, new)] == [is_looser]


@st.composite
def versions(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two versions: rules of the second are those of the first, tightened or not, and some others."""
    before = draw(random.sets_of_rules(4))
    after = []
    for rule in before:
        how = draw(st.sampled_from(["same", "same", "gone", "fewer", "more", "switched", "other", "refuse"]))
        plain = {name: value for name, value in rule.items() if name not in ("lane", "people", "risk")}
        made = {
            "same": rule,
            "fewer": rule | {"when": rule["when"][:1]},
            "more": rule | {"when": [*rule["when"], draw(random.conditions)]},
            "switched": rule | {"isShadow": not rule["isShadow"]},
            "other": draw(random.rules(rule["id"])),
            "refuse": plain | {"then": "refuse"},
        }.get(how)
        after += [made] if made else []
    return before, [*after, *draw(st.lists(random.rules("new"), max_size=1))]


@profile(max_examples=100)
@given(versions(), random.facts)
def test_a_version_that_is_not_called_looser_stops_no_less(pair: Any, facts: Facts) -> None:
    before, after = (random.rule_set(one) for one in pair)
    assume(not any(one.is_looser for one in changes.between(before.rules, after.rules)))
    was, is_now = evaluate(facts, [before]), evaluate(facts, [after])
    assert is_now.outcome.strictness >= was.outcome.strictness
    if was.outcome == is_now.outcome == Outcome.HOLD:
        assert (is_now.people >= was.people, is_now.risk.weight >= was.risk.weight) == (True, True)


def test_a_new_rule_gets_an_id_of_its_own() -> None:
    made = [composing.new_id(name, []) for name in ("Größe über 1,000 €!", "oversight mode", "»«", "x" * 90)]
    assert made == ["groe-uber-1-000", "oversight-mode", "rule", "x" * 36]
    taken = [builders.rule("money"), builders.rule("money-2")]
    assert composing.new_id("Money", taken) == "money-3"
    for one in made:
        assert read(builders.rule(one))


def test_rules_stand_where_they_are_put() -> None:
    some = [builders.rule(name) for name in ("a", "b", "c")]
    ids = [[rule["id"] for rule in composing.put(some, builders.rule("b"), place=place)] for place in (0, 1, 3, 99)]
    assert ids == [["b", "a", "c"], ["b", "a", "c"], ["a", "c", "b"], ["a", "c", "b"]]


def test_of_a_long_list_the_beginning_is_told_or_all_of_it() -> None:
    addresses = [f"kim{number}@friends.example" for number in range(15)]
    words = [f"word{number}" for number in range(15)]
    listed = builders.rule(
        "a", "hold", {"kind": "recipient_list", "addresses": addresses}, {"kind": "words", "words": words}
    )
    [rule] = read(listed)
    assert "kim11@friends.example or 3 more, and it says “word0”" in sentences.sentence(rule)
    assert "“word11” or 3 more, it waits" in sentences.sentence(rule)
    assert "kim14@friends.example, and" in sentences.sentence(rule, is_whole=True)


def test_what_differs_of_a_long_list_is_told_and_the_rest_is_left_out() -> None:
    listed = [f"kim{number}@friends.example" for number in range(300)]
    old, new = (
        read(builders.rule("a", "hold", {"kind": "recipient_list", "addresses": given}))
        for given in (listed, [*listed[:200], "eve@rival.example", *listed[201:]])
    )
    [card] = rule_pages.changes(old, new)
    assert [text for text, is_same in card.before if not is_same] == ["kim200@friends.example,"]
    assert [text for text, is_same in card.after if not is_same] == ["eve@rival.example,"]
    assert sum(len(text) for text, _ in card.after) < 2000
