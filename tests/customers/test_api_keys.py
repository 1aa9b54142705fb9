"""API keys: shown once, stored hashed, scoped, revocable."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from amberflow.lib.errors import DomainError
from customers.models import ApiKey
from customers.services.api_keys import create_api_key, find_api_key, forget_api_keys, revoke_api_key

pytestmark = pytest.mark.django_db

WRITE, READ = ApiKey.Scope.USAGE_WRITE, ApiKey.Scope.USAGE_READ


def test_only_a_hash_of_the_key_is_stored():
    key, plaintext = create_api_key(name=" proxy ", scopes=[WRITE])

    assert plaintext.startswith("af_")
    assert len(plaintext) == 43
    assert key.name == "proxy"
    assert key.prefix == plaintext[:9]
    assert key.digest == hashlib.sha256(plaintext.encode()).hexdigest()
    assert plaintext not in str(ApiKey.objects.values().get())


def test_keys_differ():
    assert create_api_key(name="a", scopes=[WRITE])[1] != create_api_key(name="a", scopes=[WRITE])[1]


@pytest.mark.parametrize(
    ("name", "scopes", "field"), [("", [WRITE], "name"), ("a", [], "scopes"), ("a", ["root"], "scopes")]
)
def test_a_key_needs_a_name_and_known_scopes(name, scopes, field):
    with pytest.raises(DomainError) as refused:
        create_api_key(name=name, scopes=scopes)
    assert refused.value.field == field


def test_a_key_is_found_by_its_text_until_it_is_revoked():
    key, plaintext = create_api_key(name="a", scopes=[WRITE])
    create_api_key(name="b", scopes=[READ])

    assert find_api_key(plaintext=plaintext) == key
    assert find_api_key(plaintext=plaintext[:-1]) is None
    assert find_api_key(plaintext="\ud800") is None
    first = revoke_api_key(key_id=key.pk).revoked_at
    assert first is not None
    assert revoke_api_key(key_id=key.pk).revoked_at == first
    assert find_api_key(plaintext=plaintext) is None


def test_revoking_an_unknown_key_is_refused():
    with pytest.raises(DomainError, match="no API key 7"):
        revoke_api_key(key_id=7)


def test_its_use_is_noted_at_most_once_a_minute(django_assert_num_queries):
    key, plaintext = create_api_key(name="a", scopes=[WRITE])
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with time_machine.travel(noon, tick=False) as clock:
        with django_assert_num_queries(2):
            find_api_key(plaintext=plaintext)
        clock.shift(59)
        with django_assert_num_queries(0):
            find_api_key(plaintext=plaintext)
        forget_api_keys()
        with django_assert_num_queries(1):
            find_api_key(plaintext=plaintext)
        clock.shift(2)
        forget_api_keys()
        find_api_key(plaintext=plaintext)
    key.refresh_from_db()
    assert key.last_used_at == noon + timedelta(seconds=61)
