"""A worker to be measured: for every line on stdin, `<relay URL> <signed|unsigned> <threads>`, it drains the outbox
until nothing is due, and answers with one line of JSON: how many mails it attempted, and how much CPU they took it.

The broker behind `argv[1]` is real: the doorbells of a worker cost what they cost.
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

    from django.conf import settings
    from django.test import override_settings

    from messaging.mime import dkim_signature

    layer = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": layer, "CONFIG": {"hosts": [sys.argv[1]], "prefix": "bench"}}}

    sign = dkim_signature.sign
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        relay_url, kind, threads = line.split()
        # Unsigned is for the comparison with programs that do not sign; the product has no such switch.
        dkim_signature.sign = sign if kind == "signed" else lambda raw, **_: b""
        with override_settings(RELAY_URL=relay_url):
            print(json.dumps(_drain(int(threads))), flush=True)


def _drain(threads: int) -> dict[str, float]:
    from messaging.outbound import dispatch

    begun, count = time.process_time(), 0
    while made := dispatch.drain(threads=threads):
        count += made
    return {"count": count, "cpu": time.process_time() - begun}


if __name__ == "__main__":
    main()
