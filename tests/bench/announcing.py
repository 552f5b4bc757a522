"""Commits that streams are to tell of: ours by the verb that records, the reference's by a bare INSERT and NOTIFY."""

from __future__ import annotations

import time

import psycopg

from mailboxes import clock, events
from messaging.events import reading
from tests import builders
from tests.builders import Tenant
from tests.chaos.processes import database_url

KIND = "message.sent"
MARK = b'"told_by":"bench"'  # in the frames of these commits alone


class Ours:
    """An account and a message of it; `commit` says once more that it was sent."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._message = builders.submit(tenant, body_text="Good day to you.\n" * 100)

    def commit(self) -> float:
        """The moment of the commit."""
        facts = {"message_id": str(self._message.pk), "told_by": "bench"}
        events.record(
            self.tenant.account, KIND, subject=str(self._message.pk), data=facts, now=clock.now(),
            mailbox_id=self.tenant.mailbox.pk,
        )  # fmt: skip
        return time.perf_counter()

    def body(self) -> str:
        """The text of the frame that the last commit made."""
        page = reading.page(self.tenant.account.pk, after=0, limit=1000, kinds={KIND}, now=clock.now())
        return page.told[-1].body


class Bare:
    """One row and one notification, with as long a text as ours."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._connection = psycopg.connect(database_url(), autocommit=True)
        self._connection.execute("CREATE TEMP TABLE bare_event (id bigint GENERATED ALWAYS AS IDENTITY, data text)")

    def commit(self) -> float:
        """The moment of the commit."""
        with self._connection.transaction():
            self._connection.execute("INSERT INTO bare_event (data) VALUES (%s)", [self._text])
            self._connection.execute("SELECT pg_notify('bare', %s)", [self._text])
        return time.perf_counter()

    def close(self) -> None:
        self._connection.close()
