"""What may go wrong for a reason that the caller can act on: a code, a status, one sentence, what to do."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """A refusal told to the caller. Verbs raise it; each face (REST, console, MCP) words it in its own form.

    `status` is the HTTP status on `/v1`; `extra` are members of the answer's JSON beside error, code and fix.
    """

    status = 400
    code = "invalid_request"

    def __init__(
        self,
        sentence: str,
        *,
        fix: str = "",
        code: str | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fix = fix
        self.code = code or type(self).code
        self.headers = headers or {}
        self.extra = extra


class Invalid(Problem):
    """The request itself is wrong."""


class Unauthenticated(Problem):
    """No key, or one that is malformed, unknown, expired or revoked."""

    status = 401
    code = "invalid_key"


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"


class NotFound(Problem):
    """Absent, or not the caller's: the two are told alike."""

    status = 404
    code = "NOT_FOUND"

    def __init__(self, what: str = "object", **extra: Any) -> None:
        super().__init__(
            f"No such {what} in your account.", fix="Check the id, and that this key may see the mailbox.", **extra
        )


class Conflict(Problem):
    """The thing changed, is taken, or is past the state in which this could be done."""

    status = 409
    code = "conflict"


class Gone(Problem):
    """Its time is over."""

    status = 410
    code = "expired"


class LimitReached(Problem):
    """A limit of the plan, or a rate, is used up."""

    status = 429
    code = "limit_reached"
