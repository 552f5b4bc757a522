"""Signatures of deliveries, verified by the library that receivers use and by the contract's rule (I17, A50)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from mailboxes.ids import new_id
from messaging.webhooks import signing

BODY = '{"event":"message.received","data":{"subject":"Grüße, 你好"}}'.encode()
EVENT, DELIVERY = new_id(), new_id()
OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)


def signed(*live: str, attempt: int = 1, age: timedelta = timedelta(0), body: bytes = BODY) -> dict[str, str]:
    now = datetime.now(UTC) - age
    return signing.headers(secrets=live, attempt=attempt, event_id=EVENT, delivery_id=DELIVERY, body=body, now=now)


def is_verified(secret: str, headers: dict[str, str], body: bytes = BODY) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def contract_verifies(secret: str, headers: dict[str, str], body: bytes = BODY) -> bool:
    """As the contract's SDKs do it: hex, lower case, over the body, keyed with the secret's text."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return headers["X-Robotomail-Signature"] == expected


def test_the_secret_as_it_was_shown_verifies_a_delivery() -> None:
    headers = signed(NEW)
    assert is_verified(NEW, headers)
    assert contract_verifies(NEW, headers)
    assert re.fullmatch("[0-9a-f]{64}", headers["X-Robotomail-Signature"])
    assert (headers["webhook-id"], headers["X-Robotomail-Delivery-Id"]) == (str(EVENT), str(DELIVERY))
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("age", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=1)], ids=str)
def test_a_delivery_is_not_verified_when_it_is_replayed_later_or_dated_ahead(age: timedelta) -> None:
    assert not is_verified(NEW, signed(NEW, age=age))


def test_a_delivery_is_verified_when_clocks_differ_by_four_minutes() -> None:
    assert is_verified(NEW, signed(NEW, age=timedelta(minutes=4)))
    assert is_verified(NEW, signed(NEW, age=timedelta(minutes=-4)))


def test_a_body_of_which_one_byte_differs_is_not_verified() -> None:
    headers = signed(NEW)
    tampered = BODY.replace(b"received", b"receivex")
    assert not is_verified(NEW, headers, tampered)
    assert not contract_verifies(NEW, headers, tampered)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_a_delivery_is_not_verified_when_its_id_or_its_time_was_changed(name: str) -> None:
    headers = signed(NEW)
    changed = {"webhook-id": str(new_id()), "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    assert not is_verified(NEW, headers | {name: changed[name]})


def test_another_endpoints_secret_verifies_nothing() -> None:
    headers = signed(NEW)
    assert not is_verified(OLD, headers)
    assert not contract_verifies(OLD, headers)


@pytest.mark.parametrize("attempt", range(1, 7))
def test_during_a_rotation_both_secrets_verify_every_attempt(attempt: int) -> None:
    headers = signed(NEW, OLD, attempt=attempt)
    assert is_verified(NEW, headers)
    assert is_verified(OLD, headers)
    assert headers["webhook-signature"].count("v1,") == 2


def test_during_a_rotation_the_contracts_signature_takes_turns_the_new_secret_first() -> None:
    turns = [signed(NEW, OLD, attempt=attempt) for attempt in range(1, 5)]
    assert [contract_verifies(NEW, one) for one in turns] == [True, False, True, False]
    assert [contract_verifies(OLD, one) for one in turns] == [False, True, False, True]


def test_each_attempt_is_dated_anew_under_the_same_ids() -> None:
    first, second = signed(NEW, age=timedelta(minutes=5)), signed(NEW, attempt=2)
    assert first["webhook-timestamp"] < second["webhook-timestamp"]
    for name in ("webhook-id", "X-Robotomail-Delivery-Id"):
        assert first[name] == second[name]
