"""Who acts: the agent or member behind a key or a session, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from .errors import Forbidden, NotFound, Problem
from .ids import parse_id
from .models import Account, Agent, ApiKey, Environment, Mailbox, Member, Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """One actor in one account: an agent or a member, never both. `mailbox_ids` None means all of the account.

    `is_proven_human`: the session of a person whose password no agent knows; it acts as the account's agent.
    """

    account: Account
    scopes: frozenset[str]
    agent: Agent | None = None
    member: Member | None = None
    key: ApiKey | None = None
    mailbox_ids: frozenset[UUID] | None = None
    is_proven_human: bool = False

    @property
    def identity(self) -> str:
        """`agent:<id>`, `member:<id>`, or `platform` for the house itself."""
        if self.member is not None:
            return f"member:{self.member.pk}"
        return f"agent:{self.agent.pk}" if self.agent is not None else "platform"

    @property
    def environment(self) -> str:
        return Environment.TEST if self.account.is_test else Environment.LIVE

    def require(self, scope: str, *, fix: str = "Use a key that has it.") -> None:
        """Refuse the caller with 403 unless they hold `scope`."""
        if scope not in self.scopes:
            raise Forbidden(f"This key lacks the scope '{scope}'.", code="missing_scope", fix=fix)

    def require_full_access(self) -> None:
        """Refuse scoped keys and keys that may not administrate the account."""
        if self.mailbox_ids is not None or Scope.ADMIN not in self.scopes:
            raise Forbidden(
                "This operation needs a full-access key.",
                code="scoped_key",
                fix="Use a key created without mailboxIds.",
            )

    def require_live(self) -> None:
        """Refuse test keys where there is only one of a thing: the account itself, its bill, its domains."""
        if self.account.is_test:
            raise wrong_environment(Environment.LIVE)

    def mailboxes(self) -> QuerySet[Mailbox]:
        """The mailboxes that this principal may see, deleted ones left out."""
        visible = Mailbox.objects.filter(account=self.account, deleted_at__isnull=True)
        return visible if self.mailbox_ids is None else visible.filter(pk__in=self.mailbox_ids)

    def deleted_mailboxes(self) -> QuerySet[Mailbox]:
        """Those of the account whose mail nobody sees any more.

        To be excluded, not joined: along the mailboxes PostgreSQL would read all mail of each and sort it.
        """
        return Mailbox.objects.filter(account=self.account, deleted_at__isnull=False)

    def may_see(self, mailbox_id: UUID) -> bool:
        """Whether this principal's key reaches that mailbox, if it is one of the account's."""
        return self.mailbox_ids is None or mailbox_id in self.mailbox_ids

    def get_mailbox(self, mailbox_id: object) -> Mailbox:
        """The mailbox of that id in this principal's scope. Raises NotFound for anything else, also malformed."""
        parsed = parse_id(mailbox_id)
        mailbox = self.mailboxes().select_related("domain", "agent").filter(pk=parsed).first() if parsed else None
        if mailbox is None:
            raise self.no_mailbox(parsed)
        mailbox.account = self.account
        return mailbox

    def no_mailbox(self, mailbox_id: UUID | None) -> Problem:
        """Why a mailbox of that id is not found: 404, or `wrong_environment` where the other kind of key sees it."""
        if mailbox_id is not None and self.mailbox_ids is None:
            other = Account.objects.filter(mailboxes__pk=mailbox_id, mailboxes__deleted_at__isnull=True)
            if other.filter(Q(test_of=self.account) | Q(test_account=self.account)).exists():
                return wrong_environment(Environment.LIVE if self.account.is_test else Environment.TEST)
        return NotFound("mailbox")


def wrong_environment(right: Environment) -> Forbidden:
    """What the holder of a live key is told about test data, and the other way round."""
    return Forbidden(
        f"This belongs to the {right} environment, and your key to the other one.",
        code="wrong_environment",
        fix=f"Use a gp_{right}_ key of the account.",
    )


def of_member(member: Member) -> Principal:
    """A member at the console: reads and, unless a viewer, decides."""
    scopes = {Scope.READ, Scope.DECIDE} if member.may_decide else {Scope.READ}
    return Principal(account=member.account, scopes=frozenset(scopes), member=member)


def of_manager(member: Member) -> Principal:
    """An owner or admin who acts on the account itself, as a full-access key does: its keys, who called, its log.

    Neither sends nor decides. Raises Forbidden for every other member.
    """
    if not member.may_manage:
        raise Forbidden("Only an owner or admin of the account may.", code="not_manager", fix="Ask one of them.")
    return Principal(account=member.account, scopes=frozenset({Scope.READ, Scope.ADMIN}), member=member)
