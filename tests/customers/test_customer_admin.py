"""What the back office lets people change of a customer."""

import pytest
from django.urls import reverse

from customers.models import Customer
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def test_the_time_zone_is_chosen_once(admin_client):
    """Days of usage are summed in it, so it is no field of an existing customer's form."""
    form = {"name": "Acme", "external_id": "acme", "timezone": "Asia/Kolkata"}
    assert admin_client.post(reverse("admin:customers_customer_add"), form).status_code == 302
    customer = Customer.objects.get(external_id="acme")
    assert customer.timezone == "Asia/Kolkata"
    changed = {**form, "name": "Acme Ltd", "timezone": "UTC"}
    response = admin_client.post(reverse("admin:customers_customer_change", args=[customer.pk]), changed)
    assert response.status_code == 302
    customer.refresh_from_db()
    assert (customer.name, customer.timezone) == ("Acme Ltd", "Asia/Kolkata")


def test_an_unknown_time_zone_is_refused_by_name(admin_client):
    form = {"name": "Acme", "external_id": "acme", "timezone": "Mars/Olympus"}
    response = admin_client.post(reverse("admin:customers_customer_add"), form)
    assert "Mars/Olympus" in response.content.decode()
    assert not Customer.objects.exists()


def test_an_external_id_belongs_to_one_customer(admin_client):
    CustomerFactory(external_id="acme")
    form = {"name": "Acme", "external_id": "acme", "timezone": "UTC"}
    assert admin_client.post(reverse("admin:customers_customer_add"), form).status_code == 200
    assert Customer.objects.count() == 1
