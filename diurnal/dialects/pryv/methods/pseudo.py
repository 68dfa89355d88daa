"""Events that are no rows: the audit's lines, the fields of the account, the values of days.

They are shown where their streams are asked for by name, never among others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from diurnal.dialects.pryv import checks, queries, words
from diurnal.dialects.pryv.methods import day_values
from diurnal.dialects.pryv.methods.day_values import DAYS
from diurnal.dialects.pryv.methods.table import Call, Result
from diurnal.dialects.pryv.queries import LIMIT_DEFAULT, Asked
from diurnal.errors import Forbidden, InvalidInput, NotFound, UnknownReference
from diurnal.model.access import Access, Level
from diurnal.model.events import seconds
from diurnal.model.streams import ACCOUNT_STREAMS
from diurnal.services import accesses, accounts, audit, passwords
from diurnal.services.audit import Entry
from diurnal.services.context import Context
from diurnal.store import accounts as account_rows
from diurnal.store import changes, events, files
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

AUDIT = ":_audit:"
BY_ACCESS, BY_ACTION = f"{AUDIT}access-", f"{AUDIT}action-"
ACCOUNT = ":_system:account"
STORAGE = ":_system:storageUsed"
LANGUAGE, EMAIL = ":_system:language", ":system:email"
DOCUMENTS, ATTACHED = ":_system:dbDocuments", ":_system:attachedFiles"
_OTHERS = {AUDIT: "Audit", DAYS: "Days"}
LANGUAGE_MAX = 5
_KEPT = "Of events that are no rows only the language and the e-mail are changed, by their content."
_PREFIXES = (AUDIT, DAYS, ":_system:", ":system:")
NAMES = (LANGUAGE, EMAIL, DOCUMENTS, ATTACHED)
LOOKED_MAX = 100_000
"""Lines of the audit that one call looks at."""
_TURN = 1_000
"""Of these, those looked at before looking at whether that is enough."""


def is_pseudo(id_: str) -> bool:
    """Return whether an id is of a stream or an event that is no row."""
    return id_.startswith(_PREFIXES)


def part(asked: Asked) -> tuple[Asked | None, Asked | None]:
    """Return what is asked for of rows, and of streams that are none; None for nothing."""
    if asked.streams is None or not any(is_pseudo(i) for q in asked.streams for i in q.any_of):
        return asked, None
    rows, others = [], []
    for query in asked.streams:
        named = tuple(i for i in query.any_of if is_pseudo(i))
        left = tuple(i for i in query.any_of if not is_pseudo(i))
        if named:
            others.append(query._replace(any_of=named, every=False))
        if left or query.every:
            rows.append(query._replace(any_of=left))
    return (
        asked._replace(streams=tuple(rows)) if rows else None,
        asked._replace(streams=tuple(others)),
    )


def find(tx: Tx, ctx: Context, call: Call, asked: Asked) -> list[dict[str, Any]]:
    """Return the events of such streams, as many as there may be on the page, in order.

    Raises:
        UnknownReference: there is no such stream.
        Forbidden: it is not the caller's to see.
        TooManyResults: more than one call looks at.
    """
    ids = [i for q in asked.streams or () for i in q.any_of]
    of_audit = [i for i in ids if i.startswith(AUDIT)]
    of_days = [i for i in ids if i.startswith(DAYS)]
    of_account = [i for i in ids if not i.startswith((AUDIT, DAYS))]
    found: list[dict[str, Any]] = []
    if of_audit:
        found += _lines(tx, call.access, asked, of_audit)
    if of_days:
        found += day_values.find(tx, ctx, call.access, asked, of_days)
    if of_account:
        found += _fields(tx, ctx, call.access, asked, of_account)
    return in_order(found, asked)


def in_order(found: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    """Return events in the order that is asked for, up to the end of the page."""
    query = asked.query
    found.sort(key=lambda e: (e["time"], e["id"]), reverse=not query.ascending)
    return found if query.limit is None else found[: query.skip + query.limit]


# The audit


def _lines(tx: Tx, caller: Access, asked: Asked, ids: Sequence[str]) -> list[dict[str, Any]]:
    wanted = [_asked_of(caller, id_) for id_ in ids]
    query = asked.query
    look = msgspec.structs.replace(
        wanted[0] if len(wanted) == 1 else audit.Query(),
        start=query.start,
        end=None if query.end is None else query.end + 1,
        limit=_TURN,
    )
    until = None if query.limit is None else query.skip + query.limit
    found: list[dict[str, Any]] = []
    for _ in range(0, LOOKED_MAX, _TURN):
        page = audit.find(tx, caller, look)
        found += [
            event
            for event in map(written, page)
            if queries.holds(asked, event, frozenset({AUDIT, *event["streamIds"]}))
        ]
        # Newest first: which is the oldest is known only at the end.
        enough = until is not None and not query.ascending and len(found) >= until
        if len(page) < _TURN or enough:
            return found
        look = msgspec.structs.replace(look, before=page[-1].seq)
    raise checks.TooManyResults(
        f"More than {LOOKED_MAX} lines of the audit. Narrow the times.", limit=LOOKED_MAX
    )


def _asked_of(caller: Access, id_: str) -> audit.Query:
    """Return the lines that a stream of the audit holds.

    Raises:
        Forbidden: they are another's, or the caller may not see its own.
        UnknownReference: there is no such stream.
    """
    if not caller.owner and caller.features.get("selfAudit") == "forbidden":
        raise Forbidden("this access does not see what it has done")
    if id_ == AUDIT:
        return audit.Query()
    if id_.startswith(BY_ACCESS):
        access = id_.removeprefix(BY_ACCESS)
        if not caller.owner and access != caller.id:
            raise Forbidden("these are another's")
        return audit.Query(access=access)
    if id_.startswith(BY_ACTION):
        return audit.Query(actions=(id_.removeprefix(BY_ACTION),))
    raise UnknownReference(f'Unknown referenced streams: "{id_}"', data={"streams": [id_]})


def _type(entry: Entry) -> str:
    return "audit-log/pryv-api-error" if entry.line.error else "audit-log/pryv-api"


def written(entry: Entry) -> dict[str, Any]:
    """Return a line of the audit as an event."""
    line = entry.line
    streams = [f"{BY_ACCESS}{line.access}", f"{BY_ACTION}{line.action}"]
    content: dict[str, Any] = {
        "source": {"name": "http" if line.door == "pryv" else line.door, "ip": line.address},
        "action": line.action,
        "query": {"targets": line.target} if line.target else {},
    }
    if line.error:
        # The audit keeps no texts, which may tell more than its reader may know.
        id_ = words.ID_OF_CODE.get(line.error, line.error)
        content |= {"id": id_, "message": id_}
    at = seconds(line.time)
    return {
        "id": f"{AUDIT}c{entry.seq:024d}",
        "streamIds": streams,
        "streamId": streams[0],
        "time": at,
        "type": _type(entry),
        "content": content,
        "tags": [],
        "created": at,
        "createdBy": line.access or "system",
        "modified": at,
        "modifiedBy": line.access or "system",
    }


def logs(tx: Tx, _ctx: Context, call: Call, asked: Asked) -> Result:
    """Return the audit as clients of 1.x ask for it."""
    if asked.query.limit is None:
        query = msgspec.structs.replace(asked.query, limit=LIMIT_DEFAULT * 50)
        asked = asked._replace(query=query)
    asked = asked._replace(streams=None)
    found = in_order(_lines(tx, call.access, asked, [AUDIT]), asked)
    return {"auditLogs": found[asked.query.skip :]}


# The account


def _fields(
    tx: Tx, ctx: Context, caller: Access, asked: Asked, ids: Iterable[str]
) -> list[dict[str, Any]]:
    for id_ in ids:
        if id_ not in ACCOUNT_STREAMS:
            raise UnknownReference(f'Unknown referenced streams: "{id_}"', data={"streams": [id_]})
        if not any(_may_read(caller, name) for name in NAMES if id_ in _above(name)):
            raise Forbidden("only who was given this field of the account reads it")
    account = _account(tx, caller)
    return [
        event
        for event in (_field(tx, ctx, account, n) for n in NAMES if _may_read(caller, n))
        if queries.holds(asked, event, _above(event["id"]))
    ]


def _above(name: str) -> frozenset[str]:
    """Return the streams that hold a field of the account."""
    return frozenset({name, ACCOUNT, *((STORAGE,) if name in (DOCUMENTS, ATTACHED) else ())})


def _may_read(caller: Access, name: str) -> bool:
    """Return whether the caller reads a field of the account: what is nearest to it counts."""
    if caller.owner:
        return True
    levels = {p.stream: p.level for p in caller.permissions}
    above = _above(name) & levels.keys()
    near = next((levels[s] for s in (name, STORAGE, ACCOUNT) if s in above), None)
    return near is Level.READ


def _account(tx: Tx, caller: Access) -> Account:
    found = account_rows.get(tx, caller.account_id)
    if found is None:
        raise NotFound("the account is gone")
    return found


def documents_of(tx: Tx, account_id: int) -> int:
    """Return about how many bytes an account's documents take.

    Estimated: to add up every document of a long life would take seconds.
    """
    revs = changes.revs(tx, account_id)
    return round((revs[0] if revs else 0) * events.mean_size(tx, account_id))


def language_of(account: Account) -> str:
    """Return the language that the owner prefers."""
    return str(account.settings.get("language") or "en")


_VALUES: dict[str, tuple[str, Callable[[Tx, Account], Any]]] = {
    LANGUAGE: ("language/iso-639-1", lambda _tx, a: language_of(a)),
    EMAIL: ("email/string", lambda _tx, a: a.email or ""),
    DOCUMENTS: ("data-quantity/b", lambda tx, a: documents_of(tx, a.account_id)),
    ATTACHED: ("data-quantity/b", lambda tx, a: files.total(tx, a.account_id)),
}


def _field(tx: Tx, ctx: Context, account: Account, name: str) -> dict[str, Any]:
    type_, value = _VALUES[name]
    now = seconds(ctx.now())
    return {
        "id": name,
        "streamIds": [name],
        "streamId": name,
        "time": now,
        "type": type_,
        "content": value(tx, account),
        "tags": [],
        "created": now,
        "createdBy": "system",
        "modified": now,
        "modifiedBy": "system",
    }


def get_one(tx: Tx, ctx: Context, call: Call, id_: str) -> Result:
    """Return one field of the account, one line of the audit, or one value of a day.

    Raises:
        NotFound: there is none.
    """
    if id_ in NAMES and _may_read(call.access, id_):
        return {"event": _field(tx, ctx, _account(tx, call.access), id_)}
    if id_.startswith(DAYS):
        return {"event": day_values.get(tx, ctx, call.access, id_)}
    number = id_.removeprefix(f"{AUDIT}c")
    if number.isdigit() and len(number) < 40:
        seq = int(number)
        for entry in audit.find(tx, call.access, audit.Query(before=seq + 1, limit=1)):
            if entry.seq == seq:
                return {"event": written(entry)}
    raise NotFound(f"no event {id_!r}")


def update(tx: WriteTx, ctx: Context, call: Call, id_: str, fields: dict[str, Any]) -> Result:
    """Change the language or the e-mail by its event.

    Raises:
        NotFound: there is no such event.
        BadOperation: it is not to be changed.
        InvalidInput: it cannot be that.
    """
    get_one(tx, ctx, call, id_)
    accesses.must_own(call.access)
    if id_ not in (LANGUAGE, EMAIL) or fields.keys() - {"content"}:
        raise checks.BadOperation(_KEPT)
    content = fields.get("content")
    if not isinstance(content, str):
        raise checks.BadContent(
            [checks.Problem("INVALID_TYPE", "Expected type string", "#/", ("string",))]
        )
    try:
        if id_ == EMAIL:
            passwords.put_email(tx, ctx, call.access, content or None)
        else:
            put_language(tx, ctx, call.access, content)
    except InvalidInput as error:
        raise InvalidInput(error.message, field="content") from None
    return get_one(tx, ctx, call, id_)


def delete(tx: Tx, ctx: Context, call: Call, id_: str) -> Result:
    """Refuse to delete what is no row.

    Raises:
        NotFound: there is no such event.
        BadOperation: there is one.
    """
    get_one(tx, ctx, call, id_)
    raise checks.BadOperation(_KEPT)


def refuse(*ids: str | None) -> None:
    """Refuse to make or change a stream that is no row, or to put one below it.

    Raises:
        BadOperation: one of these is.
    """
    if any(id_ is not None and is_pseudo(id_) for id_ in ids):
        raise checks.BadOperation("Streams of the account, the audit and of days stay as they are.")


def put_language(tx: WriteTx, ctx: Context, caller: Access, language: str) -> None:
    """Set the language that the owner prefers.

    Raises:
        InvalidInput: it is none.
    """
    if not 0 < len(language) <= LANGUAGE_MAX or not language.isprintable():
        raise InvalidInput(f"a language has 1 to {LANGUAGE_MAX} characters", field="language")
    accounts.update(tx, ctx, caller, settings={"language": language})


def streams_of(caller: Access) -> list[dict[str, Any]]:
    """Return the streams of the account's fields, of the audit and of days, for its owner.

    For others those of the fields that they were given, as roots.
    """
    storage = [_stream(i, STORAGE) for i in (DOCUMENTS, ATTACHED) if _may_read(caller, i)]
    below = [_stream(i, ACCOUNT) for i in (LANGUAGE, EMAIL) if _may_read(caller, i)]
    used = _stream(STORAGE, ACCOUNT, storage)
    if not caller.owner:
        return [{**s, "parentId": None} for s in (*below, *storage)]
    return [_stream(ACCOUNT, None, [*below, used]), _stream(AUDIT, None), _stream(DAYS, None)]


def _stream(
    id_: str, parent: str | None, children: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    return {
        "id": id_,
        "name": ACCOUNT_STREAMS.get(id_) or _OTHERS[id_],
        "parentId": parent,
        "children": list(children),
        "created": 0,
        "createdBy": "system",
        "modified": 0,
        "modifiedBy": "system",
    }
