"""The application's database role against the owner's: the guards of the append-only tables are real in tests."""

from collections.abc import Iterator

import pytest
from django.core.management import BaseCommand, call_command
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError
from pytest_django import Settings

from config import grants
from config.management.commands import flush as ours
from config.owner import as_owner
from tests.management.commands import flush as quick


def who_am_i() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@pytest.fixture
def diary(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table that is declared append-only, made by the owner."""
    monkeypatch.setattr(
        grants, "APPEND_ONLY_TABLES", (*grants.APPEND_ONLY_TABLES, "diary", "a_table_that_does_not_exist")
    )
    with as_owner():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE diary (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, line text)")
        grants.grant_to_app_role()
    yield "diary"
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE diary")


@pytest.mark.django_db
def test_tests_run_as_the_application_role() -> None:
    assert who_am_i() == "gatepost"


@pytest.mark.django_db(transaction=True)
def test_the_owner_takes_over_and_gives_back() -> None:
    with as_owner():
        assert who_am_i() == "gatepost_owner"
        with as_owner():
            assert who_am_i() == "gatepost_owner"
        assert who_am_i() == "gatepost_owner"
    assert who_am_i() == "gatepost"


@pytest.mark.django_db(transaction=True)
def test_the_owner_gives_back_when_the_work_fails() -> None:
    with pytest.raises(ZeroDivisionError), as_owner():
        raise ZeroDivisionError
    assert who_am_i() == "gatepost"


@pytest.mark.django_db
def test_the_owner_does_not_take_over_in_the_middle_of_a_transaction() -> None:
    with pytest.raises(TransactionManagementError), as_owner():
        pass


def test_the_application_adds_to_an_append_only_table_and_reads_it(diary: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO diary (line) VALUES ('one')")
        cursor.execute("SELECT count(*) FROM diary")
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("change", ["UPDATE diary SET line = 'two'", "DELETE FROM diary", "TRUNCATE diary"])
def test_the_application_can_not_change_an_append_only_table(diary: str, change: str) -> None:
    """A63."""
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    ["CREATE TABLE mine (id int)", "DROP TABLE django_session", "DELETE FROM django_migrations"],
)
def test_the_application_can_not_change_the_schema(change: str) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
        connection.cursor().execute(change)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("flush", [ours.Command(), quick.Command()], ids=["ours", "the tests' own"])
def test_flush_empties_as_the_owner(flush: BaseCommand) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_session VALUES ('key', 'data', now())")
    call_command(flush, verbosity=0, interactive=False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_session")
        assert cursor.fetchone() == (0,)
    assert who_am_i() == "gatepost"


@pytest.mark.django_db
def test_nothing_is_granted_when_both_addresses_are_one_role(settings: Settings) -> None:
    settings.DATABASE_ADMIN = settings.DATABASE_ADMIN | {"USER": settings.DATABASES["default"]["USER"]}
    # As the application's role a GRANT would fail.
    grants.grant_to_app_role()
