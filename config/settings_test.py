"""Settings of the tests: the same, on the throw-away database that tests/postgres.py started."""

import os

os.environ.setdefault("DATABASE_URL", "postgresql://gatepost@/gatepost?host=/nonexistent")
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ["TESTING"] = "1"
# Tests change keys past the verbs, in transactions that never commit; those of the memory switch it on.
os.environ.setdefault("KEY_CACHE_SECONDS", "0")
# Its writer has a connection of its own, to which most tests' accounts do not exist; its own tests switch it on.
os.environ.setdefault("ACCESS_LOG_DAYS", "0")
# All tests come from one address, many with keys that are no good.
os.environ.setdefault("FAILED_KEYS_PER_MINUTE", "0")
# What the shell of the person who runs the tests has set must not change what the tests see.
for name in (
    "DEBUG",
    "PUBLIC_URL",
    "PLATFORM_DOMAIN",
    "RELAY_URL",
    "EMAIL_PROVIDER",
    "DEFAULT_MODE",
    "UNDO_SECONDS",
    "DATABASE_POOL",
    "STATIC_ROOT",
    "PLANS",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "STRIPE_API_URL",
):
    os.environ.pop(name, None)

from config.settings import *  # noqa: E402, F403

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CELERY_BROKER_URL = "memory://"
DNS_RESOLVERS = ["off"]
# Argon2 is slow on purpose; a test that needs a password needs hundreds of them.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "attachments": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Each test client builds the application anew; whitenoise would look at every static file each time.
WHITENOISE_AUTOREFRESH = True
# First, so that its `flush` is the one that runs after tests that commit.
INSTALLED_APPS = ["tests", *INSTALLED_APPS, "zeal"]  # noqa: F405
MIDDLEWARE = ["zeal.middleware.zeal_middleware", *MIDDLEWARE]  # noqa: F405
ZEAL_RAISE = True
# An approval reads the sealed bytes twice on purpose: once for the decision, once where the outbox compares them.
ZEAL_ALLOWLIST = [{"model": "messaging.Revision", "field": "get()"}]
