"""What the repository promises about itself: locks, links, the drawing of the layers."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-bench.lock"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def pins(lock: str) -> dict[str, str]:
    """Return version by name."""
    found = re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / lock).read_text(), re.M)
    return dict(found)


def wanted(*extras: str) -> set[str]:
    project = PROJECT["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return {re.match(r"[A-Za-z0-9_-]+", line)[0].lower().replace("_", "-") for line in lines}  # type: ignore[index]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.M)
    for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]:
        assert "--hash=sha256:" in entry, entry


def test_the_locks_hold_every_dependency_and_agree() -> None:
    run, dev, bench = (pins(lock) for lock in LOCKS)
    assert wanted("build") <= run.keys()
    assert wanted("build", "dev") <= dev.keys()
    assert wanted("build", "dev", "bench") <= bench.keys()
    assert run.items() <= dev.items() <= bench.items()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_decision_is_listed_and_fits_a_screen() -> None:
    listed = (ROOT / "docs/decisions/README.md").read_text()
    pages = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    for number, page in enumerate(pages, start=1):
        assert page.name.startswith(f"{number:04d}-")
        assert f"]({page.name})" in listed
        assert len(page.read_text().splitlines()) <= 50


def test_the_page_draws_the_layers_that_are_checked() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    checked = [re.findall(r"[a-z]+", layer) for layer in layers if "__main__" not in layer]
    page = (ROOT / "docs/architecture.md").read_text()
    drawing = page.partition("## Which way the arrows point")[2].partition("##")[0]
    drawn = [
        re.findall(r"[a-z]+", re.split(r"\s{3,}", line.strip())[0])
        for line in drawing.splitlines()
        if line.startswith("    ") and "↓" not in line
    ]
    assert drawn == checked
