"""A real browser before a real server. Without chromium these tests are skipped, and the summary says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.test import override_settings
from playwright.sync_api import Browser, expect, sync_playwright

from mailboxes.models import Member, Role
from tests import builders
from tests.browser.backstage import Backstage
from tests.browser.server import Server
from tests.browser.settings import UNDO_SECONDS
from tests.browser.tab import PATIENCE_MS, Tab, open_tab

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@dataclass(frozen=True)
class Cast:
    """Alice owns the account; Rhea and Ben review; Vera looks; Charlie is a stranger."""

    alice: builders.Tenant
    rhea: Member
    ben: Member
    vera: Member


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(Path(tmp_path_factory.mktemp("browser")))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One chromium for the tests of a module: Playwright's event loop must not outlive them (asyncio tests follow)."""
    if CHROMIUM is None:
        pytest.skip("THE BROWSER TESTS ARE SKIPPED: chromium is missing (apt-get install chromium)")
    # Playwright's loop runs in this thread, so Django would refuse the database even to pytest's own clean-up.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    expect.set_options(timeout=PATIENCE_MS)
    try:
        with sync_playwright() as playwright:
            # Without a graphics card its emulation costs more than drawing does.
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"], timeout=PATIENCE_MS)
            yield browser
            browser.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def backstage(
    transactional_db: None, server: Server, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Backstage]:
    """The house behind the pages. Its doorbell rings at the server's Valkey; no limit is in the way."""
    layer = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [server.valkey.url], "prefix": "gatepost"},
        }
    }
    backstage = Backstage(server)
    monkeypatch.setattr("mailboxes.clock.now", backstage.now)
    limits = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with override_settings(CHANNEL_LAYERS=layer, DEFAULT_LIMITS=limits, UNDO_SECONDS=UNDO_SECONDS):
        channel_layers.backends.clear()
        try:
            yield backstage
        finally:
            backstage.close()
    channel_layers.backends.clear()


@pytest.fixture
def cast(backstage: Backstage) -> Cast:
    alice = backstage.tenant()
    return Cast(
        alice,
        backstage.member(alice, "rhea"),
        backstage.member(alice, "ben"),
        backstage.member(alice, "vera", Role.VIEWER),
    )


@pytest.fixture
def tab_of(browser: Browser, server: Server, backstage: Backstage) -> Iterator[Callable[..., Tab]]:
    """Opens a tab for a member (None: nobody). At the end no tab broke its policy, failed, or asked elsewhere."""
    opened: list[Tab] = []

    def open_for(member: Member | None, **options: Any) -> Tab:
        session = backstage.session_of(member) if member else None
        opened.append(open_tab(browser, server.url, session=session, **options))
        return opened[-1]

    yield open_for
    for tab in opened:
        tab.context.close()
    for tab in opened:
        assert tab.violations == []
        assert tab.errors == []
        assert tab.strays == []
        assert tab.dialogs == []
