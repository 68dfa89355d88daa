"""Hashes of objects, as a client in JavaScript makes them of what it has read."""

from __future__ import annotations

import json
import math
import random
import shutil
import struct
import subprocess
from typing import Any

import msgspec
import pytest

from diurnal.model import integrity
from diurnal.model.events import File, body_json
from tests.model.test_events import event

AWKWARD: list[Any] = [
    72.0,
    -0.0,
    0.1,
    1e-7,
    1.5e-6,
    1e-06,
    123456789012345680000.0,
    1e21,
    1.7976931348623157e308,
    5e-324,
    2**53,
    2**53 + 1,
    {"n": 1 - 2**60, "of": [10**20 + 1, 10**25]},
    "",
    'é\u2028\u0007"\\/',
    {"b": 1, "a": None, "\ufb33": 2, "\U0001f600": 3},
    [1.0, [None, {"z": {}}]],
    True,
    9.999e-6,
    0.00001,
    12345.678,
    float(2**53 - 1),
    {"\U0001f600": {"\ufb33": 0.5, "\U0001f600": None}, "e": "1e-7,2.0,null"},
]
_PROGRAM = """
const canonical = (v) => Array.isArray(v) ? `[${v.map(canonical)}]`
  : v && typeof v === 'object' ? `{${Object.keys(v).filter((k) => v[k] !== null).sort()
    .map((k) => `${JSON.stringify(k)}:${canonical(v[k])}`)}}` : JSON.stringify(v);
const { createHash } = require('node:crypto');
for (const text of JSON.parse(require('node:fs').readFileSync(0, 'utf8'))) {
  const { integrity, tags, streamId, ...rest } = JSON.parse(text);
  const hash = createHash('sha256').update(canonical(rest)).digest('base64');
  console.log(`EVENT:0:sha256-${hash}` === integrity);
}
"""


def test_javascript_comes_to_the_same_hash() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    events = [event(content=content) for content in AWKWARD]
    rng = random.Random(5)
    events += [event(content=[_number(rng) for _ in range(20)]) for _ in range(500)]
    events += [
        event(client_data={"k": 1.0}, description="x", trashed=True),
        event(duration=None),
        event(duration=1),
        event(duration=90_000_000, time=1),
    ]
    texts = [body_json(e).decode() for e in events]
    done = subprocess.run(
        [node, "-e", _PROGRAM], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["true"] * len(events)


def _number(rng: random.Random) -> float:
    """Return any number that there is, or one as people write them."""
    if rng.random() < 0.5:
        return round(rng.uniform(-1000, 1000), rng.randrange(8)) / 10.0 ** rng.randrange(12)
    [value] = struct.unpack("<d", rng.randbytes(8))
    return value if math.isfinite(value) else 0.0


def test_files_belong_to_the_hash_and_what_is_the_readers_does_not() -> None:
    photo = File(id="f", name="a.jpg", type="image/jpeg", size=3, hash="0" * 64)
    bare, hung = (
        msgspec.json.decode(body_json(event(files=files)))["integrity"] for files in ((), (photo,))
    )
    assert bare != hung
    assert integrity.of("ACCESS", {"id": "a", "token": "t"}, frozenset({"token"})) == integrity.of(
        "ACCESS", {"id": "a", "token": None}, frozenset()
    )
