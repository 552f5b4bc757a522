"""A request with an `Idempotency-Key` takes effect once, however often it is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from rest_framework.request import Request

from mailboxes.errors import Conflict, Invalid, Problem
from mailboxes.models import IdempotentAnswer

MAX_KEY_LENGTH = 255
KEPT_FOR = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON of an answer. `is_replay`: it was given before, and nothing was done this time."""

    status: int
    body: dict[str, Any]
    is_replay: bool = False


class KeyReused(Problem):
    """The key stands for another request."""

    status = 422
    code = "idempotency_key_reused"


def once(request: Request, *, account_id: UUID, act: Callable[[], Answer], content: object = None) -> Answer:
    """Do `act` and keep its answer, in one transaction; or give the answer that was kept for (account, route, key).

    While the first request runs, others with its key get 409 `in_flight`; the same key with another body gets 422.
    An act that raises is rolled back and leaves nothing: the key is free again.
    `content` says what was asked where that is no JSON: names and digests of files.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return act()
    _check(key)
    asked = request.data if content is None else content
    claim = _Claim(str(account_id), f"{request.method} {request.path}", key, _fingerprint(asked))
    with transaction.atomic():
        claim.lock()
        kept = claim.find()
        if kept is not None:
            return kept
        answer = act()
        claim.keep(answer)
    return answer


def find(request: Request, *, account_id: UUID) -> Answer | None:
    """The answer that `once` would give without doing anything; None if there is none yet."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    _check(key)
    return _Claim(str(account_id), f"{request.method} {request.path}", key, _fingerprint(request.data)).find()


def forget_old(*, now: datetime) -> int:
    """Drop the answers that are older than two days; how many. Their keys are free again then."""
    return IdempotentAnswer.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]


@dataclass(frozen=True, slots=True)
class _Claim:
    scope: str
    route: str
    key: str
    request_hash: str

    def lock(self) -> None:
        # Advisory and until the end of the transaction: a rival does not wait with a connection in its hand. It is let
        # go after the commit is visible, so whoever gets it next sees the kept answer.
        with connection.cursor() as cursor:
            name = "\n".join((self.scope, self.route, self.key))
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
            (is_ours,) = cursor.fetchone()
        if not is_ours:
            raise Conflict(
                "A request with this Idempotency-Key is being worked on.",
                code="in_flight",
                fix="Repeat it in a second: you will get its answer.",
                headers={"Retry-After": "1"},
            )

    def find(self) -> Answer | None:
        kept = IdempotentAnswer.objects.filter(scope=self.scope, route=self.route, key=self.key).first()
        if kept is None:
            return None
        if kept.request_hash != self.request_hash:
            raise KeyReused(
                "This Idempotency-Key was used for a request with another body.",
                fix="Use a fresh key for every new request.",
            )
        return Answer(kept.status, kept.body, is_replay=True)

    def keep(self, answer: Answer) -> None:
        IdempotentAnswer.objects.create(
            scope=self.scope,
            route=self.route,
            key=self.key,
            request_hash=self.request_hash,
            status=answer.status,
            body=answer.body,
        )


def _check(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise Invalid(
            f"An Idempotency-Key has 1 to {MAX_KEY_LENGTH} printable ASCII characters.",
            code="invalid_idempotency_key",
            fix="Use a fresh UUID for every request.",
        )


def _fingerprint(content: object) -> str:
    # Of the parsed JSON: spaces and the order of names make no other request.
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
