"""Processes that are asked to end: what is in hand is finished, the rest is left in good order."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import time

import pytest
import zeal
from django.core.management import CommandError, call_command
from pytest_django import Settings

from mailboxes.modes import OversightMode
from messaging.inbound.smtp_server import COMMAND_SECONDS
from messaging.models import Attempt, AttemptPhase, Message
from messaging.outbound import dispatch
from tests.fakes.sink import Sink
from tests.messaging.outbound import relay as relay

from . import outbound
from .processes import STOPPED, Crew, until

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]


def test_a_worker_finishes_the_mail_in_hand_and_gives_the_rest_back_when_it_is_terminated(
    crew: Crew, relay: Sink
) -> None:
    with zeal.zeal_ignore():
        messages = outbound.submit(outbound.new_sender(OversightMode.AUTONOMOUS), [1, 1, 1])
    relay.taken.clear()
    worker = crew.start("drain", faults="smtp.mid_body=stop@1", RELAY_URL=relay.url)
    until(lambda: worker.state == STOPPED, "a body is on its way, and the worker stands still")
    assert Attempt.objects.filter(phase=AttemptPhase.DATA).count() == 1
    os.kill(worker.pid, signal.SIGTERM)
    worker.go_on()
    assert worker.wait() == -signal.SIGTERM
    assert len(relay.taken) == 1
    assert not Attempt.objects.filter(finished_at__isnull=True).exists()
    statuses = Message.objects.filter(pk__in=[message.pk for message in messages]).values_list("status", flat=True)
    assert sorted(statuses) == ["queued", "queued", "sent"]
    assert dispatch.drain() == 2
    assert relay.copies() == {message.message_id: 1 for message in messages}


def test_the_listener_stops_cleanly_when_it_is_asked_and_waits_for_no_client_that_is_silent(crew: Crew) -> None:
    """A silent client has a minute (COMMAND_SECONDS)."""
    listener = crew.serve("smtpd")
    client = smtplib.SMTP("127.0.0.1", listener.port, local_hostname="client.example", timeout=60)
    client.ehlo()
    started = time.monotonic()
    os.kill(listener.pid, signal.SIGTERM)
    assert listener.wait() == 0
    assert time.monotonic() - started < COMMAND_SECONDS / 2
    assert client.getreply()[0] == 421
    client.close()


def test_a_port_in_use_is_one_clear_line(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings.HOST, settings.SMTP_PORT = taken.getsockname()
        with pytest.raises(CommandError, match=f"SMTP can't listen on 127.0.0.1:{settings.SMTP_PORT}"):
            call_command("smtpd")
