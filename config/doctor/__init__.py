"""Whether this installation is well: each check looks at the real thing and answers with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import database, mail, names, services, waiting
from .ailment import Ailment

CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("database", database.check_role),
    ("migrations", database.check_migrations),
    ("guards", database.check_guards),
    ("durability", database.check_durability),
    ("event chains", database.check_event_chains),
    ("signed heads", database.check_signed_heads),
    ("clock", database.check_clock),
    ("backups", database.check_backups),
    ("web", services.check_web),
    ("broker", services.check_broker),
    ("channel layer", services.check_channel_layer),
    ("worker", services.check_worker),
    ("webhooks", services.check_webhooks),
    ("disk", services.check_disk),
    ("sending", mail.check_sending),
    ("outbox", mail.check_outbox),
    ("intake", mail.check_intake),
    ("DKIM key", mail.check_dkim_key),
    ("SMTP listener", mail.check_smtp_listener),
    ("relay", mail.check_relay),
    ("relay's answers", waiting.check_answers),
    ("DNS", names.check_dns),
    ("sweeps", waiting.check_sweeps),
    ("stops", waiting.check_stops),
    ("reviews", waiting.check_reviews),
    ("unknown outcomes", waiting.check_unknown),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in a sentence."""

    name: str
    is_well: bool
    text: str


def examine() -> Iterator[Finding]:
    """Every check in turn; one that breaks is a finding too, never the end."""
    for name, check in CHECKS:
        try:
            yield Finding(name, True, check())
        except Ailment as ailment:
            yield Finding(name, False, str(ailment))
        except Exception as error:
            # Whatever it is, it is what the operator needs to read; the other checks still have something to say.
            yield Finding(name, False, f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "no reason given")
