"""What is of high risk is approved after a fresh second step: the console asks for it, and brings one back."""

from __future__ import annotations

import pytest
from django.test import Client

from mailboxes import second_step
from mailboxes.models import Member
from oversight.models import Review
from tests import builders
from tests.api_client import Api
from tests.codes import code_of, enrol
from tests.conftest import Clock
from tests.oversight.console import decide, seat, text_of, url_of

pytestmark = pytest.mark.django_db

PROVE = "/settings/security/prove/"
NOTE = "Kim said yes on the phone"


@pytest.fixture
def alice(clock: Clock) -> builders.Tenant:
    clock.set(clock.now())
    return builders.tenant()


@pytest.fixture
def rhea(alice: builders.Tenant) -> Member:
    return builders.member(alice.account)


@pytest.fixture
def review(alice: builders.Tenant) -> Review:
    review = builders.held(alice)
    Review.objects.filter(pk=review.pk).update(risk="high")
    return review


def state_of(review: Review) -> str:
    return Review.objects.values_list("state", flat=True).get(pk=review.pk)


def approve(client: Client, review: Review) -> str:
    return str(decide(client, review, "approve", note=NOTE).headers.get("Location"))


def way_to_proof(review: Review) -> str:
    return f"{PROVE}?next=%2Freview%2F{review.pk}%2F"


@pytest.mark.parametrize("path", ["/review/", "the review"])
def test_the_risk_that_a_rule_gave_is_named_and_of_low_risk_nobody_speaks(
    rhea: Member, review: Review, path: str
) -> None:
    page = url_of(review) if path == "the review" else path
    for risk, said in (("high", "High risk"), ("medium", "Medium risk"), ("low", None)):
        Review.objects.filter(pk=review.pk).update(risk=risk)
        text = text_of(seat(rhea).get(page))
        assert [each for each in ("High risk", "Medium risk", "Low risk") if each in text] == ([said] if said else [])


def test_the_password_is_asked_again_and_the_text_is_kept(rhea: Member, review: Review) -> None:
    client = seat(rhea)
    assert approve(client, review) == way_to_proof(review)
    assert state_of(review) == "open"
    assert "Your password" in text_of(client.get(way_to_proof(review)))
    answer = client.post(PROVE, {"password": builders.PASSWORD, "next": url_of(review)})
    assert answer.headers["Location"] == url_of(review)
    back = text_of(client.get(url_of(review)))
    assert "Now decide again." in back
    assert NOTE in back
    approve(client, review)
    assert state_of(review) == "approved"


def test_where_one_is_enrolled_the_password_is_no_proof(rhea: Member, review: Review, clock: Clock) -> None:
    secret, _ = enrol(rhea.user, now=clock.now())
    client = seat(rhea)
    approve(client, review)
    assert client.post(PROVE, {"password": builders.PASSWORD, "next": "/"}).status_code == 422
    client.post(PROVE, {"code": code_of(secret, clock.now())})
    approve(client, review)
    assert state_of(review) == "approved"


def test_a_proof_is_good_for_a_quarter_of_an_hour(rhea: Member, review: Review, clock: Clock) -> None:
    client = seat(rhea)
    client.post(PROVE, {"password": builders.PASSWORD})
    clock.advance(seconds=15 * 60 + 1)
    assert approve(client, review) == way_to_proof(review)
    assert state_of(review) == "open"


def test_a_proof_of_another_browser_is_none_here(rhea: Member, review: Review) -> None:
    seat(rhea).post(PROVE, {"password": builders.PASSWORD})
    assert approve(seat(rhea), review) == way_to_proof(review)


def test_a_proof_without_a_time_is_none(rhea: Member, review: Review, clock: Clock) -> None:
    client = seat(rhea)
    client.post(PROVE, {"password": builders.PASSWORD})
    session = client.session
    session[second_step.PROOF] = session[second_step.PROOF] | {"at": "not a time"}
    session.save()
    assert approve(client, review) == way_to_proof(review)


def test_a_script_is_led_there_too(rhea: Member, review: Review) -> None:
    answer = decide(seat(rhea), review, "approve", htmx=True)
    assert answer.headers["HX-Redirect"] == way_to_proof(review)


def test_a_decide_key_never_approves_it(rhea: Member, review: Review) -> None:
    seat(rhea).post(PROVE, {"password": builders.PASSWORD})
    answer = Api(builders.decide_key(rhea)).post(f"/oversight/reviews/{review.pk}/approve", {})
    assert (answer.status, answer.code) == (403, "second_step_required")


def test_rejecting_it_takes_no_second_step(rhea: Member, review: Review) -> None:
    decide(seat(rhea), review, "reject", reason="tone")
    assert state_of(review) == "rejected"


def test_what_was_kept_shows_on_that_review_alone(rhea: Member, review: Review, alice: builders.Tenant) -> None:
    other, client = builders.held(alice), seat(rhea)
    approve(client, review)
    client.post(PROVE, {"password": builders.PASSWORD})
    assert NOTE not in text_of(client.get(url_of(other)))


def test_a_decide_key_of_a_member_without_a_second_step_waits_where_it_is_asked_for(
    rhea: Member, alice: builders.Tenant
) -> None:
    review, key = builders.held(alice), builders.decide_key(rhea)
    alice.account.requires_second_step = True
    alice.account.save(update_fields=["requires_second_step"])
    answer = Api(key).post(f"/oversight/reviews/{review.pk}/approve", {})
    assert (answer.status, answer.code) == (403, "second_step_missing")
