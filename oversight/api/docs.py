"""`/docs`: one page made of the OpenAPI document, rendered here, without a script and without a file from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from mailboxes.api.openapi import document
from messaging.mime import markdown

from . import examples
from .error_codes import CODES

Json = Mapping[str, Any]

MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that an operation takes: in the path, the query, a header or the body."""

    name: str
    where: str
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One status that an operation answers with."""

    status: str
    description: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: list[Parameter]
    request_example: str
    responses: list[Reply]


@dataclass(frozen=True, slots=True)
class Group:
    """The operations under one tag."""

    name: str
    operations: list[Operation] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return slugify(self.name)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The documentation of the API."""
    return render(request, "docs/index.html", context())


@lru_cache(maxsize=1)
def context() -> dict[str, object]:
    """What the page shows. Made once per process: neither addresses nor shapes change while it runs."""
    told = document()
    groups = {tag["name"]: Group(tag["name"]) for tag in told["tags"]}
    for path, method, operation in _operations(told):
        groups[operation["tags"][0]].operations.append(_shown(told, path, method, operation))
    return {
        "title": told["info"]["title"],
        "version": told["info"]["version"],
        "description": told["info"]["description"],
        "groups": list(groups.values()),
        "errors": [(status, code, _sentence(text)) for status, codes in CODES.items() for code, text in codes.items()],
    }


def _prose(text: str) -> str:
    """Our own sentences as HTML: Markdown with its code marks, on one line per paragraph."""
    return mark_safe(markdown.to_html(text))  # noqa: S308 - written in this source, by nobody outside


def _sentence(text: str) -> str:
    """One sentence of ours, without a paragraph around it."""
    return mark_safe(_prose(text).strip().removeprefix("<p>").removesuffix("</p>"))  # noqa: S308 - as above


def _operations(told: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _shown(told: Json, path: str, method: str, operation: Json) -> Operation:
    body = _body(told, operation)
    return Operation(
        id=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        description=_prose(operation["description"]),
        scope="" if operation.get("security") == [] or "security" not in operation else "key",
        parameters=[*_parameters(operation), *_fields(told, body)],
        request_example=_curl(told, path, method, operation, body),
        responses=_replies(told, operation),
    )


def _parameters(operation: Json) -> Iterator[Parameter]:
    for parameter in operation.get("parameters", ()):
        yield Parameter(
            name=parameter["name"],
            where=parameter["in"],
            type=examples.type_of(parameter["schema"]),
            is_required=parameter.get("required", False),
            description=_sentence(parameter.get("description", "")),
        )


def _fields(told: Json, body: Json | None) -> Iterator[Parameter]:
    schema = examples.resolved(told, body) if body else {}
    for name, inner in schema.get("properties", {}).items():
        shape = examples.resolved(told, inner)
        yield Parameter(
            name=name,
            where="body",
            type=examples.type_of(shape),
            is_required=name in schema.get("required", ()),
            description=_sentence(inner.get("description", "")),
        )


def _body(told: Json, operation: Json) -> Json | None:
    content: Json = operation.get("requestBody", {}).get("content", {})
    return next(iter(content.values()))["schema"] if content else None


def _curl(told: Json, path: str, method: str, operation: Json, body: Json | None) -> str:
    lines = [f"curl -X {method} {settings.PUBLIC_URL}{path}"]
    if operation.get("security"):
        lines.append('-H "Authorization: Bearer $GATEPOST_KEY"')
    if MULTIPART in operation.get("requestBody", {}).get("content", {}):
        lines += [f"-F {name}=@plan.pdf" for name in examples.resolved(told, body or {})["properties"]]
    elif body is not None:
        content = json.dumps(examples.of_request(told, body), indent=2, ensure_ascii=False)
        lines += ['-H "Content-Type: application/json"', f"-d '{content}'"]
    return " \\\n  ".join(lines)


def _replies(told: Json, operation: Json) -> list[Reply]:
    replies = []
    for status, response in operation["responses"].items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        is_success = status.startswith("2")
        example = json.dumps(examples.of_answer(told, schema), indent=2) if schema and is_success else ""
        replies.append(Reply(status, _sentence(response["description"]), example))
    return replies
