"""What a person is told once is told once, however many ask at the same moment."""

from __future__ import annotations

from functools import partial

import pytest

from mailboxes import clock, sessions, welcome
from mailboxes.errors import Unauthenticated
from tests import builders
from tests.postman import mails_to
from tests.races.harness import THREADS, race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def test_one_welcome_is_mailed_when_eight_ask_at_once() -> None:
    alice = builders.tenant()
    race([partial(welcome.request, alice.account, now=clock.now())] * THREADS)
    welcomes = mails_to(alice.owner.user.email, subject__startswith="Welcome")
    assert welcomes.count() == 1


def test_sessions_that_are_opened_and_closed_at_once_do_not_touch_each_other() -> None:
    owner = builders.tenant().owner.user
    kept = sessions.open_for(owner, now=clock.now())
    closed = [sessions.open_for(owner, now=clock.now()) for _ in range(THREADS // 2)]
    opening = [partial(sessions.open_for, owner, now=clock.now())] * (THREADS // 2)
    race([*(partial(sessions.close, secret) for secret in closed), *opening])
    assert sessions.authenticate(kept, now=clock.now()).agent is not None
    for secret in closed:
        with pytest.raises(Unauthenticated):
            sessions.authenticate(secret, now=clock.now())
