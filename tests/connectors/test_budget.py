"""What a source may cost: a connector is short, for the host does what all of them need."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

import diurnal.connectors
from diurnal import plugins
from diurnal.connectors import Connector

API, FILES = 120, 150
"""Lines of code of a connector that asks or is sent to, and of one that reads files; who does both
has both."""
LARGER = {
    "apple_health": (1_100, "records, workouts, routes and nights of XML that is not well-formed"),
    "csv_file": (800, "tables of anybody, with a mapping that is found out or asked for"),
    "fit": (175, "clocks told as if they were UTC, devices, and monitoring around the clock"),
    "fitbit": (170, "six kinds of JSON, six tables, and the answers of the API that has ended"),
    "health_connect": (165, "a database with a table for each of thirty kinds of record"),
}
"""Those that may have more, and why."""
_BLANK = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of_code(text: str) -> int:
    """Return how many lines hold something that is neither comment nor docstring."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _BLANK:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - told)


def cost(name: str) -> int:
    """Return the lines of a connector's file, or of all files in its folder."""
    home = Path(diurnal.connectors.__path__[0]) / name
    files = sorted(home.rglob("*.py")) if home.is_dir() else [home.with_suffix(".py")]
    return sum(lines_of_code(file.read_text()) for file in files)


@pytest.mark.parametrize(
    "connector",
    plugins.load("diurnal.connectors", "CONNECTOR", Connector).values(),
    ids=lambda c: c.name,
)
def test_a_connector_keeps_its_budget(connector: Connector) -> None:
    asks = bool(connector.pulls) or connector.receive is not None
    budget = API * asks + FILES * (connector.parse is not None)
    most, _ = LARGER.get(connector.name, (budget, ""))
    assert cost(connector.name) <= most
    assert connector.name not in LARGER or cost(connector.name) > budget, "it needs no more now"


def test_lines_of_code_are_counted() -> None:
    text = (
        '"""A module."""\n\n# Why.\nX = (\n    1,  # one\n)\n"""What it is."""\n\n\n'
        'def f():\n    """Do."""\n    return """a\nb"""\n'
    )
    assert lines_of_code(text) == 6
