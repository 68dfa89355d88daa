"""Error words of 2012: `INVALID_TOKEN` in 0.1, `invalid-access-token` in 0.4."""

from __future__ import annotations

from typing import Any

from diurnal.errors import (
    AppError,
    Conflict,
    Forbidden,
    HiddenReference,
    InvalidInput,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnknownReference,
    Upstream,
)


class UnknownItem(NotFound):
    """What a path names is not there; `kind` is the word for it, as CHANNEL."""

    def __init__(self, kind: str, id_: str) -> None:
        super().__init__(f"Unknown {kind.lower()}: '{id_}'.")
        self.kind = kind


class UnknownNamed(UnknownReference):
    """What parameters name is not there."""

    def __init__(self, kind: str, *ids: str) -> None:
        named = ", ".join(f"'{i}'" for i in ids)
        super().__init__(f"Unknown {kind.lower()}: {named}.", data={"unknownIds": list(ids)})
        self.kind = kind


class NameTaken(Conflict):
    """Another of its siblings is called so."""


class BadStructure(InvalidInput):
    """A request that cannot be read at all."""


class BadItemId(InvalidInput):
    """An id that nothing can have."""


class MissingParameter(InvalidInput):
    """A parameter that is needed here."""


class MissingFolder(InvalidInput):
    """A period is started without a folder."""


class BadOperation(InvalidInput):
    """Well-formed parameters that do not go together."""


class PeriodsOverlap(InvalidInput):
    """A period of a strict channel would lie on another."""


class BadCredentials(Unauthenticated):
    """Name and password do not belong together, or there is no session."""


class WrongPassword(InvalidInput):
    """The password that is to be changed is another."""


class BadNewPassword(InvalidInput):
    """The password cannot become this."""


STATUSES: dict[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "INVALID_PARAMETERS_FORMAT"),
    BadStructure: (400, "INVALID_REQUEST_STRUCTURE"),
    BadItemId: (400, "INVALID_ITEM_ID"),
    MissingParameter: (400, "MISSING_PARAMETER"),
    MissingFolder: (400, "MISSING_FOLDER"),
    BadOperation: (400, "INVALID_OPERATION"),
    PeriodsOverlap: (400, "PERIODS_OVERLAP"),
    WrongPassword: (400, "WRONG_PASSWORD"),
    BadNewPassword: (400, "INVALID_NEW_PASSWORD"),
    UnknownReference: (400, "UNKNOWN_FOLDER"),
    HiddenReference: (400, "UNKNOWN_FOLDER"),
    Unauthenticated: (401, "INVALID_TOKEN"),
    BadCredentials: (401, "INVALID_CREDENTIALS"),
    Forbidden: (403, "FORBIDDEN"),
    NotFound: (404, "UNKNOWN_RESOURCE"),
    Conflict: (400, "ITEM_ID_ALREADY_EXISTS"),
    NameTaken: (400, "ITEM_NAME_ALREADY_EXISTS"),
    TooLarge: (413, "INVALID_REQUEST_STRUCTURE"),
    TooMany: (429, "API_UNAVAILABLE"),
    Upstream: (502, "API_UNAVAILABLE"),
    Unavailable: (503, "API_UNAVAILABLE"),
    AppError: (500, "UNEXPECTED_ERROR"),
}
_LATER = {"INVALID_TOKEN": "invalid-access-token"}


def describe(error: AppError, id_: str, *, slugs: bool) -> dict[str, Any]:
    """Return the object that tells of an error: at the top of a body, without a wrapper."""
    kind = getattr(error, "kind", None)
    if isinstance(kind, str):
        id_ = f"UNKNOWN_{kind}"
    message = error.message if id_ != "UNEXPECTED_ERROR" else f"Unexpected error: {error.message}"
    if slugs:
        id_ = _LATER.get(id_, id_.lower().replace("_", "-"))
    told: dict[str, Any] = {"id": id_, "message": message}
    if error.data:
        told["data"] = dict(error.data)
    elif getattr(error, "field", None):
        told["data"] = [{"path": f"#/{getattr(error, 'field', '')}", "message": error.message}]
    return told


def failure(error: AppError, *, slugs: bool) -> dict[str, Any]:
    """Return what tells of an error where there is no status."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return describe(error, STATUSES[kind][1], slugs=slugs)
    return describe(error, STATUSES[AppError][1], slugs=slugs)
