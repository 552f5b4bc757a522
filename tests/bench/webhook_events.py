"""What happens at a steady pace: `<seconds> <events a second in each account> <account> …` on the command line.

A process with production's settings, so that each event rings as it does there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from uuid import UUID


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

    import django

    django.setup()

    from mailboxes import clock, events
    from mailboxes.models import Event

    seconds, rate, *accounts = sys.argv[1:]
    samples = [
        Event.objects.filter(account=UUID(account), kind="message.sent").order_by("seq")[0] for account in accounts
    ]
    begun = time.monotonic()
    for turn in range(int(float(seconds) * float(rate))):
        time.sleep(max(0.0, begun + turn / float(rate) - time.monotonic()))
        for one in samples:
            data, box = json.loads(one.data), one.mailbox_id
            events.record(one.account_id, one.kind, subject=one.subject, data=data, now=clock.now(), mailbox_id=box)


if __name__ == "__main__":
    main()
