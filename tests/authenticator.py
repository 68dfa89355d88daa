"""An authenticator in software: makes passkeys and answers with them, as WebAuthn has it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN = "http://localhost:8400"


def packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Authenticator:
    """One credential; every use counts."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = os.urandom(16)
        self.count = 0

    def make(self, options: dict[str, Any], origin: str = ORIGIN) -> dict[str, Any]:
        """Answer `navigator.credentials.create`."""
        numbers = self.key.public_key().public_numbers()
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: numbers.x.to_bytes(32, "big"),
            -3: numbers.y.to_bytes(32, "big"),
        }
        held = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(options["rp"]["id"], 0x45) + held
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        told = self._client("webauthn.create", options["challenge"], origin)
        return self._credential(
            {
                "clientDataJSON": packed(told),
                "attestationObject": packed(attested),
                "transports": ["internal"],
            }
        )

    def answer(
        self, options: dict[str, Any], origin: str = ORIGIN, flags: int = 0x05
    ) -> dict[str, Any]:
        """Answer `navigator.credentials.get`."""
        self.count += 1
        data = self._data(options["rpId"], flags)
        told = self._client("webauthn.get", options["challenge"], origin)
        signed = self.key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            {
                "clientDataJSON": packed(told),
                "authenticatorData": packed(data),
                "signature": packed(signed),
                "userHandle": None,
            }
        )

    def _data(self, rp_id: str, flags: int) -> bytes:
        whose = hashlib.sha256(rp_id.encode()).digest()
        return whose + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, origin: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        id_ = packed(self.id)
        return {
            "id": id_,
            "rawId": id_,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }
