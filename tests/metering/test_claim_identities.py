"""The same id under two times counts once, however large the requests that it came in (DESIGN §5.1)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from metering.ingest.canonical import CanonicalEvent
from metering.ingest.identity import event_identity
from metering.models import EventIdentity, RejectedEvent, UnclaimedEvents
from metering.queries import is_unsettled, keys_of, usage_rows
from metering.services.claim_identities import claim_identities, forget_old_claims
from metering.services.ingest_events import ingest_events
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def acme():
    EventTypeFactory(code="llm_call")
    return CustomerFactory(external_id="acme")


@pytest.fixture(autouse=True)
def large(settings):
    """Every request is a large one."""
    settings.INGEST_STRICT_BELOW = 0


def call(event_id, at=NOON, tokens=10):
    return CanonicalEvent(
        "app", event_id, "acme", "llm_call", at, {"model": "m", "input_tokens": tokens, "output_tokens": 1}
    )


def ingest(*events, strict=False):
    return ingest_events(events=events, source="native", api_key=None, received_at=timezone.now(), strict=strict)


def counted(customer):
    rows = usage_rows(customer_id=customer.pk, start=date(2026, 1, 1), end=date(2027, 1, 1))
    return sum(row.events for row in rows), sum(row.quantities.get("uncached_input", Decimal(0)) for row in rows)


@pytest.mark.parametrize("claimed_between", [True, False])
def test_the_second_time_is_taken_out_of_usage_and_kept(acme, claimed_between):
    ingest(call("e1"), call("e2"))
    if claimed_between:
        claim_identities()
    assert ingest(call("e1", NOON + timedelta(hours=1), tokens=99)).accepted == 1

    assert claim_identities() == 1
    assert counted(acme) == (2, Decimal(20))
    kept = RejectedEvent.objects.get()
    assert (kept.code, kept.field, kept.event_id, kept.status) == ("id_conflict", "time", "e1", "open")
    assert kept.payload["properties"]["input_tokens"] == 99
    assert recount_usage() == []
    assert claim_identities() == 0
    assert not UnclaimedEvents.objects.exists()


def test_retries_are_known_before_and_after(acme):
    ingest(call("e1"))
    assert ingest(call("e1")).duplicates == 1
    claim_identities()
    assert ingest(call("e1")).duplicates == 1
    assert ingest(call("e1"), strict=True).duplicates == 1
    assert claim_identities() == 0
    assert counted(acme) == (1, Decimal(10))


def test_a_strict_request_claims_before_the_audit(acme):
    ingest(call("e1"))
    assert ingest(call("e1", NOON + timedelta(days=1)), strict=True).accepted == 1, "nothing was claimed yet"
    assert claim_identities() == 1
    assert counted(acme)[0] == 1


def test_a_retry_in_a_strict_request_is_no_conflict(acme):
    ingest(call("e1"))
    assert ingest(call("e1"), strict=True).duplicates == 1
    assert claim_identities() == 0
    assert counted(acme)[0] == 1


def test_without_a_time_an_id_is_claimed_at_once(acme):
    assert ingest(call("e1", at=None), call("e2")).accepted == 2
    assert EventIdentity.objects.count() == 1
    assert [len(each.keys) for each in UnclaimedEvents.objects.all()] == [1]
    result = ingest(call("e1", at=None), call("e1", NOON), call("e2"))
    assert [each.status for each in result.events] == ["duplicate", "rejected", "duplicate"]


def test_a_small_request_refuses_at_once(acme, settings):
    settings.INGEST_STRICT_BELOW = 100
    ingest(call("e1"))
    result = ingest(call("e1", NOON + timedelta(seconds=1)))
    assert [(each.status, each.code) for each in result.events] == [("rejected", "id_conflict")]
    assert counted(acme)[0] == 1


def test_nothing_is_final_before_its_ids_are_claimed(acme):
    ingest(call("e1"))
    assert is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))
    assert not is_unsettled(customer_id=acme.pk, before=date(2026, 3, 8)), "of earlier days all is known"
    claim_identities()
    assert not is_unsettled(customer_id=acme.pk, before=date(2026, 4, 1))


def test_an_event_is_found_by_its_id_before_and_after(acme):
    identity = event_identity(customer_id=acme.pk, source="app", event_id="e1")
    assert keys_of([identity]) == {}
    ingest(call("e1"), call("e2"))
    before = keys_of([identity])
    claim_identities()
    assert before == keys_of([identity])
    assert list(before) == [identity]


def test_old_claims_are_forgotten_and_their_events_still_known(acme, settings):
    old = timezone.now() - timedelta(days=36)
    settings.INGEST_CLAIM_DAYS = 35
    ingest(call("old", at=old), call("new", at=old + timedelta(days=2)))
    claim_identities()
    assert forget_old_claims() == 1
    assert EventIdentity.objects.count() == 1
    assert ingest(call("old", at=old)).duplicates == 1


def test_the_same_content_in_another_order_is_a_retry(acme):
    ingest(call("e1"))
    turned = CanonicalEvent(
        "app", "e1", "acme", "llm_call", NOON, {"output_tokens": 1, "input_tokens": 10, "model": "m"}
    )
    assert ingest(turned).duplicates == 1
    assert ingest(call("e1", tokens=11)).rejected == 1
