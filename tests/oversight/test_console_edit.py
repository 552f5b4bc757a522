"""The edit page: saved on the version that was read, told in plain words, and nothing that was typed is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from mailboxes import clock, mailbox
from mailboxes.models import Member, Role
from mailboxes.modes import OversightMode
from messaging.models import Attachment, Message, Revision, SuppressionReason
from messaging.recipients import suppressions
from oversight import claims, decisions
from oversight.console import editing
from oversight.models import Decision, Edit, Review
from tests import builders, files
from tests.api_client import Api
from tests.builders import Tenant
from tests.oversight.console import seat, text_of, url_of
from tests.oversight.people import approve, asking, edit, fresh, give_back, leaving
from tests.oversight.sends import MAIL, send

pytestmark = pytest.mark.django_db

PROVE = "/settings/security/prove/"


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def rhea(alice: Tenant) -> Member:
    return builders.member(alice.account, "rhea")


@pytest.fixture
def ben(alice: Tenant) -> Member:
    return builders.member(alice.account, "ben")


def filled(review: Review, **changed: Any) -> dict[str, Any]:
    """What the form posts: all that the page showed, but for what was typed."""
    now = fresh(review)
    return {**editing.begin(now.message, version=now.version), **changed}


def save(client: Client, review: Review, *, form: dict[str, Any] | None = None, **changed: Any) -> Any:
    return client.post(url_of(review, "edit"), {**(form or filled(review)), **changed})


def kinds(review: Review) -> list[str]:
    return list(Decision.objects.filter(review=review).order_by("version").values_list("kind", flat=True))


def test_the_form_begins_with_the_message_and_saving_it_shows_the_changes_first(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice, cc=("lou@friends.example",), body_text="\nThe price is 5 EUR.\nBye\n")
    client = seat(rhea)
    page = text_of(client.get(url_of(review, "edit")))
    assert ">\n\nThe price is 5 EUR.\nBye\n</textarea>" in page
    assert 'value="lou@friends.example"' in page
    assert page.index(">Save<") < page.index("Save and approve")
    answer = save(client, review, text="\r\nThe price is 50 EUR.\r\nBye\r\n", cc="", subject="Price & more")
    assert answer.headers["Location"] == f"{url_of(review)}?tab=diff"
    assert kinds(review) == ["edit"]
    page = text_of(client.get(url_of(review)))  # first, without being asked for
    assert "3 changes: subject, text, recipients." in page
    assert "<del>5</del><ins>50</ins>" in page
    assert "<del>lou@friends.example</del>" in page
    assert '?tab=diff#mail" data-key="6" aria-current="true"' in page
    message = Message.objects.get(pk=review.message_id)
    assert (message.subject, message.body_text) == ("Price & more", "\nThe price is 50 EUR.\nBye\n")
    assert [one.field for one in Edit.objects.order_by("field")] == ["bodyText", "cc", "subject"]


def test_saving_and_approving_is_one_act_and_what_was_edited_leaves(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    answer = save(seat(rhea), review, to="Lou@Friends.example; max@friends.example", approve="yes")
    assert answer.status_code == 302
    assert kinds(review) == ["edit", "approve"]
    assert leaving(review.message) == ["lou@friends.example", "max@friends.example"]


def test_a_form_that_was_sent_twice_is_one_edit(alice: Tenant, rhea: Member) -> None:
    for more in ({}, {"approve": "yes"}):
        review, client = builders.held(alice, body_html="<p>Hello</p>"), seat(rhea)
        form = filled(review, text="Better.", html_way="follow") | more
        assert [save(client, review, form=form).status_code for _ in range(2)] == [302, 302]
        assert kinds(review) == ["edit", *(["approve"] if more else [])]


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        ({"text": "A < B\n\nC\nD"}, "<p>A &lt; B</p>\n<p>C<br>\nD</p>\n"),
        ({"subject": "Anew"}, "<p><b>Hello</b></p>"),
        ({"html_way": "drop"}, None),
        ({"html_way": "source", "html": "<p>Mine</p>"}, "<p>Mine</p>"),
        ({"html_way": "source", "text": "Other words", "html": "<p><b>Hello</b></p>"}, "<p><b>Hello</b></p>"),
        ({"html": "<p>Typed, and not chosen</p>", "subject": "Anew"}, "<p><b>Hello</b></p>"),
    ],
    ids=["follows", "stays", "dropped", "source", "source-kept", "not-chosen"],
)
def test_the_html_follows_the_text_or_goes_or_is_written_anew(
    typed: dict[str, Any], html: str | None, alice: Tenant, rhea: Member
) -> None:
    review = builders.held(alice, body_html="<p><b>Hello</b></p>")
    assert save(seat(rhea), review, **typed).status_code == 302
    assert Message.objects.get(pk=review.message_id).body_html == html


def test_a_file_is_left_out_and_the_agent_reads_that(alice: Tenant, rhea: Member, files_folder: Path) -> None:
    plan, price = files.upload(alice, b"plan"), files.upload(alice, b"price")
    sent = send(alice, MAIL | {"attachments": [str(plan.pk), str(price.pk)]})
    review = Review.objects.get(message=sent.json["message"]["id"])
    client = seat(rhea)
    form = filled(review, leave_out=[str(plan.pk)])
    assert [save(client, review, form=form).status_code for _ in range(2)] == [302, 302]
    assert [one.pk for one in Attachment.objects.filter(message=review.message)] == [price.pk]
    raw = bytes(Revision.objects.get(message=review.message, version=2).raw)
    assert b"filename" in raw
    told = Api(alice.key_text).get(f"/oversight/reviews/{review.pk}").json["review"]["edits"]
    assert [(one["field"], len(one["old"]), len(one["new"])) for one in told] == [("attachments", 2, 1)]
    assert "1 change: files." in text_of(client.get(url_of(review)))
    approve(fresh(review), rhea)
    assert leaving(review.message) == ["kim@friends.example"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"to": ""}, "Name at least one address."),
        ({"to": "not an address"}, "edit-to-error"),
        ({"bcc": "gone@friends.example"}, "is on the suppression list"),
        ({"subject": " "}, "must not be blank"),
        ({"text": " \n"}, "A mail has a text."),
        ({}, "Nothing would change."),
        ({"version": ""}, "Not saved"),
        ({"leave_out": "x"}, "Nothing would change."),
    ],
)
def test_what_can_not_be_saved_is_said_at_the_form_and_all_is_kept(
    typed: dict[str, Any], said: str, alice: Tenant, rhea: Member
) -> None:
    suppressions.add(alice.account, "gone@friends.example", reason=SuppressionReason.MANUAL, now=clock.now())
    review = builders.held(alice)
    answer = save(seat(rhea), review, **({"note": "Mind the price"} | typed))
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert "Mind the price" in text_of(answer)
    assert kinds(review) == []


def test_what_the_rules_refuse_is_told_in_their_words(alice: Tenant, rhea: Member) -> None:
    review = builders.held(alice)
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=clock.now())
    answer = save(seat(rhea), review, subject="Anew")
    assert answer.status_code == 422
    assert "The rules refuse it: " in text_of(answer)
    assert 'value="Anew"' in text_of(answer)
    assert not Edit.objects.exists()


def test_two_people_edit_and_the_second_sees_where_they_meet_and_loses_nothing(
    alice: Tenant, rhea: Member, ben: Member
) -> None:
    review = builders.held(alice, body_text="The price is 5 EUR.\n")
    form = filled(review)
    edit(review, ben, subject="From Ben", text="The price is 6 EUR.\n", cc=("lou@friends.example",))
    client = seat(rhea)
    answer = save(client, review, form=form | {"text": "The price is 7 EUR.\n", "bcc": "max@friends.example"})
    assert answer.status_code == 409
    page = text_of(answer)
    assert "Where your changes meet" in page
    assert "<del>5</del><ins>6</ins>" in page
    assert "<del>5</del><ins>7</ins>" in page
    assert "\nThe price is 7 EUR.\n</textarea>" in page  # both changed it: mine stands in the form
    assert 'value="From Ben"' in page  # only Ben did: his
    assert 'value="lou@friends.example"' in page
    assert 'value="max@friends.example"' in page  # only I did
    assert 'name="version" value="2"' in page
    assert kinds(review) == ["edit"]
    again = filled(review, text="The price is 7 EUR.\n", bcc="max@friends.example")
    assert save(client, review, form=again).status_code == 302
    message = Message.objects.get(pk=review.message_id)
    assert (message.subject, message.body_text) == ("From Ben", "The price is 7 EUR.\n")


def test_an_approval_by_a_colleague_in_between_asks_again_and_keeps_the_text(
    alice: Tenant, rhea: Member, ben: Member
) -> None:
    review = asking(alice, people=2)
    form = filled(review, text="Better.\n")
    approve(review, ben)
    answer = save(seat(rhea), review, form=form)
    assert answer.status_code == 409
    assert "Save again if it should be so all the same." in text_of(answer)
    assert "Whoever has approved it must look again" in text_of(answer)
    assert "Better." in text_of(answer)
    assert kinds(review) == ["approve"]


@pytest.mark.parametrize("act", [approve, give_back])
def test_a_colleague_who_decided_first_wins_and_the_typed_text_can_be_copied(
    act: Any, alice: Tenant, rhea: Member, ben: Member
) -> None:
    review = builders.held(alice)
    form = filled(review, text="Typed for long.\n")
    act(review, ben)
    client = seat(rhea)
    answer = save(client, review, form=form)
    assert answer.status_code == 409
    assert "Typed for long." in text_of(answer)
    assert "to be copied" in text_of(answer)
    assert ">Save<" not in text_of(answer)
    assert client.get(url_of(review, "edit")).headers["Location"] == url_of(review)


def test_high_risk_asks_for_the_second_step_and_brings_the_text_back(alice: Tenant, rhea: Member) -> None:
    review, client = builders.held(alice), seat(rhea)
    Review.objects.filter(pk=review.pk).update(risk="high")
    answer = save(client, review, text="Typed for long.\n", approve="yes")
    back = f"{url_of(review, 'edit')}?kept=yes"
    assert answer.headers["Location"].startswith(PROVE)
    assert kinds(review) == []
    assert client.post(PROVE, {"password": builders.PASSWORD, "next": back}).headers["Location"] == back
    page = text_of(client.get(back))
    assert "Typed for long." in page
    assert "Typed for long." not in text_of(client.get(url_of(review, "edit")))
    assert save(client, review, text="Typed for long.\n", approve="yes").status_code == 302
    assert kinds(review) == ["edit", "approve"]
    assert "Typed for long." not in str(dict(client.session))


def test_where_claims_are_required_saving_claims_and_another_claim_keeps_the_text(
    alice: Tenant, rhea: Member, ben: Member
) -> None:
    claims.set_mode(alice.owner_actor, "required", now=clock.now())
    review, other = builders.held(alice), builders.held(alice)
    assert save(seat(rhea), review, subject="Anew").status_code == 302
    claims.take(other, member=ben, now=clock.now())
    answer = save(seat(rhea), other, text="Typed for long.\n")
    assert answer.status_code == 409
    assert "is looking at it" in text_of(answer)
    assert "Typed for long." in text_of(answer)


def test_a_very_long_text_is_not_edited_here_and_the_rest_is(alice: Tenant, rhea: Member) -> None:
    review, client = builders.held(alice, body_text="word " * 50_000), seat(rhea)
    page = text_of(client.get(url_of(review, "edit")))
    assert "too long to be edited here" in page
    assert len(page) < 60_000
    assert save(client, review, subject="Anew", text="Cut", html="").status_code == 302
    assert [one.field for one in Edit.objects.all()] == ["subject"]


def test_who_may_not_decide_is_led_back_and_saves_nothing(alice: Tenant) -> None:
    review = builders.held(alice)
    vera = seat(builders.member(alice.account, "vera", Role.VIEWER))
    assert vera.get(url_of(review, "edit")).headers["Location"] == url_of(review)
    assert save(vera, review, subject="Anew").status_code == 403
    assert kinds(review) == []


def test_an_edit_between_reading_and_approving_is_never_approved_unread(
    alice: Tenant, rhea: Member, ben: Member
) -> None:
    review, client = builders.held(alice), seat(rhea)
    edit(review, ben, subject="Anew")
    assert client.post(url_of(review, "approve"), {"version": 1}).status_code == 409
    # A page that renews its bar alone says what mail it shows.
    page = text_of(client.get(url_of(review), {"seen": "1"}))
    assert "The message was changed after you opened it." in page
    assert "Approve and send" not in page
    assert "Approve and send" in text_of(client.get(url_of(review), {"seen": "2"}))
    assert decisions.may_decide(fresh(review), principal=alice.owner_actor)
