"""What a suspended account may do (the contract's section 6), for every operation that writes.

A new operation stands in one of the three sets, or the first test fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test.client import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from mailboxes import clock, suspensions
from mailboxes.api.openapi import document
from tests.api_client import Answer, Api

from .test_operations import OPERATIONS, Operation, Scene

pytestmark = pytest.mark.django_db

# Nobody's account is asked for.
OPEN = {"createSignup", "resendVerificationEmail"}
# What sends, and what makes or changes something that could.
REFUSED = {
    "sendMessage",
    "resubmitMessage",
    "editReview",
    "createMailbox",
    "createDomain",
    "uploadAttachment",
    "createWebhook",
    "updateWebhook",
    "pingWebhook",
    "redeliverWebhookDelivery",
    "redeliverWebhookEvents",
    "sendWelcomeEmail",
    "evaluatePolicy",  # answers as a send
    "requestUpgrade",
    "upgradeMailbox",
}
# Keys, decisions, deleting, proving, paying, asking for help.
ALLOWED = {
    "signInEmail",
    "signOut",
    "createApiKey",
    "revokeApiKey",
    "rotateApiKey",
    "updateApiKey",
    "updateMailbox",
    "deleteMailbox",
    "cancelMessage",
    "deleteAttachment",
    "verifyDomain",
    "deleteDomain",
    "deleteWebhook",
    "rotateWebhookSecret",  # as keys are revoked: what leaked must be stopped
    "createSuppression",
    "deleteSuppression",
    "approveReview",
    "rejectReview",
    "undoReview",
    "requestChanges",
    "proposeRules",
    "backTestRules",
    "publishRules",
    "rollBackRules",
    "createStop",
    "resumeStop",
    "claimReview",
    "releaseReviewClaim",
    "snoozeReview",
    "wakeReview",
    "updateQueueSettings",
    "approveSimilarReviews",
    "rejectReviews",
    "requeueDeadLetter",
    "dropDeadLetter",
    "createUpgradeCheckout",
    "setPostVerifyTarget",
    "submitSupportTicket",
    "deleteAccount",
}
WRITES = ("post", "put", "patch", "delete")
REASON = "bounce_rate_exceeded"
Act = Callable[[Scene], None]


def routed_writes() -> Iterator[tuple[str, str]]:
    """(route, method) of everything for programs that writes, from the URLconf."""
    for route, view in _walk(get_resolver().url_patterns, ""):
        is_described = getattr(view, "schema", None) is not None
        if route.startswith(("v1", "api")) and is_described:
            yield from ((route, method) for method in WRITES if hasattr(view, method))


def _walk(patterns: Any, before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, getattr(pattern.callback, "cls", None)


def documented_writes() -> set[str]:
    return {
        one["operationId"] for path in document()["paths"].values() for method, one in path.items() if method in WRITES
    }


def written(names: set[str]) -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.name in names]


def before_its_last_write(operation: Operation, act: Act, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """The operation's answer when `act` happens just before its last write: what it takes to come there is done."""
    seen: list[int] = []
    rehearsal = transaction.atomic()
    rehearsal._from_testcase = True  # type: ignore[attr-defined]  # uploads insist on a transaction of their own
    with rehearsal:
        _call(operation, Scene(), seen.append, monkeypatch)
        transaction.set_rollback(True)
    scene = Scene()
    return _call(operation, scene, lambda number: act(scene) if number == seen[-1] else None, monkeypatch)


def _call(
    operation: Operation, scene: Scene, before_write: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> Answer:
    cache.clear()
    generic, numbers = RequestFactory.generic, count(1)

    def watched(client: RequestFactory, method: str, *args: Any, **kwargs: Any) -> Any:
        if method.lower() in WRITES:
            before_write(next(numbers))
        return generic(client, method, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(RequestFactory, "generic", watched)
        return operation.call(scene)


def suspend(scene: Scene) -> None:
    assert suspensions.suspend(scene.alice.account, reason=REASON, by="test", now=clock.now())


def test_every_operation_that_writes_is_classified() -> None:
    assert len(list(routed_writes())) == len(documented_writes())
    assert documented_writes() - OPEN - REFUSED - ALLOWED == set()
    assert not (OPEN & REFUSED) | (OPEN & ALLOWED) | (REFUSED & ALLOWED)


@pytest.mark.parametrize("operation", written(REFUSED), ids=lambda operation: operation.name)
def test_a_suspended_account_is_refused(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = before_its_last_write(operation, suspend, monkeypatch)
    assert (answer.status, answer.code) == (403, "account_suspended")
    assert (answer.json["suspended"], answer.json["reason"]) == (True, REASON)


@pytest.mark.parametrize("operation", written(ALLOWED), ids=lambda operation: operation.name)
def test_a_suspended_account_may(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert before_its_last_write(operation, suspend, monkeypatch).status == operation.status


def test_a_suspended_account_reads_on_and_is_told_why() -> None:
    scene = Scene()
    suspend(scene)
    account = scene.api.get("/account").json["account"]
    assert (account["suspended"], account["suspendedReason"]) == (True, REASON)
    assert account["suspendedAt"].endswith("Z")
    for path in ("/mailboxes", "/api-keys", scene.sent, f"{scene.box}/threads"):
        assert Api(scene.alice.key_text).get(path).status == 200
