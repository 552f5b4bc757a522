"""Settings that are the same in every installation: apps, middleware, sign-in, page policy, API."""

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Django ----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config",
    "mailboxes",
    "messaging",
    "oversight",
    "billing",
    "config.libraries.OperatorDesk",
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
    "config.libraries.Addresses",
    "config.libraries.SecondFactor",
]
MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "config.client_address.ClientAddressMiddleware",
    "mailboxes.api.access_middleware.AccessLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.page_middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.page_middleware.PageSession",
    "config.page_middleware.PageLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.page_middleware.PageUser",
    "config.page_middleware.PageMessages",
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
STATICFILES_DIRS = [BASE_DIR / "static"]
# Mail that Django itself writes leaves through the one door, from the platform's own mailbox.
EMAIL_BACKEND = "oversight.mail_backend.OutboxBackend"
LOGGING_CONFIG = None

# --- Work in the background ------------------------------------------------------------------------------------------
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ALWAYS_EAGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# A doorbell that does not ring at once is not worth waiting for: a sweep finds the row.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 2}

# --- Who may come in -------------------------------------------------------------------------------------------------
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
# What Django's sign-in forms call it. Axes would guess "email" from our user model, and count failures under no name.
AXES_USERNAME_FORM_FIELD = "username"
# Name and address together: an attacker must not be able to lock a reviewer out of the stop button.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_ENABLE_ACCESS_FAILURE_LOG = False
# The second factor: a code of an app (TOTP) or a recovery code. One step of 30 seconds early or late is let pass.
LOGIN_URL = "login"
MFA_ADAPTER = "mailboxes.mfa_adapter.VaultAdapter"
MFA_TOTP_ISSUER = "Gatepost"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_COUNT = 10
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600

# --- What browsers may do --------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The API refuses plain http in JSON: no SDK follows redirects.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^v1(/|$)", r"^api/"]
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

# --- API -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
# The chapters of its documentation, in their order.
API_TAGS = (
    "Signup",
    "Sign-in",
    "Account",
    "API keys",
    "Mailboxes",
    "Domains",
    "Messages",
    "Threads",
    "Attachments",
    "Oversight",
    "Billing",
    "Support",
    "Events",
    "Webhooks",
    "Suppressions",
)
