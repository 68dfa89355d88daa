"""Every setting, its default, its meaning; read once, passed down.

A later source wins: default < TOML file < `DIURNAL_…` < `DIURNAL_…_FILE` (secrets) < command line.
An unknown name or a bad value stops the start. `docs/settings.md` has a heading for each.
"""

from __future__ import annotations

import importlib.metadata
import ipaddress
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from diurnal import plugins
from diurnal.errors import InvalidInput
from diurnal.settings import readers
from diurnal.settings.readers import Network, is_address

_PREFIX = "DIURNAL_"
_CONFIG_NAME = "config.toml"
_CONFIG_VARIABLE = "DIURNAL_CONFIG"
_CONFIG_BYTES_MAX = 1 << 20
_SECRET_BYTES_MAX = 1 << 16
_MASK = "***"
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class DialectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set for one dialect.

    Attributes:
        host: the host name at whose root it answers as well as under its prefix.
        later_host: the same for its later version (Pryv of 2012, whose 0.4 is at `/pryv04`).
        rate: calls of one token, "300/hour"; "none" for no limit.
        plain_http: answer without TLS too; for development (Personyze, whose keys go in clear).
        slow_query_s: seconds between two slow queries of one key (Personyze).
        account: whose front page is shown, the first account's where none is named (Personal API).
    """

    host: str | None = None
    later_host: str | None = None
    rate: str | None = None
    plain_http: bool = False
    slow_query_s: int | None = None
    account: str | None = None


class ConnectorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set for one connector.

    Attributes:
        client_id, client_secret: the application that this household registered there.
        base_url: asked in place of the source's own hosts (a sandbox, a relay).
    """

    client_id: str | None = None
    client_secret: str | None = None
    base_url: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process.

    Attributes:
        data_dir: where everything lives; absolute.
        database_url: `sqlite:///FILE` or `postgresql://…`; a secret.
        public_url: scheme and host people use, without a path or a slash at the end.
        allowed_hosts: further names that `Host` may carry; see `allows_host`.
        event_versions: how many earlier versions of an event are kept, 0 for none.
        address_rate: calls of one address at one dialect; "none" for no limit.
        outbound_allow: private networks that webhooks and imports by address may reach.
        backup_dir: where scheduled backups go; `backups` of the data directory when None.
        backup_hours: between two of them; 0 for none. The newest `backup_keep` stay.
        backup_passphrase: locks them; a secret.
        metrics_token: opens `/metrics` from elsewhere than this machine; a secret.
        signing_key_days: the key that signs ID tokens and receipts is replaced after so many; 0 for
            never.
        audit_days: how long lines of the audit are kept; 0 for good.
        origins: where each value came from, by name.
    """

    data_dir: Path
    database_url: str
    host: str = "127.0.0.1"
    port: int = 8400
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    public_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = _LOOPBACK
    sign_up: Literal["closed", "invite", "open"] = "closed"
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: str | None = None
    smtp_from: str | None = None
    body_bytes_max: int = 16 << 20
    upload_bytes_max: int = 16 << 30
    attachment_bytes_max: int = 256 << 20
    attachment_quota_bytes: int = 16 << 30
    event_versions: int = 100
    address_rate: str = "60000/minute"
    outbound_allow: tuple[Network, ...] = ()
    redis_url: str | None = None
    backup_dir: Path | None = None
    backup_hours: int = 0
    backup_keep: int = 7
    backup_passphrase: str | None = None
    metrics_token: str | None = None
    signing_key_days: int = 90
    audit_days: int = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    dialects: Mapping[str, DialectSettings] = {}
    connectors: Mapping[str, ConnectorSettings] = {}
    origins: Mapping[str, str] = {}

    def __repr__(self) -> str:
        """Return the values with secrets masked: settings end up in logs and tracebacks."""
        return f"Settings({', '.join(f'{name}={shown}' for name, shown, _ in describe(self))})"

    @property
    def own_url(self) -> str:
        """Where links in mails lead: never what a request says of itself."""
        if self.public_url is not None:
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"

    @property
    def backups(self) -> Path:
        """Where scheduled backups go."""
        return self.backup_dir or self.data_dir / "backups"

    def allows_host(self, host: str) -> bool:
        """Return whether a request may name `host` (without its port).

        Addresses pass: a page elsewhere that rebinds its own name to us still sends that name.
        """
        host = host.lower().rstrip(".")
        if is_address(host) or host == "localhost" or host.endswith(".localhost"):
            return True
        known = {name for d in self.dialects.values() for name in (d.host, d.later_host)}
        if any(name and _matches(host, f"*.{name}") for name in known):
            return True
        known |= {self.host, self.public_url and urlsplit(self.public_url).hostname}
        return host in known or any(_matches(host, name) for name in self.allowed_hosts)


_HIDDEN = ("smtp_password", "backup_passphrase", "metrics_token")
SECRETS = frozenset(
    {
        "database_url",
        "redis_url",
        "client_secret",
        "smtp_password",
        "backup_passphrase",
        "metrics_token",
    }
)
"""Settings that are masked when shown, and that `DIURNAL_…_FILE` may give."""


def load(
    *,
    data_dir: Path | None = None,
    database_url: str | None = None,
    config: Path | None = None,
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str],
) -> Settings:
    """Read the settings from where they stand.

    Args:
        data_dir, database_url, config: what the command line gave.
        options: further settings the command line gave, by name; None values count as not given.
        environ: the environment.

    Raises:
        InvalidInput: an unknown name, a bad value or an unreadable file; says which and where.
    """
    given = dict(options or {}) | {"data_dir": data_dir, "database_url": database_url}
    typed = _Source("command line", {k: v for k, v in given.items() if v is not None})
    env = _from_environ(environ)
    if config is None and environ.get(_CONFIG_VARIABLE):
        config = Path(environ[_CONFIG_VARIABLE])
    named = [] if config is None else [_from_file(config.expanduser())]

    values: dict[str, Any] = {"data_dir": _default_data_dir(environ)}
    origins = dict.fromkeys(_names(), "default")
    _take(values, origins, [*named, *env, typed])
    if not named:
        found = values["data_dir"] / _CONFIG_NAME
        if found.exists():
            inside = _from_file(found)
            if "data_dir" in inside.values:
                raise InvalidInput(
                    f"{found}: data_dir cannot be set in the data directory's own file",
                    field="data_dir",
                )
            _take(values, origins, [inside, *env, typed])

    values.setdefault("database_url", f"sqlite:///{values['data_dir'] / 'diurnal.db'}")
    dialects = {
        name: DialectSettings(**fields) for name, fields in values.pop("dialects", {}).items()
    }
    connectors = {
        name: ConnectorSettings(**fields) for name, fields in values.pop("connectors", {}).items()
    }
    settings = Settings(**values, dialects=dialects, connectors=connectors, origins=origins)
    _check(settings)
    return settings


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Return (name, value as shown, origin) of every setting, with secrets masked."""
    told = [
        (name, _shown(name, getattr(settings, name)), settings.origins.get(name, "default"))
        for name in _names()
    ]
    for part, parts in (("dialects", settings.dialects), ("connectors", settings.connectors)):
        for one, fields in sorted(parts.items()):
            for field in fields.__struct_fields__:
                name = f"{part}.{one}.{field}"
                value = _shown(name, getattr(fields, field))
                told.append((name, value, settings.origins.get(name, "default")))
    return told


class _Source(msgspec.Struct, frozen=True):
    """Raw values of one place; `origin` names it in messages."""

    origin: str
    values: Mapping[str, Any]


def _names() -> list[str]:
    return [name for name in Settings.__struct_fields__ if name not in {*_PARTS, "origins"}]


def _take(values: dict[str, Any], origins: dict[str, str], sources: list[_Source]) -> None:
    """Put the values of `sources` into `values`, the last one winning."""
    for source in sources:
        for name, raw in source.values.items():
            if name in _PARTS:
                _take_part(values, origins, source.origin, name, raw)
                continue
            read = _READERS.get(name)
            if read is None:
                raise InvalidInput(f"{source.origin}: no setting is called {name!r}", field=name)
            values[name] = _read(read, raw, name, source.origin)
            origins[name] = source.origin


def _take_part(
    values: dict[str, Any], origins: dict[str, str], origin: str, part: str, tables: Any
) -> None:
    taken = values.setdefault(part, {})
    known = _known(part)
    readers = _PARTS[part]
    for one, fields in _tables(tables, origin, part).items():
        if one not in known:
            raise InvalidInput(
                f"{origin}: no {part[:-1]} is called {one!r} (there are {', '.join(known)})",
                field=f"{part}.{one}",
            )
        for field, raw in fields.items():
            name = f"{part}.{one}.{field}"
            read = readers.get(field)
            if read is None:
                raise InvalidInput(f"{origin}: no setting is called {name!r}", field=name)
            taken.setdefault(one, {})[field] = _read(read, raw, name, origin)
            origins[name] = origin


def _tables(raw: Any, origin: str, part: str) -> dict[str, dict[str, Any]]:
    if isinstance(raw, dict) and all(isinstance(fields, dict) for fields in raw.values()):
        return raw
    raise InvalidInput(f"{origin}: {part} must be tables, [{part}.NAME]", field=part)


def _known(part: str) -> list[str]:
    # Names only: importing them is the business of whoever runs them.
    package = f"diurnal.{part}"
    outside = importlib.metadata.entry_points(group=package)
    return sorted({*plugins.names(package), *(entry.name for entry in outside)})


def _read(read: Callable[[Any], Any], raw: Any, name: str, origin: str) -> Any:
    try:
        return read(raw)
    except ValueError as error:
        # A secret's value stays out of messages: they end up in logs.
        shown = "" if name.rpartition(".")[2] in SECRETS else f", not {raw!r}"
        raise InvalidInput(f"{origin}: {name} must be {error}{shown}", field=name) from None


def _from_environ(environ: Mapping[str, str]) -> list[_Source]:
    plain: list[_Source] = []
    files: list[_Source] = []
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX) or variable == _CONFIG_VARIABLE:
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if (found := _part_of(name)) is not None:
            part, one, field, from_file = found
            told = environ[variable]
            if from_file:
                told = _read_secret(Path(told), variable)
            (files if from_file else plain).append(_Source(variable, {part: {one: {field: told}}}))
        elif name.removesuffix("_file") in SECRETS and name.endswith("_file"):
            secret = _read_secret(Path(environ[variable]), variable)
            files.append(_Source(variable, {name.removesuffix("_file"): secret}))
        elif name in _READERS:
            plain.append(_Source(variable, {name: environ[variable]}))
        else:
            raise InvalidInput(f"the environment sets {variable}, which is no setting", field=name)
    return plain + files


def _part_of(variable: str) -> tuple[str, str, str, bool] | None:
    """Return part, name and field that a variable sets, and whether it names a file with it."""
    part, _, rest = variable.partition("_")
    for field in _PARTS.get(part, ()):
        if rest.endswith(f"_{field}"):
            return part, rest.removesuffix(f"_{field}"), field, False
        if field in SECRETS and rest.endswith(f"_{field}_file"):
            return part, rest.removesuffix(f"_{field}_file"), field, True
    if part in _PARTS:
        one, _, field = rest.rpartition("_")
        return part, one, field, False
    return None


def _read_secret(path: Path, variable: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_SECRET_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{variable}: cannot read {path}: {_reason(error)}") from error


def _from_file(path: Path) -> _Source:
    try:
        with path.open("rb") as file:
            text = file.read(_CONFIG_BYTES_MAX).decode()
        return _Source(str(path), tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def demo_data_dir(environ: Mapping[str, str]) -> Path:
    """Return where made-up data live when nobody says where: never among real ones."""
    default = _default_data_dir(environ)
    return default.with_name(f"{default.name}-demo")


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Diurnal"
    base = environ.get("XDG_DATA_HOME", "")
    # The XDG rules: a relative path there is to be ignored.
    shared = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share"
    return shared / "diurnal"


def _check(settings: Settings) -> None:
    """Refuse values that are right alone and wrong together."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise InvalidInput("tls_cert and tls_key go together", field="tls_cert")
    for name in ("tls_cert", "tls_key"):
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            origin = settings.origins[name]
            raise InvalidInput(f"{origin}: {name}: there is no file {path}", field=name)
    if settings.workers > 1 and (
        settings.database_url.startswith("sqlite:") or settings.redis_url is None
    ):
        raise InvalidInput("workers above 1 need PostgreSQL and redis_url", field="workers")
    if settings.smtp_host is not None and settings.smtp_from is None:
        raise InvalidInput("smtp_host needs smtp_from", field="smtp_from")
    if settings.attachment_bytes_max > settings.attachment_quota_bytes:
        raise InvalidInput(
            "attachment_bytes_max is above attachment_quota_bytes", field="attachment_bytes_max"
        )
    named = [name for d in settings.dialects.values() for name in (d.host, d.later_host)]
    hosts = [name for name in named if name]
    for host in hosts:
        if hosts.count(host) > 1:
            raise InvalidInput(f"two dialects have the host {host!r}", field="dialects")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "data_dir": readers.path,
    "database_url": readers.database_url,
    "host": readers.bind_host,
    "port": readers.number(0, 65_535),
    "workers": readers.number(1, 64),
    "tls_cert": readers.optional_path,
    "tls_key": readers.optional_path,
    "public_url": readers.public_url,
    "allowed_hosts": readers.host_patterns,
    "trusted_proxies": readers.networks,
    "sign_up": readers.choice("closed", "invite", "open"),
    "smtp_host": readers.optional_host_name,
    "smtp_port": readers.number(1, 65_535),
    "smtp_security": readers.choice("starttls", "tls", "none"),
    "smtp_user": readers.optional_text,
    "smtp_password": readers.optional_text,
    "smtp_from": readers.mailbox,
    "body_bytes_max": readers.size,
    "upload_bytes_max": readers.size,
    "attachment_bytes_max": readers.size,
    "attachment_quota_bytes": readers.size,
    "event_versions": readers.number(0, 10_000),
    "address_rate": readers.rate,
    "outbound_allow": readers.networks,
    "redis_url": readers.redis_url,
    "backup_dir": readers.optional_path,
    "backup_hours": readers.number(0, 8_760),
    "signing_key_days": readers.number(0, 3_650),
    "audit_days": readers.number(0, 36_500),
    "backup_keep": readers.number(1, 1_000),
    "backup_passphrase": readers.optional_text,
    "metrics_token": readers.optional_text,
    "log_level": readers.choice("debug", "info", "warning", "error"),
    "log_format": readers.choice("console", "json"),
}
_PARTS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "dialects": {
        # Before `host`, with which its variable's name ends.
        "later_host": readers.optional_host_name,
        "host": readers.optional_host_name,
        "rate": readers.optional_rate,
        "plain_http": readers.switch,
        "slow_query_s": readers.number(0, 3600),
        "account": readers.optional_text,
    },
    "connectors": {
        "client_id": readers.text,
        "client_secret": readers.text,
        "base_url": readers.public_url,
    },
}
"""Settings that there are once for each dialect or connector: part -> field -> reader."""


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return pattern in {"*", host}


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if (
        name in ("smtp_password", "backup_passphrase", "metrics_token")
        or name.rpartition(".")[2] == "client_secret"
    ):
        return _MASK
    return _masked(str(value)) if name in SECRETS else str(value)


def _masked(url: str) -> str:
    """Return `url` without its passwords; wholly masked when it cannot be taken apart."""
    try:
        parts = urlsplit(url)
        login, at, place = parts.netloc.rpartition("@")
        user, colon, _ = login.partition(":")
        query = urlencode(
            [(k, _MASK if "pass" in k.lower() else v) for k, v in parse_qsl(parts.query)],
            safe="/*:",
        )
    except ValueError:
        return _MASK
    netloc = f"{user}{colon and f':{_MASK}'}{at}{place}"
    # urlunsplit would drop the empty host of sqlite:////file.
    return (
        url
        if netloc == parts.netloc and query == parts.query
        else urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))
    )
