"""Every setting, from the environment where it may differ, with a default that lets a newcomer start at once.

``SOLOSCORE_ENV`` is ``development`` (the default: SQLite, files under ``var/``, test checkout) or ``production``
(nothing has a default that could be dangerous; ``manage.py check --deploy`` says what is missing).
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django_guid.integrations.celery import CeleryIntegration

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    """Read a variable; an empty one counts as absent."""
    return os.environ.get(name) or default


def env_list(name: str, default: str = "") -> list[str]:
    """Read a comma-separated variable."""
    return [item.strip() for item in env(name, default).split(",") if item.strip()]


ENVIRONMENT = env("SOLOSCORE_ENV", "development")
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured(f"SOLOSCORE_ENV is {ENVIRONMENT!r}; set it to development or production.")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env("SOLOSCORE_DEBUG") == "1" and not PRODUCTION

# Everything the running product writes lies under one folder.
VAR_DIR = Path(env("SOLOSCORE_VAR_DIR", str(BASE_DIR / "var")))


def _development_secret_key() -> str:
    """Make a key once and keep it, so that sessions survive a restart."""
    path = VAR_DIR / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


SECRET_KEY = env("SOLOSCORE_SECRET_KEY") or ("" if PRODUCTION else _development_secret_key())
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SOLOSCORE_SECRET_KEY is not set; production needs a secret of 50 random characters."
    )

# Hosts and transport. Behind a proxy that ends TLS, the proxy must set X-Forwarded-Proto itself.
ALLOWED_HOSTS = env_list("SOLOSCORE_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1]")
SITE_URL = env("SOLOSCORE_SITE_URL", f"http://localhost:{env('PORT', '8000')}")
SITE_NAME = "Soloscore"
CSRF_TRUSTED_ORIGINS = env_list("SOLOSCORE_TRUSTED_ORIGINS")
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = int(env("SOLOSCORE_HSTS_SECONDS", "3600"))
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
SESSION_COOKIE_AGE = 60 * 60 * 24 * 60
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "marketplace.staff.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_guid",
    "marketplace",
    "accounts",
    "generation",
    "licensing",
    "payments",
]

MIDDLEWARE = [
    "django_guid.middleware.guid_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"

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
                "marketplace.context.site",
            ],
        },
    }
]

# The database: SQLite for a newcomer, PostgreSQL in production. IMMEDIATE takes the write lock before the first read
# of a transaction, so that writers wait for each other instead of failing.
DATABASES = {"default": dj_database_url.parse(env("DATABASE_URL", f"sqlite:///{VAR_DIR / 'db.sqlite3'}"))}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Rate limits need a cache that all processes share; the database is one that is always there.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}}

# Static files carry their hash in the name. Private files (masters, scores, deliveries) have no address at all.
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
PRIVATE_DIR = VAR_DIR / "private"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PRIVATE_DIR},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Behind nginx: the address of an internal location that serves PRIVATE_DIR, such as /private-files/. Empty: we stream.
ACCEL_LOCATION = env("SOLOSCORE_ACCEL_LOCATION")
if ACCEL_LOCATION and not (ACCEL_LOCATION.startswith("/") and ACCEL_LOCATION.endswith("/")):
    raise ImproperlyConfigured(
        f"SOLOSCORE_ACCEL_LOCATION is {ACCEL_LOCATION!r}; it starts and ends with a slash: /private-files/."
    )
# Releases of the composers kept beside the one that ships: each a folder like generation/pretrained.
MODELS_DIR = VAR_DIR / "models"
SOUND_CACHE_DIR = VAR_DIR / "sound-cache"

# Who may enter. Settings as advised by OWASP ASVS 5; codes live ten minutes.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "library"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD = "phone"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PRODUCTION else "http"
# Beside allauth's own limits: how often one address may ask what a recording is, and file a complaint; and how often a
# visitor may ask for a mail when a piece is ready, or have one sent to the same address.
ACCOUNT_RATE_LIMITS = {
    "recognise": "10/m/ip,200/d/ip",
    "complain": "3/m/ip,20/d/ip",
    "ready_mail": "10/h/ip,5/h/key,20/d/key",
}
ALLAUTH_TRUSTED_PROXY_COUNT = int(env("SOLOSCORE_TRUSTED_PROXIES", "0"))
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
USERSESSIONS_TRACK_ACTIVITY = True
# The admin opens to staff with a second factor only. A newcomer's own machine does without, and says so on every page.
STAFF_NEED_SECOND_FACTOR = PRODUCTION or env("SOLOSCORE_STAFF_SECOND_FACTOR") == "1"

# Mail goes to files in development; /dev/mailbox/ shows them.
DEFAULT_FROM_EMAIL = env("SOLOSCORE_FROM_EMAIL", "Soloscore <hello@soloscore.example>")
MAIL_DIR = VAR_DIR / "mail"
if PRODUCTION:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = env("SOLOSCORE_SMTP_HOST", "localhost")
    EMAIL_PORT = int(env("SOLOSCORE_SMTP_PORT", "587"))
    EMAIL_HOST_USER = env("SOLOSCORE_SMTP_USER")
    EMAIL_HOST_PASSWORD = env("SOLOSCORE_SMTP_PASSWORD")
    EMAIL_USE_TLS = True
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = MAIL_DIR
DEVELOPMENT_MAILBOX = not PRODUCTION

# Celery. The filesystem transport needs no server; the short polling interval starts a task in a tenth of a second.
CELERY_BROKER_URL = env("CELERY_BROKER_URL", "filesystem://localhost//")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A queue for each kind of worker, so that neither a mail nor a download waits behind a piece. The clock's rounds are
# short and go with the mails, as does every task that is not named here.
WORKER_QUEUES = ("compose", "files", "mail")
CELERY_TASK_DEFAULT_QUEUE = "mail"
CELERY_TASK_ROUTES = {
    "generation.tasks.compose_composition": {"queue": "compose"},
    "licensing.tasks.build_extra": {"queue": "files"},
    "licensing.tasks.finish_replacements": {"queue": "files"},
    "payments.tasks.deliver_files": {"queue": "files"},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_TIMEZONE = "UTC"
if CELERY_BROKER_URL.startswith("filesystem:"):
    BROKER_DIR = VAR_DIR / "broker"
    for _folder in ("messages", "control"):
        (BROKER_DIR / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,
    }

# Composing: how much one maker may have in work, and when a silent worker counts as dead.
COMPOSITIONS_IN_WORK_PER_MAKER = 3
COMPOSITIONS_PER_MAKER_PER_DAY = int(env("SOLOSCORE_COMPOSITIONS_PER_DAY", "60"))
COMPOSITIONS_QUEUED_AT_MOST = 200
HEARTBEAT_LAPSES_AFTER = timedelta(seconds=30)
# Varies the spoken tag of each preview; whoever knows it can reproduce a tag.
PREVIEW_SECRET = env("SOLOSCORE_PREVIEW_SECRET", "" if PRODUCTION else SECRET_KEY)
# Keys the inaudible marks; whoever knows it can read and forge them.
MARK_SECRET = env("SOLOSCORE_MARK_SECRET", "" if PRODUCTION else SECRET_KEY)

# Partners are told what happens to their pieces. The key makes the secrets their signatures are checked with: whoever
# knows it can speak for us, and a new one changes all of them.
WEBHOOK_SECRET = env("SOLOSCORE_WEBHOOK_SECRET", "" if PRODUCTION else SECRET_KEY)
# Development only: also http://localhost may be told, to try things out.
WEBHOOKS_TO_LOCALHOST = env("SOLOSCORE_WEBHOOKS_TO_LOCALHOST") == "1" and not PRODUCTION

# Payments. Without a Stripe key, development uses the test checkout; production refuses to start a purchase.
STRIPE_SECRET_KEY = env("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRETS = env_list("STRIPE_WEBHOOK_SECRET")
TEST_CHECKOUT = not STRIPE_SECRET_KEY and not PRODUCTION
if TEST_CHECKOUT:
    STRIPE_WEBHOOK_SECRETS = [f"whsec_test_{SECRET_KEY[:24]}"]
TEST_CHECKOUT_STORE = VAR_DIR / "test-stripe.sqlite3"
# Stripe Tax works out the tax in the checkout. "inclusive": the price shown contains it, as consumers in the EU must be
# told; "exclusive": it comes on top.
STRIPE_TAX = env("SOLOSCORE_STRIPE_TAX") == "1"
STRIPE_TAX_BEHAVIOR = env("SOLOSCORE_STRIPE_TAX_BEHAVIOR", "inclusive")
if STRIPE_TAX_BEHAVIOR not in {"inclusive", "exclusive"}:
    raise ImproperlyConfigured(
        f"SOLOSCORE_STRIPE_TAX_BEHAVIOR is {STRIPE_TAX_BEHAVIOR!r}; set it to inclusive or exclusive."
    )
# The books of the partners' sandboxes, which never reach Stripe. All web processes share the file.
SANDBOX_STORE = VAR_DIR / "sandbox-stripe.sqlite3"
INVOICES_DUE_AFTER = timedelta(days=30)
HOLD_FOR = timedelta(minutes=35)
HOLDS_PER_BUYER = 3

# Certificates: the folder with the Ed25519 signing keys (development makes its own, marked as test keys).
SIGNING_KEYS_DIR = Path(env("SOLOSCORE_SIGNING_KEYS_DIR", str(VAR_DIR / "keys")))
# Where files come from (C2PA): PEM files with the certificate chain, root last, and the key of its first certificate.
# Without them the pair of `manage.py make_c2pa_key` signs; development makes that by itself.
C2PA_CERT = env("SOLOSCORE_C2PA_CERT")
C2PA_KEY = env("SOLOSCORE_C2PA_KEY")
TERMS_VERSION = "2026-11"
SELLER_NAME = env("SOLOSCORE_SELLER_NAME", "Soloscore (development)")
# What the law asks a shop to say of itself; each line of the variable is one on the page, "|" parts them.
IMPRINT = [line.strip() for line in env("SOLOSCORE_IMPRINT").split("|") if line.strip()]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "allauth.idp.oidc.contrib.rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "marketplace.problems.problem_details",
    "NON_FIELD_ERRORS_KEY": "request",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Soloscore API",
    "VERSION": "1",
    "DESCRIPTION": (
        "Order music, find it in the open shop, and buy it for a client who alone owns it. Every answer has "
        "`RateLimit-Policy` and `RateLimit` headers; every refusal is a problem document (RFC 9457)."
    ),
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "PieceKindEnum": "generation.models.Composition.Kind",
        "PartnerKindEnum": "accounts.models.Partner.Kind",
        "VersionKindEnum": "generation.versions.KIND_CHOICES",
        "ModeEnum": "generation.models.Composition.Mode",
        "MoodEnum": "generation.models.Composition.Mood",
        "DensityEnum": "generation.models.Composition.Density",
        "RegisterEnum": "generation.models.Composition.Register",
        "WorkStateEnum": "generation.models.Composition.State",
        "SaleStateEnum": "generation.models.Composition.SaleState",
        "PurchaseStateEnum": "payments.models.Purchase.State",
        "PaymentEnum": "payments.models.Purchase.Method",
        "RightStateEnum": ["none", "in_force", "suspended", "revoked"],
        "InvoiceStateEnum": ["open", "overdue", "paid", "void"],
        "CertificateStatusEnum": ["valid", "suspended", "revoked", "transferred", "superseded"],
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # Chrome applies form-action to the redirect after a POST as well.
        "form-action": [SELF, "https://checkout.stripe.com"],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["marketplace.formats"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# Log lines: for people, or as JSON for a collector. Each carries the id of its request, in its tasks too.
LOG_FORMAT = env("SOLOSCORE_LOG_FORMAT", "json" if PRODUCTION else "line")
if LOG_FORMAT not in {"json", "line"}:
    raise ImproperlyConfigured(f"SOLOSCORE_LOG_FORMAT is {LOG_FORMAT!r}; set it to json or line.")
DJANGO_GUID = {
    "GUID_HEADER_NAME": "X-Request-ID",
    "EXPOSE_HEADER": False,
    # It loads Celery, which no command should wait for whose lines nobody collects.
    "INTEGRATIONS": [CeleryIntegration(use_django_logging=True)] if LOG_FORMAT == "json" else [],
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "django_guid.log_filters.CorrelationId", "correlation_id_field": "request_id"}
    },
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{request_id}{message}",
            "style": "{",
            "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["request"]}
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # stripe-python says two lines about every call, django_guid one about every id.
    "loggers": {"stripe": {"level": "WARNING"}, "django_guid": {"level": "WARNING"}},
}

# What a monitor may ask: /metrics exists once there is a token to ask with. Several web processes share a folder.
METRICS_TOKEN = env("SOLOSCORE_METRICS_TOKEN")
if METRICS_TOKEN:
    MIDDLEWARE = [
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        *MIDDLEWARE,
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    ]

# Errors to Sentry; nothing of a visitor goes with them.
if SENTRY_DSN := env("SENTRY_DSN"):
    import sentry_sdk

    sentry_sdk.init(dsn=SENTRY_DSN, environment=ENVIRONMENT, send_default_pii=False)
