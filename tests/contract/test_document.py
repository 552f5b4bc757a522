"""What is answered is what the OpenAPI document says: every answer of the table, checked against its schema."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.validators import validator_for  # type: ignore[import-untyped]

from mailboxes.api.openapi import document
from tests.api_client import Api

from .test_operations import OPERATIONS, Operation, Scene

pytestmark = pytest.mark.django_db


def schema_of(told: dict[str, Any], operation_id: str, status: int) -> dict[str, Any]:
    """The schema of one answer, with the document's components at hand."""
    operation = next(
        one for path in told["paths"].values() for one in path.values() if one["operationId"] == operation_id
    )
    answer = operation["responses"].get(str(status)) or operation["responses"]["default"]
    return {**answer["content"]["application/json"]["schema"], "components": told["components"]}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_answer_is_as_documented(operation: Operation) -> None:
    cache.clear()
    answer = operation.call(Scene())
    schema = schema_of(document(), operation.name, answer.status)
    assert [problem.message for problem in Draft202012Validator(schema).iter_errors(answer.json)] == []


@pytest.mark.parametrize(
    ("name", "method", "path", "body"),
    [
        ("createSignup", "POST", "/signup", {}),
        ("listMailboxes", "GET", "/mailboxes", None),
        ("createMailbox", "POST", "/mailboxes", b"{"),
        ("getMailbox", "GET", "/mailboxes/nobody", None),
        ("createMailbox", "POST", "/mailboxes", {"address": "x", "mode": "autonomous"}),
    ],
)
def test_an_error_is_as_documented(name: str, method: str, path: str, body: object) -> None:
    scene = Scene()
    api = Api() if name == "createSignup" else scene.api
    answer = api.send(method, path, body)
    schema = schema_of(document(), name, answer.status)
    assert answer.status >= 400 or name == "listMailboxes"
    assert [problem.message for problem in Draft202012Validator(schema).iter_errors(answer.json)] == []


def test_every_schema_of_the_document_is_one() -> None:
    for schema in document()["components"]["schemas"].values():
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
