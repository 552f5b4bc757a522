"""Makes rows through the real verbs, so that every row has its seal, its event, its limits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.conf import settings
from django.test.utils import override_settings

from mailboxes import access_writer, accounts, clock, keys, mailbox, quotas, statements, test_accounts
from mailboxes.access_writer import Call
from mailboxes.models import Account, Agent, Event, Limit, LimitKind, Mailbox, Member, Role
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal, of_member
from messaging.mime.types import Draft
from messaging.models import DeadLetter, Message, WebhookDelivery, WebhookEndpoint
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.webhooks import endpoints
from oversight import decisions, demotions, releases, rule_sets, submission, suggestions
from oversight.decisions import Reviewer
from oversight.models import Demotion, Door, Review, RuleSetVersion, Suggestion

PASSWORD = "correct horse battery staple"
_numbers = count(1)


@dataclass(frozen=True)
class Tenant:
    """An account with its owner, its agent and the agent's full-access key."""

    account: Account
    owner: Member
    agent: Agent
    mailbox: Mailbox
    key_text: str
    agent_actor: Principal

    @property
    def owner_actor(self) -> Principal:
        return of_member(self.owner)


def tenant(name: str = "alice", *, mode: OversightMode = OversightMode.GATED_SEND, is_verified: bool = True) -> Tenant:
    """An account signed up through the API's verb; its owner has set a password on our own page."""
    now = clock.now()
    slug = f"{name}-{next(_numbers)}"
    email = f"{slug}@people.example"
    made = accounts.sign_up(accounts.SignUp(email=email, password=PASSWORD, slug=slug, name=name.title()), now=now)
    if is_verified:
        accounts.verify_email(made.user, password=PASSWORD, now=now)
    if made.mailbox.mode != mode:
        mailbox.set_mode(made.mailbox, mode, by="test", now=now)
    agent = Agent.objects.get(account=made.account, is_default=True)
    actor = keys.authenticate(made.key_text, now=now)
    owner = Member.objects.select_related("user", "account").get(account=made.account, role=Role.OWNER)
    return Tenant(made.account, owner, agent, made.mailbox, made.key_text, actor)


def twin(owner: Tenant) -> Tenant:
    """The tenant's test account, with a test key."""
    account = test_accounts.open_for(owner.account, now=clock.now())
    agent = test_accounts.default_agent(account)
    text = keys.create_agent_key(agent, now=clock.now())[1]
    person = Member.objects.select_related("user", "account").get(account=account, role=Role.OWNER)
    box = Mailbox.objects.select_related("account", "domain", "agent").get(account=account)
    return Tenant(account, person, agent, box, text, keys.authenticate(text, now=clock.now()))


def member(account: Account, name: str = "rhea", role: Role = Role.REVIEWER) -> Member:
    """Another human of the account."""
    email = f"{name}-{next(_numbers)}@people.example"
    made = accounts.add_member(account, email=email, password=PASSWORD, role=role, now=clock.now())
    return Member.objects.select_related("user", "account").get(pk=made.pk)


def decide_key(person: Member) -> str:
    """The text of a fresh decide key of a member."""
    return keys.create_decide_key(person, name="test", now=clock.now())[1]


def draft(box: Mailbox, **fields: Any) -> Draft:
    asked: dict[str, Any] = {"to": ("kim@friends.example",), "subject": "Hello", "body_text": "Good day to you.\n"}
    return Draft(mailbox_id=box.pk, **(asked | fields))


def submit(owner: Tenant, *, now: datetime | None = None, **fields: Any) -> Message:
    """A message submitted by the tenant's agent."""
    return submission.submit(draft(owner.mailbox, **fields), actor=owner.agent_actor, now=now or clock.now())


def held(owner: Tenant, **fields: Any) -> Review:
    """The open review of a message submitted to a gated mailbox."""
    return Review.objects.select_related("message", "mailbox").get(message=submit(owner, **fields))


def rule(rule_id: str = "always", then: str = "hold", *when: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A rule as JSON; it always applies where no condition is given."""
    return {"id": rule_id, "name": rule_id.title(), "when": list(when) or [{"kind": "always"}], "then": then, **more}


def rules(
    owner: Tenant, *given: dict[str, Any], mailbox: Mailbox | None = None, is_live: bool = True
) -> RuleSetVersion:
    """A version of the account's rules, or of a mailbox's, put in force."""
    place, now = mailbox.pk if mailbox else rule_sets.ACCOUNT, clock.now()
    asked = rule_sets.Proposed(list(given))
    version = rule_sets.propose(owner.owner_actor, place, asked, now=now)
    if is_live:
        rule_sets.publish(owner.owner_actor, place, version.number, live=None, now=now)
    return version


def suggested(owner: Tenant) -> Suggestion:
    """A rung up that is suggested for the tenant's mailbox, where one approval is enough."""
    review = held(owner, subject="Good work", to=("good@friends.example",))
    decisions.approve(review, reviewer=reviewer(owner.owner), version=None, now=clock.now())
    with override_settings(TRUST_MIN_DECISIONS=1, TRUST_MIN_DAYS=0, TRUST_MAX_BOUNCE_PERCENT=101):
        suggestions.look(now=clock.now())
    return suggestions.standing([owner.mailbox.pk])[owner.mailbox.pk]


def demoted(owner: Tenant) -> Demotion:
    """What a severe rejection leaves: the tenant's mailbox is monitored, and set back to gated_send."""
    review = held(owner, subject="Bad work")
    mailbox.set_mode(owner.mailbox, OversightMode.MONITORED, by="test", now=clock.now())
    decisions.reject(review, reviewer=reviewer(owner.owner), version=None, reason="privacy", now=clock.now())
    demotions.settle(now=clock.now())
    return Demotion.objects.get(about=review.pk)


def dead_letter(owner: Tenant) -> DeadLetter:
    """What a relay leaves that has put an approved message off for six days: the last retry is spent."""
    at = clock.now() - timedelta(days=6, minutes=5)
    review = Review.objects.get(message=submit(owner, now=at))
    decisions.approve(review, reviewer=reviewer(owner.owner), version=None, now=at)
    released = at + timedelta(seconds=settings.UNDO_SECONDS)
    releases.release_due(now=released)
    for moment in (released + timedelta(minutes=1), at + timedelta(days=6)):
        claimed = outbox.claim_due(limit=100, now=moment)
        [attempt] = [one for one in claimed if one.recipient.message_id == review.message_id]
        outcomes.record(attempt, Outcome(OutcomeKind.DEFERRED, "451", "Come back later."), now=moment)
    return DeadLetter.objects.get(message=review.message_id, ended_at__isnull=True)


def reviewer(person: Member, door: Door = Door.CONSOLE) -> Reviewer:
    return Reviewer(of_member(person), door)


def release(*, after: timedelta | None = None) -> int:
    """Look once more at what was approved, as the sweep does when the time for undo is over; at how many."""
    over = timedelta(seconds=settings.UNDO_SECONDS) if after is None else after
    return releases.release_due(now=clock.now() + over)


def received(account: Account, amount: int) -> None:
    """Count messages as received this month."""
    if amount:
        quotas.count(account, LimitKind.MONTHLY_INBOUND, amount, now=clock.now())


def limit(account: Account, kind: str, amount: int) -> None:
    """Give the account its own limit, as billing does; 0 is none."""
    Limit.objects.update_or_create(account=account, kind=kind, defaults={"amount": amount})


def agent(account: Account, name: str) -> Agent:
    """Another agent of the account."""
    return Agent.objects.create(account=account, name=name)


def webhook(
    owner: Tenant, *, box: Mailbox | None = None, headers: dict[str, str] | None = None, **asked: Any
) -> tuple[WebhookEndpoint, str]:
    """A webhook of the tenant, for received mail where nothing else is asked, and its secret."""
    url = endpoints.check_url("https://hooks.example/mail")
    wanted = {"events": ["message.received"], "mailbox": box, "headers": headers or {}, **asked}
    return endpoints.create(owner.agent_actor, endpoints.NewEndpoint(url, **wanted), now=clock.now())


def webhook_delivery(endpoint: WebhookEndpoint, *, tries: int = 0) -> WebhookDelivery:
    """What telling the newest event of the account to the endpoint leaves after so many attempts without success."""
    event = Event.objects.filter(account=endpoint.account).order_by("-seq")[0]
    now = clock.now()
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint,
        event_id=event.pk,
        event_seq=event.seq,
        event=event.kind,
        attempts=tries,
        attempted_at=now if tries else None,
        response_status=500 if tries else None,
        next_at=now,
    )
    for number in range(1, tries + 1):
        delivery.tries.create(number=number, started_at=now, duration_ms=17, response_status=500)
    return delivery


def called(owner: Tenant, *, route: str = "/v1/mailboxes/{id}", named: object = "") -> None:
    """A call that the tenant's agent made with its key, written down as the writer does, in this transaction."""
    key = owner.agent_actor.key
    named = str(named or owner.mailbox.pk)
    call = Call(
        owner.account.pk,
        key.pk if key else None,
        owner.agent_actor.identity,
        "GET",
        route,
        200,
        time.monotonic(),
        0.01,
        named,
    )
    statements.run(access_writer.WRITE, access_writer.parameters([call]))
