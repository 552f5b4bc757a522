"""Why a message is held, for people: the rule that decided, what it found, and what else would have stopped it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailboxes.modes import OversightMode
from messaging.models import Direction
from oversight.models import Review
from oversight.policy.sentences import RULE_NAMES

STOPPING = ("hold", "refuse")


def of(review: Review) -> str:
    """Sentences beside the reason. Wants the newest verdict's `trace` on the review."""
    if review.message.direction == Direction.INBOUND:
        return "No agent can read it, or learns that it came, before a person has approved it."
    trace: list[dict[str, Any]] = getattr(review, "trace", None) or []
    stopping = [line for line in trace if line.get("outcome") in STOPPING and not line.get("is_shadow")]
    deciding = next((line for line in stopping if line.get("code") == review.reason_code), None)
    told = [f"{_name(deciding)}, rule version {deciding['version']}{_found(deciding)}."] if deciding else []
    others = [_name(line) for line in stopping if line is not deciding]
    if others:
        told.append(f"Also: {', '.join(others)}.")
    asked, own = review.message.oversight_mode, review.mailbox.mode
    if asked != own and asked in (OversightMode.GATED_SEND, OversightMode.GATED_ALL):
        told.append(f"It was asked under {asked}; the mailbox is {own} now.")
    elif deciding is None or deciding["rule"] == "oversight_mode":
        told.append("Mail of a monitored or autonomous mailbox would have left by itself.")
    return " ".join(told)


def _name(line: Mapping[str, Any]) -> str:
    return RULE_NAMES.get(line["rule"]) or f"“{line.get('name') or line['rule']}”"


def _found(line: Mapping[str, Any]) -> str:
    return f": {line['detail']}" if line.get("detail") else ""
