"""From what was read to the values of the policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode
from messaging.mime import addresses
from oversight.policy.detect import hosts
from oversight.policy.detect.links import Known
from oversight.policy.detect.material import FileContent
from oversight.policy.types import Facts, File, Provenance

from . import content
from .history import Answers
from .questions import Question

OF_REPLIES = ("outside_thread", "redirected", "is_parent_authenticated")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a message leaves from, under which mode, and the files that leave with it."""

    mode: OversightMode
    mailbox: Mailbox
    mailbox_mode: OversightMode
    files: tuple[File, ...] = ()
    contents: tuple[FileContent, ...] = ()


def facts(question: Question, setting: Setting, told: Answers, *, needs: frozenset[str]) -> Facts:
    """The facts of one message, of what the database told and what stands in it."""
    message = question.message
    material = content.material_of(message, setting.contents)
    known = Known(
        own=frozenset({setting.mailbox.full_address.rpartition("@")[2], *told.get("links", ())}),
        recipients=frozenset(address.rpartition("@")[2] for address in question.recipients),
    )
    return Facts(
        mode=setting.mode,
        mailbox_mode=setting.mailbox_mode,
        recipients=question.recipients,
        is_reply=message.in_reply_to is not None,
        reply_to=message.reply_to,
        files=setting.files,
        is_platform_mail=setting.mailbox.account.is_platform,
        asked_at=question.at,
        provenance=Provenance(message.provenance or Provenance.UNKNOWN),
        trigger_id=str(message.trigger_id or ""),
        floor=setting.mailbox.floor or "",
        **_of_history(question, told),
        **content.look(material, known, needs=needs),
    )


def _of_history(question: Question, told: Answers) -> Mapping[str, Any]:
    counted = ("new_recipients_hour", "recipients_hour", "recipients_day")
    found: dict[str, Any] = {name: told[name] for name in counted if name in told}
    if "first_contacts" in told:
        found["first_contacts"] = question.spelled(told["first_contacts"])
    if "duplicate_of" in told:
        found["duplicate_of"] = told["duplicate_of"] or ""
    if question.message.in_reply_to is None:
        return found
    if "thread_sends_hour" in told:
        found["thread_sends_hour"] = told["thread_sends_hour"]
        found["thread_sends_most"] = settings.THREAD_SENDS_PER_HOUR
    if "outside_thread" in told:
        found["outside_thread"] = question.spelled(told["outside_thread"])
    if "redirected" in told:
        found["redirected"] = question.spelled(_redirections(told["redirected"] or ()))
    if "is_parent_authenticated" in told:
        # Of a thread that we do not know nobody has proven anything.
        found["is_parent_authenticated"] = told["is_parent_authenticated"] if question.is_in_thread else False
    return found


def _redirections(asked: Iterable[tuple[str, str]]) -> set[str]:
    """Keys of the addresses to which a mail asked its answers to go, away from the house of its author."""
    away = ((author, one) for author, reply_to in asked for one in reply_to.split(", ") if not _is_at_home(author, one))
    return {addresses.mailbox_key(address) for _, address in away}


def _is_at_home(author: str, address: str) -> bool:
    """True for the author's own mailbox, and any at the author's domain that is not everybody's."""
    if not author:
        return False
    if addresses.mailbox_key(author) == addresses.mailbox_key(address):
        return True
    domains = {hosts.registered(one.rpartition("@")[2]) for one in (author, address)}
    return len(domains) == 1 and domains.isdisjoint(hosts.FREE_MAIL)
