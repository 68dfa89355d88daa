"""Read a long XML file element by element, and go on behind what is broken.

Apple's file has an internal DTD that is malformed on some versions of iOS, so everything before
the root element is skipped unread. That also takes the ground from entity attacks: without a
DTD the parser knows no entity, and a reference to one is an error of its record alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from diurnal.errors import InvalidInput

BLOCK_BYTES = 256 << 10
TAG_BYTES_MAX = 1 << 20
"""Expat reads an unfinished tag again from its beginning with every block."""
PROLOG_BYTES_MAX = 4 << 20
NAMES_MAX = 5_000
"""Different names of elements and attributes: the parser never forgets one."""
BROKEN_MAX = 10_000
RAW_MAX = 2_000

ROOT = re.compile(rb"<HealthData(?=[\s/>])")
_PREFIX = b"<HealthData>"
_NEXT = re.compile(
    rb"<(?:Record|Correlation|Workout|ActivitySummary|ClinicalRecord|Audiogram"
    rb"|VisionPrescription|ExportDate|Me)(?=[\s/>])|</HealthData(?=[\s>])"
)
_INVALID = expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]
_JUNK = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]
_CUT = "the file ends before it is complete"
_OVERLAP = 64
"""More than the longest match of `_NEXT`, which may lie across two blocks."""


class _TooDeep(Exception):
    pass


class Elements:
    """Feeds elements to handlers; memory does not grow with the file.

    Attributes:
        done: bytes read.
    """

    def __init__(
        self,
        stream: BinaryIO,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
        broken: Callable[[str, int, str], None],
    ) -> None:
        """Prepare; `broken(reason, line, raw)` also means that open elements are closed."""
        self._stream, self._start, self._end, self._broken = stream, start, end, broken
        self.done = 0
        self._parser: expat.XMLParserType | None = None
        self._line = 1
        """Line at which the parser began, or that is reached while there is none."""
        self._kept = b""
        """What the parser has not finished, and all of the last block."""
        self._kept_at = 0
        """Its place in what the parser was given."""
        self._faults = 0
        self._deep: tuple[int, int] = 0, 0
        self._complete = False

    def refuse_depth(self) -> None:
        """Give up the element that a start handler is being told of, and all around it."""
        if self._parser is None:
            raise _TooDeep
        # Expat runs on to the end of the block without handlers: the place is known only now.
        self._deep = self._parser.CurrentByteIndex, self.line
        raise _TooDeep

    @property
    def line(self) -> int:
        """The line that is being read."""
        return self._line + (self._parser.CurrentLineNumber - 1 if self._parser else 0)

    def read(self) -> Iterator[None]:
        """Read everything, block by block.

        Raises:
            InvalidInput: no root element.
            TooLarge: the entry unpacks to more than it may.
        """
        if not self._skip_prolog():
            return
        yield
        try:
            while block := self._stream.read(BLOCK_BYTES):
                self.done += len(block)
                self._kept += block
                if not self._parse(block if self._parser else self._seek(0, self._line)):
                    return
                yield
        except InvalidInput as e:
            self._broken(e.message, self.line, "")
            return
        self._finish()

    def _skip_prolog(self) -> bool:
        held = b""
        while not (root := ROOT.search(held)):
            block = self._stream.read(BLOCK_BYTES)
            if not block or len(held) > PROLOG_BYTES_MAX:
                raise InvalidInput("no HealthData element in the file")
            self.done += len(block)
            held += block
        self._line += held.count(b"\n", 0, root.start())
        return self._parse(self._begin(held[root.start() :], b""))

    def _begin(self, data: bytes, prefix: bytes) -> bytes:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        self._parser = parser
        self._kept, self._kept_at = data, len(prefix)
        if prefix:
            parser.Parse(prefix, False)
        return data

    def _parse(self, data: bytes) -> bool:
        """Parse, restarting behind faults; False once there were too many."""
        while self._parser is not None:
            fault = self._try(self._parser, data)
            if fault is None:
                return True
            reason, at, line = fault
            self._parser = None
            self._line = line
            self._faults += 1
            if self._faults > BROKEN_MAX:
                self._broken("too many errors; the rest of the file was not read", line, "")
                return False
            here = max(at - self._kept_at, 0)
            first = max(self._kept.rfind(b"<", 0, here), 0)
            end = self._kept.find(b">", first)
            raw = self._kept[first : end + 1 if end >= 0 else None][:RAW_MAX]
            self._broken(reason, line, raw.decode("utf-8", "replace"))
            data = self._seek(max(here, 1), line)
        return True

    def _try(self, parser: expat.XMLParserType, data: bytes) -> tuple[str, int, int] | None:
        """Parse; return what is wrong, its place and line."""
        try:
            parser.Parse(data, False)
        except expat.ExpatError as e:
            # The parser says both only after an error of its own.
            self._complete = e.code == _JUNK
            # An invalid character may be the beginning of the next tag; else it is this one's.
            past = e.code != _INVALID
            return expat.errors.messages[e.code], parser.ErrorByteIndex + past, self.line
        except _TooDeep:
            at, line = self._deep
            return "elements too deep in each other", at + 1, line
        at = max(parser.CurrentByteIndex, self._kept_at)
        self._kept = self._kept[at - self._kept_at :]
        self._kept_at = at
        if len(parser.intern) > NAMES_MAX:
            return "too many different names of elements and attributes", at + 1, self.line
        if len(self._kept) > TAG_BYTES_MAX:
            return "a tag is longer than 1 MB", at + 1, self.line
        return None

    def _seek(self, start: int, line: int) -> bytes:
        """Begin anew at the next record in what is kept; without one keep only its end."""
        found = _NEXT.search(self._kept, start)
        if found:
            self._line = line + self._kept.count(b"\n", start, found.start())
            return self._begin(self._kept[found.start() :], _PREFIX)
        keep = max(len(self._kept) - _OVERLAP, start)
        self._line = line + self._kept.count(b"\n", start, keep)
        self._kept = self._kept[keep:]
        return b""

    def _finish(self) -> None:
        raw = self._kept[-RAW_MAX:].decode("utf-8", "replace")
        if self._parser is not None:
            try:
                self._parser.Parse(b"", True)
            except expat.ExpatError:
                self._broken(_CUT, self.line, raw)
        elif not self._complete:
            self._broken(_CUT, self._line, raw)
