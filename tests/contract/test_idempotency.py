"""Every POST of `/v1`, whoever adds one: sent again with its Idempotency-Key it gives its answer and does nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from mailboxes.api.openapi import document
from tests.api_client import Answer, Api

from .test_operations import OPERATIONS, Operation, Scene

pytestmark = pytest.mark.django_db


# The documented operations that are POSTs, by name.
POSTS: dict[str, dict[str, Any]] = {
    path["post"]["operationId"]: path["post"] for path in document()["paths"].values() if "post" in path
}


def test_every_post_says_that_it_takes_a_key() -> None:
    without = [
        name
        for name, operation in POSTS.items()
        if "Idempotency-Key" not in {parameter["name"] for parameter in operation.get("parameters", ())}
    ]
    assert without == []


def test_every_post_tells_how_a_key_is_refused() -> None:
    assert [name for name, operation in POSTS.items() if "409" not in operation["responses"]] == []


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.name in POSTS], ids=lambda operation: operation.name
)
def test_a_post_with_the_same_key_gives_the_same_answer(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    scene, answers = Scene(), []
    send = Api.send

    def with_key(self: Api, method: str, path: str, body: object = None, **headers: str) -> Answer:
        keyed = headers | ({"Idempotency_Key": "once"} if method == "POST" else {})
        answers.append(send(self, method, path, body, **keyed))
        return answers[-1]

    monkeypatch.setattr(Api, "send", with_key)
    first, again = operation.call(scene), operation.call(scene)
    assert first.status == again.status == operation.status
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
