"""The profile: what an account says of its owner, and the picture beside it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BufferedReader
from typing import Any
from urllib.parse import urlsplit

import msgspec

from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.services import accesses
from diurnal.services.context import Context
from diurnal.store import accounts, changes
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

AVATAR_BYTES_MAX = 2 << 20
_TEXT_MAX = {"first_name": 100, "last_name": 100, "bio": 2_000, "url": 500}
_TYPES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Avatar(msgspec.Struct, frozen=True, kw_only=True):
    """The picture; `hash` names its bytes among the account's blobs."""

    hash: str
    type: str
    size: int


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the owner has told; `private` keeps it from everybody else."""

    first_name: str = ""
    last_name: str = ""
    bio: str = ""
    url: str = ""
    private: bool = False
    avatar: Avatar | None = None


def of(account: Account) -> Profile:
    """Return the profile that an account's row holds."""
    return msgspec.convert(account.profile, Profile)


def get(tx: Tx, caller: Access) -> Profile:
    """Return the profile as the caller may see it: of a private one others see nothing.

    Raises:
        NotFound: the account is gone.
    """
    found = of(_existing(tx, caller.account_id))
    return Profile(private=True) if found.private and not caller.owner else found


def update(tx: WriteTx, ctx: Context, caller: Access, fields: Mapping[str, Any]) -> Profile:
    """Change members of the profile; None empties one.

    Args:
        fields: of `first_name`, `last_name`, `bio`, `url`, `private`.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: a member cannot be right.
    """
    accesses.must_own(caller)
    new: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "private":
            new[name] = bool(value)
            continue
        text = (value or "").strip()
        if len(text) > _TEXT_MAX[name]:
            raise InvalidInput(f"at most {_TEXT_MAX[name]} characters", field=name)
        if not all(c.isprintable() or (name == "bio" and c == "\n") for c in text):
            raise InvalidInput("printable characters only", field=name)
        new[name] = text
    if new.get("url"):
        _check_url(new["url"])
    return _save(tx, ctx, caller, new)


def _check_url(url: str) -> None:
    # It is shown as a link: other schemes run code.
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in url:
        raise InvalidInput("an address like https://example.org", field="url")


def put_avatar(ctx: Context, caller: Access, picture: bytes) -> Avatar:
    """Keep a picture and show it; waits for the disk and the store.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: it is no PNG, JPEG, GIF or WebP.
        TooLarge: past `AVATAR_BYTES_MAX`.
    """
    accesses.must_own(caller)
    kind = next((type_ for begin, type_ in _TYPES if picture.startswith(begin)), None)
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None:
        raise InvalidInput("a picture is PNG, JPEG, GIF or WebP", field="body")
    digest, size = ctx.blobs.put(caller.account_id, [picture], limit=AVATAR_BYTES_MAX)
    avatar = Avatar(hash=digest, type=kind, size=size)
    ctx.store.write(lambda tx: _save(tx, ctx, caller, {"avatar": avatar})).result()
    return avatar


def drop_avatar(tx: WriteTx, ctx: Context, caller: Access) -> Profile:
    """Show no picture any more; its bytes go with the next sweep.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    return _save(tx, ctx, caller, {"avatar": None})


def avatar(tx: Tx, caller: Access) -> Avatar:
    """Return the picture that the caller may see.

    Raises:
        NotFound: there is none.
    """
    found = get(tx, caller).avatar
    if found is None:
        raise NotFound("there is no picture")
    return found


def open_avatar(ctx: Context, account_id: int, shown: Avatar) -> BufferedReader:
    """Open the bytes of a picture."""
    return ctx.blobs.open(account_id, shown.hash)


def shows(tx: Tx, account_id: int, digest: str) -> bool:
    """Return whether the profile's picture has these bytes."""
    account = accounts.get(tx, account_id)
    shown = of(account).avatar if account is not None else None
    return shown is not None and shown.hash == digest


def _save(tx: WriteTx, ctx: Context, caller: Access, new: Mapping[str, Any]) -> Profile:
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    account = _existing(tx, caller.account_id)
    changed = msgspec.structs.replace(of(account), **new)
    row = msgspec.structs.replace(account, profile=msgspec.to_builtins(changed))
    accounts.save(tx, row)
    what = [("account", "update", str(caller.account_id))]
    changes.append(tx, caller.account_id, stamp, caller.id, what)
    return changed


def _existing(tx: Tx, account_id: int) -> Account:
    account = accounts.get(tx, account_id)
    if account is None:
        raise NotFound("no such account")
    return account
