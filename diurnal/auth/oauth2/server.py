"""The adapter: requests, answers and grants of Authlib's framework-neutral core.

The library checks; `Storage` keeps. Every call of a `Server` belongs to one transaction, so that
of many who redeem one code or one refresh token at once exactly one has it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceCodeGrant
from authlib.oidc.core import OpenIDCode, OpenIDImplicitGrant

from diurnal.auth.oauth2 import redirects
from diurnal.auth.oauth2.face import DEVICE, Face
from diurnal.auth.oauth2.records import Form, Granted, Reply, Storage, Taken
from diurnal.auth.oauth2.views import Client, CodeView, TokenView
from diurnal.auth.signing import ALGORITHM, Signer

REPEATED = frozenset({"resource", "audience"})
"""The only parameters that may stand more than once."""
METHODS = ["client_secret_basic", "client_secret_post", "none"]
ID_TOKEN_S = 3_600


class Payload(OAuth2Payload):  # type: ignore[misc]
    """The parameters of a request."""

    def __init__(self, form: Form) -> None:
        self._form = {name: values for name, values in form.items() if values}
        self._first = {name: values[0] for name, values in self._form.items()}

    @property
    def data(self) -> dict[str, str]:
        """The first value of each."""
        return self._first

    @property
    def datalist(self) -> dict[str, list[str]]:
        """All values of each."""
        return self._form


class Request(OAuth2Request):  # type: ignore[misc]
    """A request; whether it came safely is the edge's to know, not the library's."""

    def __init__(self, method: str, form: Form, headers: Mapping[str, str]) -> None:
        super().__init__(method, "https://localhost/", headers=_readable(headers))
        self.payload = Payload(form)

    @property
    def args(self) -> dict[str, str]:
        """See `OAuth2Request`."""
        return self.payload.data

    @property
    def form(self) -> dict[str, str]:
        """See `OAuth2Request`."""
        return self.payload.data


def _readable(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the one header that the library reads, where it can read it."""
    given = headers.get("authorization", "")
    scheme, _, rest = given.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        base64.b64decode(rest, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return {}
    return {"Authorization": given}


class Server(AuthorizationServer):  # type: ignore[misc]
    """The library's server, for one request at one door."""

    def __init__(
        self,
        face: Face,
        issuer: str,
        storage: Storage,
        *,
        now_s: int,
        signer: Callable[[], Signer],
        granted: Granted | None = None,
        device: Device | None = None,
    ) -> None:
        super().__init__()
        self.face = face
        self.issuer = issuer
        self.storage = storage
        self.now_s = now_s
        self.signer = signer
        self.granted = granted
        self.device = device
        for grant, extensions in _grants(face, self):
            self.register_grant(grant, extensions)
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)

    def query_client(self, client_id: str) -> Client | None:
        """See `AuthorizationServer`."""
        found = self.storage.client(client_id)
        return None if found is None else Client(found, self.face)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """See `AuthorizationServer`; `Storage.issue` has kept it."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """See `AuthorizationServer`; nobody listens."""

    def create_oauth2_request(self, request: Request) -> Request:
        """See `AuthorizationServer`."""
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Reply:
        """See `AuthorizationServer`."""
        told = dict(headers)
        return Reply(status=status, body=dict(body) if body else {}, headers=told)

    def validate_requested_scope(self, scope: str | None) -> None:
        """See `AuthorizationServer`; looked at with the application that asks."""

    def refuse_repeated(self, request: Request) -> None:
        """Refuse a request in which a parameter stands twice.

        Raises:
            InvalidRequestError: one does.
        """
        for name, values in request.payload.datalist.items():
            if len(values) > 1 and name not in REPEATED:
                shown = name if name.isidentifier() and len(name) < 40 else "a parameter"
                raise InvalidRequestError(f"Multiple '{shown}' in request.")

    def id_token_claims(self, client: Client) -> dict[str, Any]:
        """Return what every ID token says; the library's own would ask the machine's clock."""
        return {
            "iss": self.issuer,
            "aud": client.client_id,
            "iat": self.now_s,
            "exp": self.now_s + ID_TOKEN_S,
        }


class Device:
    """A device's request as it stands, for the library's rules.

    Attributes:
        code: what its owner granted, None while they have not.
        waits: whether it may ask again already.
    """

    def __init__(
        self, *, client_id: str, state: str, code: str | None, hasty: bool, expired: bool
    ) -> None:
        self.client_id = client_id
        self.state = state
        self.code = code
        self.hasty = hasty
        self.expired = expired

    def get_client_id(self) -> str:
        """See `DeviceCredentialMixin`."""
        return self.client_id

    def get_user_code(self) -> str:
        """See `DeviceCredentialMixin`."""
        return ""

    def get_scope(self) -> str:
        """See `DeviceCredentialMixin`; what was granted says it."""
        return ""

    def is_expired(self) -> bool:
        """See `DeviceCredentialMixin`."""
        return self.expired


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = METHODS

    def generate_authorization_code(self) -> str:
        granted = self.server.granted
        if granted is None:
            raise InvalidRequestError("Nothing was granted.")
        return str(self.server.storage.save_code(granted))

    def save_authorization_code(self, code: str, request: Request) -> None:
        pass  # kept when it was made

    def query_authorization_code(self, code: str, client: Client) -> CodeView | None:
        granted = self.server.storage.find_code(code, client.client_id)
        if granted is None or granted.device or granted.face != self.server.face.name:
            return None
        told = self.request.payload.redirect_uri
        if told is not None and told != granted.redirect_uri:
            return None
        return CodeView(code, granted)

    def delete_authorization_code(self, authorization_code: CodeView) -> None:
        pass  # spent when the access was made

    def authenticate_user(self, authorization_code: CodeView) -> Granted:
        return authorization_code.granted

    def generate_token(self, **given: Any) -> dict[str, Any]:
        view: CodeView = self.request.authorization_code
        return _issue(self.server, self.request, view.granted, view.code)


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> TokenView | None:
        taken = self.server.storage.find_refresh(refresh_token, self._client_id)
        return None if taken is None else TokenView(taken)

    def _validate_request_token(self, client: Client) -> TokenView:
        self._client_id = client.client_id
        view: TokenView = super()._validate_request_token(client)
        return view

    def authenticate_user(self, refresh_token: TokenView) -> Taken:
        return refresh_token.taken

    def issue_token(self, user: Taken, refresh_token: TokenView) -> dict[str, Any]:
        asked = self.request.payload.scope
        scope = tuple(self.server.face.scopes.split(asked)) if asked else user.scope
        renewed: dict[str, Any] = self.server.storage.renew(user, scope)
        return renewed

    def _validate_token_scope(self, token: TokenView) -> None:
        # Names may be spelled in other ways than the library splits them.
        asked = self.request.payload.scope
        if asked and not set(self.server.face.scopes.split(asked)) <= set(token.taken.scope):
            raise InvalidScopeError()

    def revoke_old_credential(self, refresh_token: TokenView) -> None:
        pass  # renewing replaced it


class _ImplicitGrant(grants.ImplicitGrant):  # type: ignore[misc]
    def authenticate_token_endpoint_client(self) -> Client:
        return _named(self)

    def generate_token(self, **given: Any) -> dict[str, Any]:
        granted = self.server.granted
        return _issue(self.server, self.request, granted, None, refreshable=False)


class _IdToken:
    """What the library asks of us to make an ID token."""

    server: Server

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {**self.server.id_token_claims(client), **self._auth_time()}

    def _auth_time(self) -> dict[str, int]:
        granted = self.server.granted
        return {} if granted is None else {"auth_time": granted.authenticated}

    def get_client_algorithm(self, client: Client) -> str:
        return ALGORITHM

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": ALGORITHM, "typ": "JWT", "kid": self.server.signer().kid}

    def resolve_client_private_key(self, client: Client) -> Any:
        return self.server.signer().key

    def exists_nonce(self, nonce: str, request: Request) -> bool:
        return False  # a code is good once, and with it its nonce

    def generate_user_info(self, user: Granted, scope: Any) -> dict[str, Any]:
        names = tuple(scope.split() if isinstance(scope, str) else scope)
        return self.server.storage.claims(names)


class _OpenIDImplicitGrant(_IdToken, OpenIDImplicitGrant):  # type: ignore[misc]
    def authenticate_token_endpoint_client(self) -> Client:
        return _named(self)

    def generate_token(self, **given: Any) -> dict[str, Any]:
        granted = self.server.granted
        if self.request.payload.response_type == "id_token":
            return {"expires_in": ID_TOKEN_S, "scope": self.request.scope}
        return _issue(self.server, self.request, granted, None, refreshable=False)


class _OpenIDCode(_IdToken, OpenIDCode):  # type: ignore[misc]
    def __init__(self, server: Server) -> None:
        OpenIDCode.__init__(self, require_nonce=False)
        self.server = server


class _Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE, S256 alone; whoever has no secret must use it."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = ["S256"]
    CODE_CHALLENGE_METHODS: ClassVar = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        payload = grant.request.payload
        challenge = payload.data.get("code_challenge")
        if challenge and payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method is S256.")
        client: Client = grant.request.client
        target = payload.redirect_uri or client.get_default_redirect_uri() or ""
        public = client.record.secret_hash is None
        if not challenge and (public or redirects.is_own_scheme(target)):
            raise InvalidRequestError("Missing 'code_challenge'")
        super().validate_code_challenge(grant, redirect_uri)


class _DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]
    def query_device_credential(self, device_code: str) -> Device:
        if self.server.device is None:
            raise InvalidGrantError("Invalid 'device_code' in request.")
        found: Device = self.server.device
        return found

    def query_user_grant(self, user_code: str) -> tuple[Granted | None, bool] | None:
        device: Device = self.server.device
        if device.state == "refused":
            return None, False
        if device.code is None:
            return None
        granted = self.server.storage.find_code(device.code, device.client_id)
        if granted is None:
            raise InvalidGrantError("The 'device_code' was used.")
        self.server.granted = granted
        return granted, True

    def should_slow_down(self, credential: Device) -> bool:
        return credential.hasty

    def generate_token(self, **given: Any) -> dict[str, Any]:
        return _issue(self.server, self.request, self.request.user, self.server.device.code)


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS: ClassVar = METHODS

    def authenticate_token(self, request: Request, client: Client) -> TokenView | None:
        return _own_token(self, request, client)

    def revoke_token(self, token: TokenView, request: Request) -> None:
        self.server.storage.end(token.taken)


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS: ClassVar = ["client_secret_basic", "client_secret_post"]

    def authenticate_token(self, request: Request, client: Client) -> TokenView | None:
        return _own_token(self, request, client)

    def introspect_token(self, token: TokenView) -> dict[str, Any]:
        taken = token.taken
        told: dict[str, Any] = {
            "active": True,
            "client_id": taken.client_id,
            "token_type": "refresh_token" if taken.refresh else "Bearer",
            "scope": " ".join(taken.scope),
            "username": taken.username,
            "sub": taken.subject,
            "iat": taken.issued,
            "iss": self.server.issuer,
        }
        if taken.expires is not None:
            told["exp"] = taken.expires
        if taken.resource is not None:
            told["aud"] = taken.resource
        return told


def _own_token(endpoint: Any, request: Request, client: Client) -> TokenView | None:
    """Return a token of the application that asks; another's is as if it were not there."""
    endpoint.check_params(request, client)
    taken = endpoint.server.storage.find_token(request.form["token"], client.client_id)
    return None if taken is None else TokenView(taken)


def _named(grant: Any) -> Client:
    """Return the application that a request names; the browser has no secret to show."""
    client = grant.server.query_client(grant.request.payload.client_id or "")
    if client is None:
        raise InvalidRequestError("There is no such application.")
    found: Client = client
    return found


def _issue(
    server: Server,
    request: Request,
    granted: Granted | None,
    code: str | None,
    *,
    refreshable: bool = True,
) -> dict[str, Any]:
    if granted is None:
        raise InvalidGrantError()
    offline = not server.face.offline_only or "offline_access" in granted.scope
    resource = request.payload.data.get("resource")
    if resource and granted.resource and resource != granted.resource:
        raise OAuth2Error("Another resource was granted.", error="invalid_target")
    return server.storage.issue(
        granted,
        code=code,
        refreshable=refreshable and offline and "refresh_token" in server.face.grants,
        resource=granted.resource,
    )


def _grants(face: Face, server: Server) -> list[tuple[Any, list[Any]]]:
    found: list[tuple[Any, list[Any]]] = []
    for name in face.grants:
        if name == "authorization_code":
            found.append((_CodeGrant, [_Challenge(required=True), _OpenIDCode(server)]))
        elif name == "refresh_token":
            found.append((_RefreshGrant, []))
        elif name == DEVICE:
            found.append((_DeviceGrant, [_OpenIDCode(server)]))
    if "token" in face.response_types:
        found.append((_ImplicitGrant, []))
    if "id_token" in face.response_types:
        found.append((_OpenIDImplicitGrant, []))
    return found
