"""What the server is run with: unit, image, composition, dashboard."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from diurnal import catalog
from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.settings import load
from tests.dialects.client import Client, personal_token

ROOT = Path(__file__).parents[1]
PACK = ROOT / "pack"


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    text = (PACK / "diurnal.service").read_text()
    program = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE)
    assert program is not None
    unit = tmp_path / "diurnal.service"
    unit.write_text(text.replace(program[1], "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "diurnal.service" not in done.stderr, done.stderr


def test_the_unit_lets_the_service_write_in_one_place_only() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(PACK / "diurnal.service")
    service = dict(unit["Service"])
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["StateDirectoryMode"] == "0700"


def test_the_image_runs_as_nobody_and_needs_only_what_is_copied() -> None:
    lines = (PACK / "Dockerfile").read_text().splitlines()
    assert "USER 10001" in lines
    assert any("useradd --uid 10001 " in line for line in lines)
    assert lines.index("USER 10001") < next(
        i for i, line in enumerate(lines) if line.startswith("ENTRYPOINT")
    )
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    for line in lines:
        if line.startswith("COPY"):
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name
                assert name.removeprefix("./") in taken, name


def test_the_composition_and_the_image_set_what_there_is_to_set(tmp_path: Path) -> None:
    for name in ("compose.yaml", "Dockerfile", "diurnal.service"):
        text = (PACK / name).read_text()
        for given in set(re.findall(r"DIURNAL_([A-Z_]+)\b", text)):
            values = {"TRUSTED_PROXIES": "172.16.0.0/12", "LOG_FORMAT": "json"}
            values |= {"PUBLIC_URL": "http://localhost:8400", "HOST": "0.0.0.0"}  # noqa: S104
            value = values.get(given, str(tmp_path))
            load(data_dir=tmp_path, environ={f"DIURNAL_{given}": value})


def test_the_dashboard_asks_for_what_there_is(ctx: Context, alice: Access) -> None:
    board: dict[str, Any] = json.loads((PACK / "grafana" / "dashboard.json").read_text())
    client = Client(ctx)
    headers = {"Authorization": f"Bearer {personal_token(ctx, alice)}"}
    assert len(board["panels"]) >= 6
    for panel in board["panels"]:
        (target,) = panel["targets"]
        url = re.sub(r"\$\{__(from|to):date:YYYY-MM-DD\}", "2026-02-03", target["url"])
        answer = client.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        (measure,) = told["values"]
        assert catalog.find(measure) is not None
        assert len(told["days"]) == len(told["values"][measure]) == 1
        assert f"values.{measure})" in target["root_selector"]
