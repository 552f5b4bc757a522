"""A12, I06, R1, R15, R16: every route that decides, by every kind of key. A route that nobody classified fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver

from mailboxes import clock, keys
from mailboxes.models import ApiKey, Scope
from messaging.models import Message, Status
from oversight.models import Decision
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

# What each asks for, and what the message becomes where it is done.
DECIDES: dict[str, tuple[dict[str, Any], Status]] = {
    "approve": ({}, Status.QUEUED),
    "reject": ({"reason": "tone"}, Status.REJECTED),
    "edit": ({"subject": "Anew"}, Status.HELD),
    "request-changes": ({"instructions": "Name the price."}, Status.RETURNED),
    "undo": ({}, Status.HELD),
}
# Routes below a review that decide nothing: whoever adds one says why.
DOES_NOT_DECIDE = {"claim", "snooze", "unclaim", "wake", "release"}
AGENT_SCOPES = ([Scope.READ], [Scope.SEND], [Scope.READ, Scope.SEND], [Scope.READ, Scope.SEND, Scope.ADMIN])


def routed() -> set[str]:
    """The last word of every POST below a review."""
    return {path.rpartition("/")[2] for path in _paths(get_resolver().url_patterns, "") if _is_review(path)}


def _is_review(path: str) -> bool:
    return path.startswith("v1/oversight/reviews/<str:id>/")


def _paths(patterns: Any, before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from _paths(pattern.url_patterns, route)


def agent_key(owner: Tenant, scopes: list[Scope]) -> str:
    made, text = keys.create_agent_key(owner.agent, now=clock.now())
    ApiKey.objects.filter(pk=made.pk).update(scopes=[scope.value for scope in scopes])
    return text


def test_every_route_below_a_review_is_classified() -> None:
    assert routed() - set(DECIDES) - DOES_NOT_DECIDE == set()
    assert set(DECIDES) <= routed()


@pytest.mark.parametrize("scopes", AGENT_SCOPES, ids=lambda scopes: "+".join(scopes))
@pytest.mark.parametrize("route", DECIDES)
def test_no_key_of_an_agent_decides(route: str, scopes: list[Scope]) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    api = Api(agent_key(alice, scopes))
    answer = api.post(f"/oversight/reviews/{review.pk}/{route}", DECIDES[route][0])
    assert answer.status == 403
    assert answer.code in ("own_message", "may_not_decide", "missing_scope")
    assert not Decision.objects.exists()


@pytest.mark.parametrize("route", DECIDES)
def test_another_agent_of_the_account_decides_no_more_than_the_author(route: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    other = builders.agent(alice.account, "other")
    text = keys.create_agent_key(other, now=clock.now())[1]
    answer = Api(text).post(f"/oversight/reviews/{review.pk}/{route}", DECIDES[route][0])
    assert (answer.status, answer.code) == (403, "may_not_decide")
    assert not Decision.objects.exists()


@pytest.mark.parametrize("route", DECIDES)
def test_a_strangers_decide_key_finds_nothing(route: str) -> None:
    review = builders.held(builders.tenant())
    charlie = builders.tenant("charlie")
    api = Api(builders.decide_key(charlie.owner))
    assert api.post(f"/oversight/reviews/{review.pk}/{route}", DECIDES[route][0]).status == 404


@pytest.mark.parametrize("route", DECIDES)
def test_a_members_decide_key_decides_and_leaves_its_name_door_and_version(route: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    api = Api(builders.decide_key(alice.owner))
    if route == "undo":
        api.post(f"/oversight/reviews/{review.pk}/approve")
    body, status = DECIDES[route]
    answer = api.post(f"/oversight/reviews/{review.pk}/{route}", body)
    assert answer.status == 200
    assert Message.objects.get(pk=review.message_id).status == status
    newest = Decision.objects.filter(review=review).order_by("-version")[0]
    assert (newest.member_id, newest.door, newest.version) == (
        alice.owner.pk,
        "api",
        answer.json["review"]["version"] - 1,
    )
    assert newest.key is not None


@pytest.mark.parametrize("route", DECIDES)
@pytest.mark.parametrize("scheme", ["a session's cookie", "no key", "the key of a webhook"])
def test_nothing_but_a_key_opens_a_decide_route(route: str, scheme: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    api = Api("whsec_" + "a" * 32) if scheme == "the key of a webhook" else Api()
    if scheme == "a session's cookie":
        api.client.force_login(alice.owner.user)
    answer = api.post(f"/oversight/reviews/{review.pk}/{route}", DECIDES[route][0])
    assert answer.status == 401
    assert not Decision.objects.exists()


def test_no_key_is_given_both_to_send_and_to_decide() -> None:
    """R1: on the resulting scopes, in the database."""
    alice = builders.tenant()
    key = ApiKey.objects.filter(agent=alice.agent)[0]
    with pytest.raises(Exception, match="key_never_both"):
        ApiKey.objects.filter(pk=key.pk).update(scopes=["send", "decide"])


def test_an_author_with_a_second_hat_does_not_decide_their_own_message() -> None:
    """R16: whatever the scopes."""
    alice = builders.tenant()
    review = builders.held(alice)
    Message.objects.filter(pk=review.message_id).update(member=alice.owner)
    answer = Api(builders.decide_key(alice.owner)).post(f"/oversight/reviews/{review.pk}/approve")
    assert (answer.status, answer.code) == (403, "own_message")
