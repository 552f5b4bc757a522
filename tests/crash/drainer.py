"""Workers to be killed, each a process of its own: for every line `<fault points> <relay URL>` on stdin one is forked
that drains the outbox once. Answers with its pid at once, and at its end with its exit code (negative: the signal).
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"

    import django

    django.setup()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _drain(*line.split())
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _drain(faultpoints: str, relay_url: str) -> None:
    from django.test import override_settings

    from messaging.outbound import dispatch

    code = 1
    try:
        with override_settings(FAULTPOINTS=faultpoints, RELAY_URL=relay_url):
            dispatch.drain()
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
