"""Short-lived tokens that stand for an API key where a client wants one (Stripe's meter event stream): they can only
send usage, and end with their key."""

from datetime import UTC, datetime, timedelta

from django.core import signing

from customers.models import ApiKey

PREFIX = "afs_"
LIFETIME = timedelta(minutes=15)

_SALT = "customers.session_keys"


class SessionExpiredError(Exception):
    """The token was good and is too old."""


def create_session_key(*, api_key: ApiKey) -> tuple[str, datetime]:
    """A token for the key, and until when it is good."""
    token = PREFIX + signing.dumps(api_key.pk, salt=_SALT)
    return token, datetime.now(UTC) + LIFETIME


def find_session_key(*, token: str) -> ApiKey | None:
    """The valid key that the token stands for, with no other scope than sending usage; None if there is none.

    Raises SessionExpiredError.
    """
    try:
        pk = signing.loads(token.removeprefix(PREFIX), salt=_SALT, max_age=LIFETIME)
    except signing.SignatureExpired:
        raise SessionExpiredError from None
    except signing.BadSignature:
        return None
    key = ApiKey.objects.filter(pk=pk, revoked_at__isnull=True).first()
    if key is not None:
        key.scopes = [scope for scope in key.scopes if scope == ApiKey.Scope.USAGE_WRITE]
    return key
