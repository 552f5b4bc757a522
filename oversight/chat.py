"""The account's chat tool: one POST of `{"text": …}`, as incoming webhooks of chat tools take it.

Nothing is promised of it: a message that a chat tool does not take is not sent again, mail is what reaches people.
"""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

import structlog

from messaging import safe_http

from .models import AccountNotices

SECONDS = 10.0
log = structlog.get_logger(__name__)


def tell(account_id: UUID, text: str, *, now: datetime) -> bool:
    """Post the text; whether the chat tool took it. Not inside a transaction: a server that hangs holds nothing."""
    plan = AccountNotices.objects.filter(account_id=account_id).exclude(chat_url="").first()
    if plan is None:
        return False
    error = _post(plan.chat_url, text)
    AccountNotices.objects.filter(account_id=account_id, chat_url=plan.chat_url).update(
        chat_error=error[:200], chat_told_at=now
    )
    if error:
        log.warning("chat.untold", account=str(account_id), error=error)
    return not error


def _post(url: str, text: str) -> str:
    """What went wrong, in words; "" if nothing did."""
    body, headers = json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}
    try:
        with safe_http.Lines() as lines:
            allow = safe_http.webhook_receivers()
            answer = lines.post(url, body=body, headers=headers, seconds=SECONDS, allow=allow)
    except safe_http.Failure as failure:
        return str(failure)
    return "" if 200 <= answer.status < 300 else f"the server answered with the status {answer.status}"
