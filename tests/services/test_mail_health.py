"""What the doctor says of the mail server."""

from __future__ import annotations

from pathlib import Path

import pytest

from diurnal.errors import InvalidInput
from diurnal.services import health
from diurnal.settings import load
from tests import mail_server
from tests.clock import START


def told(folder: Path, port: int, **more: str) -> tuple[str, str]:
    environ = {
        "DIURNAL_SMTP_HOST": "127.0.0.1",
        "DIURNAL_SMTP_PORT": str(port),
        "DIURNAL_SMTP_FROM": "d@example.org",
        **more,
    }
    settings = load(data_dir=folder, environ=environ)
    [found] = [f for f in health.examine(settings, lambda: START) if f.name == "mail"]
    return found.state, found.mend


def test_a_mail_server_is_looked_for_before_somebody_needs_it(data_dir: Path) -> None:
    with mail_server.running() as server:
        port = server.port
        assert told(data_dir, port)[0] == health.WARNING
        assert "public_url" in told(data_dir, port)[1]
        url = {"DIURNAL_PUBLIC_URL": "https://diurnal.example.org"}
        assert told(data_dir, port, **url) == (health.OK, "")
    assert told(data_dir, port)[0] == health.WRONG


def test_without_a_mail_server_nothing_is_said(data_dir: Path) -> None:
    settings = load(data_dir=data_dir, environ={})
    assert "mail" not in {f.name for f in health.examine(settings, lambda: START)}


def test_half_a_mail_server_stops_the_start(data_dir: Path) -> None:
    with pytest.raises(InvalidInput, match="smtp_from"):
        load(data_dir=data_dir, environ={"DIURNAL_SMTP_HOST": "mail.example.org"})
