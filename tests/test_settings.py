"""Settings: who wins, what stops the start, what is shown, and that each is documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from diurnal import settings as settings_module
from diurnal.errors import InvalidInput
from diurnal.settings import SECRETS, Settings, describe, load

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def shown(settings: Settings) -> dict[str, tuple[str, str]]:
    return {name: (value, origin) for name, value, origin in describe(settings)}


def test_the_first_start_needs_no_setting(tmp_path: Path) -> None:
    settings = load(environ={"XDG_DATA_HOME": str(tmp_path)})
    assert settings.data_dir == tmp_path / "diurnal"
    assert settings.database_url == f"sqlite:///{tmp_path}/diurnal/diurnal.db"
    assert (settings.host, settings.port, settings.sign_up) == ("127.0.0.1", 8400, "closed")
    assert set(settings.origins.values()) == {"default"}
    assert not settings.data_dir.exists()


def test_a_later_source_wins(data_dir: Path) -> None:
    (data_dir / "config.toml").write_text("port = 1\nhost = 'file.example'\nlog_level = 'debug'\n")
    environ = {"DIURNAL_PORT": "2", "DIURNAL_HOST": "env.example"}
    settings = load(data_dir=data_dir, options={"port": 3, "tls_cert": None}, environ=environ)
    assert (settings.port, settings.host, settings.log_level) == (3, "env.example", "debug")
    assert settings.origins["port"] == "command line"
    assert settings.origins["host"] == "DIURNAL_HOST"
    assert settings.origins["log_level"] == str(data_dir / "config.toml")
    assert settings.origins["tls_cert"] == "default"


def test_a_named_file_replaces_the_one_in_the_data_directory(data_dir: Path) -> None:
    (data_dir / "config.toml").write_text("port = 1\n")
    named = data_dir / "other.toml"
    named.write_text(f"host = '::1'\ndata_dir = '{data_dir}'\n")
    for settings in (
        load(config=named, environ={}),
        load(environ={"DIURNAL_CONFIG": str(named)}),
    ):
        assert (settings.host, settings.port, settings.data_dir) == ("::1", 8400, data_dir)


def test_a_secret_comes_from_a_file_and_wins_over_the_plain_variable(data_dir: Path) -> None:
    secret = data_dir / "url"
    secret.write_text("postgresql://me:hunter2@db/diurnal\n")
    settings = load(
        data_dir=data_dir,
        environ={
            "DIURNAL_DATABASE_URL": "sqlite:////elsewhere.db",
            "DIURNAL_DATABASE_URL_FILE": str(secret),
        },
    )
    assert settings.database_url == "postgresql://me:hunter2@db/diurnal"
    assert settings.origins["database_url"] == "DIURNAL_DATABASE_URL_FILE"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@db:5432/diurnal",
        "postgresql://me@db/diurnal?password=hunter2&host=/run/pg",
        "postgresql://me:hun:hunter2@db/d",
    ],
)
def test_no_password_is_shown(data_dir: Path, url: str) -> None:
    settings = load(data_dir=data_dir, database_url=url, environ={})
    assert settings.database_url == url
    for text in (str(describe(settings)), repr(settings)):
        assert "hunter2" not in text
        assert "postgresql://me" in text


def test_what_has_no_secret_is_shown_as_it_is(data_dir: Path) -> None:
    settings = load(data_dir=data_dir, environ={})
    assert shown(settings)["database_url"] == (f"sqlite:///{data_dir}/diurnal.db", "default")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DIURNAL_PROT", "1"),
        ("DIURNAL_PORT", "eighty"),
        ("DIURNAL_PORT", "65536"),
        ("DIURNAL_PORT", "-1"),
        ("DIURNAL_PORT", "٣"),
        ("DIURNAL_WORKERS", "0"),
        ("DIURNAL_WORKERS", "2"),
        ("DIURNAL_SIGN_UP", "yes"),
        ("DIURNAL_LOG_LEVEL", "INFO "),
        ("DIURNAL_HOST", "http://localhost"),
        ("DIURNAL_PUBLIC_URL", "diurnal.example.org"),
        ("DIURNAL_PUBLIC_URL", "https://example.org/diurnal"),
        ("DIURNAL_PUBLIC_URL", "https://example.org:port"),
        ("DIURNAL_ALLOWED_HOSTS", "good.example, b@d"),
        ("DIURNAL_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("DIURNAL_OUTBOUND_ALLOW", "home"),
        ("DIURNAL_BODY_BYTES_MAX", "16 XB"),
        ("DIURNAL_BODY_BYTES_MAX", "0"),
        ("DIURNAL_ATTACHMENT_BYTES_MAX", "1 TiB"),
        ("DIURNAL_TLS_CERT", "/nowhere/cert.pem"),
        ("DIURNAL_DATABASE_URL", "mysql://db/diurnal"),
        ("DIURNAL_DATABASE_URL", "sqlite:///"),
        ("DIURNAL_DATABASE_URL_FILE", "/nowhere/url"),
        ("DIURNAL_REDIS_URL", "http://redis"),
        ("DIURNAL_DATA_DIR", ""),
        ("DIURNAL_DIALECTS_NOBODY_HOST", "a.example"),
        ("DIURNAL_PORT_FILE", "/etc/hostname"),
        ("DIURNAL_CONFIG", "/nowhere/config.toml"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_plain_line(
    data_dir: Path, variable: str, value: str
) -> None:
    environ = {"DIURNAL_DATA_DIR": str(data_dir), variable: value}
    with pytest.raises(InvalidInput) as stopped:
        load(environ=environ)
    assert "\n" not in stopped.value.message
    assert re.search(r"[a-z]", stopped.value.message)


@pytest.mark.parametrize(
    "text",
    [
        "prot = 1",
        "port = true",
        "port = 1.5",
        "port = [1]",
        "port = ",
        "data_dir = '/elsewhere'",
        "dialects = 1",
        "dialects.exist = 1",
        "origins = {}",
        "allowed_hosts = [1]",
        "sign_up = ['open']",
        "\0",
    ],
)
def test_a_wrong_line_in_the_file_stops_the_start(data_dir: Path, text: str) -> None:
    (data_dir / "config.toml").write_text(text)
    with pytest.raises(InvalidInput, match=re.escape(str(data_dir / "config.toml"))):
        load(data_dir=data_dir, environ={})


def test_a_bad_secret_is_not_repeated_in_the_message(data_dir: Path) -> None:
    with pytest.raises(InvalidInput) as stopped:
        load(data_dir=data_dir, environ={"DIURNAL_DATABASE_URL": "mysql://me:hunter2@db/x"})
    assert "hunter2" not in stopped.value.message


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("1048576", 1 << 20), ("512 MiB", 512 << 20), ("4gb", 4 * 10**9), ("2TiB", 2 << 40)],
)
def test_sizes_are_bytes_or_carry_a_unit(data_dir: Path, text: str, size: int) -> None:
    settings = load(data_dir=data_dir, environ={"DIURNAL_UPLOAD_BYTES_MAX": text})
    assert settings.upload_bytes_max == size


def test_lists_come_from_commas_or_from_toml(data_dir: Path) -> None:
    (data_dir / "config.toml").write_text("outbound_allow = ['10.0.0.0/8', 'fd00::/8']\n")
    settings = load(data_dir=data_dir, environ={"DIURNAL_TRUSTED_PROXIES": "10.1.2.3, ::1"})
    assert shown(settings)["outbound_allow"][0] == "10.0.0.0/8, fd00::/8"
    assert shown(settings)["trusted_proxies"][0] == "10.1.2.3/32, ::1/128"


def test_a_dialect_gets_a_host_from_file_and_environment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "_known", lambda _part: ["exist", "pryv"])
    (data_dir / "config.toml").write_text(
        "[dialects.exist]\nhost = 'Exist.example.org'\n[dialects.pryv]\nhost = 'a.example'\n"
    )
    settings = load(data_dir=data_dir, environ={"DIURNAL_DIALECTS_PRYV_HOST": "pryv.example.org"})
    assert shown(settings)["dialects.exist.host"][0] == "exist.example.org"
    assert shown(settings)["dialects.pryv.host"] == (
        "pryv.example.org",
        "DIURNAL_DIALECTS_PRYV_HOST",
    )
    assert settings.allows_host("exist.example.org")
    with pytest.raises(InvalidInput, match="two dialects"):
        load(data_dir=data_dir, environ={"DIURNAL_DIALECTS_PRYV_HOST": "exist.example.org"})


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("192.168.1.7", True),
        ("Diurnal.Example.ORG.", True),
        ("more.example.org", True),
        ("a.wild.example", True),
        ("wild.example", False),
        ("notwild.example", False),
        ("evil.example", False),
        ("diurnal.example.org.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_only_known_host_names_are_answered(data_dir: Path, host: str, allowed: bool) -> None:
    settings = load(
        data_dir=data_dir,
        environ={
            "DIURNAL_PUBLIC_URL": "https://diurnal.example.org:8443/",
            "DIURNAL_ALLOWED_HOSTS": "more.example.org, *.wild.example",
        },
    )
    assert settings.public_url == "https://diurnal.example.org:8443"
    assert settings.allows_host(host) is allowed


def test_a_later_version_s_host_name_is_read_from_its_variable(data_dir: Path) -> None:
    """Its name ends like that of the host name itself."""
    environ = {
        "DIURNAL_DIALECTS_PRYV0_LATER_HOST": "later.test",
        "DIURNAL_DIALECTS_PRYV0_HOST": "a.test",
    }
    pryv0 = load(data_dir=data_dir, environ=environ).dialects["pryv0"]
    assert (pryv0.host, pryv0.later_host) == ("a.test", "later.test")


def sections() -> dict[str, str]:
    parts = re.split(r"^### (\S+)$", DOCS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_setting_is_documented_and_nothing_else(data_dir: Path) -> None:
    names = {name for name, _, _ in describe(load(data_dir=data_dir, environ={}))}
    dialect = settings_module.DialectSettings.__struct_fields__
    connector = settings_module.ConnectorSettings.__struct_fields__
    parts = {f"dialects.NAME.{field}" for field in dialect}
    parts |= {f"connectors.NAME.{field}" for field in connector}
    assert set(sections()) == names | parts


def test_the_documented_defaults_are_the_defaults(data_dir: Path) -> None:
    known: dict[str, Any] = shown(load(data_dir=data_dir, environ={}))
    for name, text in sections().items():
        variable = "DIURNAL_" + name.replace(".", "_").upper()
        assert f"`{variable}`" in text
        assert (f"`{variable}_FILE`" in text) is (name.rpartition(".")[2] in SECRETS)
        default = known.get(name, ("", ""))[0]
        if name not in {"data_dir", "database_url"}:
            assert f"default: {f'`{default}`' if default else 'none'}" in text


def test_an_application_of_the_household_is_set_for_each_source(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "_known", lambda _part: ["apple_health", "oura"])
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    settings = load(
        data_dir=data_dir,
        environ={
            "DIURNAL_CONNECTORS_APPLE_HEALTH_CLIENT_ID": "one",
            "DIURNAL_CONNECTORS_OURA_CLIENT_SECRET_FILE": str(secret),
            "DIURNAL_CONNECTORS_OURA_BASE_URL": "http://127.0.0.1:9/",
        },
    )
    assert settings.connectors["apple_health"].client_id == "one"
    assert settings.connectors["oura"].client_secret == "hush"
    assert settings.connectors["oura"].base_url == "http://127.0.0.1:9"
    assert "hush" not in repr(settings)
    with pytest.raises(InvalidInput, match="no connector is called"):
        load(data_dir=data_dir, environ={"DIURNAL_CONNECTORS_NOBODY_CLIENT_ID": "x"})
