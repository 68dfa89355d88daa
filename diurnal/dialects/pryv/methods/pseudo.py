"""Events that are no rows: the audit's lines, the fields of the account, the values of days.

They are shown where their streams are asked for by name, never among others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from diurnal.dialects.pryv import checks, words
from diurnal.dialects.pryv.methods import day_values
from diurnal.dialects.pryv.methods.day_values import DAYS
from diurnal.dialects.pryv.methods.table import Call, Result
from diurnal.dialects.pryv.queries import LIMIT_DEFAULT, Asked
from diurnal.errors import Forbidden, NotFound, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import seconds
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
_PREFIXES = (AUDIT, DAYS, ":_system:", ":system:")
NAMES = {
    LANGUAGE: "Language",
    EMAIL: "E-mail",
    DOCUMENTS: "Documents",
    ATTACHED: "Attached files",
}
AUDIT_MAX = 10_000
"""Lines of one answer."""


def is_pseudo(id_: str) -> bool:
    """Return whether an id is of a stream or an event that is no row."""
    return id_.startswith(_PREFIXES)


def asked_for(asked: Asked) -> list[str]:
    """Return the streams of a query that are no rows.

    Raises:
        BadStructure: they stand among others.
    """
    named = [i for q in asked.streams or () for i in q.any_of]
    found = [i for i in named if is_pseudo(i)]
    if found and len(found) < len(named):
        raise checks.BadStructure("Streams of the audit and of the account are asked for alone.")
    return found


def get(tx: Tx, ctx: Context, call: Call, asked: Asked, ids: list[str]) -> Result:
    """Return the events of such streams."""
    of_audit = [i for i in ids if i.startswith(AUDIT)]
    shown: list[dict[str, Any]] = []
    if of_audit:
        shown += [written(e) for e in _lines(tx, call.access, asked, of_audit)]
    of_days = [i for i in ids if i.startswith(DAYS)]
    if of_days:
        shown += day_values.find(tx, ctx, call.access, asked, of_days)
    wanted = [i for i in ids if not i.startswith((AUDIT, DAYS))]
    if wanted:
        shown += _fields(tx, ctx, call.access, wanted)
    result: Result = {"events": msgspec.Raw(msgspec.json.encode(shown))}
    if asked.tells_deletions:
        result["eventDeletions"] = []
    return result


# The audit


def _lines(tx: Tx, caller: Access, asked: Asked, ids: Iterable[str]) -> list[Entry]:
    query = asked.query
    skip, limit = query.skip, AUDIT_MAX if query.limit is None else min(query.limit, AUDIT_MAX)
    found: dict[int, Entry] = {}
    for id_ in ids:
        wanted = _asked_of(caller, id_)
        part = msgspec.structs.replace(
            wanted,
            start=query.start if query.start != query.end else None,
            end=None if query.end is None else query.end + 1,
            limit=skip + limit,
        )
        found.update({e.seq: e for e in audit.find(tx, caller, part)})
    listed = [e for e in found.values() if _is_of_type(e, query.types)]
    listed.sort(key=lambda e: e.seq, reverse=not query.ascending)
    return listed[skip : skip + limit]


def _is_of_type(entry: Entry, types: tuple[str, ...]) -> bool:
    type_ = _type(entry)
    return not types or any(t in (type_, "audit-log/*") for t in types)


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
    return {"auditLogs": [written(e) for e in _lines(tx, call.access, asked, [AUDIT])]}


# The account


def _fields(tx: Tx, ctx: Context, caller: Access, ids: Iterable[str]) -> list[dict[str, Any]]:
    account = _account(tx, caller)
    wanted: list[str] = []
    for id_ in ids:
        if id_ == ACCOUNT:
            wanted += NAMES
        elif id_ == STORAGE:
            wanted += [DOCUMENTS, ATTACHED]
        elif id_ in NAMES:
            wanted.append(id_)
        else:
            raise UnknownReference(f'Unknown referenced streams: "{id_}"', data={"streams": [id_]})
    return [_field(tx, ctx, account, name) for name in dict.fromkeys(wanted)]


def _account(tx: Tx, caller: Access) -> Account:
    accesses.must_own(caller)
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
    if id_ in NAMES:
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
        Forbidden: it is not to be changed.
    """
    _account(tx, call.access)
    if id_ not in (LANGUAGE, EMAIL) or fields.keys() - {"content"}:
        raise Forbidden("this field of the account is not to be changed")
    content = fields.get("content")
    if not isinstance(content, str):
        raise checks.BadContent(
            [checks.Problem("INVALID_TYPE", "Expected type string", "#/", ("string",))]
        )
    if id_ == EMAIL:
        passwords.put_email(tx, ctx, call.access, content or None)
    else:
        accounts.update(tx, ctx, call.access, settings={"language": content[:5]})
    return get_one(tx, ctx, call, id_)


def streams_of(caller: Access) -> list[dict[str, Any]]:
    """Return the streams of the account's fields, of the audit and of days, for its owner."""
    if not caller.owner:
        return []
    storage = [_stream(i, NAMES[i], STORAGE) for i in (DOCUMENTS, ATTACHED)]
    below = [_stream(i, NAMES[i], ACCOUNT) for i in (LANGUAGE, EMAIL)]
    used = _stream(STORAGE, "Storage used", ACCOUNT, storage)
    return [
        _stream(ACCOUNT, "Account", None, [*below, used]),
        _stream(AUDIT, "Audit", None),
        _stream(DAYS, "Days", None),
    ]


def _stream(
    id_: str, name: str, parent: str | None, children: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "parentId": parent,
        "children": list(children),
        "created": 0,
        "createdBy": "system",
        "modified": 0,
        "modifiedBy": "system",
    }
