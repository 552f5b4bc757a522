"""`manage.py captured`: what left through the sandbox."""

from __future__ import annotations

import json
from io import StringIO
from threading import Timer
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from messaging.models import Captured
from messaging.outbound import dispatch
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Sink
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import listener as listener

pytestmark = pytest.mark.django_db


def captured(*arguments: str) -> str:
    out = StringIO()
    call_command("captured", *arguments, stdout=out)
    return out.getvalue()


def captured_json(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(captured("--json", *arguments))
    return found


def test_what_left_is_listed_newest_first(alice: Tenant) -> None:
    for subject in ("First", "Zweite Straße"):
        builders.submit(alice, subject=subject)
        dispatch.drain()
    found = captured_json("--to", "Kim@friends.example")
    assert [one["subject"] for one in found] == ["Zweite Straße", "First"]
    assert found[0]["to"] == "kim@friends.example"
    assert found[0]["looped"] is False
    assert "Zweite Straße" in captured()


def test_mail_looped_back_to_our_own_domain_is_listed_too(alice: Tenant, listener: Sink) -> None:
    builders.submit(alice, to=(alice.mailbox.full_address,))
    dispatch.drain()
    (found,) = captured_json("--to", alice.mailbox.full_address)
    assert found["looped"] is True
    assert "(looped back)" in captured("--latest")


def test_the_exact_bytes_come_out_when_they_are_asked_for(alice: Tenant) -> None:
    message = builders.submit(alice)
    dispatch.drain()
    raw = captured("--to", "kim@friends.example", "--latest", "--raw")
    assert raw.encode() == bytes(Captured.objects.get(recipient__message=message).raw)
    assert raw.lower().startswith("dkim-signature:")


def test_it_says_so_when_nothing_was_captured(db: None) -> None:
    with pytest.raises(CommandError, match=r"nobody@else\.example"):
        captured("--latest", "--to", "nobody@else.example")
    assert captured_json() == []


@pytest.mark.django_db(transaction=True)
def test_it_waits_when_the_mail_is_still_on_its_way(alice: Tenant) -> None:
    builders.submit(alice)

    def send_it() -> None:
        dispatch.drain()
        connection.close()

    timer = Timer(0.4, send_it)
    timer.start()
    (found,) = captured_json("--to", "kim@friends.example", "--wait", "60")
    timer.join()
    assert found["subject"] == "Hello"
