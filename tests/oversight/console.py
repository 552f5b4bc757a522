"""A member at the console, for view tests."""

from __future__ import annotations

from typing import Any

from django.test import Client

from mailboxes.models import Member
from oversight.models import Review

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/review/"}


def seat(member: Member) -> Client:
    """A browser in which the member is signed in."""
    client = Client()
    client.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def url_of(review: Review, act: str = "") -> str:
    return f"/review/{review.pk}/{act and act + '/'}"


def decide(client: Client, review: Review, act: str, *, version: int = 1, htmx: bool = False, **fields: Any) -> Any:
    headers: Any = HTMX | {"HX-Target": f"section#decision-{review.pk}"} if htmx else {}
    return client.post(url_of(review, act), {"version": version, **fields}, headers=headers)


def text_of(response: Any) -> str:
    return str(response.content.decode())
