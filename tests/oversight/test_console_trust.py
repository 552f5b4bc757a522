"""The trust pages: agents, what their mailboxes have done, what is suggested, and the mode that a person sets."""

from __future__ import annotations

import pytest
from django.test import Client

from mailboxes import clock
from mailboxes.models import Event, Mailbox, Role
from oversight.models import Suggestion, SuggestionState
from tests import builders
from tests.builders import PASSWORD, Tenant
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def client(alice: Tenant) -> Client:
    return seat(alice.owner)


def terms(owner: Tenant) -> str:
    return f"/agents/mailboxes/{owner.mailbox.pk}/"


def mode_of(owner: Tenant) -> tuple[str, str | None]:
    return Mailbox.objects.values_list("mode", "floor").get(pk=owner.mailbox.pk)


def test_an_account_sees_its_agents_with_modes_keys_and_what_is_suggested(alice: Tenant, client: Client) -> None:
    builders.agent(alice.account, "Second\u202e agent")
    builders.suggested(alice)
    builders.agent(builders.tenant("charlie").account, "Not mine")
    text = text_of(client.get("/agents/"))
    for said in (
        alice.mailbox.full_address,
        "Gate sends",
        "100 % approved as written (1 of 1)",
        "suggested: monitored",
    ):
        assert said in text
    assert "1 key" in text
    assert "RLO" in text
    assert "No mailbox" in text
    assert "Not mine" not in text


def test_a_mailbox_says_what_it_has_done_and_what_is_missing(alice: Tenant, client: Client) -> None:
    builders.rules(alice, builders.rule("promises", "hold", {"kind": "words", "words": ["guarantee"]}))
    builders.demoted(alice)
    text = text_of(client.get(f"/agents/{alice.agent.pk}/"))
    assert "No decisions on mail that its mode held." in text
    text = text_of(client.get(terms(alice)))
    for said in (
        "For the next rung, monitored",
        "0 of 20 decisions.",
        "Set back less than 14 days ago.",
        "Stays held at every rung",
        "Promises",
        "To gated_send: mail of it was rejected (privacy)",
    ):
        assert said in text


def test_an_owner_lets_it_do_more_with_a_reason_and_their_password(alice: Tenant, client: Client) -> None:
    asked = {"mode": "monitored", "floor": "gated_send", "seen": "gated_send", "reason": "They do well"}
    answer = client.post(terms(alice), asked)
    assert answer.status_code == 422
    assert "Type your password." in text_of(answer)
    assert client.post(terms(alice), asked | {"reason": " ", "password": PASSWORD}).status_code == 422
    assert mode_of(alice) == ("gated_send", None)
    assert client.post(terms(alice), asked | {"password": PASSWORD}).status_code == 302
    assert mode_of(alice) == ("monitored", "gated_send")
    event = Event.objects.get(account=alice.account, kind="mailbox.mode_changed")
    assert '"reason":"They do well"' in event.data
    assert f"member:{alice.owner.pk}" in event.data


def test_a_reviewer_makes_it_stricter_without_a_word_and_never_freer(alice: Tenant) -> None:
    client = seat(builders.member(alice.account))
    page = text_of(client.get(terms(alice)))
    assert "Only an owner or admin lets a mailbox do more." in page
    assert client.post(terms(alice), {"mode": "autonomous", "seen": "gated_send", "reason": "x"}).status_code == 403
    assert client.post(terms(alice), {"mode": "gated_all", "seen": "gated_send"}).status_code == 302
    assert mode_of(alice) == ("gated_all", None)
    assert client.post(terms(alice), {"mode": "gated_send", "seen": "gated_all"}).status_code == 403


def test_a_viewer_changes_nothing(alice: Tenant) -> None:
    client = seat(builders.member(alice.account, "vic", Role.VIEWER))
    assert 'name="mode"' not in text_of(client.get(terms(alice)))
    assert client.post(terms(alice), {"mode": "read_only", "seen": "gated_send"}).status_code == 403
    assert mode_of(alice) == ("gated_send", None)


@pytest.mark.parametrize(
    "asked",
    [
        {"mode": "gated_all", "seen": "monitored"},
        {"mode": "root", "seen": "gated_send"},
        {"mode": "gated_all", "floor": "\u0000", "seen": "gated_send"},
        {"seen": "gated_send"},
        {},
    ],
)
def test_an_old_page_and_nonsense_change_nothing(alice: Tenant, client: Client, asked: dict[str, str]) -> None:
    assert client.post(terms(alice), asked).status_code == 422
    assert mode_of(alice) == ("gated_send", None)


def test_a_suggestion_is_taken_with_the_password_and_is_over_then(alice: Tenant, client: Client) -> None:
    path = f"/agents/suggestions/{builders.suggested(alice).pk}/"
    assert "Make it monitored?" in text_of(client.get(path))
    assert client.post(path).status_code == 422
    assert mode_of(alice) == ("gated_send", None)
    assert client.post(path, {"password": PASSWORD}).status_code == 302
    assert mode_of(alice) == ("monitored", None)
    assert client.get(path).headers["Location"] == terms(alice)
    assert client.post(f"{path}decline/").status_code == 302
    assert Suggestion.objects.get().state == SuggestionState.ACCEPTED


def test_a_suggestion_is_declined(alice: Tenant, client: Client) -> None:
    made = builders.suggested(alice)
    rhea = seat(builders.member(alice.account))
    assert rhea.post(f"/agents/suggestions/{made.pk}/", {"password": PASSWORD}).status_code == 403
    assert rhea.post(f"/agents/suggestions/{made.pk}/decline/").status_code == 403
    assert client.post(f"/agents/suggestions/{made.pk}/decline/").status_code == 302
    assert (mode_of(alice)[0], Suggestion.objects.get().state) == ("gated_send", SuggestionState.DECLINED)
    assert clock.now() >= made.made_at
