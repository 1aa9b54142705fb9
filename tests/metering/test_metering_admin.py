"""What the back office lets people change of meters and event types, on which stored usage relies."""

import pytest
from django.urls import reverse

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
