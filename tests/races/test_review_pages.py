"""The forms of the review page at once: one edit however often its form is sent, and nobody's typing is lost."""

from __future__ import annotations

import pytest
import zeal
from django.test import Client

from oversight.console import editing
from oversight.models import Decision, Edit, Review, ReviewState
from tests import builders
from tests.builders import Tenant
from tests.oversight.console import seat, text_of, url_of
from tests.races.harness import Act, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _rows_are_no_list() -> object:
    with zeal.zeal_ignore():
        yield


@pytest.fixture
def alice(settings: pytest.FixtureRequest) -> Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)  # type: ignore[attr-defined]
    return builders.tenant()


def saving(cookies: dict[str, str], review: Review, text: str) -> Act:
    form = {**editing.begin(review.message, version=1), "text": text}
    return lambda: posting(cookies, url_of(review, "edit"), form)


def approving(cookies: dict[str, str], review: Review) -> Act:
    return lambda: posting(cookies, url_of(review, "approve"), {"version": 1})


def posting(cookies: dict[str, str], url: str, form: dict[str, object]) -> tuple[int, str]:
    client = Client()
    client.cookies.load(cookies)
    answer = client.post(url, form)
    return answer.status_code, text_of(answer)


@in_rounds
def test_one_edits_by_a_form_sent_twice_while_others_edit_and_approve(alice: Tenant, rounds: int) -> None:
    people = [builders.member(alice.account, name) for name in ("rhea", "ben", "ana")]
    rhea, ben, ana = ({name: morsel.value for name, morsel in seat(one).cookies.items()} for one in people)
    with family("review page: edits and approvals", rounds) as crowd:
        for number in range(rounds):
            review = builders.held(alice, body_text="As it was.\n")
            text = f"By Rhea, {number}.\n"
            acts = [*([saving(rhea, review, text)] * 4), *([saving(ben, review, "By Ben.\n")] * 2)]
            raced = crowd.race([*acts, *([approving(ana, review)] * 2)])
            results = [answer for answer in raced if isinstance(answer, tuple)]
            [first] = Decision.objects.filter(review=review)  # the others decided on what was no more
            statuses = [status for status, _ in results]
            by = [first.member_id == person.pk for person in people]
            assert [status == 302 for status in statuses] == [by[0]] * 4 + [by[1]] * 2 + [by[2]] * 2
            assert set(statuses) == {302, 409}
            lost = [page for status, page in results[:4] if status == 409]
            assert all(text.strip() in page for page in lost)
            is_approved = first.kind == "approve"
            assert Edit.objects.filter(review=review).count() == (0 if is_approved else 1)
            stored = Review.objects.get(pk=review.pk)
            assert (stored.state, stored.version) == (ReviewState.APPROVED if is_approved else ReviewState.OPEN, 2)
