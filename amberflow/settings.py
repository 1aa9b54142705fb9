"""Settings: environment only. `.env.example` documents each variable."""

import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from amberflow import devdb
from amberflow.environment import BASE_DIR, env, flag, integer, is_local, local_secret, names, required
from amberflow.navigation import UNFOLD

__all__ = ["UNFOLD"]

LOCAL = is_local()
HOME = devdb.home()

# --- who may call, and where the installation is reachable ---------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    SECRET_KEY = (
        local_secret(HOME / "secret_key")
        if LOCAL
        else required("SECRET_KEY", local_default="", remedy="Set it to 50 or more random characters.")
    )
DEBUG = flag("DEBUG", default=False)
PORT = integer("AMBERFLOW_PORT", default=8000, minimum=1)
PUBLIC_URL = required(
    "PUBLIC_URL",
    local_default=f"http://127.0.0.1:{PORT}",
    remedy="Set it to the address under which customers and Stripe reach this installation, "
    "for example https://billing.example.com.",
).rstrip("/")
if not re.fullmatch(r"https?://[^/\s]+", PUBLIC_URL):
    raise ImproperlyConfigured(f"PUBLIC_URL={PUBLIC_URL!r} must be like https://billing.example.com, without a path.")
_host = re.sub(r":\d+$", "", PUBLIC_URL.split("://", 1)[1])
ALLOWED_HOSTS = names("ALLOWED_HOSTS", default=[_host, "127.0.0.1", "localhost"] if LOCAL else [_host])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_COOKIES = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", default=SECURE_COOKIES)
SECURE_HSTS_SECONDS = integer("SECURE_HSTS_SECONDS", default=31_536_000 if SECURE_COOKIES else 0)
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if flag("BEHIND_PROXY", default=False) else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Of numpy, when it is loaded: nothing here multiplies matrices, and processes are copied best without other threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# --- applications --------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "amberflow.apps.AmberflowConfig",
    "amberflow.apps.AmberflowAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "simple_history",
    "django_q",
    "djstripe",
    "customers",
    "metering",
    "pricing",
    "rating",
    "invoicing",
]
MIDDLEWARE = [
    "metering.api.call_log.CallLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]
ROOT_URLCONF = "amberflow.urls"
WSGI_APPLICATION = "amberflow.wsgi.application"
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
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- database ------------------------------------------------------------------------------------------------
if LOCAL:
    _database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "amberflow",
        "USER": "postgres",
        "HOST": str(devdb.socket_dir()),
        "PORT": "5432",
    }
else:
    _database = env.db("DATABASE_URL")
    if _database["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database: postgres://user:password@host/name.")
# No connection pool: the task worker forks, and a pool does not survive that.
DATABASES = {"default": {**_database, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}}
if env.str("DATABASE_TEST_NAME", default=""):
    DATABASES["default"]["TEST"] = {"NAME": env.str("DATABASE_TEST_NAME")}
# Equivalent to dj-stripe's own migrations, without the half minute that those take (docs/decisions/0003).
MIGRATION_MODULES = {"djstripe": "amberflow.djstripe_migrations"}

# --- language, time, static files ----------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = ["amberflow.locale_formats"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "static_root")))
_static_backend = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _static_backend},
}

# --- HTTP API ------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["customers.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["customers.api.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["customers.api.throttling.KeyThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "amberflow.api.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "amberflow",
    "DESCRIPTION": "Usage in, invoices out. Authenticate with an API key: `Authorization: Bearer …` or `x-api-key: …`.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
INGEST_MAX_EVENTS = integer("INGEST_MAX_EVENTS", default=10_000, minimum=1)
# Requests with fewer events claim their ids for all times at once (docs/decisions/0014).
INGEST_STRICT_BELOW = integer("INGEST_STRICT_BELOW", default=100, minimum=0)
INGEST_CLAIM_DAYS = integer("INGEST_CLAIM_DAYS", default=400, minimum=35)
INGEST_MAX_BYTES = integer("INGEST_MAX_BYTES", default=20 * 1024 * 1024, minimum=1024)
INGEST_MAX_DEPTH = integer("INGEST_MAX_DEPTH", default=16, minimum=1)
INGEST_MAX_PROPERTIES = integer("INGEST_MAX_PROPERTIES", default=1_000, minimum=1)
INGEST_MAX_KEY_LENGTH = integer("INGEST_MAX_KEY_LENGTH", default=200, minimum=1)
INGEST_MAX_VALUE_LENGTH = integer("INGEST_MAX_VALUE_LENGTH", default=131_072, minimum=1)
SERIES_MAX_VALUES = integer("SERIES_MAX_VALUES", default=1_000, minimum=1)
SERIES_MAX_PER_CUSTOMER = integer("SERIES_MAX_PER_CUSTOMER", default=10_000, minimum=1)
INGEST_MAX_IN_FLIGHT = integer("INGEST_MAX_IN_FLIGHT", default=32, minimum=1)
INGEST_MAX_UNMERGED = integer("INGEST_MAX_UNMERGED", default=5_000_000, minimum=1)
RATE_LIMIT_REQUESTS = integer("RATE_LIMIT_REQUESTS", default=0)
RATE_LIMIT_EVENTS = integer("RATE_LIMIT_EVENTS", default=0)
REQUEST_LOG_KEEP = integer("REQUEST_LOG_KEEP", default=1_000, minimum=1)
REQUEST_LOG_DAYS = integer("REQUEST_LOG_DAYS", default=7, minimum=1)
REQUEST_LOG_SECONDS = 1.0  # how often it is written; 0: not by itself
TAIL_MAX_WAITING = integer("TAIL_MAX_WAITING", default=2)
QUERY_SECONDS = integer("QUERY_SECONDS", default=20, minimum=1)

# --- tasks (docs/operations.md says why each number is what it is) --------------------------------------------
Q_CLUSTER = {
    "name": "amberflow",
    "label": "Background tasks",
    "orm": "default",
    "workers": integer("WORKERS", default=2, minimum=1),
    "timeout": 600,
    "retry": 900,
    "max_attempts": 5,
    "ack_failures": False,
    "poll": 0.5,
    "bulk": 1,
    "save_limit": 1000,
    "catch_up": False,
}

# --- Stripe --------------------------------------------------------------------------------------------------
STRIPE_API_VERSION = "2026-08-26.dahlia"
_stripe_key = required(
    "STRIPE_SECRET_KEY",
    local_default="sk_test_" + "standin" * 4,
    remedy="Set it to the secret key of your Stripe account (sk_live_… or sk_test_…).",
)
if not re.fullmatch(r"(sk|rk)_(test|live)_[a-zA-Z0-9]{24,}", _stripe_key):
    raise ImproperlyConfigured(
        "STRIPE_SECRET_KEY must look like sk_test_… or sk_live_… (24 or more characters after it)."
    )
STRIPE_LIVE_MODE = "_live_" in _stripe_key
STRIPE_SECRET_KEY = _stripe_key
if STRIPE_LIVE_MODE:
    STRIPE_LIVE_SECRET_KEY = _stripe_key
else:
    STRIPE_TEST_SECRET_KEY = _stripe_key
# Only set for the stand-in; with a real key the packages talk to Stripe itself.
STRIPE_STANDIN_PORT = integer("AMBERFLOW_STRIPE_PORT", default=8421, minimum=1)
_stripe_host = env.str("STRIPE_API_HOST", default="")
if not _stripe_host and LOCAL and not env.str("STRIPE_SECRET_KEY", default=""):
    _stripe_host = f"http://127.0.0.1:{STRIPE_STANDIN_PORT}"
if _stripe_host:
    STRIPE_API_HOST = _stripe_host
    if LOCAL:
        SILENCED_SYSTEM_CHECKS = ["djstripe.W002"]  # that the host is set is what makes it the stand-in
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"

# --- billing -------------------------------------------------------------------------------------------------
SELLER = {
    "name": required("SELLER_NAME", local_default="Amber Cloud, Inc.", remedy="Set it to who sends the invoices."),
    "address": required(
        "SELLER_ADDRESS",
        local_default=r"1 Market Street\nSan Francisco, CA 94105\nUnited States",
        remedy="Set it to the seller's address, its lines separated by \\n.",
    ).replace("\\n", "\n"),
    "email": env.str("SELLER_EMAIL", default="billing@ambercloud.example" if LOCAL else ""),
    "tax_id": env.str("SELLER_TAX_ID", default=""),
}
INVOICE_NUMBER_PREFIX = env.str("INVOICE_NUMBER_PREFIX", default="AF-")
GRACE_HOURS = integer("GRACE_HOURS", default=24)
PAYMENT_TERM_DAYS = integer("PAYMENT_TERM_DAYS", default=30)
COST_CURRENCY = "USD"

# --- logs ----------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django-q": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
