"""What the back office lets people change of meters and event types, on which stored usage relies."""

import pytest
from django.urls import reverse

from metering.models import Meter, UsageRebuild
from tests.factories import EventTypeFactory, MeterFactory

pytestmark = pytest.mark.django_db


def test_a_meters_name_and_unit_can_be_changed(admin_client):
    meter = MeterFactory()
    address = reverse("admin:metering_meter_change", args=[meter.pk])
    assert admin_client.post(address, {"name": "All tokens", "unit": "tok"}).status_code == 302
    meter.refresh_from_db()
    assert (meter.name, meter.unit, meter.value_property) == ("All tokens", "tok", "total_tokens")


@pytest.mark.parametrize(
    ("values", "status"), [("pages,images", 302), ("images,pages", 200), ("images", 200), ("pages,pages", 200)]
)
def test_a_value_keeps_its_place(admin_client, values, status):
    event_type = EventTypeFactory(values=["pages"])
    form = {"name": "Calls", "aliases": "", "dimensions": "model", "values": values}
    address = reverse("admin:metering_eventtype_change", args=[event_type.pk])
    assert admin_client.post(address, form).status_code == status
    event_type.refresh_from_db()
    assert event_type.values == (["pages", "images"] if status == 302 else ["pages"])


@pytest.fixture
def form():
    """A meter's form, for a new event type with the value seats."""
    event_type = EventTypeFactory(code="seat_change", name="Seat change", values=["seats"], is_ai_call=False)
    return {
        "code": "seats",
        "name": "Seats",
        "event_type": event_type.pk,
        "aggregation": "time_weighted_sum",
        "value_property": "seats",
        "carries_over": "on",
        "unit": "seat",
    }


def add(client, form):
    return client.post(reverse("admin:metering_meter_add"), form)


def test_a_meter_with_another_aggregation_is_made_and_its_history_counted(admin_client, form):
    assert add(admin_client, form).status_code == 302
    meter = Meter.objects.get()
    assert (meter.aggregation, meter.carries_over, meter.keep_amounts) == ("time_weighted_sum", True, False)
    assert UsageRebuild.objects.get().event_type_id == meter.event_type_id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aggregation": "max"}, "carries_over is for a time-weighted sum only"),
        ({"keep_amounts": "on"}, "keep_amounts is for a sum only"),
        ({"value_property": ""}, "value_property is empty, but time-weighted sum reads one"),
        ({"value_property": "pages"}, "&#x27;pages&#x27; is nothing that Seat change events carry: use one of seats."),
        ({"aggregation": "count", "carries_over": ""}, "is not read by a count of events: leave it empty"),
    ],
)
def test_a_meter_that_means_nothing_is_refused(admin_client, form, change, message):
    response = add(admin_client, {key: value for key, value in {**form, **change}.items() if value != ""})
    assert response.status_code == 200
    assert message in response.content.decode()
    assert not Meter.objects.exists()


def test_a_unique_count_takes_any_property(admin_client, form):
    changed = {**form, "aggregation": "unique_count", "value_property": "user_id"}
    del changed["carries_over"]
    assert add(admin_client, changed).status_code == 302


def test_single_amounts_can_be_kept_from_now_on(admin_client):
    meter = MeterFactory()
    address = reverse("admin:metering_meter_change", args=[meter.pk])
    assert admin_client.post(address, {"name": "x", "unit": "t", "keep_amounts": "on"}).status_code == 302
    meter.refresh_from_db()
    assert meter.keep_amounts
    assert UsageRebuild.objects.count() == 1


@pytest.mark.parametrize(
    ("meter", "texts"),
    [
        ({}, ["The values of all events, added up.", "all tokens of the call"]),
        ({"value_property": "cache_read"}, ["tokens of the kind cache read"]),
        ({"value_property": "output_tokens"}, ["tokens of the kinds visible output, reasoning, audio output"]),
        ({"aggregation": "count", "value_property": ""}, ["each event counts 1", "Three events make 3."]),
        (
            {"aggregation": "unique_count", "value_property": "user_id"},
            ["the text or number that events carry as user_id", "Earlier usage is being counted"],
        ),
        (
            {"aggregation": "time_weighted_sum", "carries_over": True},
            ["The level goes on from the period before.", "= 8."],
        ),
        ({"aggregation": "time_weighted_sum"}, ["The level begins at 0."]),
        ({"keep_amounts": True}, ["value is kept, for prices with a minimum"]),
    ],
)
def test_the_page_says_how_a_meter_measures(admin_client, meter, texts):
    page = admin_client.get(reverse("admin:metering_meter_change", args=[MeterFactory(**meter).pk])).content.decode()
    for text in texts:
        assert text in page
