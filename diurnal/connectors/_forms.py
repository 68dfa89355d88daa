"""Documents of JSON that a source gives in several forms, in a file or as an answer.

A form is known by its members: files have any name, and lists lie at any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from diurnal.connectors import Entry, _json
from diurnal.connectors._points import Lanes
from diurnal.errors import InvalidInput
from diurnal.model.records import Item

Read = Callable[[Any, Lanes], Iterable[Item]]
"""Yields what one document says; its points go into the lanes."""


class Form(msgspec.Struct, frozen=True):
    """One form of documents.

    Attributes:
        name: what such a document tells; two forms may tell the same.
        read: reads one document.
        marks: dotted members that tell it from all other forms; `*` stands for any name.
        where: as in `Forms`, for this one alone.
    """

    name: str
    read: Read
    marks: Set[str]
    where: tuple[str, ...] = ()


class Forms(msgspec.Struct, frozen=True):
    """The forms of a source's documents.

    Attributes:
        forms: the first whose marks are there counts.
        where: dotted paths of the documents, as `_json.read` takes them.
        sure: how sure a connector is of a file in one of these forms.
    """

    forms: tuple[Form, ...]
    where: tuple[str, ...] = ("item", "")
    sure: float = 0.9

    def find(self, entry: Entry) -> tuple[Form, str] | None:
        """Return a file's form and where its documents are, None for a file in no form."""
        there = _json.members(entry.head)
        for form in self.forms:
            for where in form.where or self.where:
                prefix = f"{where}." if where else ""
                if all(_is_there(f"{prefix}{mark}", there) for mark in form.marks):
                    return form, where
        return None

    def recognise(self, entry: Entry) -> float:
        """Return how sure it is."""
        return 0.0 if self.find(entry) is None else self.sure

    def parse(self, entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
        """Yield what the documents of a file say.

        Raises:
            InvalidInput: it is in no form.
        """
        found = self.find(entry)
        if found is None:
            raise InvalidInput(f"{entry.name}: not of a form that is known")
        form, where = found
        lanes = Lanes()
        yield from _json.read(entry, _into(lanes, form.read), where)
        yield from lanes.flush(everything=True)

    def answer(self, name: str, documents: Iterable[Any], where: str = "") -> Iterator[Item]:
        """Yield what decoded documents say; one that cannot be read is set aside.

        Args:
            name: of their form.
            where: what people may call the answer; the form's name where it is not told.
        """
        read = next(form.read for form in self.forms if form.name == name)
        yield from rows(read, documents, where or name)


def rows(read: Read, documents: Iterable[Any], where: str) -> Iterator[Item]:
    """Yield what `read` reads of decoded documents; one that it cannot read is set aside."""
    lanes = Lanes()
    yield from _json.each(_into(lanes, read), documents, where)
    yield from lanes.flush(everything=True)


def _into(lanes: Lanes, read: Read) -> _json.Read:
    def one(said: Any) -> Iterator[Item]:
        yield from read(said, lanes)
        yield from lanes.flush()

    return one


def _is_there(mark: str, there: Set[str]) -> bool:
    if "*" in mark:
        return any(fnmatchcase(member, mark) for member in there)
    return mark in there
