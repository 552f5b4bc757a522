"""Acting as the owner of the database: migrations and flush, nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections
from django.db.transaction import TransactionManagementError

# NAME stays: it is the same database, and the tests give it another name.
SWAPPED = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


@contextmanager
def as_owner(alias: str = "default") -> Iterator[None]:
    """Inside, this thread connects as DATABASE_ADMIN_URL's role. May be nested; not inside a transaction."""
    connection = connections[alias]
    if connection.in_atomic_block:
        raise TransactionManagementError("The owner can't take over in the middle of a transaction.")
    ours = connection.settings_dict
    connection.close()
    # A new dictionary: the old one is settings.DATABASES itself, which other threads connect by.
    connection.settings_dict = ours | {key: settings.DATABASE_ADMIN[key] for key in SWAPPED}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = ours
