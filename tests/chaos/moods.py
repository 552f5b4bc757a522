"""Runs beyond the matrix: a relay in a bad mood, and a worker that a real broker has woken."""

from __future__ import annotations

from dataclasses import dataclass

from mailboxes.modes import OversightMode
from messaging.models import Message
from tests.fakes.postfix import postfix_sink

from . import outbound
from .answering import Asked
from .outbound import Relay
from .points import ONCE_A_BATCH, Case, Kind
from .processes import Crew, until
from .verdict import FAULTED, Verdict, judge_copies, judge_sending
from .witness import Witness

SEEDS = range(1, 4)
MAIL = {"to": ["kim@friends.example"], "bodyText": "Good day.\n"}


@dataclass(frozen=True)
class Mood:
    """smtp-sink with these options, and where a worker is killed meanwhile, if at all.

    `lost`: answers that may be missing because of the kill, or because the relay never gives one.
    """

    options: str
    point: str
    seed: int
    lost: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        return f"kill {self.point.partition('.')[2]}" if self.point else "no fault"

    @property
    def id(self) -> str:
        return f"{self.options.replace(' ', '')}-{self.point or 'none'}-{self.seed}"


# `-q .` hangs up instead of answering the dot: then every mail is unknown, the struck worker's last one too.
EACH = [
    ("-q .", "", (0, 99)),
    ("-q .", "smtp.after_dot", (1, 99)),
    ("-Q .", "", (0, 0)),
    ("-Q .", "smtp.after_reply", (1, 1)),
    ("-q DATA", "", (0, 0)),
    ("-q DATA", "smtp.after_rcpt", (0, 0)),
    ("-f .", "", (0, 0)),
    ("-f .", "smtp.after_reply", (1, 1)),
    ("-r .", "", (0, 0)),
    ("-r .", "smtp.after_dot", (1, 1)),
    ("-f RCPT", "", (0, 0)),
    ("-f RCPT", "smtp.before_result_commit", (0, 0)),
    ("-r MAIL", "", (0, 0)),
    ("-r MAIL", "smtp.before_result_commit", (0, 0)),
    ("-w 1", "", (0, 0)),
    ("-w 1", "smtp.after_dot", (1, 1)),
]
MOODS = [Mood(options, point, seed, lost) for options, point, lost in EACH for seed in SEEDS]
WOKEN = [Case(point, Kind.KILL, seed) for point in outbound.POINTS for seed in range(101, 103)]


def run(mood: Mood, crew: Crew) -> Verdict:
    """A worker meets the relay in its mood, and the relay is well again when recovery comes."""
    sender = outbound.new_sender(OversightMode.AUTONOMOUS)
    messages = outbound.submit(sender, [mood.seed, 1] if "-w" not in mood.options else [1, 1])
    witness, options = Witness(), mood.options.split(" ")
    with (
        postfix_sink(options) as moody,
        postfix_sink() as well,
        witness.line(FAULTED, moody.port) as faulted,
        witness.line("others", well.port) as others,
    ):
        nth = 1 if "-w" in mood.options or mood.point in ONCE_A_BATCH else mood.seed % 2 + 1
        faults = f"{mood.point}=kill@{nth}" if mood.point else ""
        struck = crew.start("drain", faults=faults, RELAY_URL=f"smtp://127.0.0.1:{faulted.port}")
        struck.wait()
        assert struck.is_struck == bool(faults), crew.logs()
        outbound.recover(crew, f"smtp://127.0.0.1:{others.port}")
        verdict = judge_sending(messages, witness.transactions, lost_answers=mood.lost)
        _judge_moody_copies(mood, verdict, messages, witness)
        judge_copies(verdict, well.deliveries() + _answered(witness, moody.deliveries()), messages)
    return verdict


def _answered(witness: Witness, deliveries: outbound.Counts) -> outbound.Counts:
    """Of the mail that lies at the moody relay, what it answers for: it keeps what it refused, too."""
    refused = {one.key for one in witness.transactions if one.worker == FAULTED and one.answer >= 400}
    return outbound.Counts({key: count for key, count in deliveries.items() if key not in refused})


def _judge_moody_copies(mood: Mood, verdict: Verdict, messages: list[Message], witness: Witness) -> None:
    if mood.options == "-q ." and not mood.point and verdict.unknown != verdict.expected:
        verdict.broken.append(f"the relay answered nobody, and only {verdict.unknown} are unknown")


def run_woken(case: Case, crew: Crew, relay: Relay, broker: str) -> Verdict:
    """Accepted over HTTP, rung for through the broker, and sent by a Celery worker whose process is killed at it."""
    dice = case.dice()
    sender = outbound.new_sender(OversightMode.AUTONOMOUS)
    server = crew.serve("web", broker=broker)
    path = f"/v1/mailboxes/{sender.mailbox.pk}/messages"
    asked = [
        Asked(path, sender.key_text, {**MAIL, "subject": f"No {number}"}, f"send-{number}")
        for number in range(dice.randint(2, 8))
    ]
    for one in asked:
        one.insist(server.port)
        assert one.is_answered, one.answers
    messages = list(Message.objects.filter(mailbox=sender.mailbox))
    witness = Witness()
    nth = 1 if case.point in ONCE_A_BATCH else dice.randint(1, len(asked))
    with witness.line(FAULTED, relay.port) as faulted, witness.line("others", relay.port) as others:
        url = f"smtp://127.0.0.1:{faulted.port}"
        worker = crew.start("celery", faults=case.faults(nth), broker=broker, RELAY_URL=url)
        until(lambda: worker.is_struck, "a doorbell wakes the worker, and the fault strikes")
        worker.kill()
        outbound.recover(crew, f"smtp://127.0.0.1:{others.port}")
    verdict = judge_sending(messages, witness.transactions, lost_answers=case.lost_answers)
    judge_copies(verdict, relay.deliveries(), messages)
    if len(messages) != len(asked):
        verdict.broken.append(f"{len(asked)} were accepted, {len(messages)} are there")
    return verdict
