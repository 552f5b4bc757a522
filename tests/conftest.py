"""What every test stands on: the database as the application sees it, a clock that obeys, queries that are watched."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
import zeal
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker, Settings

from config.owner import as_owner
from mailboxes import collector
from tests import template_database
from tests.management.commands import flush

# A property is as true on a slow machine: neither an example nor its making has a time of its own.
hypothesis.settings.register_profile(
    "patient", hypothesis.settings.default, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

# Long by themselves, and so begun first: at the end every worker has something small to do.
LONG = ("browser", "machine", "fuzz", "test_up", "test_two_processes")
# Their tests share nothing that is made once for a file, and any worker may take the next one.
APART = ("machine", "fuzz", "chaos", "races")


def pytest_itemcollected(item: pytest.Item) -> None:
    """The tests of a file go to one worker (xdist): what is made for a file, a browser or a server, is made once."""
    if item.path.parent.name not in APART:
        item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}/{item.path.name}"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not {item.path.stem, item.path.parent.name} & set(LONG))


def pytest_collection_finish() -> None:
    """Thousands of tests, and all that was imported, live to the end: the garbage collector need not look at them."""
    collector.settle()


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """The owner makes and removes the test database; the tests run as the application's role, with its rights."""
    with django_db_blocker.unblock(), as_owner(), template_database.migrated_once():
        databases = setup_databases(verbosity=0, interactive=False)
    yield
    flush.close()
    with django_db_blocker.unblock(), as_owner():
        teardown_databases(databases, verbosity=0)
        template_database.remove()


@pytest.fixture(autouse=True, scope="session")
def _few_rsa_keys() -> Iterator[None]:
    """Eight keys serve all domains of a run, each in its turn: to find one takes longer than most tests do."""
    turns = count()

    @cache
    def nth_key(_turn: int, public_exponent: int, key_size: int) -> RSAPrivateKey:
        return generate_private_key(public_exponent=public_exponent, key_size=key_size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "mailboxes.dkim_keys.generate_private_key",
            lambda public_exponent, key_size: nth_key(next(turns) % 8, public_exponent, key_size),
        )
        yield


@pytest.fixture(autouse=True)
def _watched_queries(request: pytest.FixtureRequest) -> Iterator[None]:
    """One query per row of a list is an error wherever it happens (`zeal.zeal_ignore` where it is meant)."""
    if not {"db", "transactional_db"} & set(request.fixturenames):
        yield
        return
    with zeal.zeal_context():
        yield


@pytest.fixture(autouse=True)
def _one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one address may ask is counted by the minute and the hour of the wall: none of them ends within a test."""
    now = time.time()
    monkeypatch.setattr("mailboxes.api.client_limits.time", SimpleNamespace(time=lambda: now))


class Clock:
    """Stands in for `mailboxes.clock.now`: follows the database until it is set, then stands still."""

    def __init__(self) -> None:
        self._now: datetime | None = None

    def now(self) -> datetime:
        if self._now is None:
            return self._database_now()
        return self._now

    def set(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError("A clock without a zone is a wrong clock.")
        self._now = moment

    def advance(self, *, seconds: float = 0, days: float = 0) -> datetime:
        self._now = self.now() + timedelta(seconds=seconds, days=days)
        return self._now

    def _database_now(self) -> datetime:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
            return moment


@pytest.fixture
def files_folder(settings: Settings, tmp_path: Path) -> Path:
    """Attachments' contents are kept in this folder, as in production; it is made by the first one."""
    settings.STORAGES = {
        **settings.STORAGES,
        "attachments": {"BACKEND": "tests.fakes.storage.Frail", "OPTIONS": {"location": tmp_path / "files"}},
    }
    return tmp_path / "files"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one clock of the platform, in the test's hand."""
    clock = Clock()
    monkeypatch.setattr("mailboxes.clock.now", clock.now)
    return clock
