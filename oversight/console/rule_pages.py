"""What the pages of the rules show: rules as sentences with their hits, versions, and what a back-test found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final
from uuid import UUID

from django.db.models import F
from django.urls import reverse

from mailboxes.models import Mailbox
from messaging.models import Message, Status
from messaging.visibility import NOT_WITHHELD
from oversight import backtest, rule_sets
from oversight.models import BackTest, RuleSet, RuleSetVersion
from oversight.policy import sentences
from oversight.policy.changes import RuleChange, between
from oversight.policy.rules import Rule, warnings
from oversight.policy.types import Outcome
from oversight.rule_hits import Counted, Hits
from oversight.rule_sets import ACCOUNT

from .visit import Visit

# A text in pieces, each with whether the other side has it too.
Pieces = list[tuple[str, bool]]
MOST_MAILBOXES = 200
MOST_PLACES = 50
VERSIONS_SHOWN = 20
CHANGES_SHOWN = 50
SAME_SHOWN = 60
CHANGE_WORDS: Final = {"added": "New", "removed": "Taken out", "changed": "Changed"}
WAS: Final = {"allow": "left by themselves", "hold": "waited for a person", "refuse": "were refused"}
WOULD: Final = {"allow": "leave by themselves", "hold": "wait for a person", "refuse": "be refused"}


@dataclass(frozen=True, slots=True)
class RuleCard:
    """A rule as the pages tell it. `state`: on, shadow or off."""

    rule: Rule
    sentence: str
    state: str
    warnings: tuple[str, ...]
    hits: Hits | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Whose rules: the account's, or one mailbox's. `cards` are those in force, None where no version ever was."""

    rule_set: RuleSet
    name: str
    url: str
    cards: tuple[RuleCard, ...] | None = None

    @property
    def key(self) -> str:
        return str(self.rule_set.mailbox_id or ACCOUNT)

    @property
    def proposals_count(self) -> int:
        return self.rule_set.latest - (self.rule_set.live or 0)


@dataclass(frozen=True, slots=True)
class ChangeCard:
    """One rule before and after, in words."""

    change: RuleChange
    word: str
    before: Pieces
    after: Pieces


def place_of(rule_set: RuleSet, cards: Sequence[RuleCard] | None = None) -> Place:
    address = rule_set.mailbox.full_address if rule_set.mailbox else ""
    key = str(rule_set.mailbox_id or ACCOUNT)
    return Place(rule_set, address, reverse("console:rules", args=[key]), None if cards is None else tuple(cards))


def places(visit: Visit, counted: Counted) -> list[Place]:
    """The account's rules and those of the first fifty mailboxes that have any, with those in force: two statements."""
    mine = RuleSet.objects.filter(account=visit.member.account).exclude(mailbox__deleted_at__isnull=False)
    in_order = mine.select_related("mailbox").order_by(F("mailbox__full_address").asc(nulls_first=True))
    found = list(in_order[: MOST_PLACES + 1])
    if not found or found[0].mailbox_id is not None:
        found.insert(0, RuleSet(account=visit.member.account))
    live = rule_sets.live_of(found)
    return [place_of(one, _of_live(live.get(one.mailbox_id), one.mailbox_id, counted)) for one in found]


def mailboxes_without(visit: Visit, shown: Iterable[Place]) -> list[Mailbox]:
    """The other mailboxes, which had no rules of their own unless very many have: the first two hundred."""
    having = [place.rule_set.mailbox_id for place in shown if place.rule_set.mailbox_id]
    return list(visit.actor.mailboxes().exclude(pk__in=having).order_by("full_address")[:MOST_MAILBOXES])


def cards(rules: Sequence[Rule], *, mailbox_id: UUID | None = None, counted: Counted | None = None) -> list[RuleCard]:
    warned: dict[str, list[str]] = {}
    for one in warnings(rules):
        warned.setdefault(one.rule, []).append(one.text)
    return [
        RuleCard(
            rule,
            sentences.sentence(rule),
            "off" if not rule.is_on else "shadow" if rule.is_shadow else "on",
            tuple(warned.get(rule.id, ())),
            counted.of(mailbox_id, rule.id) if counted else None,
        )
        for rule in rules
    ]


def versions(rule_set: RuleSet, *, before: int | None) -> tuple[list[RuleSetVersion], int | None]:
    """Versions, newest first, and the number that the next page begins before."""
    if rule_set._state.adding:
        return [], None
    found = RuleSetVersion.objects.filter(rule_set=rule_set).select_related("made_by__user").order_by("-number")
    found = found.defer("rules") if before is None else found.filter(number__lt=before).defer("rules")
    page = list(found[: VERSIONS_SHOWN + 1])
    return page[:VERSIONS_SHOWN], page[VERSIONS_SHOWN - 1].number if len(page) > VERSIONS_SHOWN else None


def changes(before: Sequence[Rule], after: Sequence[Rule]) -> list[ChangeCard]:
    return [
        ChangeCard(one, CHANGE_WORDS[one.kind], *_compared(_told(one.before), _told(one.after)))
        for one in between(before, after)
    ]


def back_test(visit: Visit, test: BackTest, *, skip: int) -> dict[str, Any]:
    """What one shows of a back-test: its numbers in words, and a page of the mail that would fare otherwise."""
    found = backtest.changes(test)
    page = found[skip : skip + CHANGES_SHOWN]
    mail = _mail(visit, [one.message_id for one in page])
    return {
        "test": test,
        "since": backtest.since(test),
        "moves": [_move(before, after, count) for (before, after), count in sorted(backtest.moves(test).items())],
        "rows": [_row(one, mail.get(one.message_id)) for one in page],
        "first": skip + 1,
        "last": skip + len(page),
        "told": len(found),
        "next": skip + CHANGES_SHOWN if skip + CHANGES_SHOWN < len(found) else None,
    }


def _of_live(live: Any, mailbox_id: UUID | None, counted: Counted) -> list[RuleCard] | None:
    return None if live is None else cards(live.rules, mailbox_id=mailbox_id, counted=counted)


def _told(rule: Rule | None) -> str:
    if rule is None:
        return ""
    state = "" if rule.is_on and not rule.is_shadow else " (a shadow)" if rule.is_on else " (off)"
    return f"{rule.name}{state}: {sentences.sentence(rule, is_whole=True)}"


def _compared(before: str, after: str) -> tuple[Pieces, Pieces]:
    """Two texts word by word. What is new has nothing beside it, and is no difference."""
    if not before or not after:
        return [(before, True)][: len(before)], [(after, True)][: len(after)]
    old, new = before.split(), after.split()
    found: tuple[Pieces, Pieces] = ([], [])
    for how, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        is_same = how == "equal"
        for side, words in zip(found, (old[i1:i2], new[j1:j2]), strict=True):
            if words:
                side.append((_few(words) if is_same else " ".join(words), is_same))
    return found


def _few(words: list[str]) -> str:
    """Words that both sides have; of very many, the first and the last."""
    return " ".join(words if len(words) <= SAME_SHOWN else [*words[:12], "…", *words[-12:]])


def _move(before: Outcome, after: Outcome, count: int) -> dict[str, Any]:
    if before == after:
        text = "would still wait, with another lane, risk or number of people"
    else:
        text = f"of those that {WAS[before]} would {WOULD[after]}"
    return {"count": count, "text": text, "is_looser": after.strictness < before.strictness}


def _mail(visit: Visit, ids: Sequence[UUID]) -> Mapping[UUID, Message]:
    seen = Message.objects.filter(NOT_WITHHELD, account=visit.member.account, mailbox__in=visit.actor.mailboxes())
    told = seen.filter(pk__in=ids).only("subject", "to_addresses", "cc_addresses", "bcc_addresses", "status")
    return {message.pk: message for message in told}


def _row(change: backtest.Change, message: Message | None) -> dict[str, Any]:
    everybody = [*message.to_addresses, *message.cc_addresses, *message.bcc_addresses] if message else []
    # What was refused has no page.
    is_linked = message is not None and message.status != Status.REFUSED
    return {
        "change": change,
        "message": message,
        "url": reverse("console:message", args=[change.message_id]) if is_linked else "",
        "to": everybody[0] if everybody else "",
        "more": len(everybody) - 1,
    }
