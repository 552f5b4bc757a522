"""What the environment, or the file `.env` beside manage.py, says of a setting. An empty value is the default."""

from __future__ import annotations

import os
import re
from decimal import Decimal

import environ
from django.core.exceptions import ImproperlyConfigured

from config.settings_fixed import BASE_DIR

env = environ.Env()
if "TESTING" not in os.environ:
    environ.Env.read_env(BASE_DIR / ".env")


def text(name: str, default: str = "") -> str:
    return env.str(name, default="").strip() or default


def number(name: str, default: int) -> int:
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}")
    return int(value)


def numbers(name: str, default: str) -> list[int]:
    values = [value.strip() for value in text(name, default).split(",")]
    if not all(value.isascii() and value.isdigit() for value in values):
        raise ImproperlyConfigured(f"{name} must be whole numbers with commas between them, not {','.join(values)!r}")
    return [int(value) for value in values]


def percent(name: str, default: str) -> Decimal:
    value = text(name, default)
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", value, re.ASCII):
        raise ImproperlyConfigured(f"{name} must be a percentage such as 3 or 0.05, not {value!r}")
    return Decimal(value)


def switch(name: str) -> bool:
    return bool(env.bool(name, default=False))
