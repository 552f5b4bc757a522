"""What to tell a person whose command needs the embedded database while nothing runs."""

import socket

from django.conf import settings


def explain_absence() -> str | None:
    """One sentence when the embedded database is in use and does not answer, else None (another error then)."""
    if not settings.EMBEDDED_POSTGRES:
        return None
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(settings.PLACES.postgres_socket))
    except OSError:
        return f'Gatepost is not running with DATA_DIR={settings.DATA_DIR}: start it with "make run"'
    return None
