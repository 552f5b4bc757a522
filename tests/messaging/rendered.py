"""What an account's agents would be told, for tests."""

from __future__ import annotations

import json
import re
from typing import Any

from mailboxes import clock
from messaging.events import catalog, reading
from messaging.events.rendering import Told
from tests.builders import Tenant

NAME = re.compile("`([a-z_]+)`")
OF_SOME = {"truncated", "over_limit"}  # whatever the kind of event


def everything(owner: Tenant) -> list[Told]:
    """All that the account's agents may be told, oldest first."""
    return reading.page(owner.account.pk, after=0, limit=1000, now=clock.now()).told


def kinds(owner: Tenant) -> list[str]:
    return [one.kind for one in everything(owner)]


def data(owner: Tenant, kind: str) -> dict[str, Any]:
    """`data` of the account's newest event of that kind."""
    found: dict[str, Any] = envelope(owner, kind)["data"]
    return found


def envelope(owner: Tenant, kind: str) -> dict[str, Any]:
    """The account's newest event of that kind. No member of it stands twice, and each is documented."""
    bodies = [one.body for one in everything(owner) if one.kind == kind]
    told: dict[str, Any] = json.loads(bodies[-1], object_pairs_hook=_once)
    holds = catalog.KINDS[kind].holds
    documented = set(NAME.findall(holds + catalog.DESCRIPTION * (catalog.MESSAGE in holds)))
    assert told["data"].keys() - documented <= OF_SOME
    return told


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), names
    return dict(pairs)
