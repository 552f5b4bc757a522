"""Files of a message at the console: saved, never opened there, by members of its account."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mailboxes import clock
from messaging.attachments import deletion
from messaging.models import Message
from oversight.models import Review
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.contract.test_operations import WITH_A_FILE
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db
LINK = re.compile(r'href="(/messages/[0-9a-f-]+/files/\d+/)" download')


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def link_at(owner: Tenant, page: str) -> str:
    """The only link to a file on a page."""
    [found] = LINK.findall(text_of(seat(owner.owner).get(page)))
    return str(found)


def check_saved(response: Any) -> None:
    assert (response.status_code, response.content) == (200, b"hello")
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == 'attachment; filename="plan.pdf"'
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response.headers["Cache-Control"]


def with_sealed_file(owner: Tenant) -> Review:
    """A held message under whose seal there is a file, as it will leave."""
    review = builders.held(owner)
    forged = WITH_A_FILE.replace(b"kim@friends.example", owner.mailbox.full_address.encode())
    revision = review.message.revisions.get()
    type(revision).objects.create(
        message=review.message, version=2, raw=forged, seal="x", made_by="test", created_at=clock.now()
    )
    Message.objects.filter(pk=review.message_id).update(current_version=2)
    return review


@pytest.mark.parametrize("page", ["message", "thread"])
def test_a_received_file_is_saved_from_its_page(alice: Tenant, page: str) -> None:
    message = arrive(alice.mailbox, WITH_A_FILE)
    path = f"/messages/{message.pk}/" if page == "message" else f"/threads/{message.thread_id}/"
    link = link_at(alice, path)
    check_saved(seat(alice.owner).get(link))
    check_saved(seat(builders.member(alice.account)).get(link))


def test_a_file_that_waits_for_a_decision_is_saved_as_it_stands_under_the_seal(alice: Tenant) -> None:
    review = with_sealed_file(alice)
    check_saved(seat(alice.owner).get(link_at(alice, f"/review/{review.pk}/")))


def test_nobody_else_gets_it(alice: Tenant) -> None:
    link = link_at(alice, f"/messages/{arrive(alice.mailbox, WITH_A_FILE).pk}/")
    assert seat(builders.tenant("charlie").owner).get(link).status_code == 404
    assert seat(alice.owner).get(re.sub(r"\d+/$", "99/", link)).status_code == 404


def test_a_deleted_file_is_gone_for_reviewers_too(alice: Tenant) -> None:
    message = arrive(alice.mailbox, WITH_A_FILE)
    link = link_at(alice, f"/messages/{message.pk}/")
    deletion.delete(alice.agent_actor, message.attachments.get().pk, now=clock.now())
    assert seat(alice.owner).get(link).status_code == 404


def test_a_part_that_is_no_file_is_not_given_out(alice: Tenant) -> None:
    message = arrive(alice.mailbox, WITH_A_FILE)
    assert seat(alice.owner).get(f"/messages/{message.pk}/files/1/").status_code == 404
