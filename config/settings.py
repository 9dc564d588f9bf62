"""Django settings. They work with no environment at all; every variable is read through ``config.env``.

Without any variable: DEBUG off, SQLite and files in ``var/``, a secret key generated there once, an in-memory channel
layer, reachable as localhost only. That is what ``manage.py up``, ``runserver``, ``pytest`` and
``daphne config.asgi:application`` start with.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from collab.conf import CollabSettings
from config.env import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent


def _data_dir() -> Path:
    """The directory that holds everything a deployment must keep; made on first start, private to its user."""
    directory = env.path("COLLAB_DATA_DIR", BASE_DIR / "var")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"COLLAB_DATA_DIR: {directory} cannot be made ({error.strerror})") from None
    return directory


def _secret_key(data_dir: Path) -> str:
    """The secret key given, or one generated once and kept in the data directory.

    Processes that start together agree: the file is written under another name and then linked into place, which
    only one of them can do.
    """
    given = env.secret("COLLAB_SECRET_KEY")
    if given is not None:
        return given
    key_file = data_dir / "secret_key"
    try:
        if not key_file.exists():
            draft = data_dir / f".secret_key.{secrets.token_hex(8)}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(64))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, key_file)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = key_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"{key_file} cannot be used ({error}): set COLLAB_SECRET_KEY or make COLLAB_DATA_DIR writable"
        ) from None
    if len(key) < 50:
        raise ImproperlyConfigured(
            f"{key_file} is damaged: delete it (everybody is signed out) or set COLLAB_SECRET_KEY"
        )
    return key


DATA_DIR = _data_dir()
SECRET_KEY = _secret_key(DATA_DIR)
DEBUG = env.flag("COLLAB_DEBUG")

# Set when people reach the product through a proxy that ends TLS and sets X-Forwarded-Proto itself.
HTTPS = env.flag("COLLAB_HTTPS")

ALLOWED_HOSTS = env.words("COLLAB_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("COLLAB_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "collab.apps.CollabConfig",  # before daphne: its runserver is daphne's, with our message limit
    "daphne",
    "channels",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "servestatic",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database


def _database() -> dict[str, Any]:
    """The database of ``DATABASE_URL``, or SQLite in the data directory.

    "Saved" is said once a transaction is committed. SQLite in WAL mode with ``synchronous=FULL`` then has it on disk
    even if the power fails: one sync per commit (about 1 ms on an SSD), and the log writer commits some twenty times a
    second at most, for all pages together. ``NORMAL`` would survive a killed process but not a power cut.
    ``IMMEDIATE`` takes the write lock at the start, so that two writers wait for each other instead of failing.
    """
    database = env.database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
    if database["ENGINE"] == "django.db.backends.sqlite3":
        options = database.setdefault("OPTIONS", {})
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("timeout", 5)
        options.setdefault(
            "init_command",
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-8192;",
        )
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Channel layer: several processes need Redis, one needs nothing

REDIS_URL = env.secret("REDIS_URL")
if REDIS_URL is not None and not re.match(r"(rediss?|unix)://", REDIS_URL):
    raise ImproperlyConfigured("REDIS_URL must be a URL like redis://host:6379/0")

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                # A process needs two connections: one to listen and one to send.
                "hosts": [{"address": REDIS_URL, "max_connections": 8, "socket_connect_timeout": 2.0}],
                "prefix": env.text("COLLAB_REDIS_PREFIX", "collab"),
            },
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

# How many processes the server was told to start (uvicorn and gunicorn read it); collab.E003 looks at it.
COLLAB_PROCESSES = env.integer("WEB_CONCURRENCY", 1, minimum=1)

# Accounts, sessions, cookies

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "collab:sign-in-form"
LOGIN_REDIRECT_URL = "collab:home"
LOGOUT_REDIRECT_URL = "collab:home"

SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True  # scripts get the token from the page itself
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "collab.refusals.csrf_failure"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365

# Security headers

SECURE_CONTENT_TYPE_NOSNIFF = True
# Not "no-referrer": browsers then send "Origin: null" with forms, which the CSRF check rightly refuses. Pages whose URL
# is itself a secret answer with "strict-origin" (collab.views.links), so that it is in no Referer, not even ours.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz/"]
    SECURE_HSTS_SECONDS = env.integer("COLLAB_HSTS_SECONDS", 86_400, minimum=0)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "style-src-attr": ["'unsafe-inline'"],
        "connect-src": ["'self'", "ws:", "wss:"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
    },
}

# Limits

COLLAB = env.fields_of(CollabSettings, prefix="COLLAB_")

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 4
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Files

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
MEDIA_ROOT = DATA_DIR / "media"  # private: only collab.views.files reads from it, after asking collab.access
MEDIA_URL = "/media/"  # never routed
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

_NAMED_AFTER_CONTENT = re.compile(
    r"/static/collab/(?:assets/.+-[A-Za-z0-9_-]{8}|fonts/.+-[A-Za-z0-9_-]{20,})\.[a-z0-9]+$"
)


def _static_headers(headers: Any, path: str, url: str) -> None:
    """Let browsers keep what the build named after its content for ever; everything else is asked for again."""
    headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if _NAMED_AFTER_CONTENT.match(url) else "public, no-cache"
    )


SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_ALLOW_ALL_ORIGINS = False
SERVESTATIC_ADD_HEADERS_FUNCTION = _static_headers

# Language and time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

# Logging

LOGGING_CONFIG = "config.logs.configure"
LOG_LEVEL = env.choice("COLLAB_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "config.logs.RedactingFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "collab": {"level": LOG_LEVEL},
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},
        "django.channels.server": {"level": "INFO"},
        "daphne": {"level": "WARNING"},
        # While Redis is away it prints a traceback every second; collab.bus says so once.
        "channels_redis": {"level": "CRITICAL"},
    },
}

SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for sub-domains, and
    "security.W021",  # HSTS preloading, concern more of the domain than this product
    "security.W019",  # frames of our own origin are allowed on purpose, by the content security policy too
]

COLLAB_UNKNOWN_VARIABLES = env.unknown(prefix="COLLAB_")
