"""Custom tags: attributes of 0 and 1, and the text that sums a day of them up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from diurnal.dialects.exist.shapes import Attribute
from diurnal.errors import InvalidInput
from diurnal.model import time
from diurnal.services.days import Day

DIGEST = "custom"
"""The attribute that lists a day's tags; not the source of truth."""
TEXT = "tags"
"""The measure whose day is a text of tags."""
DIGEST_MAX = 250
NAME_MAX = 40
_NO_WORD = re.compile(r"[^\w]", re.UNICODE)


def slug(text: str) -> str:
    """Return the name of the tag that a text means: letters, digits and underscores.

    Raises:
        InvalidInput: nothing is left of it.
    """
    name = _NO_WORD.sub("", text.strip().replace(" ", "_")).strip("_")
    if not name or len(name) > NAME_MAX:
        raise InvalidInput(f"'{text[:60]}' is not a valid tag", field="value")
    return name


def label(name: str) -> str:
    """Return what a tag is called: its name with blanks."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def split(text: str) -> list[str]:
    """Return the names of the tags that a comma-separated text lists, each once.

    Raises:
        InvalidInput: one of them is none.
    """
    return list(dict.fromkeys(slug(part) for part in text.split(",") if part.strip()))


def of(book: Any) -> list[Attribute]:
    """Return the tags of a book."""
    return [a for a in book.attributes.values() if a.tag]


def digest(names: list[str]) -> str:
    """Return the tags of a day as one text, cut after the last that fits."""
    text = ""
    for name in names:
        longer = f"{text}, {name}" if text else name
        if len(longer) > DIGEST_MAX:
            break
        text = longer
    return text


def digests(
    book: Any, found: Mapping[str, list[Day]], first: int, last: int
) -> list[dict[str, Any]]:
    """Return `{value, date}` of each day, newest first; null for a day without tags."""
    tagged: dict[int, list[str]] = {}
    # What other doors said of a day's tags as one text.
    for said in found.get(TEXT, ()):
        if isinstance(said.value, str) and said.value.strip():
            parts = (part.strip() for part in re.split(r"[,\n]", said.value))
            tagged[said.day] = [part for part in parts if part]
    for a in of(book):
        for key in a.keys:
            for day in found.get(key, ()):
                if day.value:
                    tagged.setdefault(day.day, []).append(a.name)
    return [
        {
            "value": digest(sorted(dict.fromkeys(tagged[day]))) if day in tagged else None,
            "date": time.day_text(day),
        }
        for day in range(last, first - 1, -1)
    ]
