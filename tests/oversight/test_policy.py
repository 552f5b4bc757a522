"""The policy: facts in, verdict with trace out, the strictest rule decides, and silence means a human."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailboxes.modes import OversightMode, stricter
from oversight.policy import evaluate as policy
from oversight.policy.types import Facts, Finding, Outcome, Result

modes = st.sampled_from(list(OversightMode))


def facts(mode: OversightMode) -> Facts:
    return Facts(mode=mode, mailbox_mode=mode, recipients=("kim@friends.example",))


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        (OversightMode.READ_ONLY, Outcome.REFUSE),
        (OversightMode.GATED_ALL, Outcome.HOLD),
        (OversightMode.GATED_SEND, Outcome.HOLD),
        (OversightMode.MONITORED, Outcome.ALLOW),
        (OversightMode.AUTONOMOUS, Outcome.ALLOW),
    ],
)
def test_each_mode_has_its_outcome_and_says_why(mode: OversightMode, outcome: Outcome) -> None:
    verdict = policy.evaluate(facts(mode))
    assert (verdict.outcome, verdict.code) == (outcome, mode)
    assert str(mode) in verdict.text
    assert [finding.rule for finding in verdict.trace] == ["oversight_mode", "floor", "own_key", "thread_breaker"]


def test_a_refusal_says_what_to_do() -> None:
    assert "set_mode" in policy.evaluate(facts(OversightMode.READ_ONLY)).fix


def test_the_strictest_rule_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(outcome: Outcome | None) -> Finding:
        return Finding(str(outcome), 1, Result.MATCHED, outcome, code=str(outcome))

    rules = tuple(lambda _, one=one: found(one) for one in (Outcome.HOLD, None, Outcome.REFUSE, Outcome.ALLOW))
    monkeypatch.setattr(policy, "BUILT_IN", rules)
    verdict = policy.evaluate(facts(OversightMode.AUTONOMOUS))
    assert (verdict.outcome, len(verdict.trace)) == (Outcome.REFUSE, 4)


def test_a_message_on_which_no_rule_has_a_word_waits_for_a_human(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Finding("silent", 1, Result.NOT_APPLICABLE)
    monkeypatch.setattr(policy, "BUILT_IN", (lambda _: silent,))
    verdict = policy.evaluate(facts(OversightMode.AUTONOMOUS))
    assert (verdict.outcome, verdict.code, verdict.cleared_by) == (Outcome.HOLD, policy.NO_RULE, "")


@given(modes, modes)
def test_the_stricter_of_two_modes_never_lets_more_through(one: OversightMode, other: OversightMode) -> None:
    chosen = policy.evaluate(facts(stricter(one, other))).outcome
    assert chosen.strictness == max(policy.evaluate(facts(mode)).outcome.strictness for mode in (one, other))
