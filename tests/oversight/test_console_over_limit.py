"""Over the month's limit, at the console: people read no more than their agents, and learn that there is more."""

from __future__ import annotations

import pytest

from mailboxes import clock, limits
from mailboxes.models import LimitKind
from messaging.inbound import withholding
from tests import builders
from tests.arrivals import arrive, withheld
from tests.letters import letter
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


def test_a_withheld_message_is_on_no_page_and_counted_on_the_list() -> None:
    alice = builders.tenant()
    message = withheld(alice.mailbox)
    own = seat(alice.owner)
    for url in ("/mailboxes/", f"/mailboxes/{alice.mailbox.pk}/"):
        shown = text_of(own.get(url))
        assert "One too many" not in shown
        assert "1 received message came over the month's limit" in shown
    assert own.get(f"/messages/{message.pk}/").status_code == 404
    assert own.get(f"/messages/{message.pk}/body/").status_code == 404


def test_a_conversation_is_shown_without_its_withheld_messages() -> None:
    alice = builders.tenant()
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 1)
    first = arrive(alice.mailbox, letter(subject="Plan"))
    arrive(alice.mailbox, letter(f"In-Reply-To: {first.message_id}", body="The secret part.\r\n"))
    own = seat(alice.owner)
    for url in (f"/threads/{first.thread_id}/", f"/messages/{first.pk}/", "/mailboxes/"):
        answer = own.get(url)
        assert answer.status_code == 200
        assert "The secret part" not in text_of(answer)


def test_all_of_it_is_there_once_it_is_unlocked() -> None:
    alice = builders.tenant()
    message = withheld(alice.mailbox)
    limits.set_limit(alice.account, LimitKind.MONTHLY_INBOUND, 2, by="test", now=clock.now())
    assert withholding.unlock(alice.account, now=clock.now()) == 1
    own = seat(alice.owner)
    assert "came over" not in text_of(own.get("/mailboxes/"))
    page = text_of(own.get(f"/messages/{message.pk}/"))
    assert "One too many" in page
    assert "Unlocked" in page
