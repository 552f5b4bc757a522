"""A15, A16, A19: requests that are made to break what reads them, each with its payload."""

from __future__ import annotations

import gzip
import json

import pytest

from mailboxes import clock
from mailboxes.models import IdempotentAnswer, LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Message
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day to you.\n"}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def path(owner: Tenant) -> str:
    return f"/mailboxes/{owner.mailbox.pk}/messages"


def sent(owner: Tenant) -> int:
    return Message.objects.filter(mailbox=owner.mailbox).count()


@pytest.mark.parametrize("key", ["k" * 1_000_000, "a\x00b", "a\x7f", "\U0001f4a5"])
def test_a_key_that_would_fill_or_break_the_table_is_refused(key: str, alice: Tenant) -> None:
    """A15."""
    told = Api(alice.key_text).post(path(alice), MAIL, Idempotency_Key=key)
    assert (told.status, told.code) == (400, "invalid_idempotency_key")
    assert sent(alice) == IdempotentAnswer.objects.count() == 0


def test_many_keys_buy_no_more_than_the_limit_and_refusals_are_not_kept(alice: Tenant) -> None:
    """A15: ten thousand keys are ten thousand sends, and those have a limit; what was refused leaves no row."""
    builders.limit(alice.account, LimitKind.DAILY_SENDS, 3)
    api = Api(alice.key_text)
    told = [api.post(path(alice), MAIL, Idempotency_Key=f"key-{number}").status for number in range(12)]
    assert told == [201] * 3 + [429] * 9
    assert sent(alice) == IdempotentAnswer.objects.count() == 3


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_a_body_that_unpacks_to_two_hundred_megabytes_is_never_unpacked(coding: str, alice: Tenant) -> None:
    """A16: 200 MiB of spaces are 200 kB on the wire."""
    bomb = gzip.compress(b" " * 20 * 1024**2) * 10
    assert len(bomb) < 250_000
    told = Api(alice.key_text).send("POST", path(alice), bomb, Content_Encoding=coding)
    assert (told.status, told.code) == (400, "malformed_json")
    told = Api(alice.key_text).send(
        "POST", path(alice), gzip.compress(json.dumps(MAIL).encode()), Content_Encoding=coding
    )
    assert told.status == 400
    assert sent(alice) == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"to": ["a@friends.example"], "to": ["b@friends.example"]}',
        b'{"to": 1e400}',
        b'{"to": NaN}',
        rb'{"to": ["\ud800@friends.example"]}',
        rb'{"subject": "\u0000"}',
        b'{"$ref": {"$ref": {"$ref": "#"}}}',
        b'{"metadata": ' + b'{"$ref":' * 500 + b"1" + b"}" * 501,
        b'{"to": ["kim@friends.example"], "subject": ' + b"1" * 4301 + b"}",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_json_that_is_a_bomb_is_a_400_at_the_send_itself(raw: bytes, alice: Tenant) -> None:
    """A16."""
    assert Api(alice.key_text).send("POST", path(alice), raw).status == 400
    assert sent(alice) == 0


@pytest.mark.parametrize("name", ["sendAt", "send_at", "scheduledAt", "deliverAt"])
@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", -1, "2027-02-29T00:00:00Z", "2026-01-01T00:00:00+25:00"])
def test_no_mail_lies_in_wait_for_a_moment_that_its_author_names(name: str, moment: object, alice: Tenant) -> None:
    """A19: nothing is scheduled by agents yet, and a field that would do so is not passed over in silence."""
    told = Api(alice.key_text).post(path(alice), MAIL | {name: moment})
    assert (told.status, told.code) == (400, "unknown_field")
    assert sent(alice) == 0
    assert not Message.objects.filter(status="scheduled", created_at__lte=clock.now()).exists()
