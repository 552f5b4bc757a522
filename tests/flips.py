"""Stopping and resuming one thing of a tenant, whatever its scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mailboxes import clock, stops
from mailboxes.models import Stop, StopScope

from .builders import Tenant

SCOPES = list(StopScope)


@dataclass(frozen=True)
class Flip:
    """The kill switch of a tenant's `scope`: what its mail is sent from, by or with."""

    owner: Tenant
    scope: StopScope

    @property
    def subject_id(self) -> object:
        key = self.owner.agent_actor.key
        assert key is not None
        ids = {StopScope.MAILBOX: self.owner.mailbox.pk, StopScope.AGENT: self.owner.agent.pk, StopScope.KEY: key.pk}
        return ids.get(self.scope)

    def stop(self) -> datetime:
        """The moment at which it had committed: nothing may begin after that."""
        assert self.try_stop()
        return clock.now()

    def resume(self) -> None:
        assert self.try_resume()

    def try_stop(self) -> Stop | bool | None:
        """None if it was stopped already."""
        now = clock.now()
        if self.scope == StopScope.EVERYTHING:
            return stops.stop_everything(by="operator:test", reason="test", now=now) or None
        member = self.owner.owner
        return stops.stop(member, scope=self.scope, subject_id=self.subject_id, reason="test", now=now)

    def try_resume(self) -> Stop | bool | None:
        now = clock.now()
        if self.scope == StopScope.EVERYTHING:
            return stops.resume_everything(by="operator:test", now=now) or None
        return stops.resume(self.owner.owner, scope=self.scope, subject_id=self.subject_id, now=now)
