"""Every POST of `/v1`, whoever adds one: sent again with its Idempotency-Key it gives its answer and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.cache import cache

from mailboxes.api.openapi import document
from tests.api_client import Answer, Api

from .test_operations import OPERATIONS, Operation, Scene

pytestmark = pytest.mark.django_db


# The documented operations that are POSTs, by name; what is not documented is found by tests/architecture.
POSTS: dict[str, dict[str, Any]] = {
    methods["post"]["operationId"]: methods["post"]
    for path, methods in document()["paths"].items()
    if path.startswith("/v1/") and "post" in methods
}


def test_every_post_says_that_it_takes_a_key() -> None:
    without = [
        name
        for name, operation in POSTS.items()
        if "Idempotency-Key" not in {parameter["name"] for parameter in operation.get("parameters", ())}
    ]
    assert without == []


def test_every_post_tells_how_a_key_is_refused() -> None:
    assert [name for name, operation in POSTS.items() if not {"409", "422"} <= set(operation["responses"])] == []


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.name in POSTS], ids=lambda operation: operation.name
)
def test_a_post_with_the_same_key_gives_the_same_answer(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    send = Api.send
    last: list[Callable[[], Answer]] = []

    def with_key(self: Api, method: str, path: str, body: object = None, **headers: str) -> Answer:
        keyed = headers | ({"Idempotency_Key": "once"} if method == "POST" else {})
        last[:] = [partial(send, self, method, path, body, **keyed)]
        return last[0]()

    monkeypatch.setattr(Api, "send", with_key)
    first = operation.call(Scene())
    again = last[0]()
    assert first.status == again.status == operation.status
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
