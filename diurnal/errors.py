"""Everything that can go wrong, named once.

    AppError
    ├── InvalidInput      the caller sent something that cannot be right
    ├── Unauthenticated   no credential, or one that nobody knows
    ├── Forbidden         a known caller without the right
    ├── NotFound          it is not there, or the caller may not know that it is
    ├── Conflict          it clashes with what is there
    ├── TooLarge          past a size
    ├── TooMany           past a rate
    ├── Upstream          a service we asked failed
    └── Unavailable       we cannot do it now (full disk, database away)

No HTTP here: each dialect has a table from class to status and its own id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AppError(Exception):
    """Root of our errors; as itself, a bug."""

    code = "error"

    def __init__(self, message: str = "", *, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message or self.__class__.__name__)
        self.message = message or self.__class__.__name__
        self.data = data


class InvalidInput(AppError):
    """Cannot be right; `field` names the member of the request, where one is to blame."""

    code = "invalid-input"

    def __init__(
        self, message: str, *, field: str | None = None, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, data=data)
        self.field = field


class UnknownReference(InvalidInput):
    """Names a thing (stream, parent, measure) that is not there."""

    code = "unknown-reference"


class HiddenReference(UnknownReference):
    """Names a thing that is there, but that the caller may not know of.

    As unknown, unless a contract says that it is forbidden.
    """


class Unauthenticated(AppError):
    """No credential (`missing`), one that nobody knows, or one past its time (`expired`)."""

    code = "unauthenticated"

    def __init__(
        self, message: str, *, missing: bool = False, expired: bool = False, access: Any = None
    ) -> None:
        super().__init__(message)
        self.missing = missing
        self.expired = expired
        self.access = access
        """The access that opens nothing any more; for the audit, never told."""


class Forbidden(AppError):
    """A known caller without the right."""

    code = "forbidden"


class NotFound(AppError):
    """Not there, or not for this caller."""

    code = "not-found"


class Conflict(AppError):
    """Clashes with what is there; `data` names the clashing fields."""

    code = "conflict"


class TooLarge(AppError):
    """Past a size; `limit` in the unit the message names."""

    code = "too-large"

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message, data={"limit": limit})
        self.limit = limit


class TooMany(AppError):
    """Past a rate; `quiet` when the same was refused a moment ago and need not be noted again."""

    code = "too-many"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.quiet = False


class Upstream(AppError):
    """A service that we asked failed; `permanent` when trying again is pointless."""

    code = "upstream"

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Unavailable(AppError):
    """Not now: the disk is full, the database is away, the server is closing."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
