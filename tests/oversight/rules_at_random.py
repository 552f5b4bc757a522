"""Rules, facts and intents as Hypothesis makes them up."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from mailboxes.modes import OversightMode
from oversight.policy import rules as policy_rules
from oversight.policy.rules import RuleSet
from oversight.policy.types import LINK_PROBLEMS, SECRET_KINDS, Amount, Facts, File, Link, Provenance, Scope, Secret

ADDRESSES = ("kim@friends.example", "lee@friends.example", "max@partner.example", "kim+x@friends.example")
PATTERNS = (*ADDRESSES, "*@friends.example", "*@partner.example")
WORDS = ("refund", "gold", "invoice", "hello")

modes = st.sampled_from(list(OversightMode))
some = st.integers(0, 6)


def _kind(kind: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    turned = {} if kind in ("always", "attachments") else {"isNot": st.booleans()}
    return st.fixed_dictionaries({"kind": st.just(kind), **members}, optional=turned)


def _few(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


conditions = st.one_of(
    _kind("always"),
    _kind("recipient_list", addresses=_few(PATTERNS)),
    _kind("first_contact"),
    _kind("new_recipients_per_hour", over=some),
    _kind("outside_thread"),
    _kind("redirected_reply"),
    _kind("parent_unproven"),
    _kind("volume", perHour=some),
    _kind("volume", perDay=some),
    _kind("amount", over=st.sampled_from([10, "99.50", 1000]), currency=st.sampled_from([None, "EUR", "USD"])),
    _kind("words", list=st.sampled_from([None, "promises"]), words=_few(WORDS)),
    _kind("attachments", over=some),
    _kind("attachments", types=_few(("pdf", "image/*", "exe"))),
    _kind("links", problems=_few(LINK_PROBLEMS)),
    _kind("links"),
    _kind("secrets", kinds=_few(SECRET_KINDS)),
    _kind("duplicate"),
    _kind("quiet_hours", **{"from": st.just("22:00"), "to": st.just("06:30"), "zone": st.just("Europe/Berlin")}),
    _kind("provenance", of=_few(tuple(Provenance))),
    _kind("reply"),
    _kind("answers_elsewhere"),
    _kind("recipients", over=some),
)


@st.composite
def rules(draw: st.DrawFn, name: str) -> dict[str, Any]:
    then = draw(st.sampled_from(["allow", "hold", "hold", "refuse"]))
    rule: dict[str, Any] = {
        "id": name,
        "name": name.upper(),
        "when": draw(st.lists(conditions, min_size=1, max_size=2)),
        "then": then,
        "isOn": draw(st.sampled_from([True, True, True, False])),
        "isShadow": draw(st.sampled_from([False, False, False, True])),
    }
    if then == "hold":
        rule |= {
            "lane": draw(st.sampled_from([None, "money", "legal"])),
            "people": draw(st.integers(1, 3)),
            "risk": draw(st.sampled_from(["low", "medium", "high"])),
        }
    return rule


@st.composite
def sets_of_rules(draw: st.DrawFn, most: int = 5) -> list[dict[str, Any]]:
    return [draw(rules(f"rule-{number}")) for number in range(draw(st.integers(0, most)))]


def rule_set(given: list[dict[str, Any]], scope: Scope = Scope.ACCOUNT, version: int = 1) -> RuleSet:
    return RuleSet(f"{scope}-{version}", scope, version, policy_rules.read(given))


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def _several(values: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=most).map(tuple)


facts = st.builds(
    Facts,
    mode=modes,
    mailbox_mode=modes,
    recipients=st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True).map(tuple),
    is_reply=st.booleans(),
    reply_to=st.sampled_from(["", "else@where.example"]),
    files=_several(st.builds(File, st.sampled_from(["a.pdf", "b.EXE"]), st.just("image/png"), some, st.just("0"))),
    provenance=st.sampled_from(list(Provenance)),
    floor=st.sampled_from(["", "gated_send", "read_only", "autonomous", "unheard-of"]),
    asked_at=_maybe(st.integers(0, 23).map(lambda hour: datetime(2026, 11, 1, hour, tzinfo=UTC))),
    text=_maybe(st.lists(st.sampled_from([*WORDS, "guarantee"]), max_size=4).map(" ".join)),
    first_contacts=_maybe(_several(st.sampled_from(ADDRESSES))),
    new_recipients_hour=_maybe(some),
    recipients_hour=_maybe(some),
    recipients_day=_maybe(some),
    outside_thread=_maybe(_several(st.sampled_from(ADDRESSES))),
    redirected=_maybe(_several(st.sampled_from(ADDRESSES))),
    is_parent_authenticated=_maybe(st.booleans()),
    amounts=_maybe(
        _several(
            st.builds(
                Amount, st.sampled_from([Decimal(5), Decimal(2000)]), st.sampled_from(["", "EUR"]), st.just("2,000")
            )
        )
    ),
    links=_maybe(
        _several(st.builds(Link, st.just("x"), st.just("x.example"), _few(LINK_PROBLEMS).map(tuple) | st.just(())))
    ),
    secrets=_maybe(_several(st.builds(Secret, st.sampled_from(SECRET_KINDS), st.just("text")))),
    duplicate_of=_maybe(st.sampled_from(["", "1"])),
    is_mode_asked=st.booleans(),
    is_cut=st.booleans(),
)
