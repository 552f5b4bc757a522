"""A58: what strangers and agents write is shown as text on every page, and nothing of it is a program."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from mailboxes import clock
from mailboxes.models import User
from messaging.models import Recipient
from oversight import decisions
from oversight.models import Review
from tests import builders, files
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter
from tests.oversight.console import seat

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"'></script><img src=x onerror=alert(2) hx-get=/stop/>{{7*7}}"
HOSTILE = f"{SCRIPT}{BREAKOUT}"
# What a browser would run, if any of it stood on a page as it was written.
RUNS = re.compile(
    r"<script>alert|<img src=x|onerror=alert\(2\) hx-get=/stop/>(?!\{)|[^{]49[^0-9].{0,3}onerror", re.IGNORECASE
)
NAMES = ("subject", "name", "file", "agent", "tag", "note", "error")


@pytest.fixture
def alice(files_folder: Path) -> Tenant:
    """Whose every text that somebody else may write is a program."""
    alice = builders.tenant()
    alice.agent.name = f"agent{HOSTILE}"[:100]
    alice.agent.save()
    User.objects.filter(pk=alice.owner.user_id).update(name=f"name{HOSTILE}"[:100])
    return alice


def reviews_of(alice: Tenant) -> list[Review]:
    file = files.upload(alice, b"plan", filename="file<img src=x onerror=alert(2)>.txt")
    first = builders.held(
        alice,
        subject=f"subject{HOSTILE}",
        body_text=f"{HOSTILE}\nhttps://evil.example/{BREAKOUT}\n",
        body_html=f"<p>{SCRIPT}</p><a href='javascript:alert(3)'>{BREAKOUT}</a>",
        metadata={"note": HOSTILE},
        headers=(("X-Order", SCRIPT),),
    )
    second = builders.held(alice, subject=f"second{HOSTILE}")
    decisions.reject(
        second,
        reviewer=builders.reviewer(alice.owner),
        version=1,
        reason="tone",
        note=f"note{HOSTILE}",
        now=clock.now(),
    )
    Recipient.objects.filter(message=second.message).update(text=f"error{HOSTILE}", code="550")
    assert file.filename
    return [first, second]


def pages(alice: Tenant, found: list[Review]) -> list[str]:
    heard = arrive(
        alice.mailbox,
        letter(
            f"X-Tag: {SCRIPT}",
            f"Reply-To: =?utf-8?q?{SCRIPT.replace('=', '=3D')}?= <x@evil.example>",
            sender="kim@friends.example",
            subject=f"heard{HOSTILE}",
            body=f"{HOSTILE}\r\n",
        ).replace(b"From: Kim", b'From: "Kim <script>alert(1)</script>"'),
    )
    tabs = [f"/review/{one.pk}/?tab={tab}" for one in found for tab in ("text", "links", "headers", "source")]
    own = [f"/messages/{one.message_id}/" for one in found] + [f"/messages/{heard.pk}/"]
    lists = ["/review/", f"/review/?q={BREAKOUT}", f"/review/?lane={BREAKOUT}", "/monitor/", "/stop/", "/keys/"]
    return [*tabs, *own, *lists, "/settings/notices/", "/settings/security/"]


def test_no_page_of_the_console_runs_what_somebody_else_wrote(alice: Tenant) -> None:
    """A58: subject, names, file names, notes, error texts, a dump of headers, a search that comes back."""
    found = reviews_of(alice)
    client, shown = seat(alice.owner), ""
    for path in pages(alice, found):
        answer = client.get(path)
        if answer.status_code == 404:
            continue
        assert answer.status_code == 200, path
        html = answer.content.decode()
        assert not RUNS.search(html), (path, RUNS.search(html))
        policy = answer.headers["Content-Security-Policy"]
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        shown += html
    for name in ("subject&lt;script&gt;", "heard&lt;script&gt;", "note&lt;script&gt;"):
        assert name in shown, f"{name} was on no page: nothing was tried"


def test_no_page_of_the_admin_does_either(alice: Tenant) -> None:
    """A58: with the URL of a webhook, and what its server answered."""
    reviews_of(alice)
    endpoint, _ = builders.webhook(alice)
    type(endpoint).objects.filter(pk=endpoint.pk).update(url=f"https://hooks.example/{BREAKOUT}")
    operator = User.objects.create_superuser("operator@people.example", builders.PASSWORD)
    desk = Client()
    desk.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    for model in ("messaging_message", "oversight_review", "oversight_decision", "messaging_webhookendpoint"):
        answer = desk.get(reverse(f"admin:{model}_changelist"), {"q": BREAKOUT}, follow=True)
        assert not RUNS.search(answer.content.decode()), model
        answer = desk.get(reverse(f"admin:{model}_changelist"), follow=True)
        assert not RUNS.search(answer.content.decode()), model


def test_json_in_a_page_ends_no_script() -> None:
    """A58: no template writes a value into a script but by `json_script`, and none marks a value as safe."""
    root = Path(django_settings.BASE_DIR) / "templates"
    for template in root.rglob("*.html"):
        text = template.read_text()
        for script in re.findall(r"<script\b[^>]*>(.*?)</script>", text, re.DOTALL):
            assert "{{" not in script, template
        marked = re.findall(r"{{[^}]*\|\s*safe\b|autoescape off", text)
        assert [one for one in marked if "help_text" not in one] == [], template
    assert json.dumps(SCRIPT)


def test_nothing_is_given_out_as_a_table_that_a_spreadsheet_would_run() -> None:
    """A58: `=HYPERLINK(...)`. The one table is the log's, whose cells are prefixed (`test_console_logs`)."""
    root = Path(django_settings.BASE_DIR)
    code = [one for app in ("oversight", "messaging", "mailboxes", "billing") for one in (root / app).rglob("*.py")]
    tables = {one.name for one in code if re.search(r"text/csv|import csv|csv\.writer", one.read_text())}
    assert tables == {"audit_rows.py", "audit.py"}, "another one: prefix its cells, too"
