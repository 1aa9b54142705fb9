"""Refusals in the form that Stripe's clients turn into exceptions."""

from typing import Any


class StripeError(Exception):
    """A refused call. `remembered`: a retry with the same idempotency key gets the same refusal."""

    type = "invalid_request_error"
    remembered = True

    def __init__(self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.param = message, status, code, param

    @property
    def body(self) -> dict[str, Any]:
        """`{"error": {"type", "message", "code"?, "param"?}}`."""
        error = {"type": self.type, "message": self.message, "code": self.code, "param": self.param}
        return {"error": {name: value for name, value in error.items() if value is not None}}


class ParameterError(StripeError):
    """The parameters themselves are wrong; nothing was begun, so a corrected call may reuse the key."""

    remembered = False


class AuthenticationError(StripeError):
    remembered = False

    def __init__(self, message: str) -> None:
        super().__init__(message, status=401)


class IdempotencyError(StripeError):
    type = "idempotency_error"
    remembered = False


class CardError(StripeError):
    """The card was declined. What the attempt changed (its count, its event) stays."""

    type = "card_error"

    def __init__(self, message: str, *, decline_code: str) -> None:
        super().__init__(message, status=402, code="card_declined")
        self.decline_code = decline_code

    @property
    def body(self) -> dict[str, Any]:
        return {"error": {**super().body["error"], "decline_code": self.decline_code}}


def no_such(kind: str, identifier: str, param: str) -> StripeError:
    """The 404 for an object that does not exist; `param` names where its id was given."""
    return StripeError(f"No such {kind}: '{identifier}'", status=404, code="resource_missing", param=param)


def unknown_url(method: str, path: str) -> StripeError:
    return StripeError(
        f"Unrecognized request URL ({method}: {path}). The stand-in answers only the routes in routes.py.",
        status=404,
    )
