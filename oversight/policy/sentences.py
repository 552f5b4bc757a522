"""Rules as sentences, for people of the account: all of a rule, its numbers and lists among it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import time
from typing import Any

from .conditions import Condition
from .rules import Rule
from .types import Outcome, Risk

SHOWN = 12  # of a list, so many are told
Phrase = Callable[[Mapping[str, Any], bool, str], str]

# What is built in, and not a rule of anybody's.
RULE_NAMES = {
    "oversight_mode": "Oversight mode",
    "floor": "Floor of the mailbox",
    "own_key": "Our own keys",
    "thread_breaker": "Answers in one conversation",
}
PROBLEMS = {
    "look_alike": "looks like another host",
    "text_differs": "says another host than it leads to",
    "mixed_script": "mixes alphabets",
    "ip_address": "is a bare IP address",
    "shortener": "is of a link shortener",
    "not_https": "is not https",
}
SECRETS = {
    "own_key": "one of our own keys",
    "api_key": "an API key",
    "private_key": "a private key",
    "card_number": "a card number",
    "iban": "an IBAN",
    "password": "a password",
}
PROVENANCES = {
    "human": "a person's turn",
    "schedule": "a schedule",
    "inbound": "a received mail",
    "unknown": "nobody knows what",
}


class _More(str):
    """Stands at the end of a list for what is not told of it."""


def sentence(rule: Rule, *, is_whole: bool = False) -> str:
    """What the rule does, whether it is on or not: `When …, …`. Of long lists the beginning, or all of it."""
    when = ", and ".join(condition(one, rule.then, is_whole=is_whole) for one in rule.when)
    return f"When {when}, {effect(rule)}."


def effect(rule: Rule) -> str:
    if rule.then == Outcome.REFUSE:
        return "it is refused and never leaves"
    if rule.then == Outcome.ALLOW:
        return "it leaves without a person, where it waits only because its mailbox is gated for sends"
    who = f"{rule.people} different people have to approve it" if rule.people > 1 else "it waits for a person"
    lane = f", in the lane “{rule.lane}”" if rule.lane else ""
    risk = {
        Risk.LOW: "",
        Risk.MEDIUM: ", marked as medium risk",
        Risk.HIGH: ", marked as high risk: whoever approves shows a second step",
    }[rule.risk]
    return f"{who}{lane}{risk}"


def condition(one: Condition, then: Outcome, *, is_whole: bool = False) -> str:
    """What must be so for one condition to be met. Of a rule that lets pass, of every recipient and every file."""
    given = one.given if is_whole else {name: _shortened(value) for name, value in one.given.items()}
    return _PHRASES[one.kind.name](given, one.is_not, "every" if then == Outcome.ALLOW else "any")


def _shortened(value: Any) -> Any:
    is_long = isinstance(value, tuple) and len(value) > SHOWN
    return (*value[:SHOWN], _More(f"{len(value) - SHOWN} more")) if is_long else value


def _list(found: Iterable[str]) -> str:
    told = list(found)
    return f"{', '.join(told[:-1])} or {told[-1]}" if len(told) > 1 else "".join(told)


def _one_of(found: Iterable[str], *, is_not: bool) -> str:
    return f"other than {_list(found)}" if is_not else _list(found)


def _plain(met: str, unmet: str) -> Phrase:
    return lambda given, is_not, of: unmet if is_not else met


def _over(met: str, unmet: str) -> Phrase:
    return lambda given, is_not, of: (unmet if is_not else met).format(f"{given['over']:,}")


def _recipient_list(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    listed = [f"anybody at {one[2:]}" if one.startswith("*@") else one for one in given["addresses"]]
    return f"{of} recipient is {_one_of(listed, is_not=is_not)}"


def _volume(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    limits = [(given["perHour"], "the hour"), (given["perDay"], "the day")]
    told = [f"{most:,} recipients within {span}" for most, span in limits if most is not None]
    return f"the mailbox writes to {'at most' if is_not else 'more than'} {(' and ' if is_not else ' or ').join(told)}"


def _amount(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    sum_of = f"{given['over']:,} {given['currency'] or 'of any currency'}"
    return f"it names {'no sum' if is_not else 'a sum'} above {sum_of}"


def _words(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    named = [f"the list “{given['list']}”"] if given["list"] else []
    own = [one if isinstance(one, _More) else f"“{one}”" for one in given["words"] or ()]
    told = _list([*(f"a word of {one}" for one in named), *own])
    return f"it does not say {told}" if is_not else f"it says {told}"


def _attachments(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    if given["types"] is not None:
        told = f"{of} file is of {'another type than' if is_not else 'type'} {_list(given['types'])}"
    elif given["over"] is None and given["sizeOver"] is None:
        return "it has no files" if is_not else "it has files"
    else:
        told = ""
    more = [f"it has more than {given['over']:,} files"] if given["over"] is not None else []
    more += [f"its files have more than {given['sizeOver']:,} bytes"] if given["sizeOver"] is not None else []
    return " and ".join([*([told] if told else []), *more])


def _links(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    of_kind = f" that {_list(PROBLEMS[one] for one in given['problems'])}" if given["problems"] else ""
    return f"it has {'no' if is_not else 'a'} link{of_kind}"


def _secrets(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    told = _list(SECRETS[one] for one in given["kinds"] or SECRETS)
    return f"it does not hold {told}" if is_not else f"it holds {told}"


def _quiet_hours(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    begin, end = (f"{at:%H:%M}" for at in (given["from"], given["to"]) if isinstance(at, time))
    return f"it is {'not ' if is_not else ''}sent between {begin} and {end} ({given['zone']})"


def _provenance(given: Mapping[str, Any], is_not: bool, of: str) -> str:
    told = _list(PROVENANCES[one] for one in given["of"])
    return f"what made the agent send is, as it says, {'not ' if is_not else ''}{told}"


_PHRASES: dict[str, Phrase] = {
    "recipient_list": _recipient_list,
    "first_contact": _plain(
        "it goes to somebody whom the account never wrote to and never heard from",
        "it goes only to people whom the account wrote to or heard from before",
    ),
    "new_recipients_per_hour": _over(
        "the mailbox writes to more than {} new people within the hour",
        "the mailbox writes to at most {} new people within the hour",
    ),
    "outside_thread": _plain(
        "it answers to people who take no part in the conversation",
        "it answers only to people who take part in the conversation",
    ),
    "redirected_reply": _plain(
        "its answer goes where the answered mail asked for it, away from its sender's domain",
        "its answer goes to whom it answers",
    ),
    "parent_unproven": _plain("the sender of the mail it answers is not proven", "it answers a proven sender"),
    "volume": _volume,
    "amount": _amount,
    "words": _words,
    "attachments": _attachments,
    "links": _links,
    "secrets": _secrets,
    "duplicate": _plain(
        "the same was just sent to the same recipients", "the same was not just sent to the same recipients"
    ),
    "quiet_hours": _quiet_hours,
    "provenance": _provenance,
    "reply": _plain("it is an answer", "it is no answer"),
    "answers_elsewhere": _plain(
        "answers to it would go to another address than the mailbox's", "answers to it come to the mailbox"
    ),
    "recipients": _over("it goes to more than {} recipients", "it goes to at most {} recipients"),
    "always": _plain("anything is sent", "nothing is sent"),
}
