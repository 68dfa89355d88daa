"""What a door tells of itself: its name, its endpoints, and which resources it guards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.auth import signing
from diurnal.auth.oauth2.face import Face
from diurnal.services.context import Context

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
ANYWHERE = {"Access-Control-Allow-Origin": "*"}
"""What has no cookies may be asked for by a page of any application."""


def issuer(ctx: Context, face: Face, request: Request, mount: str | None = None) -> str:
    """Return the door's name as the client reached it.

    Args:
        mount: where the dialect is mounted, for a request that came elsewhere.
    """
    base = http.base_url(request, ctx.settings.public_url)
    if face.issuer is None:
        return base
    below = request.scope.get("root_path", "") if mount is None else mount
    return base + below + face.issuer.format(**request.path_params)


def metadata(ctx: Context, face: Face, request: Request, mount: str | None = None) -> Response:
    """Answer what the door offers (RFC 8414, and OpenID Connect Discovery).

    Args:
        mount: where the dialect is mounted, for a request that came elsewhere.
    """
    named = issuer(ctx, face, request, mount)
    base = http.base_url(request, ctx.settings.public_url)
    below = request.scope.get("root_path", "") if mount is None else mount
    prefix = base + below + face.prefix.format(**request.path_params)
    known = face.scopes
    told: dict[str, Any] = {
        "issuer": named,
        "authorization_endpoint": prefix + face.authorize,
        "token_endpoint": prefix + face.token,
        "scopes_supported": [s.name for s in known.known.values() if not s.opens]
        + [n for n in known.offered if known.known[n].opens],
        "response_types_supported": list(face.response_types),
        "response_modes_supported": ["query", "fragment"]
        if len(face.response_types) > 1
        else ["query"],
        "grant_types_supported": [
            *face.grants,
            *(["implicit"] if "token" in face.response_types else []),
        ],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": face.iss,
        # Left out, the second would say yes.
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "service_documentation": f"{base}/developer",
    }
    for name, path in (
        ("revocation_endpoint", face.revoke),
        ("introspection_endpoint", face.introspect),
        ("userinfo_endpoint", face.userinfo),
        ("jwks_uri", face.keys),
        ("device_authorization_endpoint", face.device),
        ("registration_endpoint", face.register),
        ("end_session_endpoint", face.logout),
    ):
        if path is not None:
            told[name] = prefix + path
    if face.register is not None:
        told["client_id_metadata_document_supported"] = True
    if face.introspect is not None:
        told["introspection_endpoint_auth_methods_supported"] = [
            "client_secret_basic",
            "client_secret_post",
        ]
    if face.keys is not None:
        told |= {
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [signing.ALGORITHM],
            "claims_supported": [
                "sub",
                "name",
                "preferred_username",
                "zoneinfo",
                "email",
                "email_verified",
            ],
            "prompt_values_supported": ["none", "login", "consent"],
        }
    return json_of(told, headers={"Cache-Control": "public, max-age=3600", **ANYWHERE})


def protected_resource(
    ctx: Context, request: Request, *, path: str, face: Face, name: str, mount: str = "/oauth2"
) -> Response:
    """Answer who guards a resource of ours (RFC 9728).

    Args:
        path: of the resource, "/mcp".
        face: the door whose tokens it takes, mounted at `mount`.
    """
    base = http.base_url(request, ctx.settings.public_url)
    told = {
        "resource": base + path,
        "authorization_servers": [issuer(ctx, face, request, mount)],
        "scopes_supported": list(face.scopes.offered),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    }
    return json_of(told, headers={"Cache-Control": "public, max-age=3600", **ANYWHERE})


def json_of(told: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return http.Json(msgspec.json.encode(told), status, headers or NO_STORE)
