"""Settings from the environment, checked all at once, each problem with its remedy and without its value."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from processor.errors import ConfigError

DEFAULT_LOGIN_URL = "https://login.mailchimp.com"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SECRET_KEY_MIN_LENGTH = 32
OPS_PASSWORD_MIN_LENGTH = 12
_HASHED = re.compile(r"scrypt:[0-9a-f]{32}:[0-9a-f]{64}")


class Role(StrEnum):
    """What this process is for: it decides which settings must be there."""

    EMBEDDED = "embedded"
    """Everything in one process; nothing needs to be set."""
    WEB = "web"
    WORKER = "worker"
    TOOL = "tool"
    """A command of the CLI: it needs the database, and Redis where there is one."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where photos are kept, in a service that speaks S3. Without an endpoint it is AWS's, by its region."""

    name: str
    region: str
    endpoint: str | None


class Settings(BaseSettings):
    """Every setting that Bothways reads, by its name in the environment (upper case).

    A test holds that each is documented in `.env.example`.
    """

    model_config = SettingsConfigDict(
        env_file=None, extra="ignore", hide_input_in_errors=True, case_sensitive=False
    )

    port: int = Field(8000, ge=1, le=65535, description="Port that the web process listens on.")
    database_url: str = Field("", description="PostgreSQL URL; empty keeps a SQLite file in DATA_DIR.")
    redis_url: str = Field("", description="Redis URL; empty runs the workers inside the one process.")
    redis_tls_verify: bool = Field(
        True, description="Set to false for a rediss:// URL with a self-signed chain."
    )
    public_url: str = Field("", description="Where Mailchimp and browsers reach this installation.")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Seals tokens. Several, newest first, separated by commas: rotation."
    )
    mailchimp_client_id: str = Field("", description="Client id of your app registered at Mailchimp.")
    mailchimp_client_secret: SecretStr = Field(SecretStr(""), description="Client secret of the same app.")
    mailchimp_login_url: str = Field(DEFAULT_LOGIN_URL, description="OAuth2 host; change it for the sandbox.")
    frame_origins: str = Field(
        "", description="Origins of pages that may show the portal in a frame, separated by commas."
    )
    ops_password: SecretStr = Field(
        SecretStr(""), description="Opens /ops; plain, or hashed by `bothways ops-password`."
    )
    ops_proxy_header: str = Field(
        "", description="Header in which a proxy in front of /ops says who somebody is."
    )
    ops_proxy_secret: SecretStr = Field(
        SecretStr(""), description="What that proxy sends in X-Ops-Proxy-Secret, so that nobody else can."
    )
    ops_mask_addresses: bool = Field(True, description="Whether /ops shows e-mail addresses in part only.")
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="Mail server: smtp://user:password@host:587 or smtps://…; empty sends no mail.",
    )
    mail_from: str = Field("", description="Sender of mails, e.g. Bothways <sync@your-platform.tld>.")
    operator_email: str = Field("", description="Who is told of what only the operator can mend.")
    operator_channels: SecretStr = Field(
        SecretStr(""),
        description="Other ways to tell the operator, as Apprise URLs with blanks between; "
        "needs bothways[apprise].",
    )
    mail_digest_minutes: float = Field(
        5.0, ge=0, description="How long news are gathered before they go out as one mail."
    )
    data_dir: Path = Field(Path("data"), description="Where the embedded mode keeps its files.")
    photo_storage: str = Field(
        "", description="A bucket for photos: s3://BUCKET?region=…&endpoint=https://…; empty for DATA_DIR."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["json", "text"] = Field("json", description="json, or text for people.")
    web_concurrency: int = Field(1, ge=1, description="Web processes; more than one needs PostgreSQL.")
    worker_threads: int = Field(8, ge=1, description="Threads of the embedded workers.")
    mailchimp_connections: int = Field(
        8, ge=1, le=9, description="Calls at once per Mailchimp account, over all processes (Mailchimp: 10)."
    )
    mailchimp_timeout_seconds: float = Field(30.0, gt=0, description="Time-out of one call to Mailchimp.")
    allow_private_targets: bool = Field(
        False, description="Whether webhooks and photos may lead into private networks, also by plain http."
    )
    max_body_bytes: int = Field(262_144, ge=1024, description="Largest webhook body that is accepted.")
    body_timeout_seconds: float = Field(10.0, gt=0, description="Time a sender has for its body.")
    lease_seconds: float = Field(300.0, gt=0, description="After this a silent worker's work is taken over.")
    tick_seconds: float = Field(1.0, gt=0, description="How often the clock looks for forgotten work.")
    push_wait_seconds: float = Field(
        1.0, ge=0, le=60, description="How long an edit waits for more of the same contact, to go up as one."
    )
    sweep_minutes: float = Field(15.0, gt=0, description="How often changes are asked for beside webhooks.")
    full_sweep_hours: float = Field(24.0, gt=0, description="How often both sides are compared in full.")
    event_attempts: int = Field(12, ge=1, description="Attempts before an event is dead.")
    retry_base_seconds: float = Field(2.0, gt=0, description="First wait of a retry; doubles each time.")
    calls_kept: int = Field(50_000, ge=0, description="Calls to Mailchimp that are kept to be looked at.")
    max_crashes: int = Field(5, ge=1, description="Workers that one event may take down before it is dead.")

    keep_changes_days: int = Field(400, ge=30, description="How long the history of contacts is kept.")
    keep_deliveries_days: int = Field(30, ge=3, description="How long settled deliveries are kept.")
    keep_runs_days: int = Field(180, ge=7, description="How long ended previews and first syncs are kept.")
    keep_receipts_days: int = Field(1100, ge=30, description="How long receipts of uninstalling are kept.")
    most_changes: int = Field(1_000_000, ge=1000, description="Changes kept of one account at most.")
    most_deliveries: int = Field(5_000_000, ge=1000, description="Deliveries kept at most.")
    most_pushes: int = Field(20_000_000, ge=1000, description="Rows of what was sent up, kept at most.")
    most_conflicts: int = Field(1_000_000, ge=1000, description="Conflicts kept at most.")

    @property
    def channel_urls(self) -> list[str]:
        """The Apprise URLs of the operator's channels."""
        return self.operator_channels.get_secret_value().split()

    @property
    def secret_keys(self) -> list[str]:
        """The sealing keys, newest first."""
        return [key.strip() for key in self.secret_key.get_secret_value().split(",") if key.strip()]

    @property
    def frames(self) -> list[str]:
        """The origins of the pages that may show the portal in a frame."""
        return [origin.strip().rstrip("/") for origin in self.frame_origins.split(",") if origin.strip()]

    @property
    def database(self) -> str:
        """The database's URL, in the spelling that the store takes."""
        if not self.database_url:
            return f"sqlite:///{(self.data_dir / 'bothways.sqlite3').resolve()}"
        return self.database_url

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.database.startswith("sqlite")

    @property
    def bucket(self) -> Bucket | None:
        """The bucket for photos; None keeps them in a directory. Raises ValueError for what names none."""
        if not self.photo_storage:
            return None
        parts = urlsplit(self.photo_storage)
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        region, endpoint = said.pop("region", "us-east-1"), said.pop("endpoint", None)
        # A name that is not known may be one of these two mistyped, and photos would go elsewhere.
        is_one = parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc) and region and not said
        if not is_one or parts.path.strip("/") or not (endpoint is None or _is_endpoint(endpoint)):
            raise ValueError("no bucket")
        return Bucket(parts.netloc, region, endpoint)

    @property
    def host(self) -> str:
        """The address to listen on: everywhere, but for an installation that names itself by the loopback."""
        return "127.0.0.1" if urlsplit(self.public).hostname in LOOPBACK_HOSTS else "0.0.0.0"  # noqa: S104

    @property
    def public(self) -> str:
        """PUBLIC_URL without a trailing slash; the loopback address where it is not set."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")


def load(role: Role, **overrides: object) -> Settings:
    """Return the settings for a process of this role. Raises ConfigError naming every problem at once."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(
            [f"{str(e['loc'][0]).upper()}: {e['msg']}." for e in error.errors(include_input=False)]
        ) from None
    if role is Role.EMBEDDED:
        settings = _with_own_key(settings)
    if urlsplit(settings.mailchimp_login_url).hostname in LOOPBACK_HOSTS:
        settings = _with_any_client(settings)
    problems = _problems(settings, role)
    if problems:
        raise ConfigError(problems)
    return settings


def _with_own_key(settings: Settings) -> Settings:
    """Give the embedded mode a sealing key of its own, kept beside its database, where none is set."""
    if settings.secret_keys:
        return settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / "secret.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return settings.model_copy(update={"secret_key": SecretStr(path.read_text().strip())})


def _with_any_client(settings: Settings) -> Settings:
    """A sandbox takes any client: none needs to be named for it."""
    return settings.model_copy(
        update={
            "mailchimp_client_id": settings.mailchimp_client_id or "bothways",
            "mailchimp_client_secret": SecretStr(
                settings.mailchimp_client_secret.get_secret_value() or "sandbox"
            ),
        }
    )


def _problems(settings: Settings, role: Role) -> list[str]:
    problems = _key_problems(settings) + _url_problems(settings) + _mail_problems(settings)
    problems += _ops_problems(settings) + _bucket_problems(settings)
    if settings.is_sqlite and settings.web_concurrency > 1:
        problems.append(
            "WEB_CONCURRENCY: more than one web process needs PostgreSQL; set DATABASE_URL, or set it to 1."
        )
    if role in {Role.WEB, Role.WORKER}:
        problems += _production_problems(settings)
    return problems


def _bucket_problems(settings: Settings) -> list[str]:
    try:
        _ = settings.bucket
    except ValueError:
        return [
            "PHOTO_STORAGE: write it as s3://BUCKET?region=… for AWS, with &endpoint=https://… for another "
            "service, or leave it empty to keep photos in DATA_DIR."
        ]
    return []


def _key_problems(settings: Settings) -> list[str]:
    if not settings.secret_keys:
        return [
            "SECRET_KEY is not set: it seals the tokens. Make one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe(48))'` and keep it."
        ]
    if any(len(key) < SECRET_KEY_MIN_LENGTH for key in settings.secret_keys):
        return [f"SECRET_KEY: each key needs at least {SECRET_KEY_MIN_LENGTH} characters."]
    return []


def _ops_problems(settings: Settings) -> list[str]:
    problems = []
    password = settings.ops_password.get_secret_value()
    if password.startswith("scrypt:"):
        if not _HASHED.fullmatch(password):
            problems.append("OPS_PASSWORD: this hash is not whole. Make one with: bothways ops-password")
    elif password and len(password) < OPS_PASSWORD_MIN_LENGTH:
        problems.append(f"OPS_PASSWORD: take at least {OPS_PASSWORD_MIN_LENGTH} characters.")
    if settings.ops_proxy_header and len(settings.ops_proxy_secret.get_secret_value()) < 16:
        problems.append(
            "OPS_PROXY_SECRET: let the proxy send a secret of at least 16 characters in X-Ops-Proxy-Secret; "
            "without it anybody could name themselves in OPS_PROXY_HEADER."
        )
    return problems


def _production_problems(settings: Settings) -> list[str]:
    problems = []
    if settings.is_sqlite:
        problems.append("DATABASE_URL: web and worker processes share a PostgreSQL database; set its URL.")
    if not settings.redis_url:
        problems.append("REDIS_URL: web processes wake workers through Redis; set its URL.")
    if not settings.public_url:
        problems.append("PUBLIC_URL: set the address at which Mailchimp reaches the web process.")
    if not (settings.mailchimp_client_id and settings.mailchimp_client_secret.get_secret_value()):
        problems.append(
            "MAILCHIMP_CLIENT_ID and MAILCHIMP_CLIENT_SECRET: register an app at Mailchimp "
            "(Account > Extras > Registered apps) and set both."
        )
    return problems


def _url_problems(settings: Settings) -> list[str]:
    problems = []
    for name, value in (
        ("PUBLIC_URL", settings.public_url),
        ("MAILCHIMP_LOGIN_URL", settings.mailchimp_login_url),
    ):
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            problems.append(f"{name}: write it as https://host, without a path.")
        elif parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
            problems.append(f"{name}: plain http is for the loopback address only; use https.")
    if not all(_is_origin(origin) for origin in settings.frames):
        problems.append(
            "FRAME_ORIGINS: write each as https://host or https://host:port, without a path, "
            "and put commas between them."
        )
    if settings.database_url and not settings.database_url.startswith(("postgres", "sqlite")):
        problems.append("DATABASE_URL: use postgresql://… or sqlite:///path.")
    if settings.redis_url and not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        problems.append("REDIS_URL: use redis://… or rediss://….")
    return problems


def _mail_problems(settings: Settings) -> list[str]:
    parts = urlsplit(settings.smtp_url.get_secret_value())
    problems = []
    if parts.geturl() and (parts.scheme not in {"smtp", "smtps"} or not parts.hostname):
        problems.append("SMTP_URL: write it as smtp://user:password@host:587 or smtps://user:password@host.")
    if parts.geturl() and not is_mail_address(settings.mail_from):
        problems.append("MAIL_FROM: mails need a sender, such as Bothways <sync@your-platform.tld>.")
    if settings.operator_email and not is_mail_address(settings.operator_email):
        problems.append("OPERATOR_EMAIL: this is no mail address.")
    return problems


def is_mail_address(text: str) -> bool:
    """Whether mail can be sent to or from this: one address, with or without a name before it."""
    address = parseaddr(text)[1]
    local, _, host = address.rpartition("@")
    return bool(local and host) and not any(c in text for c in "\r\n\0") and len(address) <= 320


_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", re.IGNORECASE)
"""A host as it may stand in a Content-Security-Policy: nothing that could end one of its parts."""


_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")


def _is_endpoint(text: str) -> bool:
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)
    return is_safe and _HOST.fullmatch(parts.netloc) is not None


def _is_origin(text: str) -> bool:
    scheme, _, host = text.partition("://")
    is_allowed = scheme == "https" or (scheme == "http" and host.partition(":")[0] in LOOPBACK_HOSTS)
    return is_allowed and _HOST.fullmatch(host) is not None
