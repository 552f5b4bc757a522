"""Keys that are remembered: what is forgotten when, and what is never remembered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from pytest_django import Settings

from mailboxes import clock, keys, known_keys, suspensions
from mailboxes.errors import Unauthenticated
from mailboxes.models import Account, ApiKey
from mailboxes.modes import OversightMode
from messaging.models import Message
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db(transaction=True)


HOUR = 3600
PATIENCE = 60


@pytest.fixture
def deaf(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process remembers keys and hears nothing of the database's NOTIFY."""
    settings.KEY_CACHE_SECONDS = HOUR
    monkeypatch.setattr(known_keys.listener, "ensure_running", lambda: None)
    known_keys.known.forget()


@pytest.fixture
def hearing(settings: Settings) -> Iterator[None]:
    """This process remembers keys and listens."""
    settings.KEY_CACHE_SECONDS = HOUR
    known_keys.known.forget()
    yield
    known_keys.listener.close()


def spare_key(alice: Tenant) -> tuple[ApiKey, str]:
    return keys.create_agent_key(alice.agent, now=clock.now())


def is_known(text: str) -> bool:
    return known_keys.known.find(keys.digest(text)) is not None


def revoke_elsewhere(key: ApiKey) -> None:
    """As another process or psql would: past everything that this process could notice by itself."""
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=clock.now())


def stand_still(monkeypatch: pytest.MonkeyPatch, *, at: float | None = None) -> float:
    """From now on it is this moment for the memory, by its own clock."""
    moment = time.monotonic() if at is None else at
    monkeypatch.setattr(known_keys, "time", SimpleNamespace(monotonic=lambda: moment, sleep=time.sleep))
    return moment


def forgotten_within(seconds: float, text: str) -> bool:
    until = time.monotonic() + seconds
    while is_known(text) and time.monotonic() < until:
        time.sleep(0.01)
    return not is_known(text)


def listen() -> None:
    """Return when the listener has begun; it forgets everything then."""
    times = known_keys.known.times_forgotten
    known_keys.listener.ensure_running()
    until = time.monotonic() + PATIENCE
    while known_keys.known.times_forgotten == times:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.usefixtures("deaf")
def test_a_remembered_key_costs_no_statement(django_assert_num_queries: object) -> None:
    alice = builders.tenant()
    first = keys.recognize(alice.key_text)
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert keys.recognize(alice.key_text) is first


@pytest.mark.usefixtures("deaf")
def test_a_key_revoked_in_this_process_is_refused_at_once() -> None:
    key, text = spare_key(builders.tenant())
    keys.recognize(text)
    keys.revoke_now(key, by="test", now=clock.now())
    with pytest.raises(Unauthenticated):
        keys.recognize(text)


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("change", ["revoked", "expired", "deleted", "suspended"])
def test_a_change_made_elsewhere_is_heard(change: str) -> None:
    key, text = spare_key(builders.tenant())
    listen()
    keys.recognize(text)
    assert is_known(text)
    if change == "revoked":
        revoke_elsewhere(key)
    elif change == "expired":
        ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now())
    elif change == "deleted":
        ApiKey.objects.filter(pk=key.pk).delete()
    else:
        Account.objects.filter(pk=key.account_id).update(suspended_at=clock.now())
    assert forgotten_within(PATIENCE, text)


@pytest.mark.usefixtures("hearing")
def test_to_note_a_use_is_no_change() -> None:
    key, text = spare_key(builders.tenant())
    listen()
    keys.recognize(text)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=clock.now())
    assert not forgotten_within(0.3, text)


@pytest.mark.usefixtures("deaf")
def test_where_the_word_is_lost_a_revoked_key_is_believed_for_its_time_in_the_memory_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, text = spare_key(builders.tenant())
    begun = stand_still(monkeypatch)
    keys.recognize(text)
    revoke_elsewhere(key)
    stand_still(monkeypatch, at=begun + HOUR - 1)
    assert keys.recognize(text).key == key
    stand_still(monkeypatch, at=begun + HOUR)
    with pytest.raises(Unauthenticated):
        keys.recognize(text)


@pytest.mark.usefixtures("deaf")
def test_a_key_that_expires_is_not_believed_longer_than_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = spare_key(builders.tenant())
    ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now() + timedelta(seconds=HOUR / 2))
    begun = stand_still(monkeypatch)
    keys.recognize(text)
    assert is_known(text)
    stand_still(monkeypatch, at=begun + HOUR / 2)
    assert not is_known(text)


@pytest.mark.usefixtures("deaf")
def test_a_key_revoked_while_it_was_looked_up_is_not_remembered() -> None:
    _, text = spare_key(builders.tenant())
    times, now = known_keys.known.times_forgotten, clock.now()
    principal = keys.authenticate(text, now=now)
    known_keys.known.forget()  # the change, between look-up and memory
    known_keys.known.remember(keys.digest(text), principal, now=now, times_forgotten=times)
    assert not is_known(text)


@pytest.mark.usefixtures("deaf")
def test_keys_that_decide_and_keys_that_are_none_are_never_remembered() -> None:
    alice = builders.tenant()
    deciding = builders.decide_key(alice.owner)
    keys.recognize(deciding)
    head = "gp_live_" + "0" * 43
    with pytest.raises(Unauthenticated):
        keys.recognize(head + keys.checksum(head))
    assert not is_known(deciding)
    assert not is_known(head + keys.checksum(head))


@pytest.mark.usefixtures("deaf")
def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_keys, "MOST", 2)
    alice = builders.tenant()
    texts = [spare_key(alice)[1] for _ in range(5)]
    for text in texts:
        keys.recognize(text)
        assert sum(map(is_known, texts)) <= 2
    assert is_known(texts[-1])


@pytest.mark.usefixtures("deaf")
def test_a_send_is_refused_even_while_its_revoked_key_is_believed() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    key, text = spare_key(alice)
    keys.recognize(text)
    revoke_elsewhere(key)
    mail = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}
    answer = Api(text).post(f"/mailboxes/{alice.mailbox.pk}/messages", mail)
    assert (answer.status, answer.code) == (401, "revoked_key")
    assert not Message.objects.filter(account=alice.account).exists()


@pytest.mark.usefixtures("deaf")
def test_mode_and_suspension_are_never_remembered() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    mail = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}
    assert api.post(path, mail).json["message"]["state"] == "queued"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailboxes_mailbox SET mode = 'gated_send' WHERE id = %s", [alice.mailbox.pk])
    assert api.post(path, mail).json["message"]["state"] == "held"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailboxes_account SET suspended_at = now() WHERE id = %s", [alice.account.pk])
    assert api.post(path, mail).code == "account_suspended"


@pytest.mark.usefixtures("deaf")
def test_a_suspended_account_is_known_as_such_at_once_in_the_process_that_suspended_it() -> None:
    alice = builders.tenant()
    keys.recognize(alice.key_text)
    suspensions.suspend(alice.account, reason="spam", by="test", now=clock.now())
    assert keys.recognize(alice.key_text).account.suspended_at is not None


@pytest.mark.usefixtures("deaf")
def test_what_changes_something_looks_the_key_up_each_time() -> None:
    alice = builders.tenant()
    key, text = spare_key(alice)
    keys.recognize(text)
    revoke_elsewhere(key)
    assert Api(text).get("/mailboxes").status == 200, "the test of the test: the key is believed"
    assert Api(text).post("/api-keys", {}).code == "revoked_key"
    assert Api(text).delete(f"/mailboxes/{alice.mailbox.pk}").code == "revoked_key"
