"""What was given back is sent again."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency
from mailboxes.api.base import respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, MAILBOX_ID, operation
from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from messaging.mime.types import Draft
from oversight import returns

from . import drafting
from .drafting import Drafted
from .forms import SendRequest
from .messages import MESSAGE_ID, ReviewedMail, building
from .serializers import SentAnswerSerializer, sent_answer


class Resubmit(ReviewedMail):
    looks_at_key_again = True  # `oversight.sender`, in the transaction that holds it

    @operation(
        "resubmitMessage",
        tag="Messages",
        request=SendRequest,
        answers={200: SentAnswerSerializer},
        errors=(400, 403, 404, 409, 413, 422, 429),
        parameters=[MAILBOX_ID, MESSAGE_ID, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, id: str, msgId: str) -> Response:
        """Send a message again that a reviewer gave back (`state` is `returned`), in another form.

        The body is that of a send, whole: what is left out is gone, but for `inReplyTo`, which stays. It is the next
        `revision` of the same message, checked as a send, and waits for people whatever the mailbox's mode.
        """
        self.principal.require(Scope.SEND, fix="Use an agent's key; a key that decides never sends.")
        mailbox_id = parse_id(id)
        if mailbox_id is None or not self.principal.may_see(mailbox_id):
            raise NotFound("mailbox")
        drafted = drafting.read(self.content, mailbox_id=mailbox_id, actor=self.principal, now=self.now)
        account_id = self.principal.account.pk
        kept = idempotency.find(request, account_id=account_id) if drafted.asked_files else None
        if kept is not None:
            return respond(kept)
        draft = drafting.with_files(drafted, actor=self.principal, now=self.now)
        with building if draft.files else nullcontext():
            act = partial(self._resubmit, id, msgId, draft, drafted)
            return respond(idempotency.once(request, account_id=account_id, act=act))

    def _resubmit(self, mailbox_id: str, message_id: str, draft: Draft, drafted: Drafted) -> Answer:
        message = returns.resubmit(self.principal, mailbox_id, message_id, draft, now=self.now)
        shown = self.get_message(self.mailbox(mailbox_id), message.pk)
        return Answer(200, sent_answer(shown, dropped_headers=drafted.dropped_headers))
