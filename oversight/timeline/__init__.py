"""What became of a message, step by step: one source for the API and the console.

Steps are told from rows that stand: the evaluation, the decisions, the attempts, the event log, the webhooks'
deliveries. Where a row was erased or never was, there is no step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.conf import settings

from mailboxes.principals import Principal
from messaging.lifecycle import FINAL
from messaging.models import Direction, Message, Status

from . import afterwards, evidence, receiving, sending, standstill
from .evidence import Evidence
from .steps import REPEATED, Actor, Kind, Step, Timeline

__all__ = ["Actor", "Kind", "Step", "Timeline", "of"]


def of(message: Message, *, actor: Principal) -> Timeline:
    """The timeline of a message that the actor may read, by two queries, however much has happened.

    At most TIMELINE_STEPS of it: of the kinds that repeat the newest. Wants `agent`, `key` and `member__user` selected.
    Members are told more of the policy than agents (`sending.judged`), and each actor of the webhooks that it may see.
    """
    most = settings.TIMELINE_STEPS
    found = evidence.gather(message, most=most + 1)
    deliveries = evidence.tellings(found.of("event"), actor=actor, most=most + 1)
    steps = [*_own(message, found, actor), *afterwards.told(deliveries)]
    steps.sort(key=lambda step: step.place)
    kept = _cut(steps, most)
    has_more = len(kept) < len(steps) or found.is_longer_than(most) or len(deliveries) > most
    return Timeline(tuple(kept), Status(message.status) in FINAL, has_more)


def _own(message: Message, found: Evidence, actor: Principal) -> Iterator[Step]:
    environment, is_member = actor.environment, actor.member is not None
    if message.direction == Direction.INBOUND:
        yield from receiving.arrived(message, found, environment=environment)
        yield from receiving.filed(message, found)
        yield from receiving.shown(message, found)
    else:
        yield from sending.asked(message, found, environment=environment)
        yield from sending.lost_key(message, found)
    # What people did before a received mail was shown is not its agent's to know.
    if is_member or message.direction == Direction.OUTBOUND:
        yield from sending.judged(message, found, is_member=is_member)
        yield from sending.decided(found, is_member=is_member)
        yield from sending.reopened(found)
        yield from sending.resubmitted(found)
    if message.direction == Direction.OUTBOUND:
        yield from standstill.held_back(message, found)
    yield from sending.tried(found)
    yield from sending.ended(message, found)
    yield from afterwards.reported(found)
    yield from afterwards.suppressed(found)


def _cut(steps: Sequence[Step], most: int) -> list[Step]:
    """At most so many: of the kinds that repeat the newest."""
    excess = len(steps) - most
    kept = []
    for step in steps:
        if excess > 0 and step.kind in REPEATED:
            excess -= 1
        else:
            kept.append(step)
    return kept
