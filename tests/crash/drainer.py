"""A worker in a process of its own, to be killed: drains the outbox once. Arguments: database URL, relay URL."""

from __future__ import annotations

import os
import sys


def main(database_url: str, relay_url: str) -> None:
    os.environ["DATABASE_URL"] = database_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"

    import django

    django.setup()

    from django.test import override_settings

    from messaging.outbound import dispatch

    with override_settings(RELAY_URL=relay_url):
        dispatch.drain()


if __name__ == "__main__":
    main(*sys.argv[1:])
