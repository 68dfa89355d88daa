"""Measure, print one table, and fail when a ratio misses its target.

python -m bench [--quick] [--only NAME]… [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.report import Missing, Table

SUBJECTS = (
    "http_events",
    "instructions",
    "series",
    "series_codec",
    "apple_import",
    "file_imports",
    "dialects",
    "pryv",
    "footprint",
)
"""Modules of this folder, each with `run(report, quick)`."""


def main(arguments: list[str]) -> int:
    """Run the benches that the command line names; 1 when a gated ratio was missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller inputs")
    parser.add_argument("--only", action="append", choices=SUBJECTS, metavar="NAME", default=[])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    asked = parser.parse_args(arguments)
    table = Table()
    table.head()
    for subject in asked.only or SUBJECTS:
        bench = importlib.import_module(f"bench.{subject}")
        try:
            bench.run(table.of(subject), asked.quick)
        except Missing as missing:
            table.missing.append(f"{subject}: {missing}")
    for line in table.missing:
        print(f"not compared  {line}")
    missed = table.missed()
    for row in missed:
        print(f"missed        {row.name}: {row.value:.3g}, not {row.target}")
    if asked.json:
        told = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{os.cpu_count()} CPU, {platform.machine()}, {platform.system()}",
            "python": platform.python_version(),
            "quick": asked.quick,
            "rows": [row.as_json() for row in table.rows],
            "missing": table.missing,
        }
        asked.json.write_text(json.dumps(told, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
