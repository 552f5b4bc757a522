"""The test database, as a process of its own can name it."""

from __future__ import annotations

from urllib.parse import quote

from django.db import connection


def database_url() -> str:
    ours = connection.settings_dict
    return f"postgresql://{ours['USER']}@/{ours['NAME']}?host={quote(str(ours['HOST']), safe='')}"
