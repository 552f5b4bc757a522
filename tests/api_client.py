"""A client of `/v1` as an agent would write it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client


@dataclass(frozen=True)
class Answer:
    """Status, JSON and headers of one answer."""

    status: int
    json: Any
    headers: Any

    @property
    def code(self) -> str:
        return str(self.json["code"])


class Api:
    """Calls `/v1` with a key, and `/api`; JSON in and out."""

    def __init__(self, key: str | None = None, *, shows_bugs: bool = True) -> None:
        self.client = Client(raise_request_exception=shows_bugs)
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str, **query: Any) -> Answer:
        return self._answer(self.client.get(f"/v1{path}", query or None, headers=self.headers))

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: object) -> Answer:
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """`body` bytes go as they are, everything else as JSON; header names are written with underscores."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = given.pop("Content-Type", "application/json")
        url = path if path.startswith("/api/") else f"/v1{path}"
        return self._answer(self.client.generic(method, url, raw, content_type=kind, headers={**self.headers, **given}))

    def _answer(self, response: HttpResponseBase) -> Answer:
        assert response.headers["Content-Type"] == "application/json", response.headers
        return Answer(response.status_code, json.loads(response.content), response.headers)  # type: ignore[attr-defined]
