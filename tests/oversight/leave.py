"""An account whose people are asked first, and the codes that they get."""

from __future__ import annotations

import re

from mailboxes import clock, operator_approval
from messaging.models import Message, WebhookEndpoint
from oversight.models import Permit
from tests.api_client import Answer, Api
from tests.builders import Tenant

CODE = re.compile(r"\b[A-Z2-9]{3}-[A-Z2-9]{3}\b")
EVIL = {"url": "https://collect.example/drop", "events": ["message.received"]}


def asks_first(owner: Tenant) -> None:
    operator_approval.set_required(owner.owner, True, second_step_at=None, now=clock.now())


def mails(owner: Tenant, beginning: str = "Code for ") -> list[Message]:
    """What the account's people were mailed, oldest first."""
    mine = Message.objects.filter(to_addresses=[owner.owner.user.email], subject__startswith=beginning)
    return list(mine.order_by("created_at", "pk"))


def code_for(owner: Tenant) -> str:
    """The code in the newest mail."""
    [code] = CODE.findall(mails(owner)[-1].body_text)
    return str(code)


def wrong(code: str) -> str:
    return ("A" if code[0] != "A" else "B") + code[1:]


def call(api: Api, code: str = "", *, body: object = None, **headers: str) -> Answer:
    """Ask for a webhook that carries all mail away."""
    given = headers | ({"Approval_Code": code} if code else {})
    return api.send("POST", "/webhooks", EVIL if body is None else body, **given)


def waiting(owner: Tenant) -> Permit:
    return Permit.objects.get(account=owner.account, state="waiting")


def webhooks(owner: Tenant) -> int:
    return WebhookEndpoint.objects.filter(account=owner.account).count()
