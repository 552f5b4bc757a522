"""Acts of agents on `/v1` that may have to wait for a person: asked first, done when the same call comes again.

The code comes in a header, for all methods alike: a DELETE has no body, and body, Idempotency-Key and answer of the
call stay what they are without it. A face whose contract has it in the body hands it over.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from django.db import transaction
from rest_framework.response import Response

from mailboxes import leave
from mailboxes.leave import Call, DangerousAct, Leave, Pending

from . import idempotency
from .base import ApiView, respond
from .idempotency import Answer
from .openapi import APPROVAL_CODE, PendingApprovalSerializer

MAX_CODE_LENGTH = 16
IN_THE_BODY = "approval_code"  # where a contract has the code there, it is no part of what is asked for
MESSAGE = (
    "Nothing was done yet: a person of your account was asked. Repeat exactly this call, with the code that they give "
    "you in the header Approval-Code, or without it once they have allowed it in the console."
)


def perform(
    view: ApiView,
    describe: Callable[[], DangerousAct | None],
    do: Callable[[], Answer],
    *,
    code: str | None = None,
) -> Response:
    """Do the act, or ask a person for leave and answer 202. What is described as None is no dangerous act.

    Before anybody is bothered it is done and taken back: what can't be done at all says so at once. A 202 is kept for
    no Idempotency-Key; the answer of the act is.
    """
    request, actor = view.request, view.principal
    account_id, is_post = actor.account.pk, request.method == "POST"
    kept = idempotency.find(request, account_id=account_id) if is_post else None
    if kept is not None:
        return respond(kept)
    act = describe()
    body = {name: value for name, value in view.content.items() if name != IN_THE_BODY}
    content = {"method": request.method, "path": request.path, "body": body}
    call = Call(content, _code(view) if code is None else code, view.now)
    found = leave.find(actor, act, call) if act else nullcontext
    if act and not found:
        if act.is_rehearsed:
            _rehearse(do)
        return _told(leave.ask(actor, act, call))

    with_leave = partial(_do, found or nullcontext, do)
    return respond(idempotency.once(request, account_id=account_id, act=with_leave) if is_post else with_leave())


def _do(found: Leave, do: Callable[[], Answer]) -> Answer:
    with transaction.atomic(), found():
        return do()


def _told(pending: Pending) -> Response:
    told = {
        "status": "pending_approval",
        "message": MESSAGE,
        "permitId": pending.permit_id,
        "expiresAt": pending.expires_at,
    }
    return Response(PendingApprovalSerializer(told).data, status=202)


def _code(view: ApiView) -> str:
    return view.request.headers.get(APPROVAL_CODE.name, "").strip()[:MAX_CODE_LENGTH]


def _rehearse(do: Callable[[], Answer]) -> None:
    with transaction.atomic():
        do()
        transaction.set_rollback(True)
