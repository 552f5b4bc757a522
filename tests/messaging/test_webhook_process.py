"""The process that tells webhooks: woken by the broker, at work without it, ended and killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test import override_settings

from mailboxes.models import Event
from messaging.models import DeliveryStatus, WebhookAttempt, WebhookDelivery
from messaging.webhooks import doorbell
from tests import builders
from tests.builders import Tenant
from tests.chaos.processes import database_url
from tests.valkey import running_valkey

from .told import Receiver, happen, ids, receiver, webhook

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]

PATIENCE = 120
KIND = "suppression.removed"
NOWHERE = "redis://127.0.0.1:1"
RUN = """
import django
django.setup()
from messaging.webhooks import teller
vars(teller).update({seconds})
django.core.management.call_command("webhooks")
"""
OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


class Process:
    """`manage.py webhooks` on the tests' database, with other `seconds` for constants of the teller."""

    def __init__(
        self, *, broker: str = NOWHERE, seconds: Mapping[str, float] = MappingProxyType({}), **environment: str
    ) -> None:
        allowed = {"WEBHOOK_ALLOW": ",".join(settings.WEBHOOK_ALLOW), "DJANGO_SETTINGS_MODULE": "config.settings"}
        same = {"DATABASE_URL": database_url(), "REDIS_URL": broker, "SECRET_KEY": settings.SECRET_KEY, "TESTING": "1"}
        self.child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RUN.format(seconds=dict(seconds))],
            cwd=settings.BASE_DIR,
            env={**os.environ, **allowed, **same, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "Webhooks are told\n"

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        return self.child.wait(PATIENCE)


@contextmanager
def process(**options: Any) -> Iterator[Process]:
    """A process that is gone with the block."""
    made = Process(**options)
    try:
        yield made
    finally:
        made.child.kill()
        made.child.wait()
        assert made.child.stdout is not None
        made.child.stdout.close()


def until(is_so: Callable[[], object], *, seconds: float = PATIENCE) -> float:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def all_are(status: str) -> bool:
    return WebhookDelivery.objects.exists() and not WebhookDelivery.objects.exclude(status=status).exists()


def is_told(shop: Receiver, happened: Sequence[Event]) -> bool:
    return set(ids(happened)) <= set(shop.ids)


def end_leases() -> None:
    """A minute passes."""
    WebhookDelivery.objects.filter(leased_until__isnull=False).update(leased_until=F("created_at"))


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@contextmanager
def rung_at(url: str) -> Iterator[None]:
    """What happens meanwhile is rung at this broker, whether it is there or not."""
    layer = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [url], "prefix": "gatepost"},
    }
    with override_settings(CHANNEL_LAYERS={"default": layer}):
        yield
    doorbell._silence._until = 0.0


def test_it_is_woken_by_the_broker(alice: Tenant, shop: Receiver, tmp_path: Path) -> None:
    webhook(alice, shop, KIND)
    rarely = {"SWEEP_SECONDS": 10 * PATIENCE}
    with running_valkey(tmp_path) as url, rung_at(url), process(broker=url, seconds=rarely):
        for _ in range(4):
            until(partial(is_told, shop, happen(alice)))


def test_it_works_on_when_the_broker_is_gone(alice: Tenant, shop: Receiver, tmp_path: Path) -> None:
    webhook(alice, shop, KIND)
    with ExitStack() as stack:
        with running_valkey(tmp_path) as url:
            stack.enter_context(rung_at(url))
            stack.enter_context(process(broker=url))
            until(partial(is_told, shop, happen(alice)))
        until(partial(is_told, shop, happen(alice)))


@pytest.mark.parametrize("fault", ["hook.before_post=kill@3", "hook.after_2xx=kill@3", "hook.after_commit=kill@1"])
def test_what_a_killed_process_left_is_told_by_the_next_one(alice: Tenant, shop: Receiver, fault: str) -> None:
    endpoint = webhook(alice, shop, KIND)
    happened = happen(alice, 20)
    with process(FAULTPOINTS=fault) as doomed:
        assert doomed.child.wait(PATIENCE) == -signal.SIGKILL
    written = [str(pk) for pk in endpoint.deliveries.filter(status="DELIVERED").values_list("event_id", flat=True)]
    end_leases()
    with process():
        until(lambda: all_are(DeliveryStatus.DELIVERED))
    assert set(shop.ids) == set(ids(happened))
    assert endpoint.deliveries.count() == 20
    # Told twice: what was on the way or not yet written down, and nothing of what was.
    assert len(shop.ids) - 20 <= 20 - len(written)
    assert [shop.ids.count(one) for one in written] == [1] * len(written)


def test_two_processes_tell_nothing_twice(shop: Receiver) -> None:
    tenants = [builders.tenant(f"t{n}") for n in range(4)]
    for tenant in tenants:
        webhook(tenant, shop, KIND)
    with process(), process(), process():
        happened = [one for _ in range(10) for tenant in tenants for one in happen(tenant, 5)]
        until(lambda: WebhookDelivery.objects.filter(status=DeliveryStatus.DELIVERED).count() == len(happened))
    assert sorted(shop.ids) == sorted(ids(happened))
    assert WebhookAttempt.objects.count() == len(happened)


def test_on_sigterm_it_finishes_what_it_has_in_hand(alice: Tenant, shop: Receiver) -> None:
    shop.hang_for = 1
    webhook(alice, shop, KIND)
    happen(alice)
    with process(seconds={"FINISH_SECONDS": PATIENCE / 2}) as ended:
        until(lambda: shop.web.requests)
        assert ended.end() == 0
    assert all_are(DeliveryStatus.DELIVERED)


def test_on_sigterm_it_gives_back_what_takes_too_long(alice: Tenant, shop: Receiver) -> None:
    shop.hang_for = 60
    webhook(alice, shop, KIND)
    happen(alice)
    with process() as ended:
        until(lambda: shop.web.requests)
        assert ended.end() == 0
    (row,) = WebhookDelivery.objects.all()
    assert (row.status, row.leased_until, row.attempts) == (DeliveryStatus.PENDING, None, 0)


def test_it_goes_on_when_the_database_has_cut_its_connection(alice: Tenant, shop: Receiver) -> None:
    webhook(alice, shop, KIND)
    happened = happen(alice)
    with process() as living:
        until(lambda: all_are(DeliveryStatus.DELIVERED))
        with connection.cursor() as cursor:
            cursor.execute(OTHERS)
            assert cursor.rowcount >= 1
        happened += happen(alice)
        until(lambda: len(shop.ids) == 2)
        until(lambda: all_are(DeliveryStatus.DELIVERED))
        assert living.child.poll() is None
    assert shop.ids == ids(happened)
