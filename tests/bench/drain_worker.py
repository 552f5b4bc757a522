"""A worker to be measured: for every line on stdin, `<relay URL> <signed|unsigned>`, it drains the outbox until nothing
is due, and answers with one line of JSON: how many mails it attempted, and how much CPU they took it.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"

    import django

    django.setup()

    from django.test import override_settings

    from messaging.mime import dkim_signature

    sign = dkim_signature.sign
    print("ready", flush=True)
    for line in sys.stdin:
        relay_url, kind = line.split()
        # Unsigned is for the comparison with programs that do not sign; the product has no such switch.
        dkim_signature.sign = sign if kind == "signed" else lambda raw, **_: b""
        with override_settings(RELAY_URL=relay_url):
            print(json.dumps(_drain()), flush=True)


def _drain() -> dict[str, float]:
    from messaging.outbound import dispatch

    begun, count = time.process_time(), 0
    while made := dispatch.drain():
        count += made
    return {"count": count, "cpu": time.process_time() - begun}


if __name__ == "__main__":
    main()
