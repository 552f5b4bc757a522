"""Mails that keep flowing: `python -m tests.bench.flow <key> <a second>` submits as an agent until it is ended."""

from __future__ import annotations

import os
import sys
import time

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from mailboxes import clock, keys
    from mailboxes.models import Mailbox
    from messaging.mime.types import Draft
    from oversight import submission

    key, rate = sys.argv[1], float(sys.argv[2])
    actor = keys.authenticate(key, now=clock.now())
    box = Mailbox.objects.get(account=actor.account)
    draft = Draft(mailbox_id=box.pk, to=("kim@friends.example",), subject="Hello", body_text="Good day.\n" * 100)
    begun, sent = time.monotonic(), 0
    print("Flows", flush=True)
    while True:
        submission.submit(draft, actor=actor, now=clock.now())
        sent += 1
        time.sleep(max(begun + sent / rate - time.monotonic(), 0))


if __name__ == "__main__":
    main()
