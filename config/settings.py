"""All settings, from the environment alone. `.env.example` has one line for each; `config/README.md` says more."""

from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from config.databases import database_from_url, embedded_database_url
from config.embedded.places import find_places
from config.embedded.roles import APP_ROLE, OWNER_ROLE
from config.logging import logging_config
from config.secret import kept_secret_key

# ModelAdmin[Mailbox] and the like are only subscriptable after this.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

# --- Where it runs -------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
TESTING = env.bool("TESTING", default=False)
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
SMTP_PORT = env.int("SMTP_PORT", default=2525)
DATA_DIR = (BASE_DIR / env.str("DATA_DIR", default="var")).resolve()

DATABASE_URL = env.str("DATABASE_URL", default="")
EMBEDDED_POSTGRES = not DATABASE_URL
REDIS_URL = env.str("REDIS_URL", default="")
EMBEDDED_VALKEY = not REDIS_URL

_everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - a name to link to, not to bind
_link_host = _everywhere.get(HOST, HOST)
_link_host = f"[{_link_host}]" if ":" in _link_host else _link_host
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/") or f"http://{_link_host}:{PORT}"
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.hostname or _public.path:
    raise ImproperlyConfigured(f"PUBLIC_URL must be http(s)://host or http(s)://host:port, not {PUBLIC_URL!r}")
HTTPS = _public.scheme == "https"

# --- What it is called, how freely it sends, how much --------------------------------------------------------------
PLATFORM_DOMAIN = env.str("PLATFORM_DOMAIN", default="agents.example").lower()
MAIL_HOST = env.str("MAIL_HOST", default="") or f"mail.{PLATFORM_DOMAIN}"
SIMULATOR_DOMAIN = f"sim.{PLATFORM_DOMAIN}"
RELAY_URL = env.str("RELAY_URL", default="")
DEFAULT_MODE = env.str("DEFAULT_MODE", default="gated_send")
UNDO_SECONDS = env.int("UNDO_SECONDS", default=30)
REVIEW_EXPIRES_DAYS = env.int("REVIEW_EXPIRES_DAYS", default=7)
SIGNUPS_PER_HOUR = env.int("SIGNUPS_PER_HOUR", default=5)
SENDS_PER_MINUTE_PER_MAILBOX = env.int("SENDS_PER_MINUTE_PER_MAILBOX", default=30)
SENDS_PER_MINUTE_PER_ACCOUNT = env.int("SENDS_PER_MINUTE_PER_ACCOUNT", default=60)
DAILY_SENDS_PER_MAILBOX = env.int("DAILY_SENDS_PER_MAILBOX", default=100)
MONTHLY_SENDS_PER_MAILBOX = env.int("MONTHLY_SENDS_PER_MAILBOX", default=5000)
MAILBOXES_PER_ACCOUNT = env.int("MAILBOXES_PER_ACCOUNT", default=3)
MONTHLY_INBOUND_PER_ACCOUNT = env.int("MONTHLY_INBOUND_PER_ACCOUNT", default=100)
STORAGE_BYTES_PER_ACCOUNT = env.int("STORAGE_BYTES_PER_ACCOUNT", default=1024**3)
# 25 MiB of content, base64 and headers included.
MAX_MESSAGE_BYTES = env.int("MAX_MESSAGE_BYTES", default=35 * 1024**2)

# The defaults of mailboxes.models.LimitKind; an account's own limits stand in Limit rows. 0 is unlimited.
DEFAULT_LIMITS = {
    "daily_sends": DAILY_SENDS_PER_MAILBOX,
    "monthly_sends": MONTHLY_SENDS_PER_MAILBOX,
    "mailbox_sends_per_minute": SENDS_PER_MINUTE_PER_MAILBOX,
    "account_sends_per_minute": SENDS_PER_MINUTE_PER_ACCOUNT,
    "mailboxes": MAILBOXES_PER_ACCOUNT,
    "monthly_inbound": MONTHLY_INBOUND_PER_ACCOUNT,
    "storage_bytes": STORAGE_BYTES_PER_ACCOUNT,
}

# Places where a process kills itself on demand (chaos tests). Deaf outside of DEBUG and TESTING; see config.checks.
FAULTPOINTS_REQUESTED = env.str("FAULTPOINTS", default="")
FAULTPOINTS = FAULTPOINTS_REQUESTED if DEBUG or TESTING else ""

# --- Django --------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",
    "config",
    "mailboxes",
    "messaging",
    "oversight",
    "billing",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "channels",
    "django_htmx",
    "csp",
    "axes",
]
MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
# /v1 has no trailing slashes and must answer 404, not redirect; the console's links are written with theirs.
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# Serves straight from the apps' folders; `collectstatic` is for those who put a web server in front.
WHITENOISE_USE_FINDERS = True

# --- Database: two roles -------------------------------------------------------------------------------------------
DATABASES = {"default": database_from_url(DATABASE_URL or embedded_database_url(DATA_DIR, role=APP_ROLE))}
# The owner's way in, for migrate and flush only (config.owner). Not an alias: nothing else can reach it by accident.
DATABASE_ADMIN_URL = env.str("DATABASE_ADMIN_URL", default="")
DATABASE_ADMIN = (
    database_from_url(DATABASE_ADMIN_URL or DATABASE_URL)
    if DATABASE_ADMIN_URL or DATABASE_URL
    else database_from_url(embedded_database_url(DATA_DIR, role=OWNER_ROLE))
)
if env.bool("DATABASE_POOL", default=False):
    # Web processes only: under ASGI each request has its own thread, and with it would have its own connection.
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 16, "timeout": 10}

# --- Broker, cache, channel layer: doorbells and counters, never truth ---------------------------------------------
_redis_url = REDIS_URL or f"unix://{find_places(DATA_DIR).valkey_socket}"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _redis_url}}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_redis_url], "prefix": "gatepost"},
    },
}
CELERY_BROKER_URL = env.str("BROKER_URL", default="") or _redis_url.replace("unix://", "redis+socket://", 1)
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ALWAYS_EAGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# A doorbell that does not ring at once is not worth waiting for: a sweep finds the row.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 30}

# --- Who may come in -----------------------------------------------------------------------------------------------
if not EMBEDDED_POSTGRES and not env.str("SECRET_KEY", default=""):
    raise ImproperlyConfigured("SECRET_KEY is required when DATABASE_URL is set (50 random characters or more)")
SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret_key(DATA_DIR)
AUTH_USER_MODEL = "mailboxes.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Name and address together: an attacker must not be able to lock a reviewer out of the stop button.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_ENABLE_ACCESS_FAILURE_LOG = False

# Loopback names are always answered: health checks and people on the machine itself use them.
ALLOWED_HOSTS = sorted({_public.hostname, "localhost", "127.0.0.1", "[::1]"})
if ":" in _public.hostname:
    ALLOWED_HOSTS.append(f"[{_public.hostname}]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# Browsers share cookies between the ports of a host; instances side by side must not sign each other out.
_cookie_prefix = "__Host-gatepost" if HTTPS else f"gatepost_{_public.port or 80}"
SESSION_COOKIE_NAME = f"{_cookie_prefix}_session"
CSRF_COOKIE_NAME = f"{_cookie_prefix}_csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 14 * 24 * 3600
LANGUAGE_COOKIE_NAME = f"{_cookie_prefix}_language"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
if HTTPS:
    # We never speak TLS ourselves: behind https there is a proxy, and it must set this header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # other names below the domain are not ours to force to https
    "security.W021",  # the same for the browsers' preload list
    "auth.W004",  # email is unique by a constraint on Lower(email), which the check does not see
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

# --- API, logs -----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {"TITLE": "Gatepost", "VERSION": "1", "SERVE_INCLUDE_SCHEMA": False}
LOGGING_CONFIG = None
LOG_FORMAT = env.str("LOG_FORMAT", default="text" if EMBEDDED_POSTGRES or DEBUG else "json")
LOGGING = logging_config(as_json=LOG_FORMAT == "json", level=env.str("LOG_LEVEL", default="INFO"))
