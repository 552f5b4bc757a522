"""All settings, from the environment alone. `.env.example` says what each means; the rest is in `settings_fixed`."""

from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from config.databases import database_from_url, embedded_database_url
from config.embedded.places import find_places, settle_places
from config.embedded.roles import APP_ROLE, OWNER_ROLE
from config.environment import number as _number
from config.environment import numbers as _numbers
from config.environment import percent as _percent
from config.environment import switch as _switch
from config.environment import text as _text
from config.logging import logging_config
from config.secret import kept_secret_key
from config.settings_fixed import *  # noqa: F403 - settings are one namespace
from config.settings_fixed import API_TAGS, BASE_DIR
from config.settings_oversight import *  # noqa: F403 - as above

# ModelAdmin[Mailbox] and the like are only subscriptable after this.
django_stubs_ext.monkeypatch()

# --- Where it runs -------------------------------------------------------------------------------------------------
DEBUG = _switch("DEBUG")
TESTING = _switch("TESTING")
HOST = _text("HOST", "127.0.0.1")
PORT = _number("PORT", 8000)
SMTP_PORT = _number("SMTP_PORT", 2525)
TRUSTED_PROXIES = _number("TRUSTED_PROXIES", 0)
DATA_DIR = (BASE_DIR / _text("DATA_DIR", "var")).resolve()

# Says how far the database knows of what has left, so it must not be restored together with it (mailboxes.epoch).
EPOCH_FILE = DATA_DIR / _text("EPOCH_FILE", "epoch")
# Signed heads of the event logs, for verify_audit: outside of the database (mailboxes.audit.heads).
AUDIT_HEADS_DIR = DATA_DIR / _text("AUDIT_HEADS_DIR", "audit")
AUDIT_HEADS_MINUTES = _number("AUDIT_HEADS_MINUTES", 10)

DATABASE_URL = _text("DATABASE_URL")
EMBEDDED_POSTGRES = not DATABASE_URL
REDIS_URL = _text("REDIS_URL")
EMBEDDED_VALKEY = not REDIS_URL
PLACES = settle_places(DATA_DIR) if EMBEDDED_POSTGRES or EMBEDDED_VALKEY else find_places(DATA_DIR)

_everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - a name to link to, not to bind
LINK_HOST = _everywhere.get(HOST, HOST)
LINK_HOST = f"[{LINK_HOST}]" if ":" in LINK_HOST else LINK_HOST
PUBLIC_URL = _text("PUBLIC_URL").rstrip("/") or f"http://{LINK_HOST}:{PORT}"
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.hostname or _public.path:
    raise ImproperlyConfigured(f"PUBLIC_URL must be http(s)://host or http(s)://host:port, not {PUBLIC_URL!r}")
HTTPS = _public.scheme == "https"

# --- What it is called, how freely it sends, how much --------------------------------------------------------------
PLATFORM_DOMAIN = _text("PLATFORM_DOMAIN", "agents.example").lower()
MAIL_HOST = _text("MAIL_HOST") or f"mail.{PLATFORM_DOMAIN}"
SECURITY_CONTACT = _text("SECURITY_CONTACT") or f"postmaster@{PLATFORM_DOMAIN}"
SIMULATOR_DOMAIN = f"sim.{PLATFORM_DOMAIN}"
TEST_DOMAIN = f"test.{PLATFORM_DOMAIN}"  # mailboxes of test accounts
RELAY_URL = _text("RELAY_URL")
EMAIL_PROVIDER = _text("EMAIL_PROVIDER").lower()
EMAIL_PROVIDER_KEY = _text("EMAIL_PROVIDER_KEY")
EMAIL_PROVIDER_URL = _text("EMAIL_PROVIDER_URL")
# How long what was deleted stays in the database, seen by nobody; the database learns it from `migrate`.
DELETION_DELAY_DAYS = _number("DELETION_DELAY_DAYS", 0)
KEEP_AFTER_DELETION = _text("KEEP_AFTER_DELETION", "nothing").lower()
if KEEP_AFTER_DELETION not in {"nothing", "receipt"}:
    raise ImproperlyConfigured(f"KEEP_AFTER_DELETION is nothing or receipt, not {KEEP_AFTER_DELETION!r}")
SIGNUPS_PER_HOUR = _number("SIGNUPS_PER_HOUR", 5)
SIGN_INS_PER_HOUR = _number("SIGN_INS_PER_HOUR", 60)
SENDS_PER_MINUTE_PER_MAILBOX = _number("SENDS_PER_MINUTE_PER_MAILBOX", 30)
SENDS_PER_MINUTE_PER_ACCOUNT = _number("SENDS_PER_MINUTE_PER_ACCOUNT", 60)
DAILY_SENDS_PER_MAILBOX = _number("DAILY_SENDS_PER_MAILBOX", 100)
MONTHLY_SENDS_PER_MAILBOX = _number("MONTHLY_SENDS_PER_MAILBOX", 5000)
MAILBOXES_PER_ACCOUNT = _number("MAILBOXES_PER_ACCOUNT", 3)
MONTHLY_INBOUND_PER_ACCOUNT = _number("MONTHLY_INBOUND_PER_ACCOUNT", 100)
# "none": as on the free plan of the service whose clients these are. A plan, or an operator, gives an account more.
_domains = _text("DOMAINS_PER_ACCOUNT", "none")
DOMAINS_PER_ACCOUNT = -1 if _domains == "none" else _number("DOMAINS_PER_ACCOUNT", 0)
# How long a domain that is not verified is looked at by itself, and how long a verified one may lack every proof.
DOMAIN_PENDING_DAYS = _number("DOMAIN_PENDING_DAYS", 14)
DOMAIN_FREEZE_DAYS = _number("DOMAIN_FREEZE_DAYS", 3)
STORAGE_BYTES_PER_ACCOUNT = _number("STORAGE_BYTES_PER_ACCOUNT", 1024**3)
WEBHOOKS_PER_ACCOUNT = _number("WEBHOOKS_PER_ACCOUNT", 50)
WEBHOOK_PINGS_PER_MINUTE = _number("WEBHOOK_PINGS_PER_MINUTE", 10)
# How long a webhook's old secret signs along after a rotation that does not say it.
WEBHOOK_SECRET_OVERLAP_HOURS = _number("WEBHOOK_SECRET_OVERLAP_HOURS", 24)
# How many events one request for a redelivery looks at, and how seldom a webhook's owner is written to about it.
WEBHOOK_REDELIVERY_EVENTS = _number("WEBHOOK_REDELIVERY_EVENTS", 10_000)
WEBHOOK_NOTICE_HOURS = _number("WEBHOOK_NOTICE_HOURS", 6)
# How webhooks are told: seconds of an attempt, attempts at once (of a process, and of one webhook), pauses between the
# attempts of a delivery, failed attempts in a row that end it.
WEBHOOK_SECONDS = _number("WEBHOOK_SECONDS", 15)
WEBHOOK_THREADS = max(_number("WEBHOOK_THREADS", 32), 2)
WEBHOOK_AT_ONCE = max(_number("WEBHOOK_AT_ONCE", 4), 1)
WEBHOOK_RETRY_MINUTES = _numbers("WEBHOOK_RETRY_MINUTES", "1,5,30,120,720")
WEBHOOK_FAILURES = max(_number("WEBHOOK_FAILURES", 10), 1)
# How far back listeners may go on from. The event log itself is never cut: it is the audit log.
EVENT_RETENTION_DAYS = _number("EVENT_RETENTION_DAYS", 30)
# An event socket: how long it may take to show its key, and after how long it is asked to come again.
SOCKET_KEY_SECONDS = _number("SOCKET_KEY_SECONDS", 10)
SOCKET_SECONDS = _number("SOCKET_SECONDS", 3600)
# 25 MiB of content, base64 and headers included.
MAX_MESSAGE_BYTES = _number("MAX_MESSAGE_BYTES", 35 * 1024**2)
# What one send takes of the limits: each of its recipients, or the message.
COUNT_SENDS_BY = _text("COUNT_SENDS_BY", "recipients")
if COUNT_SENDS_BY not in {"recipients", "messages"}:
    raise ImproperlyConfigured(f"COUNT_SENDS_BY must be recipients or messages, not {COUNT_SENDS_BY!r}")
# Sends alike within so many seconds are one send twice. Of how many messages of an hour or a day the facts of a send
# are counted at most (no rule's number may be higher); in how many of a thread they look for who takes part.
DUPLICATE_SECONDS = _number("DUPLICATE_SECONDS", 60)
FACTS_MOST_MESSAGES = _number("FACTS_MOST_MESSAGES", 10_000)
FACTS_MOST_OF_THREAD = _number("FACTS_MOST_OF_THREAD", 500)
REFUSE_TEST_RECIPIENTS = _switch("REFUSE_TEST_RECIPIENTS")
REFUSED_RECIPIENT_DOMAINS = [
    one.strip().lower() for one in _text("REFUSED_RECIPIENT_DOMAINS").split(",") if one.strip()
]
# Above either of these, over the days and sends that make it worth judging, the machine suspends an account. 0: never.
MAX_BOUNCE_PERCENT = _percent("MAX_BOUNCE_PERCENT", "3")
MAX_COMPLAINT_PERCENT = _percent("MAX_COMPLAINT_PERCENT", "0.05")
REPUTATION_DAYS = _number("REPUTATION_DAYS", 7)
REPUTATION_MIN_SENDS = _number("REPUTATION_MIN_SENDS", 50)
# One file, sent or received; how many a received and a sent message may have; all of a sent one together.
MAX_FILE_BYTES = _number("MAX_FILE_BYTES", 25 * 1024**2)
MAX_FILES_RECEIVED = _number("MAX_FILES_RECEIVED", 20)
MAX_FILES_SENT = _number("MAX_FILES_SENT", 10)
MAX_FILES_SENT_BYTES = _number("MAX_FILES_SENT_BYTES", 25 * 1024**2)
FILE_LINK_HOURS = _number("FILE_LINK_HOURS", 24)
UNSENT_FILE_HOURS = _number("UNSENT_FILE_HOURS", 7 * 24)
SMTP_CONNECTIONS_PER_PEER = _number("SMTP_CONNECTIONS_PER_PEER", 20)
# Who is asked for help. Empty: nobody by mail; the tickets stand in the admin.
SUPPORT_EMAIL = _text("SUPPORT_EMAIL")
SUPPORT_TICKETS_PER_DAY = _number("SUPPORT_TICKETS_PER_DAY", 10)
# Empty: the system's resolvers. "off": the senders of arriving mail are not checked.
DNS_RESOLVERS = [resolver.strip() for resolver in _text("DNS_RESOLVERS").split(",") if resolver.strip()]
# Hosts and networks of the operator's own that attachments by URL may be fetched from, by plain http too.
ALLOWED_PRIVATE_HOSTS = [host.strip().lower() for host in _text("ALLOWED_PRIVATE_HOSTS").split(",") if host.strip()]
# host:port of receivers of the operator's own that webhooks may be told to, by plain http too.
WEBHOOK_ALLOW = [entry.strip().lower() for entry in _text("WEBHOOK_ALLOW").split(",") if entry.strip()]

# Streams of events: how long one lasts, after which silence it says that it lives, how many at once; how much may wait
# for one that does not keep up before it is told from the log again, and how long one may take nothing at all.
SSE_SECONDS = _number("SSE_SECONDS", 270)
HEARTBEAT_SECONDS = _number("HEARTBEAT_SECONDS", 20)
if not 0 < HEARTBEAT_SECONDS <= 30:
    raise ImproperlyConfigured("HEARTBEAT_SECONDS is 1 to 30: clients give up after 60 seconds of silence")
LONG_POLL_SECONDS = _number("LONG_POLL_SECONDS", 60)
SSE_PER_KEY = _number("SSE_PER_KEY", 5)
SSE_PER_ACCOUNT = _number("SSE_PER_ACCOUNT", 50)
EVENT_QUEUE_BYTES = _number("EVENT_QUEUE_BYTES", 1024**2)
SLOW_CLIENT_SECONDS = _number("SLOW_CLIENT_SECONDS", 20)

# How long an agent's key may be believed without a look at the database; its NOTIFY shortens that to milliseconds.
KEY_CACHE_SECONDS = _number("KEY_CACHE_SECONDS", 5)
if KEY_CACHE_SECONDS > 5:
    raise ImproperlyConfigured("KEY_CACHE_SECONDS is 5 at most: so long may a revoked key be believed")

# How long an old key goes on beside the one that took its place, how far away a key's end may be, and what becomes of
# the mail of a revoked key that has not left: held again, cancelled, or sent all the same.
KEY_OVERLAP_HOURS = _number("KEY_OVERLAP_HOURS", 24)
KEY_MAX_DAYS = min(_number("KEY_MAX_DAYS", 3650), 36_500)
REVOKED_KEY_MAIL = _text("REVOKED_KEY_MAIL", "hold").lower()
if REVOKED_KEY_MAIL not in {"hold", "cancel", "keep"}:
    raise ImproperlyConfigured(f"REVOKED_KEY_MAIL is hold, cancel or keep, not {REVOKED_KEY_MAIL!r}")
# Keys that are no good, from one address, before it is told to wait.
FAILED_KEYS_PER_MINUTE = _number("FAILED_KEYS_PER_MINUTE", 30)
# How long it is kept who called the API; how many calls may wait in a process to be written down.
ACCESS_LOG_DAYS = _number("ACCESS_LOG_DAYS", 90)
ACCESS_LOG_WAITING = _number("ACCESS_LOG_WAITING", 10_000)

# The defaults of mailboxes.models.LimitKind; an account's own limits stand in Limit rows. 0 is unlimited.
DEFAULT_LIMITS = {
    "daily_sends": DAILY_SENDS_PER_MAILBOX,
    "monthly_sends": MONTHLY_SENDS_PER_MAILBOX,
    "mailbox_sends_per_minute": SENDS_PER_MINUTE_PER_MAILBOX,
    "account_sends_per_minute": SENDS_PER_MINUTE_PER_ACCOUNT,
    "mailboxes": MAILBOXES_PER_ACCOUNT,
    "monthly_inbound": MONTHLY_INBOUND_PER_ACCOUNT,
    "domains": DOMAINS_PER_ACCOUNT,
    "storage_bytes": STORAGE_BYTES_PER_ACCOUNT,
}

# --- Plans and who is paid (billing) --------------------------------------------------------------------------------
PLANS = _text("PLANS", "on")
STRIPE_SECRET_KEY = _text("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRET = _text("STRIPE_WEBHOOK_SECRET")
STRIPE_API_URL = _text("STRIPE_API_URL", "https://api.stripe.com").rstrip("/")

# Places where a process kills itself on demand (chaos tests). Deaf outside of DEBUG and TESTING; see config.checks.
FAULTPOINTS_REQUESTED = _text("FAULTPOINTS")
FAULTPOINTS = FAULTPOINTS_REQUESTED if DEBUG or TESTING else ""

# --- Database: two roles -------------------------------------------------------------------------------------------
DATABASES = {"default": database_from_url(DATABASE_URL or embedded_database_url(PLACES, role=APP_ROLE))}
# The owner's way in, for migrate and flush only (config.owner). Not an alias: nothing else can reach it by accident.
DATABASE_ADMIN_URL = _text("DATABASE_ADMIN_URL")
DATABASE_ADMIN = (
    database_from_url(DATABASE_ADMIN_URL or DATABASE_URL)
    if DATABASE_ADMIN_URL or DATABASE_URL
    else database_from_url(embedded_database_url(PLACES, role=OWNER_ROLE))
)
if _switch("DATABASE_POOL"):
    # Web processes only: each of the threads that answer requests would keep a connection of its own. As many as there
    # are threads when all are busy (`threaded.THREADS`, and five that read events), and some from the start: nobody
    # waits for the pool to grow.
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 4, "max_size": 29, "timeout": 10}

# --- Broker, cache, channel layer: doorbells and counters, never truth ---------------------------------------------
_redis_url = REDIS_URL or f"unix://{PLACES.valkey_socket}"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _redis_url,
        "KEY_PREFIX": "gatepost",
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_redis_url], "prefix": "gatepost"},
    },
}
CELERY_BROKER_URL = _text("BROKER_URL") or _redis_url.replace("unix://", "redis+socket://", 1)

# --- Who may come in -----------------------------------------------------------------------------------------------
if not EMBEDDED_POSTGRES and not _text("SECRET_KEY"):
    raise ImproperlyConfigured("SECRET_KEY is required when DATABASE_URL is set (50 random characters or more)")
SECRET_KEY = _text("SECRET_KEY") or kept_secret_key(DATA_DIR)

# Loopback names are always answered: health checks and people on the machine itself use them.
ALLOWED_HOSTS = sorted({_public.hostname, "localhost", "127.0.0.1", "[::1]"})
if ":" in _public.hostname:
    ALLOWED_HOSTS.append(f"[{_public.hostname}]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# Browsers share cookies between the ports of a host; instances side by side must not sign each other out.
_cookie_prefix = "__Host-gatepost" if HTTPS else f"gatepost_{_public.port or 80}"
SESSION_COOKIE_NAME = f"{_cookie_prefix}_session"
CSRF_COOKIE_NAME = f"{_cookie_prefix}_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# For /v1 alone, so it can't have the prefix __Host-, which asks for the path /.
API_SESSION_COOKIE_NAME = f"{'__Secure-gatepost' if HTTPS else _cookie_prefix}_api"
API_SESSION_HOURS = _number("API_SESSION_HOURS", 24)
# How long a code, or the password typed again, counts as recent; it is as long that a sign-in waits for its code.
SECOND_STEP_MINUTES = max(_number("SECOND_STEP_MINUTES", 15), 1)
# After so many wrong codes in a row a person's codes are not looked at for so long.
SECOND_STEP_TRIES = max(_number("SECOND_STEP_TRIES", 5), 1)
SECOND_STEP_LOCK_MINUTES = max(_number("SECOND_STEP_LOCK_MINUTES", 15), 1)
# Whether Django admin opens only to operators who have a second factor.
ADMIN_REQUIRES_MFA = _switch("ADMIN_REQUIRES_MFA")
LANGUAGE_COOKIE_NAME = f"{_cookie_prefix}_language"

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
if HTTPS:
    # We never speak TLS ourselves: behind https there is a proxy, and it must set this header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# The platform's own mailbox.
DEFAULT_FROM_EMAIL = SERVER_EMAIL = f"no-reply@{PLATFORM_DOMAIN}"

# --- Files, API, logs ------------------------------------------------------------------------------------------------
# Empty: served as they lie in the apps' folders. Set, and filled by `collectstatic`: hashed names, compressed.
STATIC_ROOT = _text("STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
# Contents of attachments: a folder, or any S3 (needs boto3: `pip install django-storages[s3]`).
FILES_DIR = (BASE_DIR / (_text("FILES_DIR") or DATA_DIR / "files")).resolve()
FILES_BUCKET = _text("FILES_BUCKET")
_bucket = {
    "bucket_name": FILES_BUCKET,
    "endpoint_url": _text("FILES_ENDPOINT") or None,
    "region_name": _text("FILES_REGION") or None,
    "access_key": _text("FILES_ACCESS_KEY") or None,
    "secret_key": _text("FILES_SECRET_KEY") or None,
}
_static_storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "attachments": {"BACKEND": "messaging.attachments.bucket.Bucket", "OPTIONS": _bucket}
    if FILES_BUCKET
    else {"BACKEND": "messaging.attachments.folder.Folder", "OPTIONS": {"location": FILES_DIR}},
    "staticfiles": {
        "BACKEND": _static_storage if STATIC_ROOT else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatepost API",
    "VERSION": "1",
    "DESCRIPTION": "Mailboxes for AI agents, with human oversight. Every answer is JSON, every error says what to do.",
    "SERVERS": [{"url": PUBLIC_URL}],
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/v1",
    "PREPROCESSING_HOOKS": ["mailboxes.api.openapi.only_v1"],
    "POSTPROCESSING_HOOKS": ["mailboxes.api.openapi.tidy"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
    "TAGS": [{"name": name} for name in API_TAGS],
}
LOG_FORMAT = _text("LOG_FORMAT", "text" if EMBEDDED_POSTGRES or DEBUG else "json")
LOGGING = logging_config(as_json=LOG_FORMAT == "json", level=_text("LOG_LEVEL", "INFO"))
