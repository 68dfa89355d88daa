"""Receipts of consent: signed records of what an owner allowed, and of its withdrawal.

The words are those of ISO/IEC TS 27560; `/oauth2/keys?ever` has the keys to verify them with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from diurnal.auth import signing
from diurnal.auth.signing import Signer
from diurnal.errors import NotFound
from diurnal.model.access import EVERY, Access, Permission
from diurnal.model.time import SECOND, to_datetime
from diurnal.services import accesses
from diurnal.services.context import Context
from diurnal.store import accounts, changes, consents
from diurnal.store.consents import Consent
from diurnal.store.database import Tx, WriteTx

SCHEMA = "ISO/IEC TS 27560:2023"


def record(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    name: str,
    client_id: str | None,
    url: str | None,
    permissions: Sequence[Permission],
    until: int | None,
    scope: Sequence[str] = (),
    identity: Sequence[str] = (),
) -> str:
    """Keep a signed receipt of what the owner allowed; return its id."""
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    id_ = ctx.new_id()
    account = accounts.get(tx, caller.account_id)
    told = {
        "schema_version": SCHEMA,
        "record_id": id_,
        "pii_principal_id": caller.username,
        "pii_processing": [
            {
                "services": name,
                "purposes": [
                    {
                        "purpose": f"What {name} does for its user",
                        "lawful_basis": "consent",
                        "pii_information": [_pii(p) for p in permissions],
                        "identity": list(identity),
                        "scopes": list(scope),
                        "recipient_third_parties": [client_id or name],
                        "withdrawal_method": "Apps & access, or DELETE /api/v1/tokens/{id}",
                        "retention_period": None if until is None else _iso(until),
                    }
                ],
            }
        ],
        "party_identification": [
            {
                "party_id": client_id or name,
                "party_name": name,
                "party_role": "pii_processor",
                "party_url": url,
            },
            {"party_id": caller.username, "party_role": "pii_principal"},
        ],
        "event": [
            {
                "event_time": _iso(stamp.at),
                "validity_duration": None if until is None else _iso(until),
                "entity_id": caller.username,
                "event_type": "explicit",
                "event_state": "consent given",
            }
        ],
    }
    claims = {
        "iss": ctx.settings.public_url or "diurnal",
        "sub": str(account.account_id) if account is not None else caller.username,
        "jti": id_,
        "iat": stamp.at // SECOND,
        "consent": told,
    }
    new = Consent(
        id=id_,
        access_id=None,
        client_id=client_id,
        name=name,
        receipt=_signer(ctx).sign(claims, "consent-receipt+jwt"),
        withdrawal=None,
        given=stamp.at,
        ended=None,
    )
    consents.insert_one(tx, caller.account_id, new)
    changes.append(tx, caller.account_id, stamp, caller.id, [("consent", "create", id_)])
    return id_


def _signer(ctx: Context) -> Signer:
    return signing.load(ctx.settings.data_dir, ctx.now() // SECOND)


def _pii(p: Permission) -> dict[str, Any]:
    return {
        "pii_type": "everything" if p.stream == EVERY and p.measures is None else "data",
        "pii_attribute_id": list(p.measures) if p.measures is not None else [p.stream],
        "permission": msgspec.to_builtins(p),
    }


def _iso(at: int) -> str:
    return to_datetime(at, "UTC").isoformat()


def withdrawn(tx: WriteTx, ctx: Context, account_id: int, access_id: str, now: int) -> None:
    """Note on the receipts of an access that it was revoked; part of revoking it."""
    for known in consents.standing(tx, account_id, access_id):
        claims = {
            "jti": known.id,
            "iat": now // SECOND,
            "event": {
                "event_time": _iso(now),
                "event_type": "explicit",
                "event_state": "consent withdrawn",
            },
        }
        text = _signer(ctx).sign(claims, "consent-withdrawal+jwt")
        consents.end(tx, account_id, known.id, text, now)


def listed(tx: Tx, caller: Access) -> list[Consent]:
    """Return the account's receipts, newest first.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    return consents.all_of(tx, caller.account_id)


def find(tx: Tx, caller: Access, id_: str) -> Consent:
    """Return one receipt.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: there is no such receipt.
    """
    accesses.must_own(caller)
    found = consents.by_id(tx, caller.account_id, id_)
    if found is None:
        raise NotFound("no such receipt")
    return found


def told(ctx: Context, known: Consent) -> dict[str, Any]:
    """Return what a receipt says, unsigned."""
    claims = _signer(ctx).read(known.receipt)
    return dict(claims["consent"]) if claims is not None else {}
