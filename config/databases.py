"""Turns a database URL into Django's dictionary."""

from typing import Any

import environ

from config.embedded.places import Places
from config.embedded.roles import DATABASE


def database_from_url(url: str) -> dict[str, Any]:
    """One entry of DATABASES. A unix socket is written as libpq does: postgresql://role@/name?host=/folder."""
    parsed = environ.Env.db_url_config(url)
    options = dict(parsed.get("OPTIONS") or {})
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parsed["NAME"],
        "USER": parsed["USER"],
        "PASSWORD": parsed["PASSWORD"],
        "HOST": options.pop("host", "") or parsed["HOST"],
        "PORT": parsed["PORT"],
        # A pool (web only) and kept connections exclude each other; see OPTIONS in settings.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"connect_timeout": 5} | options,
        "TEST": {"SERIALIZE": False},
    }


def embedded_database_url(places: Places, *, role: str, database: str = DATABASE) -> str:
    """The address of the embedded database that lives (or will live) in these folders."""
    return f"postgresql://{role}@/{database}?host={places.sockets}"
