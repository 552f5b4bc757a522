"""What happens behind the browser: agents write, colleagues decide, workers send, time passes.

All of it in one thread of its own: Playwright keeps an event loop in the test's thread, where Django refuses to work.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections

from mailboxes import clock, mailbox, stops
from mailboxes.models import Account, Mailbox, Member, Role, User
from mailboxes.modes import OversightMode
from messaging.models import Captured, Message
from messaging.outbound import dispatch
from oversight import back_test_runs, backtest, decisions, releases, reviews, rule_sets, trust
from oversight.models import Decision, Permit, Review, RuleSetVersion
from tests import builders
from tests.api_client import Api
from tests.browser.server import Server
from tests.oversight.leave import asks_first, call

T = TypeVar("T")
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Backstage:
    """Verbs of the house, for one test."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.ahead = 0.0
        self.true_now = clock.now

    def do(self, act: Callable[[], T]) -> T:
        return self.thread.submit(act).result(timeout=60)

    def close(self) -> None:
        self.do(connections.close_all)
        self.thread.shutdown()
        self.server.set_ahead(0)

    # Time
    def now(self) -> datetime:
        return self.true_now() + timedelta(seconds=self.ahead)

    def pass_time(self, *, seconds: float) -> None:
        """Both the server's clock and ours go forward."""
        self.ahead += seconds
        self.server.set_ahead(self.ahead)

    def pass_undo_time(self) -> None:
        """What was approved until now can't be taken back any more."""
        self.pass_time(seconds=settings.UNDO_SECONDS + 1)

    # People
    def tenant(self, name: str = "alice", *, mode: OversightMode = OversightMode.GATED_SEND) -> builders.Tenant:
        return self.do(lambda: builders.tenant(name, mode=mode))

    def member(self, alice: builders.Tenant, name: str, role: Role = Role.REVIEWER) -> Member:
        def make() -> Member:
            member = builders.member(alice.account, name, role)
            User.objects.filter(pk=member.user_id).update(name=name.title())
            return Member.objects.select_related("user", "account").get(pk=member.pk)

        return self.do(make)

    def second_mailbox(self, alice: builders.Tenant) -> Mailbox:
        asked = mailbox.NewMailbox(address=f"{alice.mailbox.full_address.split('@')[0]}-2", domain=alice.mailbox.domain)
        return self.do(lambda: mailbox.create(alice.account, asked, now=self.now()))

    def session_of(self, member: Member) -> str:
        """The key of a fresh session of the member."""

        def make() -> str:
            store = import_module(settings.SESSION_ENGINE).SessionStore()
            store[SESSION_KEY] = str(member.user_id)
            store[BACKEND_SESSION_KEY] = MODEL_BACKEND
            store[HASH_SESSION_KEY] = member.user.get_session_auth_hash()
            store.create()
            return str(store.session_key)

        return self.do(make)

    def end_session(self, key: str) -> None:
        self.do(lambda: import_module(settings.SESSION_ENGINE).SessionStore(key).delete())

    def asks_leave(self, alice: builders.Tenant) -> Permit:
        """The agent asks for a freer mode of its mailbox, and for a webhook that needs leave as well."""

        def ask() -> Permit:
            asks_first(alice)
            call(Api(alice.key_text))
            now, mode = clock.now(), OversightMode.MONITORED
            return trust.request_upgrade(alice.agent_actor, alice.mailbox.pk, mode, now=now)

        return self.do(ask)

    def promote(self, member: Member) -> None:
        """Let them manage the account, its rules among it."""
        self.do(lambda: Member.objects.filter(pk=member.pk).update(role=Role.ADMIN))

    # Rules
    def rules(self, alice: builders.Tenant, *given: dict[str, Any], is_live: bool = True) -> RuleSetVersion:
        return self.do(lambda: builders.rules(alice, *given, is_live=is_live))

    def back_test(self, alice: builders.Tenant, number: int) -> None:
        """Ask for one, and make it."""
        self.do(lambda: backtest.ask(alice.owner_actor, rule_sets.ACCOUNT, number, days=None, now=clock.now()))
        self.do(back_test_runs.run_due)

    def run_back_tests(self) -> int:
        return self.do(back_test_runs.run_due)

    def rule_names(self, alice: builders.Tenant) -> list[str]:
        """What is in force."""
        live = self.do(lambda: rule_sets.live_of_account(alice.account.pk))
        return [rule.name for one in live.values() for rule in one.rules]

    # Mail
    def held(self, alice: builders.Tenant, **fields: Any) -> Review:
        return self.do(lambda: builders.held(alice, **fields))

    def submit(self, alice: builders.Tenant, **fields: Any) -> Message:
        return self.do(lambda: builders.submit(alice, **fields))

    def expires_in(self, review: Review, *, seconds: float) -> None:
        at = self.do(self.now) + timedelta(seconds=seconds)
        self.do(lambda: Review.objects.filter(pk=review.pk).update(expires_at=at))

    def expire_due(self) -> int:
        return self.do(lambda: reviews.expire_due(now=clock.now()))

    def approve(self, review: Review, member: Member) -> Decision:
        reviewer = builders.reviewer(member)
        return self.do(lambda: decisions.approve(review, reviewer=reviewer, version=None, now=clock.now()))

    def stop(self, alice: builders.Tenant, member: Member) -> None:
        self.do(lambda: stops.stop(member, reason="Odd prices", now=clock.now()))

    def drain(self) -> int:
        """What a worker does; how many attempts it made."""

        def work() -> int:
            releases.release_due(now=clock.now())
            return dispatch.drain()

        return self.do(work)

    # Facts
    def state_of(self, review: Review) -> str:
        return self.do(lambda: Review.objects.values_list("state", flat=True).get(pk=review.pk))

    def decisions_on(self, review: Review) -> list[str]:
        kinds = Decision.objects.filter(review=review).order_by("version").values_list("kind", flat=True)
        return self.do(lambda: list(kinds))

    def captured_for(self, address: str) -> int:
        return self.do(lambda: Captured.objects.filter(address=address).count())

    def is_stopped(self, alice: builders.Tenant) -> bool:
        return self.do(lambda: Account.objects.filter(pk=alice.account.pk, stopped_at__isnull=False).exists())
