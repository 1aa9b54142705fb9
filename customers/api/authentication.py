"""Who calls the HTTP API: an API key as `Authorization: Bearer …`, as `x-api-key`, or as the user of basic auth."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from amberflow.api import AUTHENTICATE, ProblemError
from customers.models import ApiKey
from customers.services.api_keys import find_api_key
from customers.services.session_keys import PREFIX as SESSION_PREFIX
from customers.services.session_keys import SessionExpiredError, find_session_key


class ApiKeyAuthentication(BaseAuthentication):
    """Puts the valid key into `request.auth`. No key at all is left to the permissions to refuse."""

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey] | None:
        plaintext = sent_key(request.headers)
        if not plaintext:
            return None
        try:
            is_session = plaintext.startswith(SESSION_PREFIX)
            key = find_session_key(token=plaintext) if is_session else find_api_key(plaintext=plaintext)
        except SessionExpiredError:
            raise AuthenticationFailed("The session has ended: open a new one.", code="session_expired") from None
        if key is None:
            raise AuthenticationFailed(
                "The API key is not known or was revoked: make a new one in the admin under API keys.",
                code="invalid_api_key",
            )
        return key, key

    def authenticate_header(self, request: Request) -> str:
        return AUTHENTICATE


class MissingScopeError(ProblemError):
    status_code = 403
    code = "missing_scope"


class HasScope(BasePermission):
    """The key has the scope that the view names in `required_scope`; None is any key that is valid."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            # Raised here, because what the framework would say has no remedy.
            raise NotAuthenticated(
                "No API key was sent: add the header `Authorization: Bearer af_…` or `x-api-key: af_…`.",
                code="not_authenticated",
            )
        scope = view.required_scope
        if scope is not None and scope not in request.auth.scopes:
            raise MissingScopeError(
                f"The API key {request.auth.prefix}… may not do this: it needs the scope {scope}.", field="scopes"
            )
        return True


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the API's description names the two headers."""

    target_class = ApiKeyAuthentication
    name = ["bearer", "apiKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer"},
            {"type": "apiKey", "in": "header", "name": "x-api-key"},
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        # One header or the other; a single entry with both names would ask for both.
        return [{name: []} for name in self.name]


def sent_key(headers: Mapping[str, str]) -> str:
    """What a caller sent as its key; empty without one."""
    scheme, _, credentials = headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        # The key stands in place of the user's name, as clients of Stripe and Kill Bill send it.
        try:
            return b64decode(credentials, validate=True).decode().partition(":")[0]
        except ValueError:
            return ""
    return headers.get("x-api-key", "").strip()
