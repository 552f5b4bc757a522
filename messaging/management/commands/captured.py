"""Lists what left through the sandbox, newest first; mail looped back to our own listener too."""

from __future__ import annotations

import json
import time
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from messaging.models import Captured

POLL_EVERY = 0.2


class Command(BaseCommand):
    help = "List the mail that the sandbox took instead of a relay, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", metavar="ADDRESS", default="", help="only mail to this address")
        parser.add_argument("--latest", action="store_true", help="only the newest")
        parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most N (default 50)")
        parser.add_argument("--wait", type=float, default=0, metavar="S", help="wait up to S seconds for one")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="a JSON list")
        form.add_argument("--raw", action="store_true", help="the exact bytes, signature included")

    def handle(self, **options: Any) -> None:
        found = _find(to=options["to"], limit=1 if options["latest"] else options["limit"], wait=options["wait"])
        if not found and (options["wait"] or options["latest"]):
            raise CommandError("Nothing was captured" + (f" for {options['to']}." if options["to"] else "."))
        if options["raw"]:
            for one in found:
                # Seven-bit by construction: text out is bytes out.
                self.stdout.write(bytes(one.raw).decode("ascii"), ending="")
        elif options["json"]:
            self.stdout.write(json.dumps([_as_json(one) for one in found], indent=2))
        else:
            for one in found:
                self.stdout.write(_as_line(one))


def _find(*, to: str, limit: int, wait: float) -> list[Captured]:
    until = time.monotonic() + wait
    while True:
        found = list(_query(to)[:limit])
        if found or time.monotonic() >= until:
            return found
        time.sleep(POLL_EVERY)


def _query(to: str) -> QuerySet[Captured]:
    query = Captured.objects.select_related("recipient").order_by("-captured_at", "-pk")
    return query.filter(address=to.strip().lower()) if to else query


def _as_json(one: Captured) -> dict[str, object]:
    headers = BytesHeaderParser().parsebytes(bytes(one.raw))
    return {
        "id": str(one.pk),
        "messageId": str(one.recipient.message_id),
        "to": one.address,
        "envelopeSender": one.envelope_sender,
        "from": _decoded(headers["From"]),
        "subject": _decoded(headers["Subject"]),
        "internetMessageId": _decoded(headers["Message-ID"]),
        "looped": one.is_looped,
        "capturedAt": one.captured_at.isoformat().replace("+00:00", "Z"),
    }


def _as_line(one: Captured) -> str:
    subject = _decoded(BytesHeaderParser().parsebytes(bytes(one.raw))["Subject"])
    looped = "  (looped back)" if one.is_looped else ""
    return f"{one.captured_at:%Y-%m-%d %H:%M:%S}  {one.address}  {subject}{looped}"


def _decoded(value: object) -> str:
    return " ".join(str(make_header(decode_header(str(value or "")))).split())
