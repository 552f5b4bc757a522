"""Webhooks as dangerous acts of an agent: one carries all mail of an account to wherever its maker likes.

The words in which people are told of them: URLs as they are, of headers the names only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailboxes.leave import DangerousAct, quoted
from messaging.models import EVERYTHING, WebhookEndpoint

from .changes import Change
from .endpoints import NewEndpoint


def make(asked: NewEndpoint) -> DangerousAct:
    """A new one."""
    place = asked.mailbox.full_address if asked.mailbox is not None else "all mailboxes of the account"
    said = [
        f"make a webhook to {_plain(asked.url)}",
        f"It is told of: {_events(asked.events)}",
        f"Of the mailboxes: {place}",
    ]
    if asked.tags:
        said.append(f"Only of messages with one of the tags: {_listed(map(quoted, asked.tags))}")
    if asked.headers:
        said.append(f"It is sent the headers: {_listed(asked.headers)} (their values are not shown)")
    return DangerousAct("make_webhook", tuple(said), asked.mailbox)


def change(endpoint: WebhookEndpoint, asked: Change) -> DangerousAct:
    """What is to be otherwise, and what it is now."""
    said = [f"change the webhook to {_plain(endpoint.url)}"]
    if asked.url is not None:
        said.append(f"Its URL then: {_plain(asked.url)}")
    if asked.events is not None:
        said.append(f"It is told of: {_events(endpoint.events)}; and then of: {_events(asked.events)}")
    if asked.status is not None:
        said.append(f"It is {endpoint.status}, and then {asked.status}")
    if asked.headers is not None:
        said.append(f"It is sent the headers then: {_listed(asked.headers)} (their values are not shown)")
    if asked.tags is not None:
        tags = f"only of messages with one of the tags {_listed(map(quoted, asked.tags))}" if asked.tags else "of all"
        said.append(f"It is told then: {tags}")
    if asked.is_ordered is not None:
        said.append(f"It is told in order: {'yes' if asked.is_ordered else 'no'}")
    return DangerousAct("change_webhook", tuple(said), endpoint.mailbox)


def delete(endpoint: WebhookEndpoint) -> DangerousAct:
    """Whoever listens there hears nothing any more."""
    return DangerousAct("delete_webhook", (f"delete the webhook to {_plain(endpoint.url)}",), endpoint.mailbox)


def rotate_secret(endpoint: WebhookEndpoint, *, overlap_hours: int | None) -> DangerousAct:
    """Whoever has the secret can sign what we never said."""
    goes_on = "as long as usual" if overlap_hours is None else f"for {overlap_hours} hours"
    said = (
        f"give the webhook to {_plain(endpoint.url)} a new secret, which the agent is shown",
        f"The old one signs along {goes_on}.",
    )
    return DangerousAct("rotate_webhook_secret", said, endpoint.mailbox)


def _plain(url: str) -> str:
    """A letter that only looks like another is told as what it is."""
    return url.encode("ascii", "backslashreplace").decode()


def _events(names: Sequence[str]) -> str:
    return "all that happens, also of kinds to come" if EVERYTHING in names else _listed(names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
