"""The demo: an account with people, an agent and mail that waits, so that the first look at the console shows work."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from config import demo_story
from config.demo_story import Cast
from config.embedded.places import make_data_dir
from mailboxes import accounts, keys, mailbox
from mailboxes.audit import heads
from mailboxes.models import Account, Agent, Mailbox, Member, Role, User
from mailboxes.modes import OversightMode
from messaging.models import Message

SLUG = "demo"  # reserved: no signup can take it
OWNER, REVIEWER, OPERATOR = "alice@juniperlane.example", "rhea@juniperlane.example", "operator@juniperlane.example"
BEGAN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Demo:
    """What `manage.py demo` prints: where everything is, sign-ins, and two fresh keys."""

    console_url: str
    api_url: str
    smtp: str
    reviewer_email: str
    reviewer_password: str
    admin_url: str
    admin_email: str
    admin_password: str
    agent_key: str
    decide_key: str
    mailbox_id: str
    mailbox_address: str


def prepare(*, now: datetime) -> Demo:
    """The demo account, made at the first call. Every call adds a fresh agent key and a fresh decide key."""
    with _one_at_a_time():
        passwords = Passwords(settings.DATA_DIR / "demo.json")
        operator = _operator(passwords)
        agent, reviewer, box = _people(passwords, now=now)
        _, agent_key = keys.create_agent_key(agent, name="demo", now=now)
        _, decide_key = keys.create_decide_key(reviewer, name="demo", now=now)
        if not Message.objects.filter(mailbox=box).exists():
            demo_story.tell(Cast(reviewer, keys.authenticate(agent_key, now=now), box), now=now)
            heads.sign_moved(now=now)  # the story is hours old: nobody shall take it for a log that nobody signs
        return Demo(
            console_url=settings.PUBLIC_URL + reverse("console:queue"),
            api_url=f"{settings.PUBLIC_URL}/v1",
            smtp=f"{settings.LINK_HOST}:{settings.SMTP_PORT}",
            reviewer_email=REVIEWER,
            reviewer_password=passwords.of(REVIEWER),
            admin_url=settings.PUBLIC_URL + reverse("admin:index"),
            admin_email=operator.email,
            admin_password=passwords.of(OPERATOR),
            agent_key=agent_key,
            decide_key=decide_key,
            mailbox_id=str(box.pk),
            mailbox_address=box.full_address,
        )


class Passwords:
    """Passwords of the demo's people, kept in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def knows(self, email: str) -> bool:
        return email in self._known

    def of(self, email: str) -> str:
        """The password of this address; made, and written down before anybody uses it, at the first call."""
        if email not in self._known:
            self._known[email] = "-".join(secrets.token_hex(2) for _ in range(4))
            self._write()
        return self._known[email]

    def _write(self) -> None:
        make_data_dir(self._path.parent)
        draft = self._path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self._known, file, indent=2)
        draft.replace(self._path)


def _operator(passwords: Passwords) -> User:
    user = User.objects.filter(email=OPERATOR).first()
    if user is None:
        return User.objects.create_superuser(OPERATOR, passwords.of(OPERATOR), name="Otis Brandt")
    _renew_lost_password(user, passwords)
    return user


def _people(passwords: Passwords, *, now: datetime) -> tuple[Agent, Member, Mailbox]:
    account = Account.objects.filter(slug=SLUG).first() or _create_account(passwords, began=now - BEGAN)
    agent = Agent.objects.select_related("account").get(account=account, is_default=True)
    reviewer = Member.objects.select_related("user", "account").get(account=account, user__email=REVIEWER)
    _renew_lost_password(reviewer.user, passwords)
    boxes = Mailbox.objects.select_related("account", "domain").filter(account=account, address=SLUG)
    box = boxes.filter(deleted_at__isnull=True).first() or _create_mailbox(agent, now=now)
    return agent, reviewer, box


def _create_account(passwords: Passwords, *, began: datetime) -> Account:
    accounts.platform()  # not inside the transaction
    owner = User(email=OWNER, name="Alice Okafor")
    with transaction.atomic():
        account, _ = accounts.create(owner, slug=SLUG, name="Juniper Lane", now=began)
        accounts.verify_email(owner, password=passwords.of(OWNER), now=began)
        rhea = accounts.add_member(
            account, email=REVIEWER, password=passwords.of(REVIEWER), role=Role.REVIEWER, now=began
        )
        User.objects.filter(pk=rhea.user_id).update(name="Rhea Lindgren")
        agent = Agent.objects.create(account=account, name="Juno", is_default=True)
        _create_mailbox(agent, now=began)
    return account


def _create_mailbox(agent: Agent, *, now: datetime) -> Mailbox:
    """The demo's mailbox; again, where somebody has deleted it."""
    asked = mailbox.NewMailbox(
        address=SLUG,
        domain=accounts.platform().domain,
        agent=agent,
        display_name="Juniper Lane",
        mode=OversightMode.GATED_SEND,
    )
    return mailbox.create(agent.account, asked, now=now)


def _renew_lost_password(user: User, passwords: Passwords) -> None:
    """A password that was never written down here, or whose file is gone, is no use to anybody: make another."""
    if not passwords.knows(user.email):
        user.set_password(passwords.of(user.email))
        user.save(update_fields=["password"])


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two calls at once make one demo. A session's lock: reading the received mail may ask the DNS, and no transaction
    stays open for that."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('gatepost.demo'))")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('gatepost.demo'))")
