"""Runs of webhooks: who tells is struck or killed, others tell beside it, and each receiver counts what it heard."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection
from django.test import override_settings
from standardwebhooks import Webhook, WebhookVerificationError

from mailboxes import clock, events
from mailboxes.models import Event
from messaging.models import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from messaging.webhooks import endpoints
from tests import builders
from tests.builders import Tenant
from tests.fakes.proxy import FaultProxy
from tests.fakes.receiver import Receiver, receiver
from tests.fakes.web import bytes_of, saying

from .points import ONCE_A_BATCH, Case, Kind
from .processes import PATIENCE, STOPPED, Crew, Running, until
from .verdict import Verdict

KIND = "suppression.removed"
PENDING = DeliveryStatus.PENDING
READY = "Webhooks are told"
AWAY = saying(bytes_of("500 Away"))


@dataclass
class Hook:
    """A webhook, its receiver, the cable between them, and what it is to be told."""

    endpoint: WebhookEndpoint
    secret: str
    to: Receiver
    cable: FaultProxy
    owed: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class House:
    """Accounts with their webhooks, and the processes that tell them."""

    crew: Crew
    owners: list[Tenant]
    hooks: list[Hook]

    def happen(self, count: int) -> None:
        """So many events in each account."""
        for owner in self.owners:
            for number in range(count):
                told = {"n": number}
                event = events.record(owner.account, KIND, subject=str(number), data=told, now=clock.now())
                for hook in self.hooks:
                    if hook.endpoint.account_id == owner.account.pk:
                        hook.owed.append(event)

    def tell(self, faults: str = "") -> Running:
        allow = [f"127.0.0.1:{hook.cable.port}" for hook in self.hooks]
        return self.crew.start("webhooks", faults=faults, WEBHOOK_ALLOW=allow, WEBHOOK_FAILURES=1000)

    def settle(self) -> None:
        """A fresh process tells what the others left, as time goes by; then all are told to stop, and do."""
        self.tell()
        end, pause = time.monotonic() + PATIENCE, 0.2
        while not self._is_all_told():
            assert time.monotonic() < end, f"it is not told\n{self.crew.logs()}"
            time_passes()
            time.sleep(pause)
            pause *= 1.2  # what is on its way loses its lease each time, and must come to its end in between
        for process in self.crew.running:
            if process.state is None:
                stop(process)

    def _is_all_told(self) -> bool:
        is_behind = WebhookDelivery.objects.count() < sum(len(hook.owed) for hook in self.hooks)
        return not is_behind and not WebhookDelivery.objects.filter(status=PENDING).exists()


def stop(process: Running) -> None:
    """Told to stop, it ends well; not before it has learned to listen."""
    until(lambda: READY in process.said, "it says that it has begun")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait() == 0, process.said


def run(case: Case, crew: Crew) -> Verdict:
    """The verdict on one run of the matrix."""
    dice = case.dice()
    with _house(crew, dice) as house:
        house.happen(dice.randint(1, 8))
        nth = 1 if case.point in ONCE_A_BATCH else dice.randint(1, _yes_count(house))
        struck = house.tell(case.faults(nth))
        until(lambda: struck.is_struck or struck.state is not None, f"the fault point is reached\n{struck.said}")
        house.happen(dice.randint(0, 4))
        for _ in range(dice.randint(0, 2)):
            house.tell()
        if case.kind in (Kind.STALL, Kind.DROP_NETWORK):
            until(lambda: struck.state == STOPPED, "the process stands still")
            _meanwhile(case, house)
            struck.go_on()
        assert struck.is_struck, f"the fault did not strike\n{crew.logs()}"
        house.settle()
        return _judge(house)


def run_killed(dice: random.Random, crew: Crew, *, kills: int) -> Verdict:
    """Whoever tells is killed after some moments, again and again, while things happen."""
    with _house(crew, dice) as house:
        for _ in range(kills):
            house.happen(dice.randint(0, 6))
            process = house.tell()
            time.sleep(dice.uniform(0, 0.3))
            process.kill()
            time_passes()
        house.settle()
        return _judge(house)


def time_passes() -> None:
    """Leases are over, and the schedule's next attempts are due. Rows that somebody holds locked are his."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_webhookdelivery SET next_at = created_at, leased_until = created_at WHERE id IN ("
            "SELECT id FROM messaging_webhookdelivery WHERE status = 'PENDING' FOR UPDATE SKIP LOCKED)"
        )


def _meanwhile(case: Case, house: House) -> None:
    if case.kind is Kind.DROP_NETWORK:
        for hook in house.hooks:
            hook.cable.cut()
        return
    time_passes()  # now everybody believes it dead
    house.tell()
    time.sleep(0.3)


def _yes_count(house: House) -> int:
    """How many of the first posts are taken."""
    return sum(len(hook.owed) - len(hook.to.moods) for hook in house.hooks)


@contextmanager
def _house(crew: Crew, dice: random.Random) -> Iterator[House]:
    """One or two accounts with one or two webhooks each: some are told in order, of the others some say no at first."""
    with ExitStack() as stack:
        owners = [builders.tenant(name) for name in ("alice", "bob")[: dice.randint(1, 2)]]
        hooks: list[Hook] = []
        for owner in owners:
            for _ in range(dice.randint(1, 2)):
                is_ordered = dice.random() < 0.3
                is_away = bool(hooks) and not is_ordered and dice.random() < 0.3
                to = stack.enter_context(receiver([AWAY] * is_away))
                cable = stack.enter_context(FaultProxy(to.web.port))
                hooks.append(_hook(owner, to, cable, is_ordered=is_ordered))
        yield House(crew, owners, hooks)
        crew.end()  # before the receivers: nobody is left to wait for an answer


def _hook(owner: Tenant, to: Receiver, cable: FaultProxy, *, is_ordered: bool) -> Hook:
    door = f"127.0.0.1:{cable.port}"
    with override_settings(WEBHOOK_ALLOW=[*settings.WEBHOOK_ALLOW, door]):
        url = endpoints.check_url(f"http://{door}/hook")
    made, secret = endpoints.create(owner.agent_actor, endpoints.NewEndpoint(url, [KIND]), now=clock.now())
    WebhookEndpoint.objects.filter(pk=made.pk).update(is_ordered=is_ordered)
    made.is_ordered = is_ordered
    return Hook(made, secret, to, cable)


def _judge(house: House) -> Verdict:
    verdict = Verdict()
    for hook in house.hooks:
        _judge_told(hook, verdict)
        _judge_written(hook, verdict)
    return verdict


def _judge_told(hook: Hook, verdict: Verdict) -> None:
    """Each event at least once, under one id, signed; in order where that was asked for."""
    owed = [str(event.pk) for event in hook.owed]
    taken = hook.to.taken_ids
    verdict.expected += len(owed)
    verdict.done += len(set(owed) & set(taken))
    verdict.lost += [f"{hook.endpoint} was not told {one}" for one in owed if one not in taken]
    verdict.broken += [f"{hook.endpoint} was told {one}, which nobody recorded" for one in taken if one not in owed]
    ids: dict[str, set[str]] = {}
    for told in hook.to.heard:
        ids.setdefault(told.event_id, set()).add(told.headers["x-robotomail-delivery-id"])
        try:
            Webhook(hook.secret).verify(told.body, told.headers)
        except WebhookVerificationError as error:
            verdict.broken.append(f"{told.event_id}: {error}")
    verdict.doubled += [f"{one} came under {len(names)} ids" for one, names in ids.items() if len(names) > 1]
    if hook.endpoint.is_ordered and not _is_in_order([told.event_id for told in hook.to.taken], owed):
        verdict.broken.append(f"{hook.endpoint} was not told in order")


def _is_in_order(taken: Sequence[str], owed: Sequence[str]) -> bool:
    """Whether what is new comes in the order of the log; one who was believed dead may tell something again, late."""
    return list(dict.fromkeys(taken)) == list(owed)


def _judge_written(hook: Hook, verdict: Verdict) -> None:
    """One row for each event, at its end, and all that was tried under numbers without a gap."""
    deliveries = list(WebhookDelivery.objects.filter(endpoint=hook.endpoint))
    if sorted(str(one.event_id) for one in deliveries) != sorted(str(event.pk) for event in hook.owed):
        verdict.broken.append(f"{len(deliveries)} deliveries for {len(hook.owed)} events")
    tried: dict[object, list[WebhookAttempt]] = {}
    for attempt in WebhookAttempt.objects.filter(delivery__in=deliveries).order_by("number"):
        tried.setdefault(attempt.delivery_id, []).append(attempt)
    for one in deliveries:
        tries = tried.get(one.pk, [])
        if (one.status, one.leased_until) != (DeliveryStatus.DELIVERED, None):
            verdict.broken.append(f"delivery {one.pk} is {one.status}, leased until {one.leased_until}")
        if [attempt.number for attempt in tries] != list(range(1, one.attempts + 1)):
            verdict.broken.append(f"delivery {one.pk}: {one.attempts} attempts, {[one.number for one in tries]}")
        if not tries or tries[-1].response_status != 200:
            verdict.broken.append(f"delivery {one.pk} ended without a yes")
