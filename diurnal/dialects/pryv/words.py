"""Pryv's error words: which class is which status and id, and what is told with it."""

from __future__ import annotations

from typing import Any

from diurnal.dialects.pryv import checks
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


class UnknownToken(Unauthenticated):
    """A token was given and opens nothing."""


class AccessExpired(Forbidden):
    """A token was given whose access is past its time."""


class BadCredentials(Unauthenticated):
    """Name and password, or the app that asks for them, are not good enough."""


class RefusedRegistration(Forbidden):
    """This server takes no account like that."""


class UnknownUser(NotFound):
    """Nobody has this name, in the words of the registration service."""


class UnknownEmail(NotFound):
    """Nobody has this address."""


class UnknownKey(InvalidInput):
    """No access request has this key."""


class BadAccessRequest(InvalidInput):
    """An access request that cannot be right."""


STATUSES: dict[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "invalid-parameters-format"),
    UnknownReference: (400, "unknown-referenced-resource"),
    HiddenReference: (403, "forbidden"),  # Pryv tells what is hidden from what is not there
    checks.BadStructure: (400, "invalid-request-structure"),
    checks.BadOperation: (400, "invalid-operation"),
    checks.BadEventType: (400, "invalid-event-type"),
    checks.BadContentType: (415, "unsupported-content-type"),
    checks.BadItemId: (400, "invalid-item-id"),
    UnknownKey: (400, "unknown-access-key"),
    BadAccessRequest: (400, "invalid-parameters"),
    UnknownUser: (404, "unknown-user"),
    UnknownEmail: (404, "unknown-email"),
    BadCredentials: (401, "invalid-credentials"),
    RefusedRegistration: (403, "forbidden"),
    Unauthenticated: (401, "invalid-access-token"),
    UnknownToken: (403, "invalid-access-token"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "unknown-resource"),
    checks.UnknownMethod: (404, "invalid-method"),
    checks.RemovedMethod: (410, "removed-method"),
    Conflict: (409, "item-already-exists"),
    checks.Stale: (409, "stale-resource"),
    checks.TooManyResults: (413, "too-many-results"),
    TooLarge: (413, "invalid-request-structure"),
    TooMany: (429, "api-unavailable"),
    Upstream: (502, "api-unavailable"),
    Unavailable: (503, "api-unavailable"),
    AppError: (500, "unexpected-error"),
}

ID_OF_CODE = {
    # The first row of a code is that of its own class.
    kind.code: id_
    for kind, (_, id_) in reversed(STATUSES.items())
    if kind.__module__ == AppError.__module__
}
"""Our own code of a class of errors, as the audit keeps it -> its id here."""
_FORBIDDEN = "The given token's access permissions do not allow this operation."


def describe(error: AppError, id_: str) -> dict[str, Any]:
    """Return the member `error` of an answer."""
    message, data = error.message, error.data
    told: Any = data
    if isinstance(error, checks.BadParameters):
        told = [
            {"code": p.code, "params": p.params, "message": p.message, "path": p.path}
            for p in error.problems
        ]
    elif isinstance(error, checks.BadFields):
        told = [
            {"code": code, "message": text, "path": f"#/{name}", "param": name}
            for code, text, name in error.fields
        ]
    elif data is not None and "trashedReference" in data:
        id_ = "invalid-operation"
    elif id_ == "invalid-parameters-format":
        path = f"#/{getattr(error, 'field', None) or ''}"
        told = [{"code": "INVALID_FORMAT", "params": [], "message": message, "path": path}]
    elif type(error) in (Forbidden, HiddenReference):
        message, told = _FORBIDDEN, None
    elif id_ == "unexpected-error":
        message = f"Unexpected error: {message}"
    described: dict[str, Any] = {"id": id_, "message": message}
    return described if told is None else described | {"data": told}


def failure(error: AppError) -> dict[str, Any]:
    """Return what a refused call of a batch or a socket is answered with."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return {"error": describe(error, STATUSES[kind][1])}
    return {"error": describe(error, STATUSES[AppError][1])}


def whole(error: AppError, id_: str) -> dict[str, Any]:
    """Return a refusal as it is answered; clients of 1.x look for some of it at the top."""
    told: dict[str, Any] = {"error": describe(error, id_)}
    if isinstance(error, UnknownKey):
        return {"id": "INVALID_KEY", "message": error.message} | told
    return told
