"""What every test stands on: the database as the application sees it, a clock that obeys, queries that are watched."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import zeal
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker, Settings

from config.owner import as_owner

# What runs a browser or a whole instance keeps a processor busy by itself: of these never two at once (xdist).
ALONE = ("browser", "test_up")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {item.path.stem, item.path.parent.name} & set(ALONE):
            item.add_marker(pytest.mark.xdist_group("alone"))


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """The owner makes and removes the test database; the tests run as the application's role, with its rights."""
    with django_db_blocker.unblock(), as_owner():
        databases = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock(), as_owner():
        teardown_databases(databases, verbosity=0)


@pytest.fixture(autouse=True)
def _watched_queries(request: pytest.FixtureRequest) -> Iterator[None]:
    """One query per row of a list is an error wherever it happens (`zeal.zeal_ignore` where it is meant)."""
    if not {"db", "transactional_db"} & set(request.fixturenames):
        yield
        return
    with zeal.zeal_context():
        yield


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
