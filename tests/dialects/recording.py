"""Writing down what is answered, so that a story begins as a guess; see `stories`."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import httpx2
import msgspec

from tests.clock import DAY, SECOND, START
from tests.dialects.stories import FORMS, Answer, Known, Step, Story, headers_of

UNASKED = frozenset({"secret", "base64", "number", "now"})
"""Forms that so much has that they are not looked for while recording."""
ESTIMATED = frozenset({"dbDocuments"})
"""Members whose number is no promise."""


class Recorder:
    """Writes down what is answered, with placeholders for what varies."""

    def __init__(self, known: Known, story: Story) -> None:
        self._known = known
        # What the story says itself does not vary.
        asked = [msgspec.structs.replace(step, answer=None) for step in story.steps]
        self._said = msgspec.json.encode([story.given, asked]).decode()

    def answer(self, step: Step, told: httpx2.Response) -> Answer:
        """Return an answer as a story keeps it."""
        for name, way in (step.keep or {}).items():
            value = _dug(told, way)
            assert name not in FORMS, f"{name} is the name of a form"
            self._known.said[name] = value
        fresh = set(step.keep or ())
        asked = step.answer or Answer()
        made = Answer(status=told.status_code, headers=self.masked(headers_of(told), fresh))
        if asked.contains is not msgspec.UNSET:
            made.contains = asked.contains
        elif "json" in told.headers.get("content-type", "") and told.content:
            made.body = self.masked(told.json(), fresh)
        elif told.content:
            try:
                made.text = self.masked(told.content.decode(), fresh)
            except UnicodeDecodeError:
                made.base64 = base64.b64encode(told.content).decode()
        return made

    def masked(self, told: Any, fresh: set[str]) -> Any:
        """Put placeholders where something is known, or varies."""
        if isinstance(told, dict):
            return {self._named(k, set()): self._member(k, v, fresh) for k, v in told.items()}
        if isinstance(told, list):
            return [self.masked(v, fresh) for v in told]
        if isinstance(told, str):
            return self._text(told, fresh)
        for name in list(fresh):
            if type(told) is type(self._known.said[name]) and told == self._known.said[name]:
                fresh.discard(name)
                return f"${{number:{name}}}"
        if isinstance(told, float) and START < told * SECOND < START + DAY and told % 1:
            return "${now}"
        return told

    def _member(self, name: str, told: Any, fresh: set[str]) -> Any:
        if name in ESTIMATED:
            return "${number}"
        return (self._numbered if name.endswith("id") else self.masked)(told, fresh)

    def _named(self, told: str, fresh: set[str]) -> str:
        by_length = sorted(
            ((n, v) for n, v in self._known.said.items() if isinstance(v, str) and len(v) > 5),
            key=lambda pair: -len(pair[1]),
        )
        for name, value in by_length:
            if name in fresh and value in told:
                form = next((f for f, p in FORMS.items() if re.fullmatch(p, value)), "?")
                told = told.replace(value, f"${{{form}:{name}}}", 1)
                fresh.discard(name)
            if name != "password":
                told = told.replace(value, f"${{{name}}}")
        for name, value in self._known.said.items():
            if not str(value).isdigit():
                continue
            form = f"${{number:{name}}}" if name in fresh else f"${{{name}}}"
            told, found = re.subn(rf"(?:(?<=['/])|(?<=<id>)){value}(?=['<])", form, told)
            if found:
                fresh.discard(name)
        return told

    def _numbered(self, told: Any, fresh: set[str]) -> Any:
        if isinstance(told, int):
            for name, value in self._known.said.items():
                if value in (told, str(told)) and name not in fresh:
                    return f"${{{name}}}"
        return self.masked(told, fresh)

    def _text(self, told: str, fresh: set[str]) -> str:
        told = re.sub(rf"(?<=^:_audit:access-){FORMS['id']}$", "${id}", self._named(told, fresh))
        for form, pattern in FORMS.items():
            if form in UNASKED:
                continue
            told = re.sub(
                rf"(?<![\w$:{{-]){pattern}(?![\w}}-])",
                lambda m, form=form: m[0] if m[0] in self._said else f"${{{form}}}",
                told,
            )
        return told


def _dug(told: httpx2.Response, way: str) -> Any:
    if way.startswith("/"):
        whole = "\n".join([*(f"{k}: {v}" for k, v in headers_of(told).items()), told.text])
        found = re.search(way[1:-1], whole)
        assert found, f"nothing is {way} in {whole}"
        return found[1]
    value = told.json()
    assert way == "." or told.status_code < 400, told.text
    for part in way.split(".") if way != "." else ():
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


WIDTH = 100


def written(story: Story) -> str:
    """Return a story as its file has it: what fits on a line is on one."""
    return _laid(msgspec.json.decode(msgspec.json.encode(story)), 0) + "\n"


def _laid(value: Any, indent: int, before: int = 0) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent + before <= WIDTH or not isinstance(value, dict | list):
        return flat
    inner = "\n" + " " * (indent + 1)
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(k, ensure_ascii=False)}: {_laid(v, indent + 1, len(k) + 4)}"
            for k, v in value.items()
        ]
        return "{" + inner + f",{inner}".join(parts) + "\n" + " " * indent + "}"
    if all(not isinstance(v, dict | list) for v in value):
        return "[" + inner + _folded([json.dumps(v, ensure_ascii=False) for v in value], inner)
    return (
        "["
        + inner
        + f",{inner}".join(_laid(v, indent + 1) for v in value)
        + "\n"
        + " " * indent
        + "]"
    )


def _folded(words: list[str], inner: str) -> str:
    lines, line = [], ""
    for i, word in enumerate(words):
        piece = word + ("," if i < len(words) - 1 else "")
        if line and len(line) + len(piece) + len(inner) > WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {piece}" if line else piece
    return inner.join([*lines, line]) + inner[:-1] + "]"
