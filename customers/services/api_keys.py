"""API keys: made, recognised and revoked. The key itself is never stored, only its SHA-256 digest."""

import hashlib
import secrets
import string
import time
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from amberflow.lib.errors import DomainError
from customers.models import ApiKey

PREFIX = "af_"
RANDOM_CHARACTERS = 40
SHOWN_CHARACTERS = len(PREFIX) + 6
LAST_USED_RESOLUTION = timedelta(minutes=1)

REMEMBERED_S = 2.0
MAX_REMEMBERED = 10_000

# By digest, until when.
_known: dict[str, tuple[float, ApiKey]] = {}
_UNKNOWN: tuple[float, ApiKey | None] = (0.0, None)
_ALPHABET = string.ascii_letters + string.digits


def create_api_key(
    *,
    name: str,
    scopes: Sequence[str],
    requests_per_second: int | None = None,
    events_per_second: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key. Returns its record and the key itself, which can't be read again later.

    A rate of None is what the installation allows, 0 no limit. Raises DomainError for an empty name or a scope that
    doesn't exist.
    """
    if not name.strip():
        raise DomainError("name_missing", "name is empty: say which system uses the key.", field="name")
    unknown = [scope for scope in scopes if scope not in ApiKey.Scope.values]
    if unknown or not scopes:
        raise DomainError(
            "unknown_scope",
            f"scopes {list(scopes)!r} must be one or more of {', '.join(ApiKey.Scope.values)}.",
            field="scopes",
        )
    plaintext = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_CHARACTERS))
    key = ApiKey.objects.create(
        name=name.strip(),
        prefix=plaintext[:SHOWN_CHARACTERS],
        digest=_digest(plaintext),
        scopes=list(scopes),
        requests_per_second=requests_per_second,
        events_per_second=events_per_second,
    )
    return key, plaintext


@transaction.atomic
def revoke_api_key(*, key_id: int) -> ApiKey:
    """Refuse the key from now on. Revoking it again keeps the first time. Raises DomainError if it doesn't exist."""
    key = ApiKey.objects.select_for_update().filter(pk=key_id).first()
    if key is None:
        raise DomainError("api_key_not_found", f"There is no API key {key_id}.", field="key_id")
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
    # Now for this transaction, and again for whoever looked meanwhile.
    forget_api_keys()
    transaction.on_commit(forget_api_keys)
    return key


@transaction.atomic
def limit_api_key(*, key_id: int, requests_per_second: int | None, events_per_second: int | None) -> ApiKey:
    """Change how much the key may send, from its next request on. Raises DomainError if the key doesn't exist."""
    key = ApiKey.objects.select_for_update().filter(pk=key_id).first()
    if key is None:
        raise DomainError("api_key_not_found", f"There is no API key {key_id}.", field="key_id")
    key.requests_per_second, key.events_per_second = requests_per_second, events_per_second
    key.save(update_fields=["requests_per_second", "events_per_second"])
    # Now for this transaction, and again for whoever looked meanwhile.
    forget_api_keys()
    transaction.on_commit(forget_api_keys)
    return key


def find_api_key(*, plaintext: str) -> ApiKey | None:
    """The valid key of that text, or None.

    A valid key is remembered for seconds: for as long another process may still take one that was revoked. Notes the
    use on the key, at most once a minute so that a busy key isn't rewritten by each request.
    """
    digest = _digest(plaintext)
    until, known = _known.get(digest, _UNKNOWN)
    if known is not None and until > time.monotonic():
        return known
    key = ApiKey.objects.filter(digest=digest, revoked_at__isnull=True).first()
    if key is None:
        _known.pop(digest, None)
        return None
    if len(_known) >= MAX_REMEMBERED:
        _known.clear()
    _known[digest] = (time.monotonic() + REMEMBERED_S, key)
    now = timezone.now()
    due = now - LAST_USED_RESOLUTION
    if key.last_used_at is None or key.last_used_at < due:
        ApiKey.objects.filter(Q(last_used_at__isnull=True) | Q(last_used_at__lt=due), pk=key.pk).update(
            last_used_at=now
        )
    return key


def forget_api_keys() -> None:
    """Look each key up again, as if the process had just started."""
    _known.clear()


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode("utf-8", "replace")).hexdigest()
