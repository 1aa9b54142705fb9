"""A value that an event type names later is counted from the first event that carried it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from metering.ingest.canonical import CanonicalEvent
from metering.models import Event, UsageRebuild
from metering.queries import usage_rows
from metering.services.correct_events import void_events
from metering.services.fill_values import fill_values
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage
from metering.services.rebuild_usage import run_rebuilds
from metering.services.recount_usage import recount_usage
from tests.factories import CustomerFactory, EventTypeFactory, MeterFactory

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def acme():
    return CustomerFactory(external_id="acme", timezone="Asia/Kathmandu")


@pytest.fixture
def ocr():
    return EventTypeFactory(code="ocr", dimensions=["feature"], values=["pages"], is_ai_call=False)


def send(event_id, *, day=0, **properties):
    event = CanonicalEvent("app", event_id, "acme", "ocr", FIRST + timedelta(days=day), {"feature": "f", **properties})
    return ingest_events(events=[event], source="native", api_key=None, received_at=timezone.now())


def sums(customer):
    rows = usage_rows(customer_id=customer.pk, start=date(2026, 1, 1), end=date(2027, 1, 1))
    return [(row.day.day, row.events, row.quantities) for row in rows]


def name_later(ocr, *values):
    ocr.values = [*ocr.values, *values]
    ocr.save()


@pytest.mark.parametrize("merged", [True, False])
def test_history_is_counted(acme, ocr, merged):
    send("e1", pages=2, seconds="1.5")
    send("e2", pages=3, seconds=2, day=1)
    send("e3", seconds="many", day=1)
    send("e4", pages=1, day=9)
    if merged:
        merge_usage()
    name_later(ocr, "seconds")
    send("e5", seconds=7, day=9)

    assert UsageRebuild.objects.filter(finished_at=None).count() == 1
    assert run_rebuilds() == 3
    assert sums(acme) == [
        (1, 1, {"value_1": Decimal(2), "value_2": Decimal("1.5")}),
        (2, 2, {"value_1": Decimal(3), "value_2": Decimal(2)}),
        (10, 2, {"value_1": Decimal(1), "value_2": Decimal(7)}),
    ]
    merge_usage()
    assert recount_usage() == []


def test_a_meter_of_the_new_value_has_its_statistics_too(acme, ocr):
    send("e1", seconds=5)
    send("e2", seconds=8)
    name_later(ocr, "seconds")
    MeterFactory(event_type=ocr, value_property="seconds", aggregation="max")
    run_rebuilds()

    (row,) = usage_rows(customer_id=acme.pk, start=date(2026, 3, 1), end=date(2026, 3, 2))
    assert row.stats["seconds"].maximum == 8
    assert recount_usage() == []


def test_twice_is_once(acme, ocr):
    send("e1", seconds=5)
    name_later(ocr, "seconds")
    span = {"event_type_id": ocr.pk, "customer_id": None, "start": date(2026, 3, 1), "end": date(2026, 3, 2)}
    assert fill_values(**span) == 1
    assert fill_values(**span) == 0
    assert sums(acme) == [(1, 1, {"value_2": Decimal(5)})]


def test_a_voided_event_gets_none(acme, ocr):
    send("e1", seconds=5)
    void_events(keys=[Event.objects.get().key], reason="test", made_by="test")
    name_later(ocr, "seconds")
    run_rebuilds()
    assert sums(acme) == []
    assert recount_usage() == []


def test_other_changes_of_a_type_count_nothing_anew(acme, ocr):
    ocr.name = "OCR"
    ocr.save()
    assert not UsageRebuild.objects.exists()


def test_a_value_that_is_there_never_changes(acme, ocr):
    send("e1", pages=2)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Event.objects.update(value_1=3)
