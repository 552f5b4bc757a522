"""The product's verbs of agents, of the network, and of who looks after mailboxes."""

from __future__ import annotations

from mailboxes import keys, mailbox, stops
from mailboxes.models import StopScope
from mailboxes.modes import OversightMode
from messaging import return_paths, visibility
from messaging.inbound import feedback
from messaging.mime.types import Draft, Report, ReportKind
from messaging.models import Direction, Message, SuppressionReason
from messaging.recipients import suppressions
from oversight import departures, returns, revoked_keys, submission
from tests import arrivals, builders
from tests.letters import letter

from .authors import Letter
from .ground import AGENTS
from .things import ACCOUNT, EVERYTHING
from .world import World

REPORTS = {
    "sent": (ReportKind.DELAY, "4.4.1"),
    "delivered": (ReportKind.DELIVERED, "2.0.0"),
    "bounced": (ReportKind.BOUNCE, "5.1.1"),
    "complained": (ReportKind.COMPLAINT, ""),
}


class Mailing:
    def __init__(self, world: World) -> None:
        self._world, self._cast = world, world.cast

    def submit(self, box: int, asked: Letter) -> Message:
        actor = self._cast.agents[asked.key]
        return submission.submit_in_full(self._draft(box, asked), actor=actor, now=self._world.now).message

    def resubmit(self, message: Message, box: int, asked: Letter) -> None:
        actor, draft = self._cast.agents[asked.key], self._draft(box, asked)
        returns.resubmit(actor, message.mailbox_id, message.pk, draft, now=self._world.now)

    def cancel(self, message: Message) -> None:
        submission.cancel(self._cast.agents["first"], message.mailbox_id, message.pk, now=self._world.now)

    def revoke(self, key: str) -> None:
        keys.revoke(self._cast.alice.owner_actor, self._cast.key(key).pk, now=self._world.now)

    def settle(self) -> int:
        return revoked_keys.settle(now=self._world.now)

    def cancel_departed(self) -> int:
        return departures.cancel_due(now=self._world.now)

    def arrive(self, box: int, subject: str, answered: Message | None) -> Message:
        mine = self._cast.boxes[box]
        headers = [f"References: {answered.message_id}"] if answered else []
        raw = letter(*headers, to=mine.full_address, subject=subject, message_id=f"<{subject}@friends.example>")
        return arrivals.arrive(mine, raw)

    def shown_in(self, box: int) -> set[str]:
        """The subjects of the received mail that an agent finds in the mailbox."""
        known = visibility.visible(self._cast.boxes[box]).filter(direction=Direction.INBOUND)
        return set(known.values_list("subject", flat=True))

    def report(self, message: Message, address: str, state: str) -> str:
        kind, status = REPORTS[state]
        recipient = message.recipients.get(address=address)
        path = return_paths.return_path_of(recipient.pk, domain="agents.example", now=self._world.now)
        token = path.partition("@")[0].removeprefix("b+")
        report = Report(kind=kind, recipients=(address,), status=status, token=token)
        try:
            feedback.apply(report, now=self._world.now)
        except feedback.TooEarly:
            return "too_early"
        return "taken"

    def suppress(self, address: str) -> None:
        reason = SuppressionReason.MANUAL
        suppressions.add(self._cast.alice.account, address, reason=reason, now=self._world.now)

    def stop(self, what: str, by: str) -> bool:
        if what == EVERYTHING:
            return stops.stop_everything(by="operator", reason="test", now=self._world.now)
        scope, subject = self._subject(what)
        person = self._cast.people[by]
        return stops.stop(person, scope=scope, subject_id=subject, reason="test", now=self._world.now) is not None

    def resume(self, what: str) -> bool:
        if what == EVERYTHING:
            return stops.resume_everything(by="operator", now=self._world.now)
        scope, subject = self._subject(what)
        return stops.resume(self._cast.alice.owner, scope=scope, subject_id=subject, now=self._world.now) is not None

    def set_mode(self, box: int, mode: str) -> None:
        mailbox.set_mode(self._world.box(box), OversightMode(mode), by="test", now=self._world.now)

    def tighten(self, box: int, mode: str) -> bool:
        return mailbox.tighten(self._world.box(box), OversightMode(mode), by="agent:test", now=self._world.now)

    def set_floor(self, box: int, floor: str | None) -> None:
        wanted = None if floor is None else OversightMode(floor)
        mailbox.set_floor(self._world.box(box), wanted, by="test", now=self._world.now)

    def set_status(self, box: int, status: str) -> None:
        mailbox.change(self._world.box(box), status=status, now=self._world.now)

    def delete(self, box: int) -> None:
        mailbox.delete(self._world.box(box), by="test", now=self._world.now)

    def _draft(self, box: int, asked: Letter) -> Draft:
        return builders.draft(
            self._cast.boxes[box],
            to=asked.to,
            subject=asked.subject,
            oversight_mode=asked.mode,
            provenance=asked.provenance or None,
        )

    def _subject(self, what: str) -> tuple[StopScope, object]:
        if what == ACCOUNT:
            return StopScope.ACCOUNT, None
        if what in AGENTS:
            return StopScope.KEY, self._cast.key(what).pk
        if what in AGENTS.values():
            [key] = [key for key, agent in AGENTS.items() if agent == what]
            return StopScope.AGENT, self._cast.key(key).agent_id
        [box] = [one for one in self._cast.boxes if one.full_address.startswith(f"{what}@")]
        return StopScope.MAILBOX, box.pk
